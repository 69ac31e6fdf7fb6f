"""What `docs/dialects.md` shows to copy does what it says."""

from __future__ import annotations

import base64
import os
import subprocess
from typing import Any

import pytest

from tests.interfaces.http import graphs
from tests.interfaces.http.test_npm_clients import MODELS, ask
from tests.interfaces.serving import Served
from tests.project.snippets import Snippet, snippets

PAGE = "docs/dialects.md"
DOCUMENTED = "http://127.0.0.1:8400"


@pytest.mark.slow
def test_the_python_snippets_in_their_order(served: Served, still_life: bytes) -> None:
    names: dict[str, Any] = {"key": served.key(), "graph": graphs.text()}
    found = snippets(PAGE, "python")
    assert len(found) == 4
    for snippet in found:
        code = snippet.code.replace(DOCUMENTED, served.url).replace("rmb_…", str(names["key"]))
        exec(
            compile(
                code.replace(";base64,…", f";base64,{base64.b64encode(still_life).decode()}"),
                snippet.place,
                "exec",
            ),
            names,
        )
    assert names["result"].flagged is False


@pytest.mark.slow
@pytest.mark.parametrize("snippet", snippets(PAGE, "sh"), ids=lambda s: s.place)
def test_the_shell_snippets(served: Served, snippet: Snippet) -> None:
    done = subprocess.run(
        ["bash", "-euc", snippet.code.replace(DOCUMENTED, served.url)],
        env={"PATH": os.environ["PATH"], "RAMBARDE_KEY": served.key()},
        capture_output=True,
        timeout=60,
    )
    assert done.stdout.startswith(b'{"images":["'), done


def test_the_javascript_snippet_is_what_the_clients_test_runs() -> None:
    (shown,) = snippets(PAGE, "javascript")
    assert "createXai({ baseURL: 'http://127.0.0.1:8400/v1'" in shown.code
    assert f"xai.image('{MODELS['xai']}')" in shown.code and callable(ask)

"""What the adapters' tests share: a guard with detectors that are loaded already, and the READMEs' snippets."""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.conftest import inspector, proofs_made_once
from tests.interfaces.conftest import portrait, still_life
from tests.interfaces.library.conftest import opened
from tests.project.snippets import snippets

from rambarde import Guard
from rambarde.guard.inspect import Inspector
from rambarde.interfaces import wiring
from rambarde.interfaces.library import guard as library

# LiteLLM asks the network for prices otherwise.
os.environ.setdefault("LITELLM_LOCAL_MODEL_COST_MAP", "True")

# What needs large packages runs in environments of its own: `make test-extras`.
collect_ignore_glob = [
    pattern
    for package, pattern in (
        ("torch", "diffusers/test_real_*.py"),
        ("litellm", "litellm/test_real_*.py"),
        ("gradio", "gradio/test_real_*.py"),
    )
    if importlib.util.find_spec(package) is None
]

__all__ = ["inspector", "portrait", "proofs_made_once", "still_life"]


@pytest.fixture(scope="module")
def guard(inspector: Inspector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guard]:
    with opened(tmp_path_factory.mktemp("adapter"), inspector) as guard:
        yield guard


@pytest.fixture
def pasted(
    inspector: Inspector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[[str], list[dict[str, Any]]]:
    """Runs the Python blocks of a document as somebody who pastes them, and gives what each defined."""
    real = wiring.wire

    def wire(*args: Any, **kwargs: Any) -> wiring.Gateway:
        gateway = real(*args, **kwargs)
        gateway.chain.inspector.close()
        gateway.chain.inspector = inspector
        return gateway

    monkeypatch.setattr(library, "wire", wire)
    monkeypatch.chdir(tmp_path)

    def run(document: str) -> list[dict[str, Any]]:
        found = []
        for snippet in snippets(document, "python"):
            names: dict[str, Any] = {"__name__": "pasted"}
            exec(compile(snippet.code, snippet.place, "exec"), names)
            found.append(names)
        assert found
        return found

    return run

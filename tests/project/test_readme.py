"""What the documents show works as shown: every snippet runs against a real `rambarde serve`."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
import tomllib
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rambarde.guard.detectors.contract import Detector
from rambarde.guard.upstreams.contract import UpstreamConfig
from rambarde.interfaces.settings import read_settings
from rambarde.nouns.caller import Caller
from rambarde.nouns.request import Action, Picture, Request, Text
from tests.project.modules import ROOT
from tests.project.snippets import Snippet, snippets

SHELL = snippets("README.md", "sh")
PYTHON = [*snippets("README.md", "python"), *snippets("docs/caller-context.md", "python")]
PORT, GENERATOR = "127.0.0.1:8400", "127.0.0.1:9000"
"""The two addresses that the documents name; the test puts real ones in their place."""
EXPECTED = {
    "curl": '"url":"http://127.0.0.1',
    "rambarde keys create": '"context_secret":"',
    "rambarde check": "block",
    "rambarde policy prove": "proven",
    "rambarde log verify": "The log holds",
    "client.images.generate": "",
}
"""What a snippet with these words must print; nothing special where it is empty."""
_SERVED = re.compile(r"listens on (http://\S+)")

slow = pytest.mark.slow
pytestmark = pytest.mark.timeout(600)
"""Commands that load the models take seconds, and on a busy machine a minute."""


@dataclass(frozen=True)
class Server:
    """A `rambarde serve` of its own process, with what it printed."""

    folder: Path
    url: str
    printed: str
    environment: dict[str, str]

    def run(self, *command: str, timeout: float = 300) -> str:
        done = subprocess.run(
            command, cwd=self.folder, env=self.environment, capture_output=True, text=True, timeout=timeout
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def substituted(self, code: str) -> str:
        return code.replace(f"http://{PORT}", self.url)


@contextmanager
def serve(folder: Path, environment: dict[str, str], *options: str) -> Iterator[tuple[str, str]]:
    """Start a gateway on a free port and wait until it is ready; gives its URL and what it printed."""
    out = folder / f"out-{time.monotonic_ns()}.txt"
    with out.open("w") as file:
        process = subprocess.Popen(
            ["rambarde", "serve", *options],
            cwd=folder,
            env=environment,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
    try:
        deadline = time.monotonic() + 300
        while not (found := _SERVED.search(out.read_text("utf-8"))) or not ready(found[1]):
            assert process.poll() is None and time.monotonic() < deadline, out.read_text("utf-8")
            time.sleep(0.1)
        yield found[1], out.read_text("utf-8")
    finally:
        process.terminate()
        process.wait(20)


def ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/readyz", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """What `make run` starts, in a folder of its own, and one credential more for the snippets."""
    folder = tmp_path_factory.mktemp("readme")
    keep = {k: v for k, v in os.environ.items() if not k.startswith(("RAMBARDE_", "OPENAI_"))}
    programs = str(Path(sys.executable).parent)
    environment = {**keep, "PATH": f"{programs}{os.pathsep}{keep['PATH']}", "PYTHONUNBUFFERED": "1"}
    with serve(folder, environment, "--demo", "--port", "0", "--data", "rambarde-data") as (url, printed):
        server = Server(folder, url, printed, environment)
        made = server.run(
            "rambarde", "keys", "create", "--surface", "web", "--data", "rambarde-data", "--json"
        )
        credential = json.loads(made)
        environment |= {
            "RAMBARDE_KEY": credential["key"],
            "RAMBARDE_CREDENTIAL": credential["id"],
            "RAMBARDE_CONTEXT_SECRET": credential["context_secret"],
            "RAMBARDE_UPSTREAM_KEY": credential["key"],
        }
        yield server


def test_the_two_commands_stand_first() -> None:
    first = SHELL[0]
    assert first.line <= 5
    assert [line.split("#")[0].strip() for line in first.code.splitlines()] == ["make run", "make test"]


@pytest.mark.parametrize(
    "target", re.findall(r"^ {4}(make \w+)", (ROOT / "CONTRIBUTING.md").read_text("utf-8"), re.M)
)
def test_the_targets_exist(target: str) -> None:
    subprocess.run(["make", "-n", target.split()[1]], cwd=ROOT, check=True, capture_output=True)


@slow
@pytest.mark.parametrize("snippet", SHELL, ids=lambda s: s.place)
def test_shell_snippets(server: Server, snippet: Snippet) -> None:
    if snippet.code.startswith("make "):
        for target in re.findall(r"^make (\w+)", snippet.code, re.M):
            subprocess.run(["make", "-n", target], cwd=ROOT, check=True, capture_output=True)
    elif snippet.code.startswith("rambarde serve "):
        serve_as_shown(server, snippet)
    else:
        answer = server.run("bash", "-euo", "pipefail", "-c", server.substituted(snippet.code))
        assert answer.strip()
        expected = [text for words, text in EXPECTED.items() if words in snippet.code]
        assert expected, f"{snippet.place}: say in EXPECTED what it prints"
        for text in expected:
            assert text in answer


def serve_as_shown(server: Server, snippet: Snippet) -> None:
    """The first gateway is the generator of the one that is shown: it speaks the same interface."""
    code = snippet.code.replace(f"http://{GENERATOR}", server.url).replace("--port 8400", "--port 0")
    with serve(server.folder, server.environment, *code.split()[2:]) as (url, _):
        body = json.dumps({"prompt": "a lighthouse at sunset"}).encode()
        headers = {
            "Authorization": f"Bearer {server.environment['RAMBARDE_KEY']}",
            "Content-Type": "application/json",
        }
        request = urllib.request.Request(f"{url}/v1/images/generations", body, headers)
        with urllib.request.urlopen(request, timeout=300) as answer:
            assert "b64_json" in json.load(answer)["data"][0]


@slow
@pytest.mark.parametrize("snippet", PYTHON, ids=lambda s: s.place)
def test_python_snippets(server: Server, snippet: Snippet) -> None:
    code = server.substituted(snippet.code)
    answer = server.run(sys.executable, "-c", code)
    assert answer.strip()
    if "BadRequestError" in code:
        assert "content_policy_violation ['real-person-sexual'" in answer


@slow
def test_what_make_run_prints_works_as_printed(server: Server) -> None:
    curl = re.search(r"^curl .*?\n(?=\n)", server.printed, re.M | re.S)
    python = re.search(r"^from openai .*?^print\([^\n]*$", server.printed, re.M | re.S)
    assert curl and python, server.printed
    assert '"url":"http' in server.run("bash", "-c", curl[0])
    address = server.run(sys.executable, "-c", python[0]).strip()
    with urllib.request.urlopen(address, timeout=10) as answer:
        assert answer.headers["Content-Type"] == "image/png"


@pytest.mark.parametrize("snippet", snippets("docs/settings.md", "toml"), ids=lambda s: s.place)
def test_settings_as_shown(snippet: Snippet, tmp_path: Path) -> None:
    (tmp_path / "rambarde.toml").write_text(snippet.code, "utf-8")
    assert read_settings(tmp_path / "rambarde.toml", {}).upstream == "openai"


def run_here(snippet: Snippet) -> dict[str, Any]:
    names: dict[str, Any] = {"__name__": "snippet"}
    exec(compile(snippet.code, snippet.place, "exec"), names)  # our own document
    return names


def test_the_detector_of_the_documents_is_one() -> None:
    red = np.zeros((32, 32, 3), np.uint8)
    red[..., 0] = 255
    detector = run_here(snippets("docs/extending.md", "python")[0])["RednessDetector"]()
    assert isinstance(detector, Detector)
    detector.load()
    assert detector.digest.startswith("sha256:")
    (signal,) = detector.inspect(Picture(b"", "image/png", "0" * 64, red)).signals
    assert signal.name == detector.info.specs[0].name and signal.value == 1.0


async def test_the_upstream_of_the_documents_is_one() -> None:
    request = Request(
        id="dec_1",
        action=Action.GENERATE,
        prompt=Text("a tree", "a tree", "a tree"),
        caller=Caller("c1", "web"),
        received_at=datetime.now(UTC),
        digest="0" * 64,
        n=2,
    )
    made = run_here(snippets("docs/extending.md", "python")[1])["make"](UpstreamConfig())
    await made.start()
    try:
        assert len(await made.generate(request, deadline=5)) == 2
    finally:
        await made.close()


@pytest.mark.parametrize("snippet", snippets("docs/extending.md", "toml"), ids=lambda s: s.place)
def test_entry_points_as_shown(snippet: Snippet) -> None:
    groups = tomllib.loads(snippet.code)["project"]["entry-points"]
    shipped = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["entry-points"]
    assert set(groups) <= set(shipped)

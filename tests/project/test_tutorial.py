"""The tutorial and its like, from top to bottom: every block runs and prints what stands below it."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import skimage
from PIL import Image

from tests.project.modules import ROOT
from tests.project.snippets import Snippet, snippets
from tests.servers import fake_openai

SERVERS = ("make run", ".venv/bin/rambarde serve ")
"""What a block begins with that runs in the second terminal, until the next of them."""
_END = "-- end of block --"
_PATIENCE = 60.0

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


class Terminal:
    """A shell that keeps its variables from block to block, and one more terminal for the gateway."""

    def __init__(self, folder: Path, port: int, generator: str) -> None:
        self._folder, self._port, self._generator = folder, port, generator
        keep = {k: v for k, v in os.environ.items() if not k.startswith(("RAMBARDE_", "OPENAI_"))}
        programs = f"{Path(sys.executable).parent}{os.pathsep}{keep['PATH']}"
        self._environment = keep | {
            "PATH": programs,
            "PYTHONUNBUFFERED": "1",
            "COLUMNS": "200",
            "NO_COLOR": "1",
        }
        self._shell = subprocess.Popen(
            ["bash"],
            cwd=folder,
            env=self._environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        self._server: subprocess.Popen[str] | None = None

    def run(self, snippet: Snippet) -> str:
        """Run a block; returns what it printed. Its last command must succeed."""
        code = self.substituted(snippet.code)
        if code.startswith(SERVERS):
            return self._serve(code.strip())
        if snippet.language == "python":
            block = f"python - <<'PYTHON'\n{code}PYTHON\n"
        else:
            block = f"{{\n{code}}} </dev/null\n"
        assert self._shell.stdin and self._shell.stdout
        self._shell.stdin.write(f"{block}printf '\\n%s %s\\n' '{_END}' $?\n")
        self._shell.stdin.flush()
        lines = []
        for line in self._shell.stdout:
            if line.startswith(_END):
                assert line.split()[-1] == "0", f"{snippet.place}:\n{''.join(lines)}"
                return "".join(lines)
            lines.append(line)
        raise AssertionError(f"{snippet.place}: the shell ended\n{''.join(lines)}")

    def substituted(self, text: str) -> str:
        """The document's two addresses as they are here."""
        return text.replace("127.0.0.1:8400", f"127.0.0.1:{self._port}").replace(
            "127.0.0.1:9000", self._generator
        )

    def close(self) -> None:
        self._stop()
        assert self._shell.stdin
        self._shell.stdin.close()
        self._shell.wait(20)

    def _serve(self, command: str) -> str:
        self._stop()
        out = self._folder / "server.txt"
        with out.open("w") as file:
            self._server = subprocess.Popen(
                command.split(),
                cwd=self._folder,
                env=self._environment,
                stdout=file,
                stderr=subprocess.STDOUT,
                text=True,
                start_new_session=True,
            )
        deadline = time.monotonic() + _PATIENCE
        while not self._ready():
            alive = self._server.poll() is None and time.monotonic() < deadline
            assert alive, f"{command}:\n{out.read_text('utf-8')}"
            time.sleep(0.1)
        return out.read_text("utf-8")

    def _ready(self) -> bool:
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/readyz", timeout=5) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def _stop(self) -> None:
        """Ctrl-C: to all that run in that terminal."""
        if self._server is not None:
            os.killpg(self._server.pid, signal.SIGINT)
            self._server.wait(20)
            self._server = None


@contextmanager
def a_generator() -> Iterator[str]:
    """A server that speaks OpenAI's images interface, in a thread; gives `host:port`."""
    ready, done, where = threading.Event(), threading.Event(), []

    async def serve() -> None:
        async with fake_openai() as base:
            where.append(f"127.0.0.1:{base.port}")
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    assert ready.wait(20)
    try:
        yield where[0]
    finally:
        done.set()
        thread.join(20)


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    """A folder as after `git clone` and the first `make setup`: what is installed here is what it would install."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        shutil.copy(ROOT / name, tmp_path / name)
    (tmp_path / ".venv").mkdir()
    (tmp_path / ".venv" / "bin").symlink_to(Path(sys.executable).parent)
    (tmp_path / ".venv" / ".run").touch()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    (tmp_path / "rambarde.toml").write_text(f"port = {port}\n")
    Image.fromarray(skimage.data.astronaut()).save(tmp_path / "portrait.png")
    with a_generator() as generator:
        terminal = Terminal(tmp_path, port, generator)
        try:
            yield terminal
        finally:
            terminal.close()


def as_pattern(line: str) -> str:
    return ".*".join(re.escape(part) for part in line.strip().split("…"))


@pytest.mark.parametrize(
    "document", ["docs/tutorial.md", "docs/library.md", "docs/policy-signing.md", "docs/emergency.md"]
)
def test_every_block_runs_and_prints_what_it_says(terminal: Terminal, document: str) -> None:
    printed = ""
    for snippet in snippets(document, "sh", "python", "text"):
        if snippet.language != "text":
            printed = terminal.run(snippet)
            continue
        for line in terminal.substituted(snippet.code).splitlines():
            assert re.search(as_pattern(line), printed), f"{snippet.place}: {line!r} is not in\n{printed}"


def test_what_is_printed_is_compared() -> None:
    assert re.search(as_pattern("  {…: [1]"), '{"a": [1], "b": 2}')
    assert not re.search(as_pattern("ok …"), "fail everything")

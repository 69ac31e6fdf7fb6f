"""`rambarde serve`: what it listens with, when it refuses, and the snippet that it prints."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

from rambarde.interfaces.cli.serve import listen
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.wiring import wire
from tests.interfaces.cli.conftest import Rambarde

RAMBARDE = (sys.executable, "-u", "-c", "from rambarde.interfaces.cli.main import main; main()")
LISTENING = 5.0
"""Seconds from the start of the process, on a machine that does nothing else."""


@pytest.mark.slow
def test_without_a_credential_it_does_not_start_and_says_how_to_make_one(rambarde: Rambarde) -> None:
    rambarde("serve", "--port", "0", "--data", "d", fails="policy_missing")
    wire(Settings(data="d"), demo=True).abandon()
    refused = rambarde("serve", "--port", "0", "--data", "d", fails="no_credential")
    (command,) = re.findall(r"rambarde (keys create .*)", str(refused.exception))
    rambarde(*command.split())
    assert rambarde("keys", "list", "--data", "d", "--json").stdout


def test_a_taken_port_is_found_before_anything_else(rambarde: Rambarde, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        refused = rambarde("serve", "--port", port, "--data", "d", fails="cannot_listen")
    assert port in str(refused.exception)
    assert not (tmp_path / "d").exists()


def test_an_upstream_without_its_address(rambarde: Rambarde) -> None:
    rambarde("serve", "--port", "0", "--data", "d", "--upstream", "openai", fails="upstream_invalid")
    rambarde("serve", "--port", "0", "--data", "d", "--upstream", "none", fails="upstream_unknown")


async def test_answers_leave_without_waiting_for_acknowledgements() -> None:
    """asyncio turns Nagle's algorithm off only on sockets that name TCP; with it on, answers take 40 ms more."""
    delays: list[int] = []

    async def accepted(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        delays.append(writer.get_extra_info("socket").getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
        writer.close()

    with listen("127.0.0.1", 0) as listener:
        async with await asyncio.start_server(accepted, sock=listener) as server:
            reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
            await reader.read()
            writer.close()
    assert delays == [1]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, str, float]]:
    """`rambarde serve --demo` in a process of its own: its address, what it printed, its seconds until it listened."""
    folder = tmp_path_factory.mktemp("demo")
    printed = folder / "printed"
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with printed.open("wb") as out:
        process = subprocess.Popen(
            [*RAMBARDE, "serve", "--demo", "--port", str(port), "--data", str(folder / "d")],
            stdout=out,
            stderr=subprocess.STDOUT,
            cwd=folder,
        )
    url = f"http://127.0.0.1:{port}"
    try:
        _until(process, url + "/healthz", printed)
        listened = _worked(process.pid)
        _until(process, url + "/readyz", printed)
        yield url, printed.read_text(), listened
        process.send_signal(signal.SIGTERM)
        assert process.wait(20) in (0, -signal.SIGTERM), printed.read_text()
    finally:
        process.kill()


def _worked(pid: int) -> float:
    """Seconds of work of a process so far: what it takes by the clock depends on what else runs."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _until(process: subprocess.Popen[bytes], url: str, printed: Path) -> None:
    deadline = time.monotonic() + 110
    while time.monotonic() < deadline:
        assert process.poll() is None, printed.read_text()
        try:
            if httpx.get(url).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.02)
    pytest.fail(f"{url} did not answer: {printed.read_text()}")


@pytest.mark.slow
def test_it_listens_soon(demo: tuple[str, str, float]) -> None:
    # By its work, since tests run beside each other; the models that it loads meanwhile count too.
    assert demo[2] < 2 * LISTENING


@pytest.mark.slow
def test_the_curl_command_works_as_printed(demo: tuple[str, str, float]) -> None:
    if shutil.which("curl") is None:
        pytest.skip("there is no curl")
    _, printed, _ = demo
    (command,) = re.findall(r"^curl .*?[^\\]$", printed, re.MULTILINE | re.DOTALL)
    answered = subprocess.run(["sh", "-c", command], capture_output=True, text=True, timeout=60, check=True)
    picture = httpx.get(json.loads(answered.stdout)["data"][0]["url"])
    assert picture.status_code == 200 and picture.headers["content-type"] == "image/png"


@pytest.mark.slow
def test_the_snippet_for_the_sdk_works_as_printed(demo: tuple[str, str, float]) -> None:
    url, printed, _ = demo
    snippet = printed[printed.index("from openai import") : printed.index("print(answer")]
    line = re.search(r"^print\(answer.*$", printed, re.MULTILINE)
    assert line is not None
    command = [sys.executable, "-c", snippet + line[0]]
    answered = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    assert answered.stdout.startswith(url + "/files/")


@pytest.mark.slow
def test_no_address_is_logged(demo: tuple[str, str, float]) -> None:
    url, printed, _ = demo
    assert "POST" not in printed and printed.count("127.0.0.1") == printed.count(url.removeprefix("http://"))

"""Processes that write to a log and are killed: one parent has everything imported, each writer is a fork of it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

PARENT = """
import asyncio, os, sys, threading
from pathlib import Path
from rambarde.prove.recorder import LogRecorder
from tests.prove.conftest import build
from tests.samples import a_record

def work(data, start):
    house = build(data)
    recorder = LogRecorder(house.log)
    numbers = iter(range(start, start + 10**6))

    async def write():
        for number in numbers:
            receipt = await recorder.record(a_record(number))
            os.write(1, b"%d %d\\n" % (number, receipt.index))

    async def all():
        await asyncio.gather(*(write() for _ in range(16)))

    os.write(1, b"ready\\n")
    asyncio.run(all())

for line in sys.stdin:
    start, _, data = line.rstrip("\\n").partition(" ")
    child = os.fork()
    if child == 0:
        work(Path(data), int(start))
        os._exit(0)
    os.write(1, b"child %d\\n" % child)
    os.waitpid(child, 0)
    os.write(1, b"ended\\n")
"""


class Parent:
    """Starts writers, one at a time."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(self, data: Path, first: int) -> int:
        """The process id of a writer that begins with record `first`, once it writes."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{first} {data}\n")
        self._process.stdin.flush()
        lines = {self._line(), self._line()}
        assert "ready\n" in lines, lines
        (child,) = lines - {"ready\n"}
        return int(child.removeprefix("child "))

    def kill(self, child: int) -> dict[int, int]:
        """kill -9; returns which records it had told of, and their places."""
        os.kill(child, signal.SIGKILL)
        told: dict[int, int] = {}
        half = ""
        while not (line := self._line()).endswith("ended\n"):
            half = line
            number, index = map(int, line.split())
            told[number] = index
        assert half == "" or half.endswith("\n")
        return told

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the parent died"
        return line


@contextmanager
def parent() -> Iterator[Parent]:
    process = subprocess.Popen(
        [sys.executable, "-c", PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        yield Parent(process)
    finally:
        process.kill()
        process.communicate()

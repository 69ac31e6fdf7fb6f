"""Scanning a frame: every picture measured by all picture detectors, one line each, in the frame's order.

What was done stays done: a scan that was stopped goes on after its last whole line. The engine changes nothing in
what is written, only where the work is done.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncGenerator, Callable, Generator, Iterable, Iterator
from contextlib import aclosing
from pathlib import Path

import msgspec

from rambarde.interfaces.scan import Found, Scanner
from rambarde.nouns.fault import Fault, Kind, invalid

Line = bytes
"""One measured unit as JSON, without the newline."""
Engine = Callable[[Iterable[str]], Iterator[Line]]
"""Measures units by id; the answers come in their order."""
Tell = Callable[[int, int], None]
"""(units done, units that could not be inspected): for a progress bar."""
_SYNC = 64
"""Lines between two times that the file is brought to the disk."""


class Measurer:
    """The units under one root, measured in this process."""

    def __init__(self, scanner: Scanner, root: str) -> None:
        self._scanner, self._root = scanner, root

    def lines(self, ids: Iterable[str]) -> Generator[Line, None, None]:
        """Each id's line, in order. Never raises for a unit: what is wrong with it stands in its line."""
        lines = self._lines(iter(ids))
        with asyncio.Runner() as runner:  # which also ends what is on its way when somebody presses Ctrl-C
            try:
                while (line := runner.run(_next(lines))) is not None:
                    yield line
            finally:
                runner.run(lines.aclose())

    async def _lines(self, ids: Iterator[str]) -> AsyncGenerator[Line, None]:
        asked: list[str] = []

        def found() -> Iterator[Found]:
            for id in ids:
                asked.append(id)
                yield Found(Path(self._root, id))

        async with aclosing(self._scanner.scan(found())) as scanned:
            async for one in scanned:
                # The id as the frame has it, so that a scan is a frame of the same units.
                yield msgspec.json.encode(one.as_json() | {"path": asked.pop(0)})


async def _next(lines: AsyncGenerator[Line, None]) -> Line | None:
    return await anext(lines, None)


def scan(ids: Iterable[str], out: Path, engine: Engine, tell: Tell = lambda _, __: None) -> tuple[int, int]:
    """Measure all units into `out`; returns how many there are, and how many could not be inspected.

    Raises `Fault`: `scan_other` (the file is of other units), `file_unwritable`, those of the engine.
    """
    try:
        file = out.open("a+b")
    except OSError as error:
        raise _unwritable(out, error) from error
    with file:
        left = iter(ids)
        done, failed = _resume(out, file.fileno(), left)
        tell(done, failed)
        try:
            for line in engine(left):
                file.write(line + b"\n")
                done += 1
                failed += _failed(line)
                if done % _SYNC == 0:
                    file.flush()
                    os.fsync(file.fileno())
                tell(done, failed)
            file.flush()
            os.fsync(file.fileno())
        except OSError as error:
            raise _unwritable(out, error) from error
    return done, failed


def _resume(out: Path, handle: int, ids: Iterator[str]) -> tuple[int, int]:
    """Step over what is measured already, and cut off a line that was not finished."""
    done = failed = size = 0
    with out.open("rb") as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                break
            try:
                id = msgspec.json.decode(line)["path"]
            except (msgspec.DecodeError, KeyError, TypeError) as error:
                raise _other(out) from error
            if next(ids, None) != id:
                raise _other(out)
            done, failed, size = done + 1, failed + _failed(line), size + len(line)
    os.ftruncate(handle, size)
    return done, failed


def _failed(line: bytes) -> bool:
    return msgspec.json.decode(line, type=_Error).error is not None


class _Error(msgspec.Struct):
    error: object = None


def _other(out: Path) -> Fault:
    return Fault(
        Kind.CONFLICT,
        "scan_other",
        f"{out} holds a scan of other units, or none.",
        remedy="Name another file; a scan goes on only over the frame it began with.",
        field="out",
    )


def _unwritable(out: Path, error: OSError) -> Fault:
    return invalid(
        "file_unwritable", f"{out}: {error.strerror}.", remedy="Choose another place.", field="out"
    )

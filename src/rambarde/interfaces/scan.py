"""A scan: image files measured by all picture detectors, one after the other, in bounded memory.

It measures and decides nothing: no rule is asked, and no signal says how old somebody is or whether they agreed.
"""

from __future__ import annotations

import asyncio
import hashlib
import os
import stat
from collections import deque
from collections.abc import AsyncGenerator, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from rambarde.guard.detectors.contract import Subject
from rambarde.guard.inspect import Inspector
from rambarde.guard.media.limits import DEFAULT, Limits
from rambarde.guard.media.pdq import GOOD_QUALITY, pdq
from rambarde.guard.media.sniff import sniff
from rambarde.interfaces import parts
from rambarde.interfaces.settings import Settings
from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.nouns.signal import Signal, State

AT_ONCE = 2
"""Files on their way at a time. A picture of the largest size takes about 500 MB while it is decoded."""
_HEAD = 1024
_PICTURES = frozenset(
    ".png .apng .jpg .jpeg .jpe .jfif .webp .gif .bmp .tif .tiff .avif .heic .heif .jxl .jp2 .ico .svg .psd".split()
)
"""Extensions that say "picture": such a file in a folder is looked at, or named as one that cannot be."""


@dataclass(frozen=True, slots=True)
class Found:
    """A file to look at, or a place where looking failed."""

    path: Path
    error: Fault | None = None


@dataclass(frozen=True, slots=True)
class Scanned:
    """What is known of one file. `signals` are named `output.*`; `pdq` is None where there is too little structure.

    `error` says why it could not be inspected, or not by every detector.
    """

    path: Path
    sha256: str | None = None
    pdq: str | None = None
    signals: tuple[Signal, ...] = ()
    error: Fault | None = None

    def as_json(self) -> dict[str, object]:
        error = self.error
        return {
            "path": shown(self.path),
            "sha256": self.sha256,
            "pdq": self.pdq,
            "signals": {signal.name: signal.as_json() for signal in self.signals},
            "error": {"code": error.code, "message": error.message, "remedy": error.remedy}
            if error is not None
            else None,
        }


def shown(path: Path) -> str:
    """A path as one line of text, whatever bytes its name holds: what cannot be printed is escaped."""
    text = os.fsencode(path).decode("utf-8", "backslashreplace")
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def files(paths: Iterable[Path], *, recursive: bool = True) -> Iterator[Found]:
    """The files to look at, in the order of the paths, folders sorted.

    A named file is looked at whatever it is. In a folder those are that look like pictures, by extension or
    by their first bytes. Links to folders are not followed.
    """
    for path in paths:
        if not path.is_dir():
            yield Found(path)
            continue
        failed: list[OSError] = []
        for folder, folders, names in os.walk(path, onerror=failed.append):
            folders.sort()
            if not recursive:
                folders.clear()
            for name in sorted(names):
                file = Path(folder, name)
                if _is_picture(file):
                    yield Found(file)
            while failed:
                yield _unread(failed.pop())
        while failed:
            yield _unread(failed.pop())


class Scanner:
    """Measures files with the picture detectors that the policy requires."""

    def __init__(self, inspector: Inspector, limits: Limits = DEFAULT) -> None:
        self._inspector, self._limits = inspector, limits

    @classmethod
    def open(cls, settings: Settings) -> Scanner:
        """Load the picture detectors. Raises `Fault` for a policy or a detector that cannot be used."""
        evaluator, all_of_them, _ = parts.judging(settings)
        all_of_them.close()
        installed = [d for d in parts.detectors(settings) if d.info.subject is Subject.PICTURE]
        names = {d.info.name for d in installed}
        required = [r for r in evaluator.policy.detectors if r.name in names]
        wanted = {requirement.name for requirement in required}
        inspector = Inspector(
            (d for d in installed if d.info.name in wanted), required, pool=parts.pool(settings, installed)
        )
        inspector.load()
        if inspector.unfit:
            inspector.close()
            raise Fault(
                Kind.INTERNAL,
                "detectors_unfit",
                f"Required detectors cannot answer: {', '.join(sorted(inspector.unfit))}.",
                remedy="Run `rambarde doctor`: it says which, why, and how to mend it.",
            )
        return cls(inspector)

    def close(self) -> None:
        self._inspector.close()

    async def scan(self, found: Iterable[Found]) -> AsyncGenerator[Scanned, None]:
        """Measure each file; the answers come in the order of the files. Never raises for a file."""
        waiting: deque[asyncio.Task[Scanned]] = deque()
        try:
            for one in found:
                waiting.append(asyncio.create_task(self._one(one)))
                if len(waiting) >= AT_ONCE:
                    yield await waiting.popleft()
            while waiting:
                yield await waiting.popleft()
        finally:
            for task in waiting:
                task.cancel()
            await asyncio.gather(*waiting, return_exceptions=True)

    async def _one(self, found: Found) -> Scanned:
        known = Scanned(found.path)
        if found.error is not None:
            return replace(known, error=found.error)
        try:
            data = await asyncio.to_thread(_read, found.path, self._limits.bytes)
            if len(data) <= self._limits.bytes:
                known = replace(known, sha256=hashlib.sha256(data).hexdigest())
            # The name does not count: a PNG called .jpg can be looked at all the same.
            picture = await self._inspector.sight.decode(data, limits=self._limits)
            hashed = await asyncio.to_thread(pdq, picture)
            seen = await self._inspector.output(picture)
        except Fault as fault:
            return replace(known, error=fault)
        return replace(
            known,
            pdq=hashed.hex if hashed.quality >= GOOD_QUALITY else None,
            signals=tuple(seen.signals.values()),
            error=_failed(tuple(seen.signals.values())),
        )


def _is_picture(file: Path) -> bool:
    if file.suffix.lower() in _PICTURES:
        return True
    try:
        if not stat.S_ISREG(file.stat().st_mode):
            return False
        with file.open("rb") as opened:
            sniff(opened.read(_HEAD))
    except (OSError, Fault):
        return False
    return True


def _read(path: Path, limit: int) -> bytes:
    """The file, or one byte more than the limit. A pipe or a device would never end."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise invalid("not_a_file", "This is no ordinary file.", remedy="Name a picture or a folder.")
        with path.open("rb") as opened:
            return opened.read(limit + 1)
    except OSError as error:
        raise _unreadable(error) from error


def _unread(error: OSError) -> Found:
    return Found(Path(error.filename or "."), _unreadable(error))


def _unreadable(error: OSError) -> Fault:
    return invalid("image_unreadable", f"{error.strerror}.", remedy="Check the path and who may read it.")


def _failed(signals: Sequence[Signal]) -> Fault | None:
    failed = [signal for signal in signals if signal.state is State.FAILED]
    if not failed:
        return None
    return Fault(
        Kind.INTERNAL,
        "detector_failed",
        f"No answer for {', '.join(f'{s.name} ({s.reason})' for s in failed)}.",
        remedy="Scan the file again; if it lasts, run `rambarde doctor`.",
    )

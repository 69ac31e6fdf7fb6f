"""Banks as a running detector keeps them: indexed, replaced when their files are, and never relied on when stale."""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

from rambarde.guard.banks.bank import stale
from rambarde.guard.banks.entry import Kind
from rambarde.guard.banks.file import Head, Sealed
from rambarde.guard.media.index import HashIndex

NEGATIVE_RADIUS = 16
"""Bits within which a negative entry speaks for a picture: re-compressed and resized copies, little more."""
WAIT = 0.2
"""Seconds for which whoever notices a new file waits for it."""
GRACE = 30.0
"""Seconds for which the old content serves while a new file is being read; after that, nothing does."""
RETRY = 5.0
"""Seconds after which a file that could not be read is read again."""
_ASKED = (Kind.BLOCK, Kind.NEGATIVE)
_Signature = tuple[int, ...]


class Unusable(Exception):
    """A bank that cannot be relied on now: missing, damaged, stale. Says which and why."""


@dataclass(frozen=True, slots=True)
class Held:
    """One bank in memory: 96 bytes a hash, and no decisions."""

    head: Head
    blocks: HashIndex
    negatives: HashIndex

    @classmethod
    def of(cls, data: bytes) -> Held:
        """Raises `ValueError` as `Sealed`."""
        file = Sealed(data)
        found = {kind.value: bytearray() for kind in Kind}
        for line in file.lines():
            found[line.kind] += line.hash
        blocks, negatives = (
            HashIndex(np.frombuffer(found[kind], np.uint8).reshape(-1, 32)) for kind in _ASKED
        )
        return cls(file.head, blocks, negatives)


@dataclass(frozen=True, slots=True)
class _Content:
    """What a file of this signature holds; or why it cannot be used, and when to look again."""

    signature: _Signature
    held: Held | None
    why: str
    retry: float


class Watched:
    """One bank file. `current` looks whether it was replaced; that costs a `stat`."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._content = _Content((), None, "not loaded", 0.0)
        self._since: float | None = None
        """When the reading that is under way began."""

    def load(self) -> None:
        """Raises `OSError` for a file that cannot be read, `ValueError` for one that is damaged."""
        signature, data = _read(self.path)
        self._content = _Content(signature, Held.of(data), "", 0.0)

    @property
    def held(self) -> Held | None:
        """What was read last, stale or not; None if that was damaged."""
        return self._content.held

    def current(self) -> Held:
        """What the file says now. Raises `Unusable`.

        A new file is read beside the requests: the one that notices waits a moment for it, the others go on
        with the old content, for at most `GRACE` seconds. A damaged one is an error from then on until the
        file is mended: the old content never stands in for it.
        """
        try:
            signature = _signed(self.path.stat())
        except OSError as error:
            raise Unusable(f"{self.path.name}: {error.strerror}") from None
        content = self._content
        if signature != content.signature or (content.held is None and time.monotonic() > content.retry):
            self._renew(signature)
            content = self._content
        if content.held is None:
            raise Unusable(f"{self.path.name}: {content.why}")
        if (why := stale(content.held.head, datetime.now(UTC))) is not None:
            raise Unusable(f"stale: {self.path.name}: {why}")
        return content.held

    def _renew(self, signature: _Signature) -> None:
        with self._lock:
            began, now = self._since, time.monotonic()
            if began is None:
                self._since = now
        if began is None:
            done = threading.Event()
            threading.Thread(target=self._read, args=(signature, done), name="bank", daemon=True).start()
            done.wait(WAIT)
        elif now - began > GRACE:
            raise Unusable(f"{self.path.name}: it was replaced, and reading it takes too long")

    def _read(self, signature: _Signature, done: threading.Event) -> None:
        held, why = None, ""
        try:
            signature, data = _read(self.path)
            held = Held.of(data)
        except OSError as error:
            why = error.strerror or type(error).__name__
        except ValueError as error:
            why = str(error)
        except BaseException as error:  # whatever it is: the file is not what was there before
            why = type(error).__name__
        with self._lock:
            self._content = _Content(signature, held, why, time.monotonic() + RETRY)
            self._since = None
        done.set()


def _read(path: Path) -> tuple[_Signature, bytes]:
    with path.open("rb") as file:
        signature = _signed(os.fstat(file.fileno()))
        return signature, file.read()


def _signed(found: os.stat_result) -> _Signature:
    return found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


@dataclass(frozen=True, slots=True)
class Found:
    """The nearest blocked hash within 31 bits, and whether a negative entry is nearer. `bits` is the distance."""

    bits: int
    excused: bool


class Watch:
    """All banks that are asked, as one. Safe to share between threads."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._banks = tuple(Watched(path) for path in paths)

    def load(self) -> None:
        """Raises `OSError` or `ValueError` for a bank that cannot be read or is damaged; a stale one loads."""
        for bank in self._banks:
            bank.load()

    def current(self) -> tuple[Held, ...]:
        """Raises `Unusable` if one of them is."""
        return tuple(bank.current() for bank in self._banks)

    @property
    def loaded(self) -> tuple[Held, ...]:
        """What was read last, stale or not; nothing of a bank that is damaged."""
        return tuple(bank.held for bank in self._banks if bank.held is not None)


def digest(banks: Sequence[Held]) -> str:
    """Of what is in all banks: of one, the digest in its last line; of several, SHA-256 over theirs in order.

    Empty if there are none.
    """
    digests = [bank.head.digest for bank in banks]
    if not digests:
        return ""
    return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()


def nearest(banks: Sequence[Held], orientations: Sequence[bytes]) -> Found | None:
    """What the banks say of a picture, by the hashes of its orientations. None: nothing blocked is near.

    A negative entry of any bank within 16 bits excuses the blocked hashes that the picture is farther from
    than from the entry, and no others; so it decides by whether the nearest block or the nearest negative is
    nearer, and where both are as near, the block holds.
    """
    hits = [hit for bank in banks if (hit := bank.blocks.nearest(orientations)) is not None]
    if not hits:
        return None
    bits = min(distance for _, distance in hits)
    near = [bank.negatives.nearest(orientations, NEGATIVE_RADIUS) for bank in banks]
    return Found(bits, any(hit is not None and hit[1] < bits for hit in near))

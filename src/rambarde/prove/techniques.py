"""Techniques: the ways in which a picture is known again. A new one is one class with two members.

A technique says which outputs a picture may be a copy of and why; whether they were released, and what may be told
of them, is not its business. `tests/prove/test_techniques.py` has the contract that each must pass.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from rambarde.nouns.fingerprint import Remembered, Sought
from rambarde.prove.points import AGREEING, WordIndex, agreement, probes, words
from rambarde.prove.segments import Segments

if TYPE_CHECKING:
    from numpy.typing import NDArray

MOST_HITS = 10
"""Hits of one technique."""
PDQ_RADIUS, ISCC_RADIUS = 31, 12
"""Bits of 256. PDQ's authors advise 31; ISCC's was chosen so that as few pictures are taken for another."""
_COMPARED = 64
"""Pictures whose points are compared: those that share most words."""
_PAGE = 8_192


@dataclass(frozen=True, slots=True)
class Hit:
    """The output `index` of `decision`, found by `technique`: `measure` says of what `value` is a count.

    The fewer `bits` differ, and the more `points` agree, the surer. `index` is None if only the decision is known.
    """

    technique: str
    decision: str
    index: int | None
    measure: str | None = None
    value: int | None = None


class Technique(Protocol):
    """One way in which a picture is known again."""

    @property
    def name(self) -> str:
        """A word for people and programs, the same for good."""
        ...

    def find(self, sought: Sought) -> Sequence[Hit]:
        """The outputs that the picture may be a copy of, the surest first, at most ten; none if it cannot tell.

        Thread-safe. It keeps nothing of the picture. Raises `Fault` if it cannot look: that is not "no".
        """
        ...


class PrintReader(Protocol):
    """The kept fingerprints. `store.fingerprints.Fingerprints` implements it."""

    def newer(self, number: int, limit: int) -> list[tuple[int, bytes | None, bytes | None, bytes]]: ...

    def first(self) -> int | None: ...

    def get(self, numbers: Sequence[int]) -> list[Remembered]: ...

    def same_file(self, sha256: bytes, limit: int) -> list[Remembered]: ...


class NearHashes(Protocol):
    """An index of hashes of 32 bytes. `guard.media.index.HashIndex` implements it."""

    def within(self, query: bytes, radius: int = ...) -> list[tuple[int, int]]: ...


class PrintIndex:
    """The fingerprints in memory, brought up to what any gateway has added before every search.

    Of a million outputs it takes about 0.6 GB and a minute to load. Thread-safe.
    """

    def __init__(self, reader: PrintReader, near: Callable[[NDArray[np.uint8]], NearHashes]) -> None:
        self.reader = reader
        self.pdq: Segments[NearHashes] = Segments(near)
        self.iscc: Segments[NearHashes] = Segments(near)
        self.words: Segments[WordIndex] = Segments(WordIndex)
        self._last = 0
        self._lock = threading.Lock()

    def catch_up(self) -> None:
        """Add what is new and let go of what has expired. Raises the reader's faults."""
        with self._lock:
            first = self.reader.first()
            lowest = self._last + 1 if first is None else first
            for segments in (self.pdq, self.iscc, self.words):
                segments.drop_below(lowest)
            while True:
                page = self.reader.newer(self._last, _PAGE)
                if page:
                    self._add(page)
                    self._last = page[-1][0]
                if len(page) < _PAGE:
                    return

    def _add(self, page: list[tuple[int, bytes | None, bytes | None, bytes]]) -> None:
        numbers = np.array([row[0] for row in page], np.int64)
        for segments, hashes in ((self.pdq, [row[1] for row in page]), (self.iscc, [row[2] for row in page])):
            there = [place for place, hash in enumerate(hashes) if hash is not None]
            if there:
                joined = b"".join(hash for hash in hashes if hash is not None)
                segments.add(numbers[there], np.frombuffer(joined, np.uint8).reshape(-1, 32))
        self.words.add(numbers, np.stack([words(row[3]) for row in page]))


@dataclass(frozen=True, slots=True)
class SameFile:
    """The very file that left."""

    reader: PrintReader
    name: str = "file"

    def find(self, sought: Sought) -> Sequence[Hit]:
        found = self.reader.same_file(sought.sha256, MOST_HITS)
        return [Hit(self.name, one.output.decision, one.output.index) for one in found]


@dataclass(frozen=True, slots=True)
class NearHash:
    """A hash of the whole picture that differs in few bits, in any orientation."""

    name: str
    radius: int
    index: PrintIndex
    segments: Callable[[PrintIndex], Segments[NearHashes]]
    hashes: Callable[[Sought], tuple[bytes, ...]]

    def find(self, sought: Sought) -> Sequence[Hit]:
        self.index.catch_up()
        best: dict[int, int] = {}
        for segment in self.segments(self.index).all:
            for query in set(self.hashes(sought)):
                for row, distance in segment.built.within(query, self.radius):
                    number = int(segment.numbers[row])
                    best[number] = min(distance, best.get(number, distance))
        near = sorted(best, key=lambda number: (best[number], number))[: 2 * MOST_HITS]
        kept = {one.number: one.output for one in self.index.reader.get(near)}
        found = [(kept[number], best[number]) for number in near if number in kept]
        return [Hit(self.name, o.decision, o.index, "bits", bits) for o, bits in found[:MOST_HITS]]


@dataclass(frozen=True, slots=True)
class SamePoints:
    """Points that lie alike: the one for cropped, framed and captioned copies."""

    index: PrintIndex
    name: str = "points"

    def find(self, sought: Sought) -> Sequence[Hit]:
        if all(len(points) < AGREEING for points in sought.points):
            return []
        self.index.catch_up()
        wanted, owners = probes(sought.points)
        rows: list[NDArray[Any]] = []
        for segment in self.index.words.all:
            votes = segment.built.votes(wanted, owners)
            rows.append(np.stack([segment.numbers[votes.rows], votes.orientations, votes.counts], axis=1))
        if not rows:
            return []
        every = np.concatenate(rows)
        likely = every[np.argsort(-every[:, 2], kind="stable")[:_COMPARED]]
        kept = {
            one.number: one for one in self.index.reader.get([int(n) for n in set(likely[:, 0].tolist())])
        }
        best: dict[int, int] = {}
        for number, orientation, _ in likely.tolist():
            if number in kept:
                found = agreement(kept[number].prints.points, sought.points[orientation])
                if found.same:
                    best[number] = max(found.count, best.get(number, 0))
        sure = sorted(best, key=lambda number: (-best[number], number))
        outputs = [(kept[number].output, best[number]) for number in sure[:MOST_HITS]]
        return [Hit(self.name, o.decision, o.index, "points", count) for o, count in outputs]


@dataclass(frozen=True, slots=True)
class Claim:
    """What a manifest that holds says of its picture: the decision's id and, if it says so, the output's number."""

    decision: str
    index: int | None = None


ManifestReader = Callable[[bytes], Claim | None]
"""The bytes of a file → what a manifest in it claims, or None.

None also where the manifest is not ours, does not hold, or is of another picture: who copies a manifest onto a
picture of their own must not find it traced to somebody's decision. Raises `Fault` only if it cannot look.
"""


@dataclass(frozen=True, slots=True)
class Manifest:
    """A manifest in the file that names the decision."""

    read: ManifestReader
    name: str = "manifest"

    def find(self, sought: Sought) -> Sequence[Hit]:
        claim = self.read(sought.data)
        return [] if claim is None else [Hit(self.name, claim.decision, claim.index)]


def fingerprints(index: PrintIndex) -> tuple[Technique, ...]:
    """The techniques that need nothing in the file."""
    return (
        SameFile(index.reader),
        NearHash("pdq", PDQ_RADIUS, index, lambda i: i.pdq, lambda s: s.pdq),
        NearHash("iscc", ISCC_RADIUS, index, lambda i: i.iscc, lambda s: s.iscc),
        SamePoints(index),
    )

"""An exact index of 256-bit hashes: all within 31 bits of a query, in under a millisecond of a million.

Multi-index hashing (Norouzi, Punjani, Fleet, "Fast Search in Hamming Space with Multi-Index Hashing",
CVPR 2012): a hash is 16 words of 16 bits. Two hashes that differ in at most 31 bits agree in some word
but for one bit at most, so it is enough to look up each word and its 16 neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Hits = tuple[NDArray[np.int64], NDArray[np.int64]]
    """Numbers of hashes and their distances from the query; a number may come twice."""

BYTES = 32
LARGEST_RADIUS = 31
"""Bits. Beyond it two hashes may differ in two bits of every word, and the index would miss some."""
_WORDS, _VALUES = 16, 1 << 16
_NEIGHBOURS = np.array([0, *(1 << bit for bit in range(16))], np.uint16)
_SMALL = 4096
"""Hashes up to which a scan is as quick as the tables, which would take 4 MB."""
_SCAN_SHARE = 6
"""A candidate costs about as much as scanning so many hashes."""
_CHUNK = 8192
"""Hashes scanned at a time, so that what lies between stays in the processor's cache."""


class HashIndex:
    """An immutable index over hashes of 32 bytes each, numbered from 0 in the order given.

    Equal hashes keep their own numbers. It takes 96 bytes a hash and 4 MB (32 bytes a hash up to 4,096 of
    them); safe to share between threads. A query takes no more than one scan of all hashes, whatever they
    are: where many share their words, and looking them up would be slower, it is that scan.
    """

    def __init__(self, hashes: Iterable[bytes] | NDArray[np.uint8]) -> None:
        """`hashes` are bytes, or an array (n, 32) uint8. Raises `ValueError` for a hash that is not 32 bytes."""
        packed = np.ascontiguousarray(hashes) if isinstance(hashes, np.ndarray) else _packed(hashes)
        if packed.ndim != 2 or packed.shape[1] != BYTES or packed.dtype != np.uint8:
            raise ValueError(f"a hash has {BYTES} bytes")
        self._quads = packed.view(np.uint64)
        self._tables = _tables(packed.view(np.uint16)) if len(packed) > _SMALL else None

    def __len__(self) -> int:
        return len(self._quads)

    def within(self, query: bytes, radius: int = LARGEST_RADIUS) -> list[tuple[int, int]]:
        """All (number, distance) within `radius` bits of the query, nearest first, then by number.

        Exact. Raises `ValueError` for a radius outside 0 to 31 or a query that is not 32 bytes long.
        """
        found = [
            (int(n), int(d))
            for numbers, distances in self._near((query,), radius)
            for n, d in zip(numbers, distances, strict=True)
        ]
        return sorted(set(found), key=lambda hit: (hit[1], hit[0]))

    def nearest(self, queries: Sequence[bytes], radius: int = LARGEST_RADIUS) -> tuple[int, int] | None:
        """The (number, distance) that is nearest to any of the queries, within `radius` bits; None if none is.

        Of several as near, the lowest number. Exact. Raises as `within`. For the orientations of a picture.
        """
        best: tuple[int, int] | None = None
        for numbers, distances in self._near(queries, radius):
            if len(numbers):
                distance = int(distances.min())
                number = int(numbers[distances == distance].min())
                if best is None or (distance, number) < (best[1], best[0]):
                    best = number, distance
        return best

    def _near(self, queries: Sequence[bytes], radius: int) -> Iterator[Hits]:
        if not 0 <= radius <= LARGEST_RADIUS:
            raise ValueError(f"the radius must be from 0 to {LARGEST_RADIUS}, not {radius}")
        if any(len(query) != BYTES for query in queries):
            raise ValueError(f"a hash has {BYTES} bytes")
        left = []
        for query in queries:
            candidates = self._candidates(np.frombuffer(query, np.uint16))
            wanted = np.frombuffer(query, np.uint64)
            if candidates is None:
                left.append(wanted)
                continue
            distances = _distances(np.take(self._quads, candidates, axis=0), wanted)
            hits = np.flatnonzero(distances <= radius)
            yield candidates[hits].astype(np.int64), distances[hits].astype(np.int64)
        if left:
            yield from self._scan(left, radius)

    def _scan(self, queries: Sequence[NDArray[np.uint64]], radius: int) -> Iterator[Hits]:
        # Repeated, because NumPy is slow at spreading four numbers over many rows.
        repeated = [np.tile(query, (min(_CHUNK, len(self)), 1)) for query in queries]
        for start in range(0, len(self), _CHUNK):
            rows = self._quads[start : start + _CHUNK]
            for query in repeated:
                distances = _distances(rows, query[: len(rows)])
                hits = np.flatnonzero(distances <= radius)
                yield hits + start, distances[hits].astype(np.int64)

    def _candidates(self, words: NDArray[np.uint16]) -> NDArray[np.int32] | None:
        """Numbers that share a word but for a bit, with repeats; None where a scan of all is cheaper."""
        if self._tables is None:
            return None
        order, firsts = self._tables
        values = (words[:, None] ^ _NEIGHBOURS).astype(np.int32)
        places = (np.arange(_WORDS, dtype=np.int32)[:, None] * (_VALUES + 1) + values).ravel()
        starts = firsts[places]
        counts = firsts[places + 1] - starts
        total = int(counts.sum(dtype=np.int64))
        if total * _SCAN_SHARE > len(self):
            return None
        ends = np.cumsum(counts)
        return np.asarray(order[np.arange(total) + np.repeat(starts - (ends - counts), counts)])


def _packed(hashes: Iterable[bytes]) -> NDArray[np.uint8]:
    rows = hashes if isinstance(hashes, Sequence) else list(hashes)
    if any(len(row) != BYTES for row in rows):
        raise ValueError(f"a hash has {BYTES} bytes")
    return np.frombuffer(b"".join(rows), np.uint8).reshape(-1, BYTES)


def _tables(words: NDArray[np.uint16]) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """For each word, one behind the other: the numbers of all hashes ordered by the word's value; and where

    in that list each value starts.
    """
    count = len(words)
    order = np.empty((_WORDS, count), np.int32)
    firsts = np.zeros((_WORDS, _VALUES + 1), np.int64)
    for word in range(_WORDS):
        column = np.ascontiguousarray(words[:, word])
        order[word] = np.argsort(column, kind="stable")  # a radix sort for 16 bits
        np.cumsum(np.bincount(column, minlength=_VALUES), out=firsts[word, 1:])
        firsts[word] += word * count
    return order.ravel(), firsts.ravel()


def _distances(rows: NDArray[np.uint64], query: NDArray[np.uint64]) -> NDArray[np.uint32]:
    """Differing bits of each row (n, 4) from the query, (4,) or (n, 4)."""
    # The counts of a row's four quads are four bytes: added as one number of 32 bits, six times as quick as
    # a sum along the axis. In halves first: 256 does not fit into a byte.
    counts = np.bitwise_count(rows ^ query).view(np.uint32).ravel()
    halves = (counts & 0x00FF00FF) + ((counts >> 8) & 0x00FF00FF)
    return np.asarray((halves & 0xFFFF) + (halves >> 16))

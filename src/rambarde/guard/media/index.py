"""An exact index of 256-bit hashes: all within 31 bits of a query, in about a millisecond of a million.

Multi-index hashing (Norouzi, Punjani, Fleet, "Fast Search in Hamming Space with Multi-Index Hashing",
CVPR 2012): a hash is 16 words of 16 bits. Two hashes that differ in at most 31 bits agree in some word
but for one bit at most, so it is enough to look up each word and its 16 neighbours.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

BYTES = 32
LARGEST_RADIUS = 31
"""Bits. Beyond it two hashes may differ in two bits of every word, and the index would miss some."""
_WORDS, _VALUES = 16, 1 << 16
_NEIGHBOURS = np.array([0, *(1 << bit for bit in range(16))], np.uint16)
_SCAN_SHARE = 8


class HashIndex:
    """An immutable index over hashes of 32 bytes each, numbered from 0 in the order given.

    Equal hashes keep their own numbers. It takes 96 bytes a hash and 4 MB; safe to share between threads.
    """

    def __init__(self, hashes: Iterable[bytes]) -> None:
        """Raises `ValueError` for a hash that is not 32 bytes long."""
        rows = hashes if isinstance(hashes, Sequence) else list(hashes)
        if any(len(row) != BYTES for row in rows):
            raise ValueError(f"a hash has {BYTES} bytes")
        packed = np.frombuffer(b"".join(rows), np.uint8).reshape(-1, BYTES)
        self._quads = packed.view(np.uint64)
        words = packed.view(np.uint16)
        # For each word: the numbers of all hashes, ordered by the word's value, and where each value starts.
        self._order = np.empty((_WORDS, len(packed)), np.int32)
        self._starts = np.zeros((_WORDS, _VALUES + 1), np.int32)
        for word in range(_WORDS):
            column = np.ascontiguousarray(words[:, word])
            self._order[word] = np.argsort(column, kind="stable")  # a radix sort for 16 bits
            np.cumsum(np.bincount(column, minlength=_VALUES), out=self._starts[word, 1:])

    def __len__(self) -> int:
        return len(self._quads)

    def within(self, query: bytes, radius: int = LARGEST_RADIUS) -> list[tuple[int, int]]:
        """All (number, distance) within `radius` bits of the query, nearest first, then by number.

        Exact. Raises `ValueError` for a radius outside 0 to 31 or a query that is not 32 bytes long.
        """
        if not 0 <= radius <= LARGEST_RADIUS:
            raise ValueError(f"the radius must be from 0 to {LARGEST_RADIUS}, not {radius}")
        if len(query) != BYTES:
            raise ValueError(f"a hash has {BYTES} bytes")
        candidates = self._candidates(np.frombuffer(query, np.uint16))
        rows = self._quads if candidates is None else self._quads[candidates]
        distances = np.bitwise_count(rows ^ np.frombuffer(query, np.uint64)).sum(axis=1, dtype=np.int64)
        hits = np.flatnonzero(distances <= radius)
        numbers = hits if candidates is None else candidates[hits]
        return sorted({(int(n), int(d)) for n, d in zip(numbers, distances[hits], strict=True)}, key=_nearest)

    def _candidates(self, words: NDArray[np.uint16]) -> NDArray[np.int32] | None:
        """Numbers that share a word but for a bit, with repeats; None where a scan of all is cheaper."""
        values = words[:, None] ^ _NEIGHBOURS
        which = np.arange(_WORDS)[:, None]
        starts = self._starts[which, values].ravel()
        counts = self._starts[which, values.astype(np.int32) + 1].ravel() - starts
        total = int(counts.sum(dtype=np.int64))
        if total * _SCAN_SHARE > len(self):
            return None  # small indexes, and adversarial ones whose hashes share their words
        ends = np.cumsum(counts)
        places = np.arange(total) + np.repeat(starts - (ends - counts), counts)
        row = np.repeat(np.repeat(np.arange(_WORDS), len(_NEIGHBOURS)), counts)
        return np.asarray(self._order[row, places])


def _nearest(hit: tuple[int, int]) -> tuple[int, int]:
    return hit[1], hit[0]

"""Hashes: a copy in memory of the stored 256-bit hashes, scanned whole for those near a query."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

BYTES = 32
_QUADS = BYTES // 8


class Hashes:
    """Rows of (number, hash) in ascending order of their numbers; 40 bytes each. Not thread-safe.

    A scan costs about 0.3 ms for 100,000 rows and one query, and grows with both.
    """

    def __init__(self) -> None:
        self._size = 0
        self._numbers = np.empty(0, np.int64)
        # One row a quad: adding up along the long side is several times faster than along the short one.
        self._quads = np.empty((_QUADS, 0), np.uint64)

    def __len__(self) -> int:
        return self._size

    @property
    def last(self) -> int:
        """The highest number, 0 if there is none."""
        return int(self._numbers[self._size - 1]) if self._size else 0

    def add(self, rows: Sequence[tuple[int, bytes]]) -> None:
        """Append rows, each number higher than `last`. Raises `ValueError` for a hash not 32 bytes long."""
        if not rows:
            return
        if any(len(row) != BYTES for _, row in rows):
            raise ValueError(f"a hash has {BYTES} bytes")
        end = self._size + len(rows)
        if end > len(self._numbers):
            self._move(self._size, max(end, 2 * len(self._numbers), 1024))
        self._numbers[self._size : end] = [number for number, _ in rows]
        packed = np.frombuffer(b"".join(bytes(row) for _, row in rows), np.uint64)
        self._quads[:, self._size : end] = packed.reshape(-1, _QUADS).T
        self._size = end

    def drop_below(self, number: int) -> None:
        """Forget the rows whose number is lower."""
        gone = int(np.searchsorted(self._numbers[: self._size], number))
        if gone:
            self._numbers[: self._size - gone] = self._numbers[gone : self._size].copy()
            self._quads[:, : self._size - gone] = self._quads[:, gone : self._size].copy()
            self._size -= gone
            if self._size * 4 < len(self._numbers):
                self._move(self._size, max(self._size, 1024))

    def near(self, queries: Sequence[bytes], radius: int) -> list[tuple[int, int]]:
        """(distance, number) of every row within `radius` bits of any query, nearest first, then by number."""
        numbers, quads = self._numbers[: self._size], self._quads[:, : self._size]
        best: dict[int, int] = {}
        for query in set(queries):
            distances = np.zeros(self._size, np.uint16)
            for row, quad in zip(quads, np.frombuffer(query, np.uint64), strict=True):
                distances += np.bitwise_count(row ^ quad)
            for at in np.flatnonzero(distances <= radius):
                number, distance = int(numbers[at]), int(distances[at])
                best[number] = min(distance, best.get(number, distance))
        return sorted((distance, number) for number, distance in best.items())

    def _move(self, kept: int, capacity: int) -> None:
        numbers, quads = np.empty(capacity, np.int64), np.empty((_QUADS, capacity), np.uint64)
        numbers[:kept], quads[:, :kept] = self._numbers[:kept], self._quads[:, :kept]
        self._numbers, self._quads = numbers, quads

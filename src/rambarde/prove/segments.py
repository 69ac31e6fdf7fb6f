"""Segments: an index in memory that grows while it is searched, and forgets its oldest.

New rows become a small segment at once; segments of like size are merged, as in a log-structured merge tree, until
they hold 65,536 rows. So adding one row never costs the building of a million, and a search looks into some twenty
segments. A segment never changes: searching needs no lock.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

FULL = 65_536
"""Rows of a segment that is merged no more."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Segment(Generic[T]):
    """Rows `numbers` (ascending), and what was built over them. `rows` are let go of once it is full."""

    numbers: NDArray[np.int64]
    rows: NDArray[Any] | None
    built: T


class Segments(Generic[T]):
    """The segments of one index. `build` makes what is searched, from rows (n, k). One thread adds at a time."""

    def __init__(self, build: Callable[[NDArray[Any]], T], *, full: int = FULL) -> None:
        self._build = build
        self._full = full
        self._segments: tuple[Segment[T], ...] = ()

    def __len__(self) -> int:
        return sum(len(segment.numbers) for segment in self._segments)

    @property
    def all(self) -> tuple[Segment[T], ...]:
        """What there is now."""
        return self._segments

    def add(self, numbers: NDArray[np.int64], rows: NDArray[Any]) -> None:
        """Add rows with their numbers, which are higher than all before."""
        for start in range(0, len(numbers), self._full):
            self._add(numbers[start : start + self._full], rows[start : start + self._full])

    def drop_below(self, number: int) -> None:
        """Let go of segments whose numbers are all lower."""
        self._segments = tuple(one for one in self._segments if one.numbers[-1] >= number)

    def _add(self, numbers: NDArray[np.int64], rows: NDArray[Any]) -> None:
        segments = list(self._segments)
        while segments and (last := segments[-1]).rows is not None:
            if len(last.numbers) > 2 * len(numbers) or len(last.numbers) + len(numbers) > self._full:
                break
            numbers = np.concatenate([last.numbers, numbers])
            rows = np.concatenate([last.rows, rows])
            segments.pop()
        keep = rows if len(numbers) < self._full else None
        self._segments = (*segments, Segment(numbers, keep, self._build(rows)))

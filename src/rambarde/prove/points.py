"""Points: finding the picture whose points lie as those of another, wherever it was cropped.

Two steps. Each point has a word of 20 bits; pictures that share many words are looked at. Then the points must
agree in place: one scale and one shift has to bring many of them, each seen alike, onto each other.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rambarde.nouns.fingerprint import MOST_POINTS, POINT_BYTES, WORD_BITS, Points

if TYPE_CHECKING:
    from numpy.typing import NDArray

AGREEING = 8
"""Points that must agree. Chosen on the pictures of `training/pictures.py`; docs/accuracy.md has the errors."""
ALIKE = 14
"""Bits of 64 in which two points may differ."""
LEAST_VOTES = 3
"""Words that two pictures must share before their points are compared."""
_VALUES = 1 << WORD_BITS
_NONE = _VALUES
"""Stands where a picture has no further point."""
_PROBED = 4
"""Bits of a word that are also tried the other way: the least sure ones."""
_COMMON = 256
"""A word that one picture in so many has says nothing."""
_TABLE = 8_192
"""Pictures from which a table of words is worth its 4 MB."""
_OWNERS = np.dtype([("x", "<u2"), ("y", "<u2"), ("size", "<u2"), ("spare", "<u2"), ("bits", "<u8")])
_SCALE = 16.0
_SHIFT, _STRETCH, _SIZES = 4.0, 0.08, 0.35


@dataclass(frozen=True, slots=True)
class Votes:
    """Pictures of one segment that share words: their rows, the orientation they were seen in, and how many."""

    rows: NDArray[np.int64]
    orientations: NDArray[np.int64]
    counts: NDArray[np.int64]


def words(kept: bytes) -> NDArray[np.uint32]:
    """The words of kept points as a row of 48."""
    row = np.full(MOST_POINTS, _NONE, np.uint32)
    bits = _read(kept)["bits"]
    row[: len(bits)] = bits & np.uint64(_VALUES - 1)
    return row


def probes(orientations: tuple[Points, ...]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The words to look up, and the orientation each is of."""
    found, owners = [], []
    for number, points in enumerate(orientations):
        exact = (points.bits & np.uint64(_VALUES - 1)).astype(np.int64)
        flips = np.int64(1) << points.weak[:, :_PROBED].astype(np.int64)
        tried = np.unique(np.concatenate([exact[:, None], exact[:, None] ^ flips], axis=1))
        found.append(tried)
        owners.append(np.full(len(tried), number, np.int64))
    if not found:
        return np.zeros(0, np.int64), np.zeros(0, np.int64)
    return np.concatenate(found), np.concatenate(owners)


class WordIndex:
    """Which pictures of a segment have a word. Immutable; 2 bytes a point, and 4 MB from 8,192 pictures on."""

    def __init__(self, rows: NDArray[np.uint32]) -> None:
        """`rows` (n, 48) of `words`, n at most 65,536. Raises `ValueError` for more."""
        if len(rows) > 1 << 16:
            raise ValueError("a segment has at most 65,536 pictures")
        self._count = len(rows)
        flat = rows.ravel()
        order = np.argsort(flat, kind="stable")
        order = order[: np.count_nonzero(flat < _NONE)]
        self._pictures = (order // rows.shape[1]).astype(np.uint16)
        self._starts: NDArray[np.int64] | None = None
        self._words: NDArray[np.uint32] | None = None
        if len(rows) >= _TABLE:
            counts = np.bincount(flat[order], minlength=_VALUES)
            self._starts = np.concatenate([[0], np.cumsum(counts)]).astype(np.int32)
        else:
            self._words = flat[order]

    def votes(self, wanted: NDArray[np.int64], owners: NDArray[np.int64]) -> Votes:
        """Pictures with at least three of the words `wanted`, by the orientation that each word is of."""
        starts, ends = self._places(wanted)
        counts = ends - starts
        told = (counts > 0) & (counts <= max(32, self._count // _COMMON))
        starts, counts, owners = starts[told], counts[told], owners[told]
        total = int(counts.sum())
        stops = np.cumsum(counts)
        places = np.arange(total) + np.repeat(starts - (stops - counts), counts)
        keys = np.repeat(owners, counts) * self._count + self._pictures[places]
        found, seen = np.unique(keys, return_counts=True)
        kept = seen >= LEAST_VOTES
        found, seen = found[kept], seen[kept]
        return Votes(found % max(1, self._count), found // max(1, self._count), seen)

    def _places(self, wanted: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        if self._starts is not None:
            return self._starts[wanted].astype(np.int64), self._starts[wanted + 1].astype(np.int64)
        assert self._words is not None
        asked = wanted.astype(np.uint32)
        return np.searchsorted(self._words, asked, "left"), np.searchsorted(self._words, asked, "right")


def agreement(kept: bytes, sought: Points) -> int:
    """How many points of a kept picture lie in the sought one as one scale and one shift would bring them.

    Each counts once, and so does each place: 0 to 48. Points lie within 4 pixels of 256, and 8 % of their distance.
    """
    rows = _read(kept)
    alike = np.bitwise_count(rows["bits"][:, None] ^ sought.bits[None, :]) <= ALIKE
    ours, theirs = np.nonzero(alike)
    if len(ours) < 2:
        return len(ours)
    at = np.stack([rows["x"], rows["y"]], axis=1)[ours].astype(np.float32) / _SCALE
    to = sought.places[theirs]
    scale = sought.sizes[theirs] / (rows["size"][ours] / _SCALE)
    # Every pair of points that are alike says where the whole would lie; the others agree or do not.
    moved = scale[:, None, None] * (at[None, :, :] - at[:, None, :]) + to[:, None, :]
    off = np.abs(moved - to[None, :, :]).max(axis=2)
    far = np.hypot(*(at[None, :, :] - at[:, None, :]).transpose(2, 0, 1))
    sizes = np.abs(np.log2(scale)[None, :] - np.log2(scale)[:, None])
    agree = (off < _SHIFT + _STRETCH * far) & (sizes < _SIZES)
    best = np.flatnonzero(agree[int(agree.sum(axis=1).argmax())])
    return min(_places(at[best]), _places(to[best]))


def _places(at: NDArray[np.float32]) -> int:
    """Different places: points of several sizes at one spot are one."""
    return len(np.unique(np.rint(at / 3), axis=0))


def _read(kept: bytes) -> NDArray[np.void]:
    """Raises `ValueError` for bytes that are no points."""
    if len(kept) % POINT_BYTES or len(kept) > MOST_POINTS * POINT_BYTES:
        raise ValueError("these are no points")
    return np.frombuffer(kept, _OWNERS)

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
SHARE, SPREAD = 0.55, 0.3
"""Of the points that should be visible, those that must agree; and of the area over which they lie."""
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
_MARGIN, _TINY = 4.0, 2.2
"""Pixels from the frame, and of size, within which a point may be missed."""


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


@dataclass(frozen=True, slots=True)
class Agreement:
    """How far the points of two pictures agree. `count` points do, each at a place of its own.

    `share` is that count of the kept points that should be visible, and `spread` the share of the area over which
    those lie that the agreeing ones span: both 0 to 1. Two pictures that show one thing alike agree in few, close by.
    """

    count: int
    share: float
    spread: float

    @property
    def same(self) -> bool:
        """Whether they are one picture."""
        return self.count >= AGREEING and self.share >= SHARE and self.spread >= SPREAD


NOT_AT_ALL = Agreement(0, 0.0, 0.0)


def agreement(kept: bytes, sought: Points) -> Agreement:
    """How many points of a kept picture lie in the sought one as one scale and one shift would bring them.

    Points may lie 4 pixels of 256, and 8 % of their distance, from there. Raises `ValueError` for bytes that are no
    points.
    """
    rows = _read(kept)
    every = np.stack([rows["x"], rows["y"]], axis=1).astype(np.float32) / _SCALE
    alike = np.bitwise_count(rows["bits"][:, None] ^ sought.bits[None, :]) <= ALIKE
    ours, theirs = np.nonzero(alike)
    if len(ours) < 2:
        return NOT_AT_ALL
    at, to = every[ours], sought.places[theirs]
    scale = sought.sizes[theirs] / (rows["size"][ours] / _SCALE)
    # Every pair of points that are alike says where the whole would lie; the others agree or do not.
    apart = at[None, :, :] - at[:, None, :]
    off = np.abs(scale[:, None, None] * apart + to[:, None, :] - to[None, :, :]).max(axis=2)
    sizes = np.abs(np.log2(scale)[None, :] - np.log2(scale)[:, None])
    agree = (off < _SHIFT + _STRETCH * np.hypot(apart[..., 0], apart[..., 1])) & (sizes < _SIZES)
    best = np.flatnonzero(agree[int(agree.sum(axis=1).argmax())])
    at, to = at[best], to[best]
    count = min(_places(at), _places(to))
    visible = every[_visible(every, rows["size"] / _SCALE, at, to, sought.frame)]
    return Agreement(
        count, min(1.0, count / max(1, len(visible))), min(1.0, _area(at) / max(1.0, _area(visible)))
    )


def _visible(
    every: NDArray[np.float32],
    sizes: NDArray[np.float64],
    at: NDArray[np.float32],
    to: NDArray[np.float32],
    frame: tuple[float, float],
) -> NDArray[np.bool_]:
    """Which kept points lie within the sought picture, by the scale and shift that fit the agreeing ones best."""
    middle, there = at.mean(axis=0), to.mean(axis=0)
    spread = float(((at - middle) ** 2).sum())
    scale = max(0.05, float(((at - middle) * (to - there)).sum()) / spread) if spread > 0 else 1.0
    moved = (every - middle) * scale + there
    inside = (moved > _MARGIN).all(axis=1) & (moved < np.array(frame) - _MARGIN).all(axis=1)
    return np.asarray(inside & (sizes * scale > _TINY))


def _area(at: NDArray[np.float32]) -> float:
    return float(np.ptp(at, axis=0).prod()) if len(at) else 0.0


def _places(at: NDArray[np.float32]) -> int:
    """Different places: points of several sizes at one spot are one."""
    return len(np.unique(np.rint(at / 3), axis=0))


def _read(kept: bytes) -> NDArray[np.void]:
    """Raises `ValueError` for bytes that are no points."""
    if len(kept) % POINT_BYTES or len(kept) > MOST_POINTS * POINT_BYTES:
        raise ValueError("these are no points")
    return np.frombuffer(kept, _OWNERS)

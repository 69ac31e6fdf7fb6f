"""Points: small round places that stand out in a picture, and 64 bits of what is around each.

They survive what a hash of the whole does not: cropping, borders, captions. A point is a place where the picture,
blurred a little and a little more, differs most (Lowe, "Distinctive Image Features from Scale-Invariant Keypoints",
IJCV 2004). Around it, six of its sizes to each side, lie 16 × 16 samples; the signs of their 64 lowest frequencies
are its bits, as in PDQ. A mirrored picture only changes signs, so all eight orientations come from one search.
"""

from __future__ import annotations

import functools
import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from rambarde.nouns.fingerprint import MOST_POINTS, WORD_BITS, Points

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]

SIDE = 256
"""Pixels of the longer side, to which every picture is brought first."""
SMALLEST = 24
"""Pixels of the shorter side, then: below it, there is no room for a point."""
MOST_SOUGHT = 64
"""Points taken of a picture that is sought: more than are kept, because a copy may have new ones."""
_STEP = 2 ** (1 / 3)
_SIZES = tuple(2.0 * _STEP**level for level in range(11))
_FAINT = 0.6
"""Levels of grey by which a point must differ: noise of a JPEG does, too, below it."""
_EDGE = 13.0
"""How much longer than wide a point may be: along an edge its place cannot be told."""
_REACH, _SAMPLES, _LOW = 6.0, 16, 8
_WEAK = 8
_SCALE = 16.0
"""Steps of place and size in which points are kept."""
_KEPT = np.dtype([("x", "<u2"), ("y", "<u2"), ("size", "<u2"), ("spare", "<u2"), ("bits", "<u8")])
# What is usual around a bright spot, by frequency (down and across, even ones): without it the bits tell nothing.
_USUAL = np.zeros((_LOW, _LOW), np.float32)
_USUAL[::2, ::2] = (
    (0.0, 0.035, -0.07, 0.05),
    (0.035, -0.07, 0.08, -0.04),
    (-0.07, 0.08, -0.06, 0.02),
    (0.05, -0.04, 0.02, -0.01),
)
# Bits in the order in which they are sure: low frequencies first; 0 is whether the spot is bright.
_FIRST = (0, 1, 8, 9, 2, 16, 10, 17, 3, 24, 18, 11, 25, 19, 26, 4, 32, 27, 12, 33)
_ORDER = np.array([*_FIRST, *(place for place in range(_LOW * _LOW) if place not in _FIRST)])
_TYPICAL = np.array([1.0, *(1 / (place // _LOW + place % _LOW) for place in _FIRST[1:])], np.float32)
_ODD = np.where(np.arange(_LOW) % 2, -1, 1).astype(np.float32)


def points(rgb: NDArray[np.uint8]) -> tuple[Points, ...]:
    """The points of pixels (height, width, 3) uint8, as it is and in the seven other orientations of `dihedral`.

    At most 64, those that stand out most first; none in a picture that is flat or thinner than a tenth of its
    length. Deterministic. Raises `ValueError` for an array of another shape or type.
    """
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or not rgb.size:
        raise ValueError(f"pixels must be (height, width, 3) uint8, not {rgb.shape} {rgb.dtype}")
    grey = _grey(rgb)
    height, width = grey.shape
    if min(height, width) < SMALLEST:
        return tuple(_points(*_nothing(), (width, height)) for _ in range(8))
    blurred = [_blur(height, size) @ grey @ _blur(width, size).T for size in _SIZES]
    levels: Floats = np.stack(blurred).astype(np.float32, copy=False)
    places, sizes, nearest, bright = _found(levels)
    waves = _waves(levels, places, sizes, nearest)
    turned = []
    for at, seen, far in (
        (places, waves, (width, height)),
        (places[:, ::-1], waves.transpose(0, 2, 1), (height, width)),
    ):
        for down in (False, True):
            for across in (False, True):
                turned.append(_points(*_flipped(at, seen, far, across, down), sizes, bright, far))
    return tuple(turned)


def pack(found: Points) -> bytes:
    """The first 48 points as they are kept: 16 bytes each, x, y, size, and the bits."""
    count = min(len(found), MOST_POINTS)
    rows = np.zeros(count, _KEPT)
    rows["x"], rows["y"] = np.rint(found.places[:count].T * _SCALE)
    rows["size"] = np.rint(found.sizes[:count] * _SCALE)
    rows["bits"] = found.bits[:count]
    return rows.tobytes()


def _flipped(
    places: Floats, waves: Floats, far: tuple[int, int], across: bool, down: bool
) -> tuple[Floats, Floats]:
    """Places and frequencies as the flipped picture has them: odd frequencies change their signs."""
    at, seen = places.copy(), waves
    if across:
        at[:, 0], seen = far[0] - 1 - at[:, 0], seen * _ODD
    if down:
        at[:, 1], seen = far[1] - 1 - at[:, 1], seen * _ODD[:, None]
    return at, seen


def _points(places: Floats, waves: Floats, sizes: Floats, bright: Floats, frame: tuple[int, int]) -> Points:
    seen = waves - bright[:, None, None] * _USUAL
    flat = seen.reshape(len(seen), _LOW * _LOW)
    flat[:, 0] = bright
    ordered = flat[:, _ORDER]
    packed = np.packbits(ordered > 0, axis=1, bitorder="little")
    bits = np.ascontiguousarray(packed).view("<u8").ravel()
    doubt = np.abs(ordered[:, :WORD_BITS]) / _TYPICAL
    weak = np.argsort(doubt, axis=1, kind="stable")[:, :_WEAK].astype(np.uint8)
    return Points(np.ascontiguousarray(places, np.float32), sizes, bits, weak, frame)


def _nothing() -> tuple[Floats, Floats, Floats, Floats]:
    empty = np.zeros(0, np.float32)
    return np.zeros((0, 2), np.float32), np.zeros((0, _LOW, _LOW), np.float32), empty, empty


def _grey(rgb: NDArray[np.uint8]) -> Floats:
    grey = Image.fromarray(rgb).convert("L")
    scale = SIDE / max(grey.size)
    size = max(1, round(grey.width * scale)), max(1, round(grey.height * scale))
    return np.asarray(grey.resize(size, Image.Resampling.BICUBIC, reducing_gap=2.0), np.float32)


@functools.lru_cache(maxsize=512)
def _blur(length: int, size: float) -> Floats:
    """A Gaussian of `size` pixels along a side, mirrored at its ends, as a matrix."""
    matrix = np.zeros((length, length))
    at, reach = np.arange(length), int(4 * size) + 1
    for offset in range(-reach, reach + 1):
        source = np.abs(at + offset)
        source = np.clip(np.where(source >= length, 2 * length - 2 - source, source), 0, length - 1)
        np.add.at(matrix, (at, source), math.exp(-offset * offset / (2 * size * size)))
    return np.asarray(matrix / matrix.sum(1, keepdims=True), np.float32)


def _found(levels: Floats) -> tuple[Floats, Floats, NDArray[np.intp], Floats]:
    """Places, sizes, level and sign of the points, those that stand out most first."""
    steps = np.diff(levels, axis=0)
    inner = steps[1:-1, 1:-1, 1:-1]
    peaks = (inner >= _extreme(steps, np.maximum)) & (inner > _FAINT)
    peaks |= (inner <= _extreme(steps, np.minimum)) & (inner < -_FAINT)
    level, y, x = (axis + 1 for axis in np.nonzero(peaks))
    value = steps[level, y, x]
    across = steps[level, y, x + 1] + steps[level, y, x - 1] - 2 * value
    down = steps[level, y + 1, x] + steps[level, y - 1, x] - 2 * value
    corner = (
        steps[level, y + 1, x + 1]
        - steps[level, y + 1, x - 1]
        - steps[level, y - 1, x + 1]
        + steps[level, y - 1, x - 1]
    ) / 4
    determinant = across * down - corner * corner
    round_ = (determinant > 0) & ((across + down) ** 2 * (_EDGE - 1) < determinant * _EDGE**2)
    size = np.array(_SIZES, np.float32)[level] * _STEP**0.5
    height, width = levels.shape[1:]
    inside = (x > size) & (x < width - 1 - size) & (y > size) & (y < height - 1 - size)
    kept = np.flatnonzero(round_ & inside)
    kept = kept[np.argsort(-np.abs(value[kept]), kind="stable")[:MOST_SOUGHT]]
    level, y, x, value = level[kept], y[kept], x[kept], value[kept]
    places = np.stack(
        [
            x + _offset(steps[level, y, x - 1], value, steps[level, y, x + 1]),
            y + _offset(steps[level, y - 1, x], value, steps[level, y + 1, x]),
        ],
        axis=1,
    ).astype(np.float32)
    between = level + _offset(steps[level - 1, y, x], value, steps[level + 1, y, x])
    sizes = (_SIZES[0] * _STEP ** (between + 0.5)).astype(np.float32)
    return places, sizes, level, np.sign(value)


def _extreme(values: Floats, pick: np.ufunc) -> Floats:
    """The largest (or smallest) of each value and its 26 neighbours, without the outermost ones."""
    for axis in (0, 1, 2):
        whole = values.shape[axis]
        ahead = (slice(None),) * axis
        parts = [values[(*ahead, slice(start, whole - 2 + start))] for start in range(3)]
        values = pick(pick(parts[0], parts[1]), parts[2])
    return values


def _offset(before: Floats, here: Floats, after: Floats) -> Floats:
    """Where between its neighbours a value peaks, -0.5 to 0.5, by the parabola through the three."""
    bend = before + after - 2 * here
    safe = np.where(np.abs(bend) > 1e-6, bend, np.float32(1))
    return np.where(np.abs(bend) > 1e-6, np.clip((before - after) / (2 * safe), -0.5, 0.5), np.float32(0))


def _waves(levels: Floats, places: Floats, sizes: Floats, level: NDArray[np.intp]) -> Floats:
    """The lowest frequencies (n, 8, 8) around each point, of length 1, without the constant."""
    height, width = levels.shape[1:]
    offsets = (((np.arange(_SAMPLES) + 0.5) / _SAMPLES * 2 - 1) * _REACH).astype(np.float32)
    x = np.clip(places[:, 0, None] + sizes[:, None] * offsets, 0, width - 1.001)
    y = np.clip(places[:, 1, None] + sizes[:, None] * offsets, 0, height - 1.001)
    left, top = x.astype(np.intp), y.astype(np.intp)
    right, below = (x - left)[:, None, :], (y - top)[:, :, None]
    left, top = left[:, None, :], top[:, :, None]
    from_ = np.maximum(level - 2, 0)[:, None, None]
    upper = levels[from_, top, left] * (1 - right) + levels[from_, top, left + 1] * right
    lower = levels[from_, top + 1, left] * (1 - right) + levels[from_, top + 1, left + 1] * right
    waves = np.asarray(_dct() @ (upper * (1 - below) + lower * below) @ _dct().T, np.float32)
    waves[:, 0, 0] = 0
    length = np.sqrt((waves * waves).sum((1, 2), keepdims=True))
    return np.asarray(waves / np.maximum(length, 1e-6), np.float32)


@functools.cache
def _dct() -> Floats:
    """Rows 0 to 7 of the orthonormal DCT-II of length 16."""
    frequency, place = np.arange(_LOW)[:, None], np.arange(_SAMPLES)
    matrix = math.sqrt(2 / _SAMPLES) * np.cos(math.pi / (2 * _SAMPLES) * frequency * (2 * place + 1))
    matrix[0] /= math.sqrt(2)
    return np.asarray(matrix, np.float32)

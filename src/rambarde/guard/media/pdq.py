"""PDQ: a 256-bit perceptual hash of a picture, near under re-compression, resizing and colour changes.

After "The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm" (Facebook, 2019):
luminance; two passes of a box filter each way (Jarosz), sampled at 64 × 64; the 16 × 16 lowest
frequencies of a DCT without the constant; one bit for each that is above their median. All steps before
the median are linear and separable, so filter and sampling are one matrix a side.

What it does not survive: cropping by a few per cent, borders, overlays, rotations other than by 90°.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from rambarde.guard.media.memo import Memo
from rambarde.nouns.request import Picture

if TYPE_CHECKING:
    from numpy.typing import NDArray

BITS = 256
GOOD_QUALITY = 0.5
"""Below this the authors advise to discard a hash: the picture has too little structure."""
_SIDE, _LOW = 64, 16
_ENOUGH = 384
"""Pixels a side above which a picture is averaged down first; the rest of the filter makes up for it."""
_BAND = 16_777_216
"""Bytes averaged at a time."""
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_found: Memo[tuple[Pdq, ...]] = Memo()


@dataclass(frozen=True, slots=True)
class Pdq:
    """A PDQ hash. `bits` are 32 bytes, the most significant bit first, as `hex` writes them.

    `quality` in [0, 1] is how much structure was there (1: plenty; the published metric over 100).
    `range` in [0, 255] is the spread of the 64 × 64 luminance: below about 2, nothing is to be seen.
    """

    bits: bytes
    quality: float
    range: float = 255.0

    @property
    def hex(self) -> str:
        return self.bits.hex()

    def distance(self, other: Pdq) -> int:
        """Differing bits, 0 to 256; at most 31 is called a match, unrelated pictures differ in about 128."""
        return (int.from_bytes(self.bits) ^ int.from_bytes(other.bits)).bit_count()


def pdq(picture: Picture | NDArray[np.uint8]) -> Pdq:
    """The hash of a decoded picture, or of pixels (height, width, 3) uint8.

    Within 10 bits of the reference implementation on ordinary pictures. Deterministic.
    Raises `ValueError` for an array of another shape or type.
    """
    return dihedral(picture)[0]


def dihedral(picture: Picture | NDArray[np.uint8]) -> tuple[Pdq, ...]:
    """The hashes of the picture in its 8 orientations, from one transform; the first is as it is.

    In order: as it is, mirrored left-right, mirrored top-bottom, turned by 180°, and the same four of the
    picture transposed. Each is the hash that the turned picture would have: the reference flips the signs
    of frequencies instead, which costs up to 46 bits, because its samples do not lie symmetrically.
    Raises as `pdq`.
    """
    if isinstance(picture, Picture):
        # Known images, lineage and sealing ask for the same picture.
        return _found.get(picture.rgb, lambda: _dihedral(picture.rgb))
    return _dihedral(picture)


def _dihedral(rgb: NDArray[np.uint8]) -> tuple[Pdq, ...]:
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or not rgb.size:
        raise ValueError(f"pixels must be (height, width, 3) uint8, not {rgb.shape} {rgb.dtype}")
    height, width = rgb.shape[:2]
    down, across = max(1, height // _ENOUGH), max(1, width // _ENOUGH)
    vertical, horizontal = _side(height, down), _side(width, across)
    luma = _averages(rgb, down, across) @ _LUMA
    seen = _structure(np.asarray(vertical.filter @ luma @ horizontal.filter.T, np.float32))
    waves = np.asarray(vertical.waves @ luma @ horizontal.waves.T, np.float32)
    plain, mirrored = slice(0, _LOW), slice(_LOW, 2 * _LOW)
    grids = [waves[rows, columns] for rows in (plain, mirrored) for columns in (plain, mirrored)]
    return tuple(_hash(grid, *seen) for grid in (*grids, *(grid.T for grid in grids)))


@dataclass(frozen=True, slots=True)
class _Side:
    """What acts along one side of the picture, on averages of some pixels each.

    `filter` (64, n) gives the 64 samples; `waves` (32, n) their frequencies 1 to 16, then those of the
    mirrored picture.
    """

    filter: NDArray[np.float32]
    waves: NDArray[np.float32]


def _averages(rgb: NDArray[np.uint8], down: int, across: int) -> NDArray[np.uint8]:
    """Means of blocks of pixels, in bands of rows: Pillow holds a copy of what it is given."""
    if down * across == 1:
        return rgb
    rows = max(1, _BAND // (3 * rgb.shape[1] * down)) * down
    bands = (Image.fromarray(rgb[top : top + rows]) for top in range(0, len(rgb), rows))
    return np.concatenate([np.asarray(band.reduce((across, down))) for band in bands])


@functools.lru_cache(maxsize=32)
def _side(size: int, block: int) -> _Side:
    samples = _samples(size)
    starts = np.arange(0, size, block)
    # The weight of an average is the sum of its pixels' weights, also of a shorter last one.
    plain, mirrored = (np.add.reduceat(m, starts, axis=1) for m in (samples, samples[:, ::-1]))
    waves = np.vstack([_dct() @ plain, _dct() @ mirrored])
    return _Side(plain.astype(np.float32), waves.astype(np.float32))


def _samples(size: int) -> NDArray[np.float64]:
    """The two box passes and the sampling along a side of `size` pixels, as a matrix (64, size)."""
    window = (size + 2 * _SIDE - 1) // (2 * _SIDE)
    ahead = (window + 2) // 2
    at = np.arange(size)
    first, last = np.maximum(at - (window - ahead), 0), np.minimum(at + ahead, size)
    matrix = np.zeros((_SIDE, size))
    for row in range(_SIDE):
        middle = int((row + 0.5) * size / _SIDE)
        outer = range(first[middle], last[middle])
        for inner in outer:
            matrix[row, first[inner] : last[inner]] += 1.0 / len(outer) / (last[inner] - first[inner])
    return matrix


@functools.cache
def _dct() -> NDArray[np.float64]:
    """Rows 1 to 16 of the orthonormal DCT-II of length 64."""
    frequency, place = np.arange(1, _LOW + 1)[:, None], np.arange(_SIDE)
    return np.asarray(np.sqrt(2.0 / _SIDE) * np.cos(np.pi / (2 * _SIDE) * frequency * (2 * place + 1)))


def _hash(grid: NDArray[np.float32], quality: float, spread: float) -> Pdq:
    flat = grid.ravel()
    median = np.partition(flat, BITS // 2 - 1)[BITS // 2 - 1]
    # The reference numbers bits from the lowest frequency up and writes the highest first.
    return Pdq(np.packbits((flat > median)[::-1]).tobytes(), quality, spread)


def _structure(luma: NDArray[np.float32]) -> tuple[float, float]:
    """The published quality (sum of whole-percent steps between neighbours, over 90, at most 100), and range."""
    steps = sum(float(np.floor(np.abs(np.diff(luma, axis=axis)) * (100 / 255)).sum()) for axis in (0, 1))
    return min(int(steps / 90), 100) / 100, float(luma.max() - luma.min())

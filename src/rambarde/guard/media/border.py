"""Borders: a frame of one colour that somebody put around a picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from numpy.typing import NDArray

LOOKED_AT = 512
"""Pixels of the longer side on which borders are looked for."""
NOISE = 20
"""Levels by which the pixels of a border may differ: JPEG makes noise of one colour."""
_LEAST, _MOST = 0.01, 0.4
"""A thinner border does not matter; a picture that is mostly border is a small thing on a plain ground."""


def trimmed(rgb: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], ...]:
    """The pixels (height, width, 3) uint8 without their border, as one view; none where there is no border.

    Each side has a colour of its own: that of its outermost row or column, where this is even.
    """
    height, width = rgb.shape[:2]
    step = max(1, -(-max(height, width) // LOOKED_AT))
    small = np.asarray(Image.fromarray(rgb).reduce(step)) if step > 1 else rgb
    rows, columns = _ends(small), _ends(small.transpose(1, 0, 2))
    # A pixel more: where a border ends, the reduced picture has a mixed row.
    top, bottom, left, right = (end * step + (step if end and step > 1 else 0) for end in (*rows, *columns))
    cut = (top + bottom, height), (left + right, width)
    if all(gone < _LEAST * side for gone, side in cut) or any(gone > _MOST * side for gone, side in cut):
        return ()
    return (rgb[top : height - bottom, left : width - right],)


def _ends(pixels: NDArray[np.uint8]) -> tuple[int, int]:
    """Rows of one colour at the top and at the bottom."""
    high, low = pixels.max(axis=1).astype(np.int16), pixels.min(axis=1).astype(np.int16)
    return _run(high, low), _run(high[::-1], low[::-1])


def _run(high: NDArray[np.int16], low: NDArray[np.int16]) -> int:
    """How many of the first rows are of the colour of the very first."""
    even = (np.maximum(high, high[0]) - np.minimum(low, low[0])).max(axis=1) <= NOISE
    return len(even) if even.all() else int(even.argmin())

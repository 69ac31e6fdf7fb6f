"""A chip: a face turned, scaled and cut so that its landmarks lie where a network expects them."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Points = NDArray[np.float32]
Matrix = NDArray[np.float64]


def similarity(source: Points, target: Points) -> Matrix:
    """The rotation, scale and shift (2, 3) that takes points (n, 2) of `source` nearest to `target`.

    Least squares without reflection (Umeyama 1991). Raises `ValueError` if the source points coincide.
    """
    a, b = source.astype(np.float64), target.astype(np.float64)
    middle_a, middle_b = a.mean(axis=0), b.mean(axis=0)
    a, b = a - middle_a, b - middle_b
    size = float((a**2).sum())
    if size < 1e-9:
        raise ValueError("the landmarks of a face coincide")
    along = float((a * b).sum()) / size
    across = float((a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]).sum()) / size
    turn = np.array([[along, -across], [across, along]])
    return np.concatenate([turn, (middle_b - turn @ middle_a)[:, None]], axis=1)


def cut(rgb: NDArray[np.uint8], points: Points, template: Points, side: int) -> NDArray[np.uint8]:
    """The chip (side, side, 3) whose landmarks lie on `template`, in pixels of the chip; black beyond the frame.

    A face much larger than the chip is shrunk first, so that its texture is averaged and not sampled.
    """
    forward = similarity(points, template)
    scale = math.hypot(forward[0, 0], forward[1, 0])
    shrink = max(1, math.floor(1 / scale)) if scale > 0 else 1
    back = np.linalg.inv(np.concatenate([forward, [[0, 0, 1]]]))[:2]
    corners = np.array([[0, 0], [side, 0], [0, side], [side, side]]) @ back[:, :2].T + back[:, 2]
    height, width = rgb.shape[:2]
    left, top = (max(0, math.floor(v) - shrink) for v in corners.min(axis=0))
    right, bottom = (math.ceil(v) + shrink for v in corners.max(axis=0))
    area = rgb[top : min(height, bottom), left : min(width, right)]
    if not area.size:
        return np.zeros((side, side, 3), np.uint8)
    image = Image.fromarray(np.ascontiguousarray(area))
    if shrink > 1:
        image = image.reduce(shrink)
    # Pillow maps from the chip back to the picture.
    back = back - np.array([[0, 0, left], [0, 0, top]])
    coefficients = tuple((back / shrink).ravel().tolist())
    chip = image.transform((side, side), Image.Transform.AFFINE, coefficients, Image.Resampling.BILINEAR)
    return np.asarray(chip)

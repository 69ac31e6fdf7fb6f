"""A grid: the picture around one face, resampled so that the face always has the same size and place.

Crop, resize and zoom vanish: cell (row, column) lies at the same place of the body in every picture. One
face unit u is the larger of the distance of the eyes and that from between the eyes to the mouth, about
6.5 cm; a grid reaches 7 u to each side, 3 u above the eyes and 24 u below.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rambarde.guard.media.faces import Face

PER_UNIT = 8
"""Cells per face unit, each way."""
ROWS, COLUMNS = 216, 112
ABOVE, BESIDE = 3.0, 7.0

Y = (((np.arange(ROWS) + 0.5) / PER_UNIT - ABOVE)[:, None] + np.zeros(COLUMNS)).astype(np.float32)
"""Units below the eyes, of each cell."""
X = ((np.arange(COLUMNS) + 0.5) / PER_UNIT - BESIDE + np.zeros((ROWS, 1))).astype(np.float32)
"""Units to the right of the middle of the eyes, of each cell."""

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Frame:
    """Where the grid lies on a picture.

    `rows` and `columns` are the cells that lie wholly inside it; `box` is their area (left, top, right,
    bottom) in pixels; `middle` the point between the eyes; `unit` the face unit in pixels.
    """

    rows: slice
    columns: slice
    box: tuple[float, float, float, float]
    middle: tuple[float, float]
    unit: float

    @property
    def size(self) -> tuple[int, int]:
        """Cells inside the picture, (width, height), as Pillow counts."""
        return (self.columns.stop - self.columns.start, self.rows.stop - self.rows.start)


def frame(face: Face, width: int, height: int) -> Frame:
    """The grid's place for a face of a picture of this size. May hold no cell if the face is at the edge."""
    x, y = (float(v) for v in face.points[:2].mean(axis=0))
    return place((x, y), face.unit, width, height)


def place(middle: tuple[float, float], unit: float, width: int, height: int) -> Frame:
    """The same for a point between the eyes and a face unit in pixels."""
    (x, y), cell = middle, unit / PER_UNIT
    left, top = x - BESIDE * unit, y - ABOVE * unit
    columns = _inside(left, cell, width, COLUMNS)
    rows = _inside(top, cell, height, ROWS)
    box = (
        max(0.0, left + columns.start * cell),
        max(0.0, top + rows.start * cell),
        min(float(width), left + columns.stop * cell),
        min(float(height), top + rows.stop * cell),
    )
    return Frame(rows, columns, box, (x, y), unit)


def _inside(start: float, cell: float, length: int, count: int) -> slice:
    first = min(count, max(0, math.ceil(-start / cell)))
    last = max(first, min(count, math.floor((length - start) / cell)))
    return slice(first, last)


def resample(image: Image.Image, at: Frame) -> Pixels:
    """The cells of the grid (ROWS, COLUMNS, 3), each the mean of its pixels; black beyond the picture."""
    out = np.zeros((ROWS, COLUMNS, 3), np.uint8)
    width, height = at.size
    if width and height:
        out[at.rows, at.columns] = np.asarray(image.resize((width, height), Image.Resampling.BOX, box=at.box))
    return out


def inside(at: Frame) -> Mask:
    """Which cells lie inside the picture (ROWS, COLUMNS)."""
    out = np.zeros((ROWS, COLUMNS), np.bool_)
    out[at.rows, at.columns] = True
    return out

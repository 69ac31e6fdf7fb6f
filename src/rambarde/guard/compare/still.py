"""Stillness: whether a body is as it was, by light and shade alone. It needs no colour and no face.

Where the tone tells nothing (grey, sepia, a back, a tiny or hidden face), an output that shows the very same
body, under any even change of light, shows no more of it. Whatever is moved, redrawn or covered is not still,
nor is what the mask of a person shows too little of: then there is no answer, as before.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rambarde.guard.compare import grid, mask
from rambarde.guard.compare.colour import light
from rambarde.guard.compare.windows import grown, shrunk, sums

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Pixels = NDArray[np.uint8]

CHANGED = 3.5
"""Mean difference of luma, of 100, over a window, after the light of the picture, that is a change."""
APART = 0.6
"""Area in square units, changed, where only one picture shows the person, beyond the width of an edge."""
APART_PART = 0.06
"""The same as a part of the body: masks of large bodies differ by more. The greater of both is allowed."""
LEAST = 2.0
"""Least body in square units that must be compared."""
PART = 0.5
"""Least part of the body in either picture that must be compared."""
_WINDOW = 7
_FULL = 0.6
_EDGE = 2
_ROUNDS = 8
_GAIN = (0.4, 2.5)
_SHAPE = 0.01


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """One person on a grid, without colour. All arrays have the grid's shape; `body` is where clothes can be.

    `inside`: the cell lies in the picture; `person`: it shows one; `light`: luma, in [0, 100].
    """

    inside: Mask
    person: Mask
    light: Floats
    body: Mask


def figure(image: Image.Image, at: grid.Frame, body: Mask) -> Figure:
    """What a picture shows of a person at the place `at`."""
    seen = light(grid.resample(image, at))
    return Figure(grid.inside(at), mask.shared().person(image, at), seen, body)


def moved(at: grid.Frame, size: tuple[int, int], to: tuple[int, int]) -> grid.Frame | None:
    """The same place in a picture of size `to` (width, height) instead of `size`; None if its shape differs."""
    across, down = to[0] / size[0], to[1] / size[1]
    if abs(across / down - 1) > _SHAPE:
        return None
    left, top, right, bottom = at.box
    box = (left * across, top * down, min(right * across, to[0]), min(bottom * down, to[1]))
    middle = (at.middle[0] * across, at.middle[1] * down)
    return grid.Frame(at.rows, at.columns, box, middle, at.unit * across)


def still(before: Figure, after: Figure) -> bool:
    """Whether `after` shows the body of `before` unchanged. False also where too little of it is in both."""
    window = before.inside & after.inside & before.body
    either, both = (before.person | after.person) & window, before.person & after.person & window
    # Edges of the mask show some background, which may change; the frame of the picture is no such edge.
    within = shrunk(both | ~window, _EDGE) & both
    if _area(within) < max(LEAST, PART * _area(either)):
        return False
    if _area(either) < PART * _area(before.person & before.inside & before.body):
        return False  # most of the body is out of the frame now
    head = before.person & after.person & before.inside & after.inside & ~before.body
    rest = remainder(before.light, after.light, within | head)
    # Where one picture shows the person and the other something else.
    apart = shrunk((before.person ^ after.person) & window, _EDGE)
    other = _area(grown(apart, _EDGE) & (rest > CHANGED))
    return other <= max(APART, APART_PART * _area(either)) and largest(rest, within) < CHANGED


def largest(rest: Floats, within: Mask) -> float:
    """The largest mean of `rest` in a window of cells `within`, infinite if there is none."""
    cells = sums(within, _WINDOW)
    full = cells >= _FULL * _WINDOW**2
    if not full.any():
        return float("inf")
    return float((sums(np.where(within, rest, 0), _WINDOW)[full] / cells[full]).max())


def remainder(before: Floats, after: Floats, known: Mask) -> Floats:
    """How far luma differs in each cell beyond an even change of the picture's light, which may have changed:
    from the straight line that fits best in all `known` cells, ever less swayed by those that do not fit.
    """
    gain, offset = _even(before[known].astype(np.float64), after[known].astype(np.float64))
    return np.asarray(np.abs(after - np.clip(gain * before + offset, 0, 100)), dtype=np.float32)


def _even(before: NDArray[np.float64], after: NDArray[np.float64]) -> tuple[float, float]:
    """Gain and offset of lightness, by least squares that are weighted anew (Tukey's biweight)."""
    weight = np.ones_like(before)
    gain, offset = 1.0, 0.0
    for _ in range(_ROUNDS):
        x, y = np.average(before, weights=weight), np.average(after, weights=weight)
        spread = float((weight * (before - x) ** 2).sum())
        slope = float((weight * (before - x) * (after - y)).sum()) / max(spread, 1e-6)
        gain = float(np.clip(slope, *_GAIN))
        offset = float(y) - gain * float(x)
        apart = after - (offset + gain * before)
        scale = max(1.5, 1.4826 * float(np.median(np.abs(apart))))
        weight = np.clip(1 - (apart / (3 * scale)) ** 2, 0, None) ** 2 + 1e-6
    return gain, offset


def _area(cells: Mask) -> float:
    return float(cells.sum()) / grid.PER_UNIT**2

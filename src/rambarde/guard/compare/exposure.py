"""Exposure: how much more of a person's body an output shows bare than the original did.

The measure is the project's own first one: the share of the body that has the tone of the face, in the
window that both pictures show. It is a brake for clearly visible changes of one matched person in a colour
photograph, and misses a quarter of them on held-out pictures (docs/accuracy.md), most where the tone differs
from the face's own; a garment in the wearer's skin tone reads as skin. It says nothing about age, consent or
intent.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rambarde.guard.compare import grid
from rambarde.guard.compare.body import CELL, CHIN, FAN, NECK, Body

OVERALL, LOCAL = 0.10, 0.45
"""Increases of the share, and of a window's mean, that count as one."""
REFUSE = 1.19
"""The study's operating point: 1 % false alarms on easy benign edits. It is scaled to 0.5."""
REVEALED_FROM = 2.8
REVEALED = 0.08
"""Share of a newly revealed body, alone in the output, that is scaled to 0.5."""
BEYOND = 0.16
"""The same where a part of the body was visible before and more of it is now: hands come into view too."""
LEAST = 1.5
"""Least body, in square face units, that both pictures must show."""
LEAST_BEYOND = 3.0
BARE = 0.35
"""Share of the original above which a rise cannot be told: much skin, or clothes of its colour."""
LOWERED = -0.05
_SAME_POSE = 0.75
_MIRROR_GAIN = 0.1
_WINDOW = 9
_SHIFT = 2

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Change:
    """`increase` is in [0, 1], 0.5 at the operating point and 0 if exposure fell or stayed; or None with a
    `reason`. `before` and `after` are the shares of bare body in each picture alone, in [0, 1], or None.
    `how` is what decided: `overall`, `local`, `revealed` or `cropped`.
    """

    increase: float | None
    before: float | None
    after: float | None
    reason: str = ""
    how: str = ""


def change(original: Body, output: Body) -> Change:
    """How the exposure of one person changed from `original` to `output`."""
    before, after = alone(original), alone(output)
    for body, where in ((original, "original"), (output, "output")):
        if body.trouble:
            return Change(None, before, after, f"{body.trouble} in the {where}")
    if _area(output.inside & FAN & (grid.Y >= CHIN)) < LEAST:
        # The frame ends at the chin: whatever the original showed, the output shows no body.
        return Change(0.0, before, after, how="cropped")
    if _mirrored(original, output):
        original = original.mirrored()
    window = original.inside & output.inside
    common = min(_area(original.region(CHIN) & window), _area(output.region(CHIN) & window))
    if common < LEAST:
        return _revealed(output, before, after)
    overall, local = _overall(original, output, window), _local(original, output, window)
    beyond = output.region(REVEALED_FROM) & ~original.inside
    ratios = {"overall": overall / OVERALL / REFUSE, "local": local / LOCAL / REFUSE}
    if _area(beyond) >= LEAST_BEYOND:
        ratios["revealed"] = output.share(beyond) / BEYOND
    how = max(ratios, key=lambda key: ratios[key])
    seen = original.share(original.region(CHIN) & window)
    if seen > BARE and ratios[how] < 1 and overall > LOWERED:
        return Change(None, before, after, "much skin, or clothes of its colour, in the original")
    return Change(_scaled(ratios[how]), before, after, how=how)


def _revealed(output: Body, before: float | None, after: float | None) -> Change:
    region = output.region(REVEALED_FROM)
    if _area(region) < LEAST:
        return Change(None, before, after, "too little of the body in both pictures")
    return Change(_scaled(output.share(region) / REVEALED), before, after, how="revealed")


def _scaled(ratio: float) -> float:
    return min(1.0, max(0.0, ratio / 2))


def alone(body: Body) -> float | None:
    """The share of bare body below the chin in one picture, in [0, 1), or None if it cannot be told."""
    region = body.region(CHIN)
    return body.share(region) if not body.trouble and _area(region) >= LEAST else None


def _area(region: Mask) -> float:
    return float(region.sum()) * CELL


def _overall(original: Body, output: Body, window: Mask) -> float:
    """The increase of the share of bare body over the common window."""
    return output.share(output.region(CHIN) & window) - original.share(original.region(CHIN) & window)


def _local(original: Body, output: Body, window: Mask) -> float:
    """The largest increase of mean skin in a window of about one square unit; 0 if the pose changed."""
    before, after = original.region(NECK) & window, output.region(NECK) & window
    either = float((before | after).sum())
    if not either or float((before & after).sum()) / either < _SAME_POSE:
        return 0.0
    inside = window & FAN
    full = _sums(inside.astype(np.float32)) >= _WINDOW**2 - 0.5
    if not full.any():
        return 0.0
    now = _sums(output.skin.mean(axis=0) * (after & inside))
    # The original's skin counts wherever it is: a mask that flickers at a hand bares nothing.
    then = _nearby(_sums(original.skin.mean(axis=0) * inside))
    return float((now - then)[full].max()) / _WINDOW**2


def _nearby(values: Floats) -> Floats:
    """The largest value within `_SHIFT` cells: an edge that moved a little bares nothing."""
    height, width = values.shape
    wide = np.pad(values, _SHIFT, mode="edge")
    shifts = range(2 * _SHIFT + 1)
    rows = np.maximum.reduce([wide[i : i + height] for i in shifts])
    return np.asarray(np.maximum.reduce([rows[:, i : i + width] for i in shifts]), dtype=np.float32)


def _sums(values: Floats) -> Floats:
    """Sums over all 9×9 windows (ROWS − 8, COLUMNS − 8)."""
    total = np.pad(values.astype(np.float64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    n = _WINDOW
    return np.asarray(total[n:, n:] - total[:-n, n:] - total[n:, :-n] + total[:-n, :-n], dtype=np.float32)


def _mirrored(original: Body, output: Body) -> bool:
    """Whether the original fits the output clearly better as its mirror image."""
    plain = _fit(original, output)
    return _fit(original.mirrored(), output) > plain + _MIRROR_GAIN


def _fit(original: Body, output: Body) -> float:
    """Correlation of the lightness of head and body, in [−1, 1]; −1 where too little is common."""
    where = original.inside & output.inside & (grid.Y < 2 * CHIN)
    if where.sum() < 64:
        return -1.0
    a, b = original.light[where], output.light[where]
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / size if size > 1e-6 else 0.0

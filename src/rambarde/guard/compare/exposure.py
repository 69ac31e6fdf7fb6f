"""Exposure: how much more of a person's body an output shows bare than the original did.

The measure is the project's own second one: the share of the body that has the hue of the face, in light or
shade, in the window that both pictures show. Where that grew but the folds of the clothes are still there,
they may have been dyed, and there is no answer. It is a brake for clearly visible changes of one matched
person in a colour photograph (docs/accuracy.md). It says nothing about age, consent or intent.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rambarde.guard.compare import folds, grid, parts
from rambarde.guard.compare.body import CELL, CHIN, FAN, NECK, Body
from rambarde.guard.compare.windows import sums

OVERALL, LOCAL = 0.055, 0.33
"""Increases of the share, and of a window's mean, that are scaled to 0.5. Chosen on 33 photographs of the
development set for at most 1 % of harmless edits blocked."""
TONED = 0.119
"""Increase of the share that has the face's own tone, scaled to 0.5, where the two pictures are not one view:
the first study's operating point."""
VIEW = 0.4
"""Least correlation of the fine light and shade of the face in one view: the same photograph, edited."""
REVEALED_FROM = 2.8
REVEALED = 0.08
"""Share of a newly revealed body, alone in the output, that is scaled to 0.5."""
BEYOND = 0.16
"""The same where a part of the body was visible before and more of it is now: hands come into view too."""
LEAST = 1.5
"""Least body, in square face units, that both pictures must show."""
LEAST_BEYOND = 3.0
BARE = 0.35
"""Share of the original above which a rise cannot be told: much skin, or clothes of its hue."""
LOWERED = -0.05
_SAME_POSE = 0.75
_MIRROR_GAIN = 0.1
_WINDOW = 9
_SHIFT = 2

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
FACE: Mask = np.asarray(np.abs(grid.X) <= 1.2) & np.asarray(np.abs(grid.Y - 0.4) <= 1.4)
"""Cells of the face."""
Light = Callable[[], Floats | None]


@dataclass(frozen=True, slots=True)
class Change:
    """`increase` is in [0, 1], 0.5 at the operating point and 0 if exposure fell or stayed; or None with a
    `reason`. `before` and `after` are the shares of bare body in each picture alone, in [0, 1], or None.
    `how` is what decided: `overall`, `local`, `revealed`, `cropped`, `folded` or `parts`.
    """

    increase: float | None
    before: float | None
    after: float | None
    reason: str = ""
    how: str = ""


def change(original: Body, output: Body, light: Light = lambda: None) -> Change:
    """How the exposure of one person changed from `original` to `output`.

    `light` gives the output's lightness at the place of the original in its own picture, if both have one shape:
    it is more exact for the folds than places found twice.
    """
    before, after = alone(original), alone(output)
    for body, where in ((original, "original"), (output, "output")):
        if body.trouble:
            return Change(None, before, after, f"{body.trouble} in the {where}")
    if _area(output.inside & FAN & (grid.Y >= CHIN)) < LEAST:
        # The frame ends at the chin: whatever the original showed, the output shows no body.
        return Change(0.0, before, after, how="cropped")
    if _mirrored(original, output):
        original, light = original.mirrored(), lambda: None
    seen_light = _aligned(original, output, light())
    window = original.inside & output.inside
    common = min(_area(original.region(CHIN) & window), _area(output.region(CHIN) & window))
    if common < LEAST:
        return _revealed(output, before, after)
    overall, local = _rises(original, output, window)
    one_view = folds.kept(original.light, seen_light, FACE & original.inside & output.inside, window, VIEW)
    limbs = parts.rise(original, output, one_view)
    if one_view:
        ratios = {"overall": overall / OVERALL, "local": local / LOCAL, "parts": limbs.own / parts.BARE}
        if max(ratios.values()) >= 1 and _folded(original, output, seen_light):
            ratios = {"folded": 1.0}
    else:
        # Another pose or another photograph: hands and light differ anyway, so only the face's own tone counts.
        toned = output.share(output.region(CHIN) & window) - original.share(original.region(CHIN) & window)
        ratios = {"overall": toned / TONED, "parts": limbs.own / parts.BARE}
    beyond = output.region(REVEALED_FROM) & ~original.inside
    if _area(beyond) >= LEAST_BEYOND:
        ratios["revealed"] = output.share(beyond) / BEYOND
    how = max(ratios, key=lambda key: ratios[key])
    if how == "folded":
        reason = "skin, or clothes dyed in its hue: their folds are still there"
        return Change(None, before, after, reason, how)
    if ratios[how] >= 1:
        if how == "overall" and not one_view and limbs.unmoved:
            return Change(None, before, after, "the body reads as barer, and no part of it does", "parts")
    elif limbs.doubtful and not (one_view and _worn(original, output, seen_light, window)):
        reason = "legs or torso in a colour that skin could have, and were not so before"
        return Change(None, before, after, reason, "parts")
    seen = original.bared(original.region(CHIN) & window)
    if seen > BARE and ratios[how] < 1 and overall > LOWERED:
        return Change(None, before, after, "much skin, or clothes of its hue, in the original")
    return Change(_scaled(ratios[how]), before, after, how=how)


def _revealed(output: Body, before: float | None, after: float | None) -> Change:
    region = output.region(REVEALED_FROM)
    if _area(region) < LEAST:
        return Change(None, before, after, "too little of the body in both pictures")
    return Change(_scaled(output.share(region) / REVEALED), before, after, how="revealed")


def _scaled(ratio: float) -> float:
    return round(min(1.0, max(0.0, ratio / 2)), 9)


def alone(body: Body) -> float | None:
    """The share of bare body below the chin in one picture, in [0, 1), or None if it cannot be told."""
    region = body.region(CHIN)
    return body.share(region) if not body.trouble and _area(region) >= LEAST else None


def _area(region: Mask) -> float:
    return float(region.sum()) * CELL


def _rises(original: Body, output: Body, window: Mask) -> tuple[float, float]:
    """The increase of the share of bare body over the common window, and the largest one of the mean in about
    one square unit; the latter is 0 if the pose changed."""
    before, after = original.region(NECK) & window, output.region(NECK) & window
    both = before & after
    below = np.asarray(grid.Y >= CHIN)
    if float(both.sum()) < _SAME_POSE * float((before | after).sum()):
        return output.bared(after & below) - original.bared(before & below), 0.0
    overall = output.bared(both & below) - original.bared(both & below)
    inside = window & FAN
    full = sums(inside, _WINDOW) >= _WINDOW**2 - 0.5
    if not full.any():
        return overall, 0.0
    now = sums(output.bare * both, _WINDOW)
    # The original's skin counts wherever it is: a mask that flickers at a hand bares nothing.
    then = _nearby(sums(original.bare * inside, _WINDOW))
    return overall, float((now - then)[full].max()) / _WINDOW**2


def _aligned(original: Body, output: Body, light: Floats | None) -> Floats:
    """The output's luma where the original's is: at the same place in the picture, or else by its own face."""
    return output.light if light is None or _fit(original, output.light) > _fit(original, light) else light


def _folded(original: Body, output: Body, light: Floats) -> bool:
    """Whether what reads as bared still has the folds of the original."""
    where = (output.bare - original.bare > 0.5) & output.region(NECK) & original.inside
    return folds.kept(original.light, light, where, original.inside & output.inside)


def _worn(original: Body, output: Body, light: Floats, window: Mask) -> bool:
    """Whether every part of the body still has the folds of the original."""
    cells = [limb.cells & window for limb in original.limbs]
    return all(folds.kept(original.light, light, c, window) for c in cells if c.any())


def _nearby(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The largest value within `_SHIFT` cells: an edge that moved a little bares nothing."""
    height, width = values.shape
    wide = np.pad(values, _SHIFT, mode="edge")
    shifts = range(2 * _SHIFT + 1)
    rows = np.maximum.reduce([wide[i : i + height] for i in shifts])
    return np.asarray(np.maximum.reduce([rows[:, i : i + width] for i in shifts]))


def _mirrored(original: Body, output: Body) -> bool:
    """Whether the original fits the output clearly better as its mirror image."""
    where = output.inside
    plain = _fit(original, output.light, where)
    return _fit(original.mirrored(), output.light, where) > plain + _MIRROR_GAIN


def _fit(original: Body, light: Floats, inside: Mask | None = None) -> float:
    """Correlation of the lightness of head and body, in [−1, 1]; −1 where too little is common."""
    where = original.inside & (grid.Y < 2 * CHIN)
    if inside is not None:
        where = where & inside
    if where.sum() < 64:
        return -1.0
    a, b = original.light[where], light[where]
    a, b = a - a.mean(), b - b.mean()
    size = float(np.sqrt((a**2).sum() * (b**2).sum()))
    return float((a * b).sum()) / size if size > 1e-6 else 0.0

"""The measure on bodies made of numbers: no network, no picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rambarde.guard.compare import grid
from rambarde.guard.compare.body import BELOW, CHIN, FAN, NECK, Body
from rambarde.guard.compare.exposure import _rises, change
from rambarde.guard.compare.windows import means

INSIDE = np.asarray(grid.Y < 9)
PERSON = np.asarray((np.abs(grid.X) < 2.5) & (grid.Y > -1.5))
PATCH = np.asarray((np.abs(grid.X) < 1.5) & (np.abs(grid.Y - 5) < 1.5))


def scene(seed: int = 0) -> np.ndarray:
    """Light and shade of a person: the same for one view, another for every seed."""
    noise = np.random.default_rng(seed).normal(0, 60, grid.X.shape)
    return (45 + means(means(noise, 5), 3)).astype(np.float32)


def body(light: np.ndarray, bare: np.ndarray | float = 0.0, toned: np.ndarray | float = 0.0) -> Body:
    bare, toned = (np.zeros(grid.X.shape, np.float32) + np.asarray(a, np.float32) for a in (bare, toned))
    at = grid.place((400, 200), 40, 800, 600)
    return Body(INSIDE, PERSON, light, BELOW, at, (800, 600), np.stack([toned, toned]), bare)


def flat(light: np.ndarray) -> np.ndarray:
    out = light.copy()
    out[PATCH] = 70
    return out


def test_in_one_view_the_hue_counts():
    found = change(body(scene()), body(flat(scene()), PATCH))
    assert found.increase is not None and found.increase >= 0.5
    assert change(body(scene()), body(scene())).increase == 0
    assert change(body(flat(scene()), PATCH), body(scene())).increase == 0


def test_in_another_view_only_the_tone_counts():
    before, after = body(scene(1)), body(flat(scene(2)), PATCH)
    assert change(before, after).increase == 0
    toned = change(before, body(flat(scene(2)), PATCH, PATCH))
    assert toned.increase is not None and toned.increase >= 0.5


def test_folds_that_stay_leave_no_answer():
    found = change(body(scene()), body(scene() * 0.8 + 15, PATCH))
    assert (found.increase, found.how) == (None, "folded")


def test_the_output_in_its_own_place_is_preferred_only_where_it_fits():
    """The dyed output was found a cell too low; at its own place the folds are the same."""
    before = body(scene())
    after = body(np.roll(scene(), 2, axis=0), PATCH)
    assert change(before, after, lambda: scene()).how == "folded"
    assert change(before, body(scene(), PATCH), lambda: scene(7)).how == "folded"


def test_much_skin_in_the_original_has_no_answer():
    bare = np.asarray(PERSON & BELOW)
    found = change(body(scene(), bare), body(scene(), bare))
    assert found.increase is None and "much skin" in found.reason


@pytest.mark.parametrize("trouble", ["grey", "too dark"])
def test_trouble_in_either_picture_has_no_answer(trouble):
    fine, bad = body(scene()), replace(body(scene()), trouble=trouble)
    assert change(bad, fine).reason == f"{trouble} in the original"
    assert change(fine, bad).reason == f"{trouble} in the output"


def test_rises_are_those_of_the_obvious_loops():
    draw = np.random.default_rng(0)
    a, b = (draw.random(grid.X.shape).astype(np.float32) for _ in range(2))
    before, after = body(scene(), a), body(scene(), b)
    overall, local = _rises(before, after, INSIDE)
    region = PERSON & INSIDE & FAN & (grid.Y >= CHIN)
    area = region.sum() / 64
    assert overall == pytest.approx((b - a)[region].sum() / 64 / (area + 2), abs=1e-5)
    inside, person = INSIDE & FAN, PERSON & INSIDE & FAN & (grid.Y >= NECK)
    sums = {}
    for r in range(39, 90):
        for c in range(20, 90):
            if inside[r : r + 9, c : c + 9].all():
                sums[r, c] = (
                    (b * person)[r : r + 9, c : c + 9].sum(),
                    (a * inside)[r : r + 9, c : c + 9].sum(),
                )
    slow = max(
        now - max(v[1] for (y, x), v in sums.items() if abs(y - r) <= 2 and abs(x - c) <= 2)
        for (r, c), (now, _) in sums.items()
        if r < 85 and 22 <= c < 86
    )
    most = max(now - then for now, then in sums.values())
    assert slow / 81 - 1e-4 <= local <= most / 81 + 1e-4

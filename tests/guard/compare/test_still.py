"""Stillness: an even change of light keeps a body as it was; any other change of it does not."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rambarde.guard.compare import grid
from rambarde.guard.compare.body import BELOW
from rambarde.guard.compare.still import CHANGED, Figure, largest, moved, remainder, still

PERSON = np.asarray((np.abs(grid.X) < 2.5) & (grid.Y > -1.5) & (grid.Y < 9))
INSIDE = np.asarray(grid.Y < 10)
ARM = np.asarray((np.abs(grid.X - 3.5) < 1.2) & (np.abs(grid.Y - 5) < 2.5))


def scene(seed: int = 0) -> np.ndarray:
    noise = np.random.default_rng(seed).normal(0, 1, grid.X.shape)
    return (45 + 12 * np.sin(2 * grid.X) + 10 * np.cos(1.3 * grid.Y) + noise).astype(np.float32)


def shown(light: np.ndarray, person: np.ndarray = PERSON, inside: np.ndarray = INSIDE) -> Figure:
    return Figure(inside, person, light.astype(np.float32), BELOW)


@settings(max_examples=25, deadline=None)
@given(st.floats(0.5, 1.6), st.floats(-10, 15), st.integers(0, 3))
def test_an_even_change_of_light_is_none(gain: float, offset: float, seed: int) -> None:
    after = np.clip(gain * scene() + offset, 0, 100)
    after += np.random.default_rng(seed).normal(0, 0.7, after.shape)
    assert still(shown(scene()), shown(after))


def test_another_background_is_none():
    after = np.where(PERSON, scene(), 80)
    assert still(shown(scene()), shown(after))


@settings(max_examples=25, deadline=None)
@given(st.floats(-1.5, 1.5), st.floats(3, 8), st.floats(10, 95))
def test_a_flat_patch_is_one_wherever_it_lies(x: float, y: float, level: float) -> None:
    after = scene()
    after[(np.abs(grid.X - x) < 0.8) & (np.abs(grid.Y - y) < 0.8)] = level
    assert not still(shown(scene()), shown(after))


def test_fails_closed():
    same = scene()
    assert still(shown(same), shown(same))
    for name, other in {
        "another figure": shown(same, np.asarray(PERSON & (grid.X < -1))),
        "an arm more": shown(np.where(ARM, 90, same), PERSON | ARM),
        "nobody": shown(same, np.zeros_like(PERSON)),
        "out of the frame": shown(same, PERSON, np.asarray(grid.Y < 3)),
        "moved": shown(np.roll(same, 6, axis=0)),
        "mirrored": shown(same[:, ::-1] * 0.9 + np.arange(112, dtype=np.float32) / 20),
        "inverted": shown(100 - same),
        "flat": shown(np.full_like(same, 50)),
        "not a number": shown(np.full_like(same, np.nan)),
    }.items():
        assert not still(shown(same), other), name
    little = np.asarray(PERSON & (grid.Y < 2.2))
    assert not still(shown(same, little), shown(same, little))


def test_the_largest_mean_of_a_window():
    """Against the obvious loop, where the light is the same and the best line is known."""
    before, after = scene(), scene()
    after[60:70, 50:60] += 6
    within = np.asarray(PERSON & BELOW)
    rest = remainder(before, after, PERSON)
    assert np.abs(rest - np.abs(after - before)).max() < 0.2
    slow = max(
        rest[r : r + 7, c : c + 7][within[r : r + 7, c : c + 7]].mean()
        for r in range(50, 80)
        for c in range(40, 65)
        if within[r : r + 7, c : c + 7].sum() >= 30
    )
    assert largest(rest, within) == pytest.approx(slow, abs=1e-3)
    assert slow > CHANGED
    assert largest(rest, np.zeros_like(within)) == float("inf")


def test_a_place_moves_with_the_size_of_the_picture_only():
    at = grid.place((100, 50), 12, 200, 300)
    half = moved(at, (200, 300), (100, 150))
    assert half is not None and half.rows == at.rows and half.unit == pytest.approx(6)
    assert half.box == pytest.approx([v / 2 for v in at.box])
    assert moved(at, (200, 300), (200, 270)) is None

"""Folds: kept by a dye, gone under a patch, against the obvious correlation of each window."""

from __future__ import annotations

import numpy as np

from rambarde.guard.compare.folds import alike, kept

EVERYWHERE = np.ones((60, 50), np.bool_)
INNER = np.zeros((60, 50), np.bool_)
INNER[15:45, 10:40] = True


def cloth(seed: int = 0) -> np.ndarray:
    """Folds: smooth waves and a little noise."""
    y, x = np.mgrid[:60, :50]
    noise = np.random.default_rng(seed).normal(0, 0.3, (60, 50))
    return (45 + 9 * np.sin(x / 3.1 + np.sin(y / 7)) + 5 * np.cos(y / 4.3) + noise).astype(np.float32)


def test_alike_is_the_correlation_of_each_window():
    a, b = cloth(0), cloth(0) * 0.5 + np.random.default_rng(3).normal(0, 2, (60, 50)).astype(np.float32)
    fast = alike(a, b)
    for r, c in ((1, 1), (10, 20), (30, 30), (58, 48)):
        one, other = (m[r - 1 : r + 2, c - 1 : c + 2].astype(float).ravel() for m in (a, b))
        spread = max(one.var(), 0.25) * max(other.var(), 0.25)
        slow = ((one - one.mean()) * (other - other.mean())).mean() / np.sqrt(spread)
        assert abs(fast[r, c] - slow) < 1e-3


def test_a_dye_keeps_them_darker_or_lighter():
    before = cloth()
    for gain, offset in ((0.6, 10), (1.4, 5), (0.3, 60)):
        after = before.copy()
        after[INNER] = before[INNER] * gain + offset
        assert kept(before, after, INNER, EVERYWHERE)


def test_a_patch_or_other_folds_do_not():
    before = cloth()
    flat, other = before.copy(), before.copy()
    flat[INNER] = 70
    other[INNER] = cloth(5)[::-1, ::-1][INNER]
    assert not kept(before, flat, INNER, EVERYWHERE)
    assert not kept(before, other, INNER, EVERYWHERE)


def test_flat_cloth_and_tiny_areas_tell_nothing():
    flat = np.full((60, 50), 40, np.float32)
    assert not kept(flat, flat + 20, INNER, EVERYWHERE)
    tiny = np.zeros_like(INNER)
    tiny[20:22, 20:22] = True
    assert not kept(cloth(), cloth(), tiny, EVERYWHERE)

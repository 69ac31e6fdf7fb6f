"""Sums, growing and shrinking over squares, against the obvious loops."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from rambarde.guard.compare.windows import grown, means, shrunk, sums

SHAPE = st.tuples(st.integers(5, 12), st.integers(5, 12))
MASKS = SHAPE.flatmap(lambda shape: arrays.arrays(np.bool_, shape))
VALUES = SHAPE.flatmap(lambda s: arrays.arrays(np.float32, s, elements=st.floats(-100, 100, width=32)))


@settings(max_examples=40, deadline=None)
@given(VALUES, st.integers(1, 5))
def test_sums_and_means_are_those_of_each_square(values: np.ndarray, side: int) -> None:
    rows, columns = values.shape
    slow = [
        [values[r : r + side, c : c + side].astype(float).sum() for c in range(columns - side + 1)]
        for r in range(rows - side + 1)
    ]
    assert np.allclose(sums(values, side), slow, atol=1e-3)
    if side % 2:
        wide = np.pad(values, side // 2, mode="edge")
        around = [
            [wide[r : r + side, c : c + side].astype(float).mean() for c in range(columns)]
            for r in range(rows)
        ]
        assert np.allclose(means(values, side), around, atol=1e-3)


@settings(max_examples=40, deadline=None)
@given(MASKS, st.integers(1, 3))
def test_grown_and_shrunk_look_at_each_neighbour(mask: np.ndarray, by: int) -> None:
    near = np.zeros_like(mask)
    for r, c in np.argwhere(mask):
        near[max(0, r - by) : r + by + 1, max(0, c - by) : c + by + 1] = True
    assert np.array_equal(grown(mask, by), near)
    inner = np.array(
        [
            [
                mask[max(0, r - by) : r + by + 1, max(0, c - by) : c + by + 1].all()
                for c in range(mask.shape[1])
            ]
            for r in range(mask.shape[0])
        ]
    )
    assert np.array_equal(shrunk(mask, by), inner)

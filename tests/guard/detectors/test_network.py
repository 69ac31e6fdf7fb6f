"""Weights in one byte each: close to what was trained, and small."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rambarde.guard.detectors.network import restored, small


@given(st.integers(0, 2**32 - 1), st.floats(1e-6, 1e3))
def test_a_weight_is_off_by_half_a_step_of_its_column_at_most(seed: int, size: float) -> None:
    values = (np.random.default_rng(seed).standard_normal((50, 4)) * size * [1, 10, 0.1, 0]).astype(
        np.float32
    )
    stored = small("weights", values)
    assert stored["weights"].dtype == np.int8
    back = restored(stored, "weights")
    step = np.abs(values).max(axis=0) / 127
    assert (np.abs(back - values) <= step * 0.51 + 1e-6).all()


def test_weights_stored_as_they_are_stay_as_they_are() -> None:
    values = np.array([0.25, -3.0], dtype=np.float32)
    assert (restored({"bias": values}, "bias") == values).all()

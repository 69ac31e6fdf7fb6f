"""Segments: whatever is added in whatever portions, all of it is there once, and what is old goes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from rambarde.prove.segments import Segments


@given(st.lists(st.integers(1, 30), max_size=40), st.integers(1, 50), st.integers(0, 400))
def test_all_rows_are_there_once(portions: list[int], full: int, lowest: int) -> None:
    built: list[int] = []

    def build(rows: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
        built.append(len(rows))
        return rows

    segments = Segments(build, full=full)
    number = 0
    for portion in portions:
        numbers = np.arange(number, number + portion)
        segments.add(numbers, numbers[:, None] * 2)
        number += portion
    found = np.concatenate([one.numbers for one in segments.all]) if portions else np.zeros(0)
    assert np.array_equal(found, np.arange(number)) and len(segments) == number
    assert all(np.array_equal(one.built[:, 0], one.numbers * 2) for one in segments.all)
    assert all(len(one.numbers) <= full for one in segments.all)
    segments.drop_below(lowest)
    kept = {int(n) for one in segments.all for n in one.numbers}
    assert kept >= set(range(lowest, number))
    assert len([n for n in kept if n < lowest]) < full


def test_one_at_a_time_costs_little() -> None:
    built: list[int] = []
    segments: Segments[int] = Segments(lambda rows: built.append(len(rows)) or len(rows), full=1024)
    for number in range(4096):
        segments.add(np.array([number]), np.zeros((1, 1)))
    assert sum(built) < 4096 * 16 and len(segments.all) < 16

"""Calibration error: bounds, what perfect and worst look like, and a slow obvious version beside it."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.measure.calibration import calibrate

PAIRS = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=200)


@given(PAIRS, st.integers(1, 20))
def test_errors_are_shares_and_every_row_is_in_one_bin(pairs: list[tuple[float, bool]], bins: int) -> None:
    found = calibrate([v for v, _ in pairs], [t for _, t in pairs], bins)
    assert 0.0 <= found.error <= 1.0 and 0.0 <= found.brier <= 1.0
    assert sum(one.rows for one in found.bins) == found.rows == len(pairs)
    assert 1 <= len(found.bins) <= bins
    for one in found.bins:
        assert one.low <= one.mean <= one.high and one.right_low <= one.right <= one.right_high
    for before, after in zip(found.bins, found.bins[1:], strict=False):
        assert before.high < after.low


@given(PAIRS, st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_nothing(pairs: list[tuple[float, bool]], turn: random.Random) -> None:
    shuffled = list(pairs)
    turn.shuffle(shuffled)
    one, two = (calibrate([v for v, _ in p], [t for _, t in p]) for p in (pairs, shuffled))
    assert one.error == pytest.approx(two.error) and one.brier == pytest.approx(two.brier)


@given(PAIRS)
def test_one_bin_is_mean_against_share(pairs: list[tuple[float, bool]]) -> None:
    values, truths = [v for v, _ in pairs], [t for _, t in pairs]
    expected = abs(sum(values) - sum(truths)) / len(pairs)
    assert calibrate(values, truths, 1).error == pytest.approx(expected)


def test_against_a_slow_version_with_distinct_values() -> None:
    turn = random.Random(5)
    values = [turn.random() for _ in range(1000)]
    truths = [turn.random() < value**2 for value in values]
    order = sorted(range(1000), key=lambda i: values[i])
    expected = 0.0
    for start in range(0, 1000, 100):
        part = order[start : start + 100]
        mean, share = sum(values[i] for i in part) / 100, sum(truths[i] for i in part) / 100
        expected += abs(mean - share) * 100 / 1000
    assert calibrate(values, truths).error == pytest.approx(expected)
    assert expected > 0.1  # value² is not the value: an overconfident signal is found out


def test_the_ends() -> None:
    assert calibrate([0.0, 1.0], [False, True]).error == 0.0
    worst = calibrate([0.0, 1.0], [True, False])
    assert (worst.error, worst.brier) == (1.0, 1.0)


@pytest.mark.parametrize(
    ("values", "truths"), [([], []), ([0.5], []), ([1.1], [True]), ([-0.1], [True]), ([float("nan")], [True])]
)
def test_what_calibrates_nothing_is_refused(values: list[float], truths: list[bool]) -> None:
    with pytest.raises(ValueError, match=r"values|outside"):
        calibrate(values, truths)

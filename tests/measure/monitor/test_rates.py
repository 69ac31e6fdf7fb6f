"""Rates with their uncertainty: against SciPy, against the exact interval, and by simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rambarde.measure.monitor.rates import (
    UNKNOWN,
    Weighed,
    counted,
    estimated,
    gamma_quantile,
    garwood,
    weighted,
)


def weighed(count: int, weight: float = 1.0) -> Weighed:
    return Weighed(count, count * weight, count * weight * weight)


@pytest.mark.parametrize("count", [0, 1, 2, 5, 30, 400, 20_000])
@pytest.mark.parametrize("confidence", [0.8, 0.95, 0.999])
def test_garwood_is_scipys(count: int, confidence: float) -> None:
    low, high = garwood(count, confidence)
    tail = (1 - confidence) / 2
    assert low == pytest.approx(stats.chi2.ppf(tail, 2 * count) / 2 if count else 0, rel=1e-9)
    assert high == pytest.approx(stats.chi2.ppf(1 - tail, 2 * count + 2) / 2, rel=1e-9)


@given(st.floats(1e-6, 1 - 1e-6), st.floats(0.05, 5000))
def test_gamma_quantile_is_scipys(share: float, shape: float) -> None:
    assert gamma_quantile(share, shape) == pytest.approx(stats.gamma.ppf(share, shape), rel=1e-6, abs=1e-12)


@pytest.mark.parametrize("count", [-1, -0.5])
def test_no_fewer_than_none(count: float) -> None:
    with pytest.raises(ValueError, match="events"):
        garwood(count)


@given(st.integers(0, 500), st.floats(1, 1000))
def test_with_equal_weights_it_is_the_exact_interval(count: int, weight: float) -> None:
    low, high = weighted(weighed(count, weight), weight)
    exact = garwood(count)
    assert low == pytest.approx(exact.low * weight, rel=1e-6)
    assert high == pytest.approx(exact.high * weight, rel=1e-6)


def test_of_nothing_looked_at_nothing_is_known() -> None:
    assert estimated(Weighed(), Weighed(), Weighed(), 5) == UNKNOWN
    assert estimated(Weighed(), Weighed(), weighed(9, 20), 5) == UNKNOWN, "failures are no answers"
    assert UNKNOWN.value is None and not UNKNOWN.known


def test_none_found_of_some_is_a_number_with_an_upper_limit() -> None:
    rate = estimated(Weighed(), weighed(100, 20), Weighed(), 10)
    assert (rate.value, rate.low) == (0.0, 0.0)
    assert rate.high == pytest.approx(3.689 * 20 / 10, rel=1e-3)


@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 40))
def test_what_has_no_answer_widens(found: int, clean: int, unknown: int) -> None:
    if not found + clean:
        return
    sure = estimated(weighed(found, 10), weighed(clean, 10), Weighed(), 5)
    rate = estimated(weighed(found, 10), weighed(clean, 10), weighed(unknown, 10), 5)
    assert rate.low is not None and rate.high is not None and rate.value is not None
    assert sure.high is not None and rate.low <= rate.value <= rate.high
    assert rate.high >= sure.high - 1e-9


def test_counted_by_hand() -> None:
    rate = counted(10, 5)
    assert (rate.value, rate.low, rate.high) == pytest.approx((2.0, 4.795 / 5, 18.390 / 5), rel=1e-3)


@pytest.mark.parametrize("mean", [0.5, 4.0])
def test_the_interval_covers_with_unequal_shares(mean: float) -> None:
    """Images drawn by a share that was changed at half-time: 5 %, then 20 %."""
    random = np.random.default_rng(8)
    truth, covered, runs = mean / 0.05 + mean / 0.2, 0, 1500
    for few, many in zip(random.poisson(mean, runs), random.poisson(mean, runs), strict=True):
        low, high = weighted(weighed(int(few), 20) + weighed(int(many), 5), 20)
        covered += low <= truth <= high
    assert covered / runs >= 0.95 - 3 * math.sqrt(0.05 * 0.95 / runs)

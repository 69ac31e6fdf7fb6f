"""Intervals by the definition, slowly, and how often they hold what is true."""

from __future__ import annotations

import math
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rambarde.measure.audit.figure import Figure, clamp, total
from rambarde.measure.audit.proportion import METHODS, STEP, acceptable, blaker, proportion
from rambarde.measure.intervals import binomial_below, clopper_pearson
from rambarde.nouns.fault import Fault


def pmf(k: int, n: int, p: float) -> float:
    return math.comb(n, k) * p**k * (1 - p) ** (n - k)


def slow_acceptable(hits: int, of: int, share: float, tie: float) -> float:
    """Blaker's definition: the outcomes whose smaller tail is no likelier than that of what was seen.

    `tie` a little above 1 counts outcomes that are as likely, a little below does not: rounding decides which.
    """

    def tail(k: int) -> float:
        below = math.fsum(pmf(i, of, share) for i in range(k + 1))
        return min(below, 1 - below + pmf(k, of, share))

    seen = tail(hits)
    return math.fsum(pmf(k, of, share) for k in range(of + 1) if k == hits or tail(k) <= seen * tie)


counts = st.integers(1, 40).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))


@given(counts, st.floats(0.01, 0.99))
@settings(max_examples=200, deadline=None)
def test_acceptability_is_blakers(count: tuple[int, int], share: float) -> None:
    found = acceptable(*count, share)
    least, most = slow_acceptable(*count, share, 1 - 1e-9), slow_acceptable(*count, share, 1 + 1e-9)
    assert found == pytest.approx(least, abs=1e-9) or found == pytest.approx(most, abs=1e-9)


@given(counts, st.floats(0, 1))
@settings(max_examples=200, deadline=None)
def test_binomial_mass_by_summing(count: tuple[int, int], share: float) -> None:
    hits, of = count
    slow = math.fsum(pmf(k, of, share) for k in range(hits + 1))
    assert binomial_below(hits, of, share) == pytest.approx(slow, abs=1e-12)


@given(counts, st.sampled_from([0.8, 0.95, 0.99]))
@settings(max_examples=60, deadline=None)
def test_blaker_lies_within_clopper_pearson_and_its_ends_are_just_acceptable(
    count: tuple[int, int], confidence: float
) -> None:
    outer, inner = clopper_pearson(*count, confidence), blaker(*count, confidence)
    assert outer.low <= inner.low <= count[0] / count[1] <= inner.high <= outer.high
    if count[0]:
        assert slow_acceptable(*count, inner.low + STEP, 1 + 1e-9) >= 1 - confidence - 1e-9
    if count[0] < count[1]:
        assert slow_acceptable(*count, inner.high - STEP, 1 + 1e-9) >= 1 - confidence - 1e-9


@pytest.mark.parametrize(("method", "least"), [("wilson", 0.93), ("clopper-pearson", 0.95), ("blaker", 0.95)])
@pytest.mark.parametrize("share", [0.005, 0.05, 0.65])
def test_coverage_by_counting_all_outcomes(method: str, least: float, share: float) -> None:
    """Not simulated but summed: how likely an outcome is whose interval holds the truth."""
    of = 400
    held = math.fsum(
        math.exp(
            math.lgamma(of + 1) - math.lgamma(k + 1) - math.lgamma(of - k + 1)
            + k * math.log(share) + (of - k) * math.log1p(-share)
        )
        for k in range(of + 1)
        if abs(k - of * share) < 60
        for found in [METHODS[method](k, of, 0.95)]
        if found.low <= share <= found.high
    )  # fmt: skip
    assert least - 1e-9 <= held <= 0.99


@pytest.mark.parametrize(
    ("hits", "of", "method", "code"),
    [(5, 4, "wilson", "audit_counts"), (0, 0, "wilson", "audit_counts"), (-1, 4, "blaker", "audit_counts"),
     (1, 4, "wald", "audit_method")],
)  # fmt: skip
def test_what_is_no_share_is_refused(hits: int, of: int, method: str, code: str) -> None:
    with pytest.raises(Fault) as caught:
        proportion(hits, of, method)
    assert caught.value.code == code and caught.value.remedy


def test_clamping_says_what_it_moved() -> None:
    inside, moved = clamp(Figure(-0.1, -0.2, 0.3), "true")
    assert inside == Figure(0.0, 0.0, 0.3)
    assert moved == ("true.value", "true.low")
    assert total(Figure(0.5, 0.1, 1.0), 7) == Figure(4, 1, 7)


def test_wilson_is_found_by_simulation_too() -> None:
    draw = random.Random(7)
    held = sum(
        found.low <= 0.03 <= found.high
        for _ in range(2000)
        for found in [proportion(sum(draw.random() < 0.03 for _ in range(150)), 150)]
    )
    assert 0.92 < held / 2000 < 0.985

"""Intervals beside SciPy's, and what must hold of them for all counts."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from rambarde.measure.intervals import clopper_pearson, fisher, holm, newcombe, upper, wilson

COUNTS = st.integers(1, 3000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
CONFIDENCES = st.sampled_from([0.5, 0.8, 0.9, 0.95, 0.99, 0.999])


@given(COUNTS, CONFIDENCES)
def test_wilson_is_scipys(counts: tuple[int, int], confidence: float) -> None:
    known = stats.binomtest(*counts).proportion_ci(confidence, method="wilson")
    assert wilson(*counts, confidence) == pytest.approx((known.low, known.high), abs=1e-12)


@given(COUNTS, CONFIDENCES)
def test_clopper_pearson_is_scipys(counts: tuple[int, int], confidence: float) -> None:
    known = stats.binomtest(*counts).proportion_ci(confidence, method="exact")
    assert clopper_pearson(*counts, confidence) == pytest.approx((known.low, known.high), abs=1e-10)


@given(COUNTS, CONFIDENCES)
def test_the_one_sided_bound_is_scipys(counts: tuple[int, int], confidence: float) -> None:
    known = stats.binomtest(*counts, alternative="less").proportion_ci(confidence, method="exact")
    assert upper(*counts, confidence) == pytest.approx(known.high, abs=1e-10)


@pytest.mark.parametrize(("hits", "total"), [(0, 1_000_000), (37, 1_000_000), (500_000, 1_000_000)])
def test_large_counts(hits: int, total: int) -> None:
    known = stats.binomtest(hits, total).proportion_ci(0.95, method="exact")
    assert clopper_pearson(hits, total) == pytest.approx((known.low, known.high), rel=1e-7, abs=1e-12)


@given(COUNTS, CONFIDENCES)
def test_an_interval_holds_the_share_and_grows_with_confidence(
    counts: tuple[int, int], confidence: float
) -> None:
    hits, total = counts
    for interval in (wilson, clopper_pearson):
        low, high = interval(hits, total, confidence)
        assert 0.0 <= low <= hits / total <= high <= 1.0
        wider = interval(hits, total, 0.9995)
        assert wider.low <= low + 1e-12 and high <= wider.high + 1e-12
        mirrored = interval(total - hits, total, confidence)
        assert (1 - mirrored.high, 1 - mirrored.low) == pytest.approx((low, high), abs=1e-9)


def test_the_exact_interval_covers_as_often_as_it_says() -> None:
    """For shares in between, by summing the binomial distribution: Wilson's alone may fall short."""
    total = 40
    intervals = [clopper_pearson(hits, total) for hits in range(total + 1)]
    for share in (0.003, 0.01, 0.07, 0.21, 0.5, 0.93):
        covered = sum(
            math.comb(total, hits) * share**hits * (1 - share) ** (total - hits)
            for hits, (low, high) in enumerate(intervals)
            if low <= share <= high
        )
        assert covered >= 0.95


def test_nothing_says_nothing() -> None:
    assert wilson(0, 0) == clopper_pearson(0, 0) == (0.0, 1.0)
    assert upper(0, 0) == 1.0 and newcombe((0, 0), (1, 2)) == (-1.0, 1.0)
    assert fisher((0, 0), (3, 9)) == 1.0


@pytest.mark.parametrize("arguments", [(-1, 5), (6, 5), (1, 5, 0.0), (1, 5, 1.0)])
def test_what_is_no_share_is_refused(arguments: tuple[int, int]) -> None:
    for function in (wilson, clopper_pearson, upper):
        with pytest.raises(ValueError, match=r"share|confidence"):
            function(*arguments)


@given(COUNTS, COUNTS)
def test_fisher_is_scipys(one: tuple[int, int], two: tuple[int, int]) -> None:
    (a, n), (b, m) = one, two
    known = stats.fisher_exact([[a, n - a], [b, m - b]]).pvalue
    assert fisher(one, two) == pytest.approx(known, rel=1e-5, abs=1e-9)


def test_newcombes_own_examples() -> None:
    """Newcombe 1998, table II, method 10 (differences p1 - p2)."""
    for one, two, low, high in (
        ((56, 70), (48, 80), 0.0524, 0.3339),
        ((9, 10), (3, 10), 0.1705, 0.8090),
        ((10, 10), (0, 20), 0.6791, 1.0),
    ):
        assert newcombe(two, one) == pytest.approx((low, high), abs=5e-5)


@given(COUNTS, COUNTS)
def test_the_difference_lies_in_its_interval_and_turns_round(
    one: tuple[int, int], two: tuple[int, int]
) -> None:
    low, high = newcombe(one, two)
    difference = two[0] / two[1] - one[0] / one[1]
    assert -1 <= low <= difference + 1e-12 and difference - 1e-12 <= high <= 1
    assert newcombe(two, one) == pytest.approx((-high, -low), abs=1e-12)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([]) == [] and holm([0.9, 0.8]) == [1.0, 1.0]


@given(st.lists(st.floats(0, 1), max_size=20))
def test_holm_never_makes_bolder_and_keeps_the_order(values: list[float]) -> None:
    corrected = holm(values)
    assert all(p <= q <= 1 for p, q in zip(values, corrected, strict=True))
    ranked = [corrected[i] for i in sorted(range(len(values)), key=values.__getitem__)]
    assert all(a <= b for a, b in pairwise(ranked))

"""Strata, phases, and the classifier's help: against slow formulas, ppi-python and simulation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rambarde.measure.audit.figure import Figure
from rambarde.measure.audit.powered import of, powered
from rambarde.measure.audit.proportion import proportion
from rambarde.measure.audit.stratified import Stratum, effective, finite, stratified
from rambarde.measure.intervals import wilson
from rambarde.nouns.fault import Fault


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_one_stratum_is_a_simple_sample(count: tuple[int, int]) -> None:
    hits, of_ = count
    found = stratified([Stratum("a", 10_000, of_, hits)])
    simple = proportion(hits, of_)
    assert (found.value, found.low, found.high) == pytest.approx((simple.value, simple.low, simple.high))


def test_two_strata_by_hand() -> None:
    a, b = wilson(3, 100), wilson(80, 100)
    found = stratified([Stratum("a", 9000, 100, 3), Stratum("b", 1000, 100, 80)])
    assert found.value == pytest.approx(0.9 * 0.03 + 0.1 * 0.8)
    low = math.hypot(0.9 * (0.03 - a.low), 0.1 * (0.8 - b.low))
    assert found.low == pytest.approx(found.value - low)


def test_a_stratum_that_was_labelled_whole_has_no_error() -> None:
    strata = [Stratum("a", 100, 100, 40), Stratum("b", 900, 900, 9)]
    found = stratified(strata, finite=True)
    assert found.low == found.value == found.high == pytest.approx(49 / 1000)
    assert finite(proportion(5, 10), 10, 10) == Figure(0.5, 0.5, 0.5)


@given(st.floats(0.01, 0.99), st.integers(20, 100_000))
def test_effective_turns_wilson_round(share: float, n: int) -> None:
    hits = round(share * n)
    found = Figure(hits / n, *wilson(hits, n))
    assert effective(found) == pytest.approx(n, rel=0.02)


def test_a_stratum_without_a_label_may_be_anything() -> None:
    known = [Stratum("a", 900, 200, 20)]
    found = stratified([*known, Stratum("b", 100, 0, 0)])
    assert found.value == pytest.approx(0.1)
    low, high = wilson(20, 200)
    assert found.low == pytest.approx(max(0.0, 0.1 - math.hypot(0.9 * (0.1 - low), 0.1 * 0.1)))
    assert found.high == pytest.approx(0.1 + math.hypot(0.9 * (high - 0.1), 0.1 * 0.9))


@pytest.mark.parametrize("finite_", [False, True])
def test_a_first_phase_that_was_labelled_whole_is_a_simple_sample(finite_: bool) -> None:
    """What the second phase adds is then nothing; the error of the first one stays."""
    strata = [Stratum("a", 3000, 3000, 300), Stratum("b", 1000, 1000, 700)]
    found, simple = stratified(strata, first_phase=True, finite=finite_), proportion(1000, 4000)
    assert found.value == pytest.approx(simple.value)
    assert (found.low, found.high) == pytest.approx((simple.low, simple.high), abs=3e-4)


@pytest.mark.parametrize("two_phase", [False, True])
def test_the_design_covers(two_phase: bool) -> None:
    """A rare thing of which most is in a small stratum: where a normal interval fails."""
    draw, held, times, widths = np.random.default_rng(5), 0, 1500, []
    shares, weights = np.array([0.002, 0.2, 0.9]), np.array([0.9, 0.08, 0.02])
    true = float(shares @ weights)
    for _ in range(times):
        sizes = draw.multinomial(4000, weights) if two_phase else np.round(weights * 1_000_000).astype(int)
        labels = np.minimum(sizes, [300, 150, 70])
        hits = draw.binomial(labels, shares)
        found = stratified(
            [Stratum(str(i), int(sizes[i]), int(labels[i]), int(hits[i])) for i in range(3)],
            first_phase=two_phase,
        )
        held += found.low <= true <= found.high
        widths.append(found.high - found.low)
    assert 0.935 < held / times < 0.995
    assert np.mean(widths) < 0.03


@pytest.mark.parametrize(
    "strata", [[], [Stratum("a", 5, 6, 1)], [Stratum("a", 5, 0, 0)], [Stratum("a", 5, 2, 1)] * 2]
)
def test_strata_that_cannot_be_are_refused(strata: list[Stratum]) -> None:
    with pytest.raises(Fault) as caught:
        stratified(strata)
    assert caught.value.code == "audit_strata"


# Prediction-powered.


def world(seed: int, n: int, m: int, quality: float) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Labels and scores: of `n` labelled units and of `m` others, with a classifier of that quality."""
    draw = np.random.default_rng(seed)
    truth = draw.random(n + m) < 0.3
    scores = np.clip(quality * truth + (1 - quality) * draw.random(n + m), 0, 1)
    return truth[:n], scores[:n], truth[n:], scores[n:]


@pytest.mark.slow
@pytest.mark.parametrize("quality", [0.0, 0.3, 0.8, 1.0])
def test_it_agrees_with_ppi_python(quality: float) -> None:
    ppi = pytest.importorskip("ppi_py")
    for seed, (n, m) in enumerate([(30, 500), (200, 5000), (1000, 900)]):
        y, f, _, others = world(seed, n, m, quality)
        mine = powered(zip(y.tolist(), f.tolist(), strict=True), of(others.tolist()), 0.95)
        value = ppi.ppi_mean_pointestimate(y.astype(float), f, others)
        low, high = ppi.ppi_mean_ci(y.astype(float), f, others, alpha=0.05)
        raw = mine.unclamped
        # Its interval is centred where the weight was tuned around another point estimate; the two agree all the same.
        assert [raw.value, raw.low, raw.high] == pytest.approx(
            [float(np.squeeze(value)), float(np.squeeze(low)), float(np.squeeze(high))], abs=1e-9
        )


def test_a_good_classifier_saves_labels_and_a_useless_one_costs_none() -> None:
    y, f, truth, others = world(1, 1000, 100_000, 0.8)
    good = powered(zip(y.tolist(), f.tolist(), strict=True), of(others.tolist()))
    assert good.saved > 2000 and good.weight > 0.9
    assert good.figure.low <= (y.sum() + truth.sum()) / 101_000 <= good.figure.high
    plain = proportion(int(y.sum()), 1000)
    assert good.figure.high - good.figure.low < (plain.high - plain.low) / 1.7
    y, f, _, others = world(2, 1000, 100_000, 0.0)
    bad = powered(zip(y.tolist(), f.tolist(), strict=True), of(others.tolist()))
    assert abs(bad.saved) < 20 and bad.weight < 0.2


def test_it_covers() -> None:
    held = 0
    for seed in range(600):
        y, f, _, others = world(seed, 200, 2000, 0.5)
        found = powered(zip(y.tolist(), f.tolist(), strict=True), of(others.tolist())).figure
        held += found.low <= 0.3 <= found.high
    assert 0.925 < held / 600 < 0.98


@settings(max_examples=50)
@given(st.lists(st.tuples(st.booleans(), st.floats(0, 1)), min_size=2, max_size=40),
       st.lists(st.floats(0, 1), min_size=1, max_size=40))  # fmt: skip
def test_it_stays_within_a_share(labelled: list[tuple[bool, float]], others: list[float]) -> None:
    found = powered(labelled, of(others))
    assert 0 <= found.figure.low <= found.figure.value <= found.figure.high <= 1
    assert 0 <= found.weight <= 1


def test_scores_without_the_labelled_ones() -> None:
    left = of([0.1, 0.5, 0.9]).less(of([0.5]))
    assert (left.count, left.sum, left.squares) == pytest.approx((2, 1.0, 0.82))


def test_too_little_is_refused() -> None:
    with pytest.raises(Fault) as caught:
        powered([(True, 0.5)], of([0.5]))
    assert caught.value.code == "audit_powered"

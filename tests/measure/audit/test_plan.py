"""Plans: the size is enough and not more, allocations add up, and a sample of that size has the wanted width."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rambarde.measure.audit.plan import Part, allocate, simple, stratified, two_phase
from rambarde.measure.audit.prevalence import Instrument, estimate
from rambarde.measure.audit.proportion import proportion
from rambarde.measure.audit.stratified import Stratum
from rambarde.measure.audit.stratified import stratified as estimating
from rambarde.nouns.fault import Fault

parts = st.lists(
    st.tuples(st.integers(1, 5000), st.floats(0, 1)), min_size=1, max_size=6
).map(lambda rows: [Part(str(i), size, share) for i, (size, share) in enumerate(rows)])  # fmt: skip


def wilson_half(share: float, n: int) -> float:
    z = 1.959963984540054
    return z * math.sqrt(share * (1 - share) / n + z * z / 4 / n**2) / (1 + z * z / n)


@given(st.floats(0.005, 0.2), st.floats(0, 1))
def test_the_size_is_the_smallest_that_is_enough(half: float, share: float) -> None:
    plan = simple(half, share)
    assert wilson_half(share, plan.label) <= half
    assert plan.label == 1 or wilson_half(share, plan.label - 1) > half


def test_what_was_planned_is_what_is_got() -> None:
    tool = Instrument(0.9, 0.98)
    plan = simple(0.01, 0.05, instrument=tool)
    seen = 0.05 * 0.9 + 0.95 * 0.02
    true = estimate(proportion(round(seen * plan.label), plan.label), plan.label, tool).true
    assert (true.high - true.low) / 2 == pytest.approx(0.01, rel=0.02)


def test_a_small_population_needs_fewer_and_never_more_than_all() -> None:
    assert simple(0.01, 0.5, population=1000).label < 1000 < simple(0.01, 0.5).label
    assert simple(0.0001, 0.5, population=50).label == 50


@given(parts, st.data())
@settings(max_examples=200)
def test_an_allocation_adds_up_and_fits(strata: list[Part], data: st.DataObject) -> None:
    whole = sum(one.size for one in strata)
    least = sum(min(2, one.size) for one in strata)
    count = data.draw(st.integers(least, whole))
    kind = data.draw(st.sampled_from(["neyman", "proportional"]))
    given_ = allocate(strata, count, kind)
    assert sum(given_.values()) == count
    assert all(min(2, one.size) <= given_[one.name] <= one.size for one in strata)


def test_proportional_is_by_size_and_neyman_by_spread() -> None:
    strata = [Part("big", 9000, 0.01), Part("small", 1000, 0.5)]
    assert allocate(strata, 1000, "proportional") == {"big": 900, "small": 100}
    spread = allocate(strata, 1000, "neyman")
    pull = 9000 * math.sqrt(0.01 * 0.99) / (9000 * math.sqrt(0.01 * 0.99) + 500)
    assert spread["big"] == pytest.approx(1000 * pull, abs=1)


def test_neyman_needs_no_more_than_proportional_and_simple() -> None:
    strata = [Part("a", 900_000, 0.005), Part("b", 80_000, 0.2), Part("c", 20_000, 0.9)]
    neyman = stratified(strata, 0.005).label
    proportional = stratified(strata, 0.005, allocation="proportional").label
    assert neyman < proportional < simple(0.005, 0.0385).label


def test_a_stratified_plan_gives_its_width() -> None:
    strata = [Part("a", 900_000, 0.05), Part("b", 80_000, 0.3), Part("c", 20_000, 0.9)]
    plan = stratified(strata, 0.01)
    assert plan.strata is not None
    drawn = [
        Stratum(one.name, one.size, n, round(n * one.expected))
        for one in strata
        for n in [plan.strata[one.name]]
    ]
    found = estimating(drawn)
    assert (found.high - found.low) / 2 == pytest.approx(0.01, rel=0.05)


def test_two_phases_label_few_where_looking_is_cheap_and_give_the_width() -> None:
    strata = [Part("low", 900, 0.01), Part("middle", 60, 0.4), Part("high", 40, 0.9)]
    plan = two_phase(strata, 0.01, cost=0.001)
    assert plan.label < simple(0.01, 0.069).label < plan.draw
    assert plan.strata is not None
    sizes = {one.name: round(plan.draw * one.size / 1000) for one in strata}
    found = estimating(
        [
            Stratum(one.name, sizes[one.name], n, round(n * one.expected))
            for one in strata
            for n in [plan.strata[one.name]]
        ],
        first_phase=True,
    )
    assert (found.high - found.low) / 2 == pytest.approx(0.01, rel=0.1)


@pytest.mark.parametrize(
    ("call", "field"),
    [
        (lambda: simple(0), "half-width"),
        (lambda: simple(0.01, 1.5), "expect"),
        (lambda: stratified([], 0.01), "strata"),
        (lambda: stratified([Part("a", 0, 0.1)], 0.01), "strata"),
        (lambda: stratified([Part("a", 9, 0.1)], 0.01, allocation="equal"), "allocation"),
        (lambda: two_phase([Part("a", 9, 0.1)], 0.01, cost=0), "cost"),
        (lambda: allocate([Part("a", 9, 0.1)], 10, "neyman"), "size"),
    ],
)
def test_what_cannot_be_planned_is_refused(call, field: str) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(Fault) as caught:
        call()
    assert caught.value.field == field

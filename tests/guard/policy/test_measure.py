"""Emergency measures: whatever the policy and the signals, switching one on never loosens a decision."""

from __future__ import annotations

import functools
from dataclasses import replace
from datetime import date
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rambarde.guard.policy.catalogue import Catalogue, catalogue
from rambarde.guard.policy.countries import ASSIGNED
from rambarde.guard.policy.document import Node, PolicyError
from rambarde.guard.policy.evaluation import Evaluator, Facts
from rambarde.guard.policy.language import Policy
from rambarde.guard.policy.measure import (
    LONGEST_REVIEW,
    MEASURES,
    Measure,
    geoblock,
    read_measure,
    under,
    unread,
)
from rambarde.guard.policy.proof.compare import Verdict, compare
from rambarde.guard.policy.proof.prove import prove
from rambarde.guard.policy.reading import FLOORS, SHIPPED, read_floors, read_policy, shipped
from rambarde.interfaces import parts
from rambarde.interfaces.settings import Settings
from rambarde.nouns.decision import Outcome, Point
from rambarde.nouns.fault import Fault
from rambarde.nouns.signal import Signal, State

BLOCKS = (("ID",), ("US",), ("US-CA", "NO"), ("GB", "FR", "DE"))


@functools.cache
def names() -> Catalogue:
    return catalogue(detector.info for detector in parts.detectors(Settings()))


@functools.cache
def policy() -> Policy:
    return read_policy(shipped(SHIPPED), names())


def conditions() -> dict[str, Node]:
    return read_floors(shipped(FLOORS), names())[1]


@functools.cache
def measures() -> tuple[Measure, ...]:
    texts = [shipped(f"measures/{name}.yaml") for name in MEASURES]
    texts += [geoblock(countries).encode() for countries in BLOCKS]
    return tuple(read_measure(text, names(), conditions()) for text in texts)


@functools.cache
def evaluator(chosen: frozenset[int] = frozenset()) -> Evaluator:
    return Evaluator(under(policy(), [measures()[i] for i in chosen]), names())


COUNTRIES = st.sampled_from(["unknown", "ID", "US", "US-CA", "US-TX", "NO", "GB", "FR", "DE", "JP"])
FACTS = st.builds(
    Facts,
    action=st.sampled_from(["generate", "edit"]),
    surface=st.sampled_from(policy().surfaces),
    mode=st.sampled_from([mode.name for mode in policy().modes]),
    country=COUNTRIES,
    age_assured=st.booleans(),
    today=st.dates(date(2025, 1, 1), date(2030, 1, 1)),
    depicted=COUNTRIES,
)
VALUES = st.one_of(
    st.none(),
    st.sampled_from([State.ABSENT, State.NO_ANSWER, State.FAILED]),
    st.floats(0, 1),
    st.sampled_from([0.0, 1.0]),
)


def signals(values: dict[str, object], point: Point) -> dict[str, Signal]:
    """None: the signal is missing altogether."""
    found = {}
    for name, value in values.items():
        if value is None or point not in names()[name].points:
            continue
        found[name] = (
            Signal(name, value, reason="r")
            if isinstance(value, State)
            else Signal.measured(name, float(str(value)))
        )
    return found


@settings(max_examples=250, deadline=None)
@given(
    FACTS,
    st.fixed_dictionaries({name: VALUES for name in names()}),
    st.sampled_from(list(Point)),
    st.frozensets(st.integers(0, len(MEASURES) + len(BLOCKS) - 1), min_size=1, max_size=3),
)
@pytest.mark.slow
def test_under_measures_no_decision_is_looser(
    facts: Facts, values: dict[str, object], point: Point, chosen: frozenset[int]
) -> None:
    seen = signals(values, point)
    before = evaluator().decide(point, facts, seen)
    after = evaluator(chosen).decide(point, facts, seen)
    assert after.outcome >= before.outcome
    assert {fired.rule for fired in before.fired} <= {fired.rule for fired in after.fired}
    assert before.floor_hit <= after.floor_hit
    if MEASURES.index("no-images") in chosen:
        assert after.outcome is Outcome.BLOCK


@pytest.mark.parametrize("index", range(len(MEASURES) + len(BLOCKS)))
def test_the_prover_agrees(index: int) -> None:
    now = under(policy(), [measures()[index]])
    assert prove(now, names(), read_floors(shipped(FLOORS), names())[0]).holds
    assert compare(policy(), now, names()).verdict is Verdict.TIGHTENED
    assert compare(now, policy(), names()).verdict is Verdict.LOOSENED, "switching off is a loosening"


@pytest.mark.slow
def test_any_two_measures_together_are_proven_too() -> None:
    floors = read_floors(shipped(FLOORS), names())[0]
    for one, two in combinations(measures(), 2):
        both = under(policy(), [one, two])
        assert prove(both, names(), floors).holds
        assert compare(under(policy(), [one]), both, names()).not_more_permissive


def test_a_digest_says_which_measures_are_on_in_whatever_order() -> None:
    one, two = measures()[:2]
    digests = {under(policy(), chosen).digest for chosen in ((), (one,), (two,), (one, two))}
    assert len(digests) == 4
    assert under(policy(), [two, one]) == under(policy(), [one, two])
    assert under(policy(), ()) is policy()


@pytest.mark.parametrize("country", ["ID", "unknown"])
def test_a_geoblock_is_for_callers_there_or_who_knows_where(country: str) -> None:
    block = evaluator(frozenset({MEASURES.index("no-images") + 1 + BLOCKS.index(("ID",))}))
    best = {name: Signal.absent(name, "none") for name in names()}
    for there, outcome in ((country, Outcome.BLOCK), ("JP", Outcome.ALLOW)):
        facts = Facts("generate", "web", "standard", there, False, date(2026, 11, 20), "ID")
        assert block.decide(Point.ADMIT, facts, best).outcome is outcome


def test_norway_is_a_country() -> None:
    """In YAML 1.1 `NO` is false."""
    made = read_measure(geoblock(["NO"]).encode(), names(), conditions())
    assert made.rules[0].countries == ("NO",) and made.name == "geoblock-no"


@pytest.mark.parametrize(
    "countries", [[], ["id"], ["ID\nrules: []"], ["unknown"], ["*"], ["ID]"], [""], ["ID", "x"]], ids=str
)
def test_what_is_no_country_makes_no_geoblock(countries: list[str]) -> None:
    with pytest.raises(Fault) as fault:
        geoblock(countries)
    assert fault.value.code == "country_invalid"


def test_a_geoblock_of_many_countries_can_be_read() -> None:
    many = sorted(ASSIGNED)[:60]
    made = read_measure(geoblock(many).encode(), names(), conditions())
    assert len(made.rules[0].countries) == 60
    other = read_measure(geoblock(many[1:]).encode(), names(), conditions())
    assert other.name != made.name


GOOD = shipped("measures/no-images.yaml").decode()


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("rambarde-measure: 1", "rambarde-measure: 2"),
        ("rambarde-measure: 1", "rambarde-measure: true"),
        ("name: no-images", "name: No Images"),
        ("review_days: 2", "review_days: 0"),
        ("review_days: 2", f"review_days: {LONGEST_REVIEW + 1}"),
        ("review_days: 2", "review_days: true"),
        ("review_days: 2", "review_days: .inf"),
        ("breaker: true", "breaker: perhaps"),
        ("breaker: true", "breakers: true"),
        ("    then: block", "    then: allow"),
        ("    then: block", "    then: block\n    from: 2026-12-02"),
        ("    then: block", "    then: block\n    until: 2026-12-02"),
        ("    then: block", "    then: block\n    follow: [preserve]"),
        ("{context: action, in: [generate, edit]}", "{signal: no.such, at_least: 0.5}"),
        ("{context: action, in: [generate, edit]}", "{not: {signal: prompt.sexual, at_least: 0.5}}"),
        (GOOD[GOOD.index("rules:") :], "rules: []\n"),
    ],
)
def test_a_document_that_is_not_understood_is_no_measure(old: str, new: str) -> None:
    text = GOOD.replace(old, new)
    assert text != GOOD
    with pytest.raises(PolicyError):
        read_measure(text.encode(), names(), conditions())


def test_a_mode_relaxes_no_measure() -> None:
    """Neither does a rule of the policy that would carry its name."""
    text = shipped(SHIPPED).decode()
    lifted = text.replace("relaxes: [sexual-content", "relaxes: [measure-no-images-all, sexual-content")
    for sly in (lifted, lifted.replace("- id: nude-looking-output", "- id: measure-no-images-all")):
        with pytest.raises(PolicyError):
            read_policy(sly.encode(), names())


def test_what_a_measure_reads_must_be_required() -> None:
    one = measures()[MEASURES.index("no-people")]
    assert unread(policy(), one, names()) == ()
    blind = replace(
        policy(), detectors=tuple(d for d in policy().detectors if d.name not in ("faces", "persons"))
    )
    assert unread(blind, one, names()) == ("faces", "persons")

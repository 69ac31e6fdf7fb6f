"""Deciding: unknown is the worst, worse never loosens, floors hold, modes relax only what they list."""

from __future__ import annotations

import gc
import random
import sys
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from math import nextafter
from types import FunctionType, ModuleType

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rambarde.guard.policy import evaluation
from rambarde.guard.policy.catalogue import Catalogue, catalogue
from rambarde.guard.policy.evaluation import REMEMBERED, Evaluator, Facts
from rambarde.guard.policy.language import All, AnyOf, Condition, Not, Policy, Rule, SignalAtom, Test
from rambarde.guard.policy.reading import SHIPPED, read_policy, shipped
from rambarde.interfaces import parts
from rambarde.interfaces.settings import Settings
from rambarde.nouns.decision import Decision, Outcome, Point
from rambarde.nouns.signal import Polarity, Signal, State, badness
from tests.guard.policy import conftest as shared
from tests.guard.policy import reference
from tests.guard.policy.proof.generated import NAMES as GENERATED
from tests.guard.policy.proof.generated import policies

NAMES: Catalogue = {
    e.name: e
    for e in (
        shared.entry("a"),
        shared.entry("b"),
        shared.entry("low", Polarity.LOW_IS_WORSE),
        shared.entry("output.x", points=(Point.RELEASE,)),
    )
}
POLICY: Policy = read_policy(shared.POLICY.encode(), NAMES, floors=shared.FLOORS.encode())
EVALUATOR = Evaluator(POLICY, NAMES)


def facts(**changes: object) -> Facts:
    given = {
        "action": "generate",
        "surface": "web",
        "mode": "standard",
        "country": "unknown",
        "age_assured": False,
        "today": date(2026, 11, 22),
    }
    return Facts(**(given | changes))  # type: ignore[arg-type]


def measured(**values: float) -> dict[str, Signal]:
    signals = {name: Signal.absent(name) for name in NAMES}
    signals |= {name: Signal.measured(name, value) for name, value in values.items()}
    return signals


def signal_for(name: str) -> st.SearchStrategy[Signal]:
    grid = st.sampled_from([0.0, 0.1, 0.19, 0.2, 0.5, 0.69, 0.7, 0.71, 1.0])
    return st.one_of(
        st.just(Signal.absent(name)),
        grid.map(lambda value: Signal.measured(name, value)),
        st.just(Signal.no_answer(name, "no face")),
        st.just(Signal.failed(name, "late")),
    )


all_signals = st.fixed_dictionaries({name: signal_for(name) for name in NAMES})
all_facts = st.builds(
    facts,
    surface=st.sampled_from(["web", "app"]),
    mode=st.sampled_from(["standard", "spicy", "nonsense"]),
    country=st.sampled_from(["unknown", "FR", "DE", "US-NV", "US-CA", "JP"]),
    depicted=st.sampled_from(["unknown", "FR", "FR-75", "JP"]),
    age_assured=st.booleans(),
    today=st.sampled_from([date(2026, 12, 1), date(2026, 12, 2), date(2027, 12, 1), date(2027, 12, 2)]),
)


@given(all_signals, all_facts, st.sampled_from(list(Point)))
@settings(max_examples=600)
def test_agrees_with_the_obvious_evaluator(signals: dict[str, Signal], context: Facts, point: Point) -> None:
    agrees(EVALUATOR, NAMES, point, context, signals)
    assert (
        EVALUATOR.decide(point, context, signals).outcome
        is reference.outcome(POLICY, NAMES, point, context, signals)[0]
    )


def agrees(
    evaluator: Evaluator, names: Catalogue, point: Point, context: Facts, signals: dict[str, Signal]
) -> Decision:
    """The decision, after the obvious evaluator said the same of all that fired, in the same order."""
    decision = evaluator.decide(point, context, signals)
    fired = reference.fired(evaluator.policy, names, point, context, signals)
    assert decision.fired == fired
    assert decision.outcome is max((f.outcome for f in fired), default=Outcome.ALLOW)
    assert (decision.point, decision.signals) == (point, tuple(signals.values()))
    assert decision.policy == evaluator.policy.digest
    return decision


@given(policies(), st.data())
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@pytest.mark.slow
def test_agrees_with_the_obvious_evaluator_on_generated_policies(
    drawn: tuple[Policy, tuple[Rule, ...]], data: st.DataObject
) -> None:
    policy = drawn[0]
    evaluator = Evaluator(policy, GENERATED)
    signals = st.fixed_dictionaries({}, optional={name: signal_for(name) for name in GENERATED})
    context = st.builds(replace, all_facts, action=st.sampled_from(["generate", "edit"]))
    for _ in range(8):
        agrees(
            *(evaluator, GENERATED, data.draw(st.sampled_from(list(Point)))),
            *(data.draw(context), data.draw(signals)),
        )


@pytest.fixture(scope="module")
def standing() -> tuple[Evaluator, Catalogue]:
    """The shipped policy, compiled, and the real catalogue."""
    names = catalogue(detector.info for detector in parts.detectors(Settings()))
    return Evaluator(read_policy(shipped(SHIPPED), names), names), names


@pytest.mark.slow
def test_agrees_with_the_obvious_evaluator_on_the_shipped_policy(
    standing: tuple[Evaluator, Catalogue],
) -> None:
    """From harmless to hopeless, at every threshold and a hair beside it, where and when the rules differ."""
    evaluator, names = standing
    draw = random.Random(4)
    cuts = {atom.threshold for rule in evaluator.policy.rules for atom in _atoms(rule.when)}
    values = sorted(
        {min(1.0, max(0.0, near)) for cut in cuts for near in (cut, nextafter(cut, 0), nextafter(cut, 1))}
    )
    rules = evaluator.policy.rules
    days = sorted({date(2026, 11, 22)} | {day for rule in rules for day in (rule.start, rule.end) if day})
    countries = sorted({"unknown", "JP"} | {country for rule in rules for country in rule.countries})
    told: Counter[tuple[str, bool]] = Counter()
    for number in range(4000):
        signals = {name: Signal.absent(name) for name in names}
        odds = (number % 12 + 1) / 12
        for name in names:
            if draw.random() < odds:
                state = draw.choices([*State, None], [1, 8, 1, 0.2, 0.1])[0]
                if state is None:
                    del signals[name]
                elif state is State.VALUE:
                    signals[name] = Signal.measured(name, draw.choice(values))
                else:
                    signals[name] = Signal(name, state)
        context = facts(
            action=draw.choice(["generate", "edit"]),
            surface=draw.choice(["web", "reply", "nowhere"]),
            mode=draw.choice(["standard", "spicy"]),
            country=draw.choice(countries),
            depicted=draw.choice(countries),
            age_assured=draw.random() < 0.5,
            today=draw.choice(days),
        )
        decision = agrees(evaluator, names, draw.choice(list(Point)), context, signals)
        told.update((f.rule, f.assumed) for f in decision.fired)
    never = [rule.id for rule in rules if not told[rule.id, False]]
    assert not never, "the inputs are too few"


def _atoms(condition: Condition) -> Iterator[SignalAtom]:
    match condition:
        case SignalAtom():
            yield condition
        case All(parts) | AnyOf(parts):
            for part in parts:
                yield from _atoms(part)
        case Not(part):
            yield from _atoms(part)


def test_a_threshold_is_exact_whichever_end_is_worse() -> None:
    """1 − 1e-20 is 1 in floating point: subtracting would take this value for the threshold."""
    atom = SignalAtom("low", Test.AT_MOST, Polarity.LOW_IS_WORSE, 0.0)
    rule = replace(POLICY.rules[0], id="exact", when=atom)
    evaluator = Evaluator(replace(POLICY, rules=(rule,)), NAMES)
    assert evaluator.decide(Point.ADMIT, facts(), measured(low=1e-20)).outcome is Outcome.ALLOW
    assert evaluator.decide(Point.ADMIT, facts(), measured(low=0.0)).outcome is Outcome.BLOCK


def many_facts(count: int) -> list[Facts]:
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    countries = dict.fromkeys(["FR", "DE", "unknown", *(a + b for a in letters for b in letters)])
    days = [date(2026, 12, 1), date(2026, 12, 2), date(2027, 12, 2)]
    modes = ["standard", "spicy"]
    return [
        facts(country=country, today=day, mode=mode, age_assured=True)
        for country in countries
        for day in days
        for mode in modes
    ][:count]


@pytest.mark.parametrize("remembered", [0, 1, 7, REMEMBERED])
def test_what_is_remembered_changes_no_decision(monkeypatch: pytest.MonkeyPatch, remembered: int) -> None:
    monkeypatch.setattr(evaluation, "REMEMBERED", remembered)
    evaluator = Evaluator(POLICY, NAMES)
    draw, contexts = random.Random(4), many_facts(60)
    signals = measured(a=0.3, b=0.3, low=0.9)
    for context in draw.choices(contexts, k=1000):
        agrees(evaluator, NAMES, draw.choice(list(Point)), context, signals)


def test_what_is_remembered_is_bounded() -> None:
    """Countries come from the caller's side: whoever names a thousand fills nothing but the bound."""
    evaluator = Evaluator(POLICY, NAMES)
    contexts = many_facts(2 * REMEMBERED)
    assert len(set(contexts)) == 2 * REMEMBERED
    for context in contexts:
        evaluator.decide(Point.ADMIT, context, measured())
    assert sum(type(thing) is evaluation._Circumstances for thing in _reachable(evaluator)) == REMEMBERED


def _reachable(root: object) -> Iterator[object]:
    """What the garbage collector sees below `root`, types and modules left out."""
    seen, waiting = {id(root)}, [root]
    while waiting:
        thing = waiting.pop()
        yield thing
        for below in gc.get_referents(thing):
            if id(below) not in seen and not isinstance(below, type | ModuleType | FunctionType):
                seen.add(id(below))
                waiting.append(below)


def test_threads_decide_as_one_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Side by side on one evaluator that forgets all the time."""
    monkeypatch.setattr(evaluation, "REMEMBERED", 3)
    evaluator, contexts = Evaluator(POLICY, NAMES), many_facts(40)
    inputs = [
        (point, context, measured(a=value, b=value, low=0.9))
        for point in Point
        for context in contexts
        for value in (0.0, 0.15, 0.3, 0.7)
    ]
    expected = [reference.fired(POLICY, NAMES, *given) for given in inputs]

    def work(seed: int) -> list[int]:
        order = random.Random(seed).sample(range(len(inputs)), len(inputs))
        return [i for i in order if evaluator.decide(*inputs[i]).fired != expected[i]]

    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            assert list(pool.map(work, range(16))) == [[]] * 16
    finally:
        sys.setswitchinterval(before)


@given(all_signals, all_facts, st.sampled_from(sorted(NAMES)), st.data())
@settings(max_examples=400)
def test_a_worse_signal_never_loosens(
    signals: dict[str, Signal], context: Facts, name: str, data: st.DataObject
) -> None:
    other = data.draw(signal_for(name))
    polarity = NAMES[name].polarity
    better, worse = sorted([signals[name], other], key=lambda s: badness(s, polarity))
    for point in Point:
        low = EVALUATOR.decide(point, context, signals | {name: better}).outcome
        high = EVALUATOR.decide(point, context, signals | {name: worse}).outcome
        assert low <= high


@given(all_signals, all_facts)
@settings(max_examples=300)
def test_unknown_country_is_the_strictest(signals: dict[str, Signal], context: Facts) -> None:
    for point in Point:
        unknown = EVALUATOR.decide(
            point, facts(mode=context.mode, age_assured=context.age_assured, today=context.today), signals
        )
        somewhere = EVALUATOR.decide(point, context, signals).outcome
        assert somewhere <= unknown.outcome
        unstated = EVALUATOR.decide(point, replace(context, depicted="unknown"), signals).outcome
        assert somewhere <= unstated


@given(all_signals, all_facts)
def test_floors_hold_in_every_mode(signals: dict[str, Signal], context: Facts) -> None:
    if signals["a"].unknown or (signals["a"].value or 0) >= 0.5:
        assert EVALUATOR.decide(Point.ADMIT, context, signals).outcome is Outcome.BLOCK


def test_a_missing_signal_is_a_failed_one() -> None:
    signals = measured()
    assert EVALUATOR.decide(Point.ADMIT, facts(), signals).outcome is Outcome.ALLOW
    del signals["b"]
    decision = EVALUATOR.decide(Point.ADMIT, facts(), signals)
    assert decision.outcome is Outcome.BLOCK
    assert ("unchecked", ("b",)) in {(f.rule, f.read) for f in decision.fired}


def test_only_what_is_required_can_have_failed() -> None:
    """What is read without being required is the worst it can be, and no failed check."""
    policy = replace(POLICY, detectors=())
    decision = agrees(Evaluator(policy, NAMES), NAMES, Point.ADMIT, facts(), {})
    assert decision.outcome is Outcome.BLOCK
    assert {f.rule for f in decision.fired} >= {"minor-sexual", "adult"}
    assert "unchecked" not in {f.rule for f in decision.fired}


@pytest.mark.parametrize(
    ("context", "expected"),
    [
        (facts(mode="spicy", country="DE", age_assured=True), Outcome.REVIEW),
        (facts(mode="spicy", country="US-NV", age_assured=True), Outcome.REVIEW),
        (facts(mode="spicy", country="US-CA", age_assured=True), Outcome.BLOCK),
        (facts(mode="spicy", country="DE", age_assured=False), Outcome.BLOCK),
        (facts(mode="spicy", age_assured=True), Outcome.BLOCK),
        (facts(mode="standard", country="DE", age_assured=True), Outcome.BLOCK),
    ],
)
def test_a_mode_relaxes_only_where_its_terms_are_met(context: Facts, expected: Outcome) -> None:
    signals = measured(a=0.3, b=0.3, low=0.1)
    assert EVALUATOR.decide(Point.ADMIT, context, signals).outcome is expected


def test_dates_and_countries_only_tighten() -> None:
    signals = measured(b=0.15, low=0.9)
    before, after = date(2026, 12, 1), date(2026, 12, 2)
    assert EVALUATOR.decide(Point.ADMIT, facts(country="FR", today=before), signals).outcome is Outcome.ALLOW
    assert EVALUATOR.decide(Point.ADMIT, facts(country="FR", today=after), signals).outcome is Outcome.BLOCK
    assert EVALUATOR.decide(Point.ADMIT, facts(country="JP", today=after), signals).outcome is Outcome.ALLOW
    assert EVALUATOR.decide(Point.ADMIT, facts(today=after), signals).outcome is Outcome.BLOCK


def test_the_depicted_persons_country_counts_where_somebody_real_is_depicted() -> None:
    day = date(2026, 12, 2)

    def outcome(text: str, a: float, **where: str) -> Outcome:
        evaluator = Evaluator(read_policy(text.encode(), NAMES, floors=shared.FLOORS.encode()), NAMES)
        signals = measured(a=a, b=0.15)
        signals["low"] = Signal.measured("low", 1.0)
        return evaluator.decide(Point.ADMIT, facts(country="JP", today=day, **where), signals).outcome

    real, nobody = 0.4, 0.1
    assert outcome(shared.POLICY, real, depicted="FR") is Outcome.BLOCK
    assert outcome(shared.POLICY, real, depicted="unknown") is Outcome.BLOCK
    assert outcome(shared.POLICY, real, depicted="JP") is Outcome.ALLOW
    assert outcome(shared.POLICY, nobody, depicted="FR") is Outcome.ALLOW
    assert outcome(shared.POLICY, nobody, depicted="unknown") is Outcome.ALLOW
    callers = shared.POLICY.replace("countries: [FR]", "countries: [FR]\n    whose: [caller]")
    assert outcome(callers, real, depicted="FR") is Outcome.ALLOW
    depicted = shared.POLICY.replace("countries: [FR]", "countries: [JP]\n    whose: [depicted]")
    assert outcome(depicted, real, depicted="DE") is Outcome.ALLOW
    assert outcome(depicted, real, depicted="JP") is Outcome.BLOCK


def test_a_country_may_be_any_of_its_subdivisions() -> None:
    text = shared.POLICY.replace("countries: [FR]", "countries: [US-CA]")
    evaluator = Evaluator(read_policy(text.encode(), NAMES, floors=shared.FLOORS.encode()), NAMES)
    signals, day = measured(b=0.15, low=0.9), date(2026, 12, 2)
    told = {
        c: evaluator.decide(Point.ADMIT, facts(country=c, today=day), signals).outcome
        for c in ("US", "US-CA")
    }
    assert set(told.values()) == {Outcome.BLOCK}
    for elsewhere in ("US-NV", "FR"):
        decision = evaluator.decide(Point.ADMIT, facts(country=elsewhere, today=day), signals)
        assert decision.outcome is Outcome.ALLOW


def test_a_decision_is_no_boolean() -> None:
    with pytest.raises(TypeError, match="not a boolean"):
        bool(EVALUATOR.decide(Point.ADMIT, facts(), measured()))


def test_what_is_only_assumed_has_no_consequence() -> None:
    text = shared.POLICY.replace(
        "reason: not offered", "reason: not offered\n    follow: [preserve, child-safety-queue]"
    )
    evaluator = Evaluator(read_policy(text.encode(), NAMES, floors=shared.FLOORS.encode()), NAMES)
    seen = evaluator.decide(Point.ADMIT, facts(), measured(a=0.3, b=0.3, low=0.9))
    assert [(f.rule, f.assumed, f.follow) for f in seen.fired] == [
        ("adult", False, ("preserve", "child-safety-queue"))
    ]
    broken = measured(b=0.3, low=0.9) | {"a": Signal.failed("a", "late")}
    decision = evaluator.decide(Point.ADMIT, facts(), broken)
    assert decision.outcome is Outcome.BLOCK
    assert {(f.rule, f.assumed) for f in decision.fired} >= {("unchecked", False), ("adult", True)}
    assert all(f.follow == () for f in decision.fired if f.assumed)
    assert decision.fired[0].rule == "unchecked"

"""Explanations: what is told made the rule fire, and what is told to change it is smallest, by enumeration."""

from __future__ import annotations

import random
import re
from dataclasses import replace
from datetime import date
from itertools import product

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.evaluation import Evaluator, Facts
from rambarde.guard.policy.language import Policy, RequiredFailed, Rule
from rambarde.guard.policy.proof import explain as explaining
from rambarde.guard.policy.proof.explain import Family, against, explain
from rambarde.guard.policy.proof.model import Model
from rambarde.guard.policy.proof.space import Space
from rambarde.guard.policy.reading import SHIPPED, read_policy, shipped
from rambarde.guard.policy.recorded import Case
from rambarde.interfaces import parts
from rambarde.interfaces.settings import Settings
from rambarde.nouns.decision import Fired, Outcome, Point
from rambarde.nouns.fault import Fault
from rambarde.nouns.signal import Signal, Signals
from tests.guard.policy.proof.generated import NAMES, policies

QUIET = [HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large]
DAY = date(2026, 6, 1)
Generated = tuple[Policy, tuple[Rule, ...]]


def judged(policy: Policy, names: Catalogue, point: Point, facts: Facts, signals: Signals) -> Case:
    decision = Evaluator(policy, names).decide(point, facts, signals)
    return Case(point, None, decision.outcome, decision.fired, facts, signals, policy.digest)


def cases(policy: Policy, drawn: random.Random) -> tuple[Space, tuple[int, ...]]:
    space = Space([policy], NAMES)
    return space, tuple(drawn.randrange(len(variable.values)) for variable in space.variables)


# The space around a case.


@given(policies(), st.randoms(use_true_random=False))
@settings(max_examples=60, deadline=None, suppress_health_check=QUIET)
def test_an_input_lies_in_the_cells_that_it_represents(generated: Generated, drawn: random.Random) -> None:
    space, case = cases(generated[0], drawn)
    found = space.locate(*space.represent(case))
    point = space.value(case, "point")
    for variable, one, other in zip(space.variables, found, case, strict=True):
        assert one == (other if point in variable.points else variable.default), variable.name


@pytest.mark.parametrize(("value", "cell"), [(0.0, 1), (0.49, 1), (0.5, 2), (0.500001, 3), (1.0, 3)], ids=str)
def test_a_threshold_is_a_cell_of_its_own(value: float, cell: int) -> None:
    space = Space([read_small("at_least: 0.5")], SMALL)
    facts = Facts("generate", "web", "standard", "FR", False, DAY)
    at = space.locate(Point.ADMIT, facts, {"a": Signal.measured("a", value)})
    assert at[space.at["a"]] == cell


def test_a_subdivision_lies_where_rules_can_tell_it() -> None:
    policy = replace(
        read_small("at_least: 0.5"),
        modes=(replace(read_small("at_least: 0.5").modes[0], countries=("DE", "US-NV")),),
    )
    space = Space([policy], SMALL)
    for place, cell in {
        "DE": "DE", "DE-BY": "DE", "US-NV": "US-NV", "US-TX": "US-*", "US": "US", "JP": "any other",
        "JP-13": "any other", "unknown": "unknown",
    }.items():  # fmt: skip
        facts = Facts("generate", "web", "standard", place, False, DAY)
        assert space.value(space.locate(Point.ADMIT, facts, {}), "country") == cell


def test_an_action_that_nothing_knows_has_no_place() -> None:
    space = Space([read_small("at_least: 0.5")], SMALL)
    with pytest.raises(ValueError, match=r"not in tuple|tuple\.index"):
        space.locate(Point.ADMIT, Facts("paint", "web", "standard", "FR", False, DAY), {})


def test_around_a_case_it_is_the_cheapest_and_near_is_cheaper_than_far() -> None:
    facts = Facts("edit", "app", "standard", "FR", True, DAY)
    case = (Point.ADMIT, facts, {"a": Signal.measured("a", 0.7)})
    space = Space([read_small("at_least: 0.5")], SMALL, around=case)
    at = space.locate(*case)
    assert space.diagrams.defaults == at == space.diagrams.cheapest(1)
    row = space.diagrams.prices[space.at["a"]]
    # absent, below, the threshold, above (here), no answer, failed
    assert [price - 1000 if price else 0 for price in row] == [3, 2, 1, 0, 1, 2]


# Smallest changes, by enumeration.


def smallest(policy: Policy, case: Case) -> set[frozenset[str]]:
    """Slow and obvious: all sets of inputs with which it is laxer, and no part of which is enough."""
    space = Space([policy], NAMES)
    evaluator, at = Evaluator(policy, NAMES), space.locate(case.point, case.facts, case.signals)
    here = [index for index in space.inputs if case.point in space.variables[index].points]
    found: set[frozenset[str]] = set()
    for values in product(*(range(len(space.variables[index].values)) for index in here)):
        cells = dict(zip(here, values, strict=True))
        case_ = tuple(cells.get(index, value) for index, value in enumerate(at))
        signals = space.represent(case_)[2]
        if evaluator.decide(case.point, case.facts, signals).outcome < case.outcome:
            moved = frozenset(name for i in here if case_[i] != at[i] for name in space.variables[i].signals)
            found.add(moved)
    return {one for one in found if not any(other < one for other in found)}


@given(policies(), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None, suppress_health_check=QUIET)
def test_changes_are_smallest_and_real(generated: Generated, drawn: random.Random) -> None:
    policy = generated[0]
    space, assignment = cases(policy, drawn)
    case = judged(policy, NAMES, *space.represent(assignment))
    told = explain(case, Evaluator(policy, NAMES), NAMES)
    if case.outcome is Outcome.ALLOW:
        assert not told.changes and not told.modes
        return
    real = smallest(policy, case)
    sets = [frozenset(change.examples) for change in told.changes]
    assert set(sets) <= real and len(set(sets)) == len(sets)
    assert len(sets) == min(explaining.MOST, len(real))
    if real:
        assert len(sets[0]) == min(map(len, real))
    for change in told.changes:
        after = judged(policy, NAMES, case.point, case.facts, {**case.signals, **change.examples})
        assert after.outcome is change.outcome < case.outcome


@given(policies(), st.randoms(use_true_random=False))
@settings(max_examples=100, deadline=None, suppress_health_check=QUIET)
def test_what_is_told_was_enough(generated: Generated, drawn: random.Random) -> None:
    """Whatever the signals that are not named had read, the condition would have held."""
    policy = generated[0]
    space, assignment = cases(policy, drawn)
    case = judged(policy, NAMES, *space.represent(assignment))
    told = explain(case, Evaluator(policy, NAMES), NAMES)
    rules = {rule.id: rule for rule in policy.rules}
    assert {why.fired for why in told.whys} == set(case.fired)
    for why in told.whys:
        assert why.because and not why.note
        rule = rules[why.fired.rule]
        if "RequiredFailed" in repr(rule.when) or isinstance(rule.when, RequiredFailed):
            continue
        named = set(re.findall(r"`([^`]+)`", why.because))
        model = Model(policy, space)
        for _ in range(5):
            other = tuple(
                value
                if not variable.signals or variable.name in named
                else drawn.randrange(len(variable.values))
                for variable, value in zip(space.variables, assignment, strict=True)
            )
            assert space.diagrams.true_at(model.holds(rule.when), other), why.because


# The shipped policy.


@pytest.fixture(scope="module")
def names() -> Catalogue:
    return parts.judging(Settings())[2]


@pytest.fixture(scope="module")
def policy(names: Catalogue) -> Policy:
    return read_policy(shipped(SHIPPED), names)


def asked(
    names: Catalogue,
    policy: Policy,
    values: dict[str, float | str],
    *,
    point: Point = Point.ADMIT,
    **facts: object,
) -> Case:
    """A case in which all is absent but these."""
    signals = {e.name: Signal.absent(e.name) for e in names.values() if point in e.points}
    for name, value in values.items():
        signals[name] = (
            Signal.measured(name, value)
            if isinstance(value, float)
            else {"no-answer": Signal.no_answer, "failed": Signal.failed}[value](name, "no face")
        )
    context = Facts("generate", "web", "standard", "JP", False, DAY, "JP")
    return judged(policy, names, point, replace(context, **facts), signals)  # type: ignore[arg-type]


def test_in_words(names: Catalogue, policy: Policy) -> None:
    told = explain(asked(names, policy, {"prompt.sexual": 0.83}), Evaluator(policy, names), names)
    (why,) = told.whys
    assert (why.family, why.fired.rule) == (Family.OWN, "sexual-content")
    assert why.because == "`prompt.sexual` 0.83 (at least 0.5)"
    (change,) = told.changes
    assert (
        change.signals == {"prompt.sexual": "below 0.5 instead of 0.83"} and change.outcome is Outcome.ALLOW
    )
    (spicy,) = told.modes
    assert spicy.relaxes == ("sexual-content",)
    assert (spicy.now, spicy.on_terms) == (Outcome.BLOCK, Outcome.ALLOW)
    assert spicy.missing[0] == "an assured age" and spicy.missing[1].startswith("a caller in AT, BE")
    assert told.same_policy and against(policy, told.case) == ""


def test_several_ways_none_of_which_holds_another(names: Catalogue, policy: Policy) -> None:
    case = asked(
        names,
        policy,
        {"prompt.exposure": 0.83, "input.person": 0.99, "lineage.photograph": 1.0},
        action="edit",
    )
    told = explain(case, Evaluator(policy, names), names)
    floor = next(why for why in told.whys if why.fired.rule == "real-person-sexual")
    assert floor.family is Family.FLOOR
    assert "`prompt.exposure` 0.83 (at least 0.5)" in floor.because and "names.person" not in floor.because
    assert [set(change.signals) for change in told.changes] == [
        {"prompt.exposure"}, {"input.person"}, {"lineage.photograph"},
    ] or {frozenset(c.signals) for c in told.changes} == {
        frozenset({"prompt.exposure"}), frozenset({"input.person"}), frozenset({"lineage.photograph"}),
    }  # fmt: skip
    assert not told.modes  # no mode relaxes a floor


def test_unknown_is_told_with_its_reason(names: Catalogue, policy: Policy) -> None:
    case = asked(
        names,
        policy,
        {
            "change.exposure": "no-answer",
            "input.person": 0.9,
            "lineage.photograph": 1.0,
            "prompt.touches_body": 0.6,
        },
        point=Point.RELEASE,
        action="edit",
    )
    told = explain(case, Evaluator(policy, names), names)
    untold = next(why for why in told.whys if why.fired.rule == "real-person-sexual-untold")
    assert "`change.exposure` unknown (no face; counts as the worst)" in untold.because


def test_a_failed_check_is_told_and_could_have_answered(names: Catalogue, policy: Policy) -> None:
    told = explain(asked(names, policy, {"input.face": "failed"}), Evaluator(policy, names), names)
    assert told.whys[0].because == "`input.face` failed (no face; counts as the worst)"
    assert [set(change.signals) for change in told.changes] == [{"input.face"}]


MINORS = ("minor", "young")


def test_a_rule_about_minors_gets_no_recipe(names: Catalogue, policy: Policy) -> None:
    """Over drawn cases of every kind, in the mode that relaxes most, and where it is only assumed."""
    draw, evaluator, seen = random.Random(7), Evaluator(policy, names), 0
    speaking = [n for n in names if n.rpartition(".")[2].startswith(MINORS)]
    assert {"prompt.minor", "terms.minor", "input.young", "output.young_measured"} <= set(speaking)
    for number in range(150):
        point = draw.choice(tuple(Point))
        here = [e.name for e in names.values() if point in e.points]
        some = draw.sample(here, draw.randint(1, 6)) + [n for n in speaking if n in here and number % 2]
        values: dict[str, float | str] = {
            n: draw.choice([0.3, 0.55, 0.9, "no-answer", "failed"]) for n in some
        }
        case = asked(
            names, policy, values, point=point, action=draw.choice(["edit", "generate"]), mode="spicy",
            country="DE", age_assured=True,
        )  # fmt: skip
        told = explain(case, evaluator, names)
        if any(fired.rule.startswith("minor-sexual") for fired in case.fired):
            seen += 1
            assert told.closed and not told.changes and not told.modes
        for change in told.changes:
            assert not set(change.examples) & set(speaking)
    assert seen > 20


def test_a_recorded_rule_about_minors_closes_it_under_any_policy(names: Catalogue, policy: Policy) -> None:
    """Even where the policy at hand knows no such rule and would only hold."""
    case = asked(names, policy, {"prompt.sexual": 0.83})
    case = replace(case, fired=(*case.fired, Fired("minor-sexual-gone", Outcome.BLOCK, "r", floor=True)))
    told = explain(case, Evaluator(policy, names), names)
    assert told.closed and not told.changes and not told.modes
    assert told.whys[-1].family is Family.FLOOR and "no rule of this name" in told.whys[-1].note


def test_another_policy_says_so(names: Catalogue, policy: Policy) -> None:
    case = asked(names, policy, {"prompt.sexual": 0.53})
    text = shipped(SHIPPED).decode().replace("prompt.sexual, at_least: 0.5}", "prompt.sexual, at_least: 0.6}")
    other = read_policy(text.encode(), names)
    told = explain(case, Evaluator(other, names), names)
    assert not told.same_policy and told.again is Outcome.ALLOW and not told.changes
    assert "does not fire" in told.whys[0].note and told.whys[0].because == ""
    assert policy.digest in against(other, case) and other.digest in against(other, case)


def test_what_the_evaluator_denies_is_not_told(
    names: Catalogue, policy: Policy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fault injected: a proof that finds a change which is none."""
    case = asked(names, policy, {"prompt.sexual": 0.83})
    monkeypatch.setattr(Model, "fires", lambda self, rule: 0)
    with pytest.raises(Fault) as refused:
        explain(case, Evaluator(policy, names), names)
    assert refused.value.code == "explanation_unconfirmed"


# A policy small enough to write down.

from tests.guard.policy.conftest import FLOORS, POLICY, entry  # noqa: E402

pytestmark = pytest.mark.slow

SMALL: Catalogue = {e.name: e for e in (entry("a"), entry("b"))}


def read_small(test: str) -> Policy:
    floors = FLOORS.replace("{signal: a, at_least: 0.5}", "{signal: a, at_least: 0.5}").replace(
        "real-person: {signal: a, at_least: 0.3}", "real-person: {signal: a, at_least: 0.5}"
    )
    start, rest = POLICY.split("conditions:", 1)
    modes = "modes:\n  standard: {}\n"
    rules = f"rules:\n  - {{id: p, at: [admit], when: {{signal: a, {test}}}, then: block, reason: r}}\n"
    assert rest
    return read_policy((start + rules + modes).encode(), SMALL, floors=floors.encode())

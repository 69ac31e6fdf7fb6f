"""Realistic loosenings, each caught: by the prover, past the parser or in a wrong evaluator, or by the comparison.

Every one names what its counterexample must say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date

import pytest

from rambarde.guard.policy.language import (
    All,
    AnyOf,
    Condition,
    Not,
    Policy,
    RequiredFailed,
    Rule,
    SignalAtom,
    Test,
)
from rambarde.guard.policy.proof.model import Model
from rambarde.guard.policy.proof.prove import Breach, Invariant, prove
from rambarde.guard.policy.proof.space import COUNTRY, DEPICTED, UNKNOWN_COUNTRY, Cell
from rambarde.nouns.decision import Outcome
from rambarde.nouns.signal import Polarity, State
from tests.guard.policy.proof.edited import TEXT, edited, floors, names, read

SPICY = "relaxes: [sexual-content, sexual-output, nude-looking-output]"
FRENCH = """rules:
  - id: french
    at: [admit]
    when: {signal: prompt.sexual, at_least: 0.2}
    then: block
    reason: not in France
    countries: [FR, US-CA]
    from: 2026-12-02
    until: 2027-12-02
"""


def breaches(policy: Policy, model: type[Model] = Model) -> dict[Invariant, Breach]:
    found = prove(policy, names(), floors(), model=model).findings
    return {f.invariant: f.breach for f in found if f.breach is not None}


def test_the_shipped_policy_is_proven() -> None:
    assert not breaches(read(TEXT))


# What the parser accepts and the prover does not.


@pytest.mark.parametrize(
    ("edit", "said", "assigned"),
    [
        pytest.param(
            (
                "      any:\n        - {signal: prompt.sexual, at_least: 0.5}\n",
                "      all:\n        - {context: surface, in: [web, app, reply]}\n",
            ),
            "on `api`, mode `standard`, at admit: `terms.sexual` 0.5 → allow; on `web` → block",
            {"surface": "api", "terms.sexual": "0.5"},
            id="a surface exempted",
        ),
        pytest.param(
            (
                "      any:\n        - {signal: prompt.sexual, at_least: 0.5}\n",
                "      all:\n        - not: {context: mode, in: [spicy]}\n",
            ),
            "on `web`, mode `spicy`, at admit: `terms.sexual` 0.5 → allow; mode `standard` → block",
            {"mode": "spicy", "terms.sexual": "0.5"},
            id="a mode exempted by a condition",
        ),
    ],
)
def test_a_hidden_exemption(edit: tuple[str, str], said: str, assigned: dict[str, str]) -> None:
    found = breaches(read(edited(edit)))
    assert set(found) == {Invariant.EQUAL}
    assert found[Invariant.EQUAL].words == said
    assert found[Invariant.EQUAL].assigned == assigned
    assert found[Invariant.EQUAL].evaluated is Outcome.ALLOW


# What no parser would let through: a policy put together by other code, or tampered with in memory.


def rule_changed(name: str, **changes: object) -> Callable[[Policy], Policy]:
    def change(policy: Policy) -> Policy:
        rules = tuple(
            replace(rule, **changes) if rule.id == name else rule  # type: ignore[arg-type]
            for rule in policy.rules
        )
        assert rules != policy.rules
        return replace(policy, rules=rules)

    return change


def condition_changed(name: str, change: Callable[[Condition], Condition]) -> Callable[[Policy], Policy]:
    def walk(condition: Condition) -> Condition:
        match condition:
            case All(inner):
                return change(All(tuple(walk(part) for part in inner)))
            case AnyOf(inner):
                return change(AnyOf(tuple(walk(part) for part in inner)))
            case Not(part):
                return change(Not(walk(part)))
        return change(condition)

    return lambda policy: rule_changed(name, when=walk(next(r for r in policy.rules if r.id == name).when))(
        policy
    )


def dropped(name: str) -> Callable[[Policy], Policy]:
    return lambda policy: replace(policy, rules=tuple(r for r in policy.rules if r.id != name))


def floor_relaxed(policy: Policy) -> Policy:
    rules = tuple(replace(r, floor=False) if r.id == "known-image" else r for r in policy.rules)
    return replace(
        policy, rules=rules, modes=tuple(replace(m, relaxes=("known-image",)) for m in policy.modes)
    )


def raised(atom: Condition) -> Condition:
    known = isinstance(atom, SignalAtom) and atom.signal == "input.known"
    return replace(atom, threshold=0.8) if known and isinstance(atom, SignalAtom) else atom


def without_not(condition: Condition) -> Condition:
    return condition.part if isinstance(condition, Not) else condition


def never_failed(condition: Condition) -> Condition:
    if isinstance(condition, RequiredFailed):
        return SignalAtom("input.known", Test.FAILED, Polarity.HIGH_IS_WORSE)
    return condition


@pytest.mark.parametrize(
    ("mutate", "invariant", "size", "said"),
    [
        pytest.param(
            dropped("known-image"),
            Invariant.FLOORS,
            1,
            "`input.known` 0.5 → allow; `known-image` says block",
            id="a floor deleted",
        ),
        pytest.param(
            rule_changed("known-image", then=Outcome.REVIEW),
            Invariant.FLOORS,
            1,
            "`input.known` 0.5 → review",
            id="a floor softened",
        ),
        pytest.param(
            rule_changed("known-image", surfaces=("web", "app", "reply")),
            Invariant.FLOORS,
            2,
            "on `api`",
            id="a floor limited to surfaces",
        ),
        pytest.param(
            rule_changed("known-image", countries=("FR",)),
            Invariant.FLOORS,
            1,
            "`input.known` 0.5 → allow",
            id="a floor limited to a country",
        ),
        pytest.param(
            rule_changed("known-image", end=date(2027, 1, 1)),
            Invariant.FLOORS,
            2,
            "from 2027-01-01",
            id="a floor that ends",
        ),
        pytest.param(floor_relaxed, Invariant.FLOORS, 1, "mode `standard`", id="a mode relaxes a floor"),
        pytest.param(
            condition_changed("known-image", raised),
            Invariant.FLOORS,
            1,
            "`input.known` 0.5 → allow",
            id="a floor's threshold raised",
        ),
        pytest.param(
            condition_changed("real-person-sexual", without_not),
            Invariant.FLOORS,
            3,
            "`terms.exposure` 0.5",
            id="a not dropped",
        ),
        pytest.param(
            condition_changed("real-person-sexual", without_not),
            Invariant.MONOTONE,
            3,
            "`prompt.reduces_exposure`",
            id="a not dropped: a worse signal loosens",
        ),
        pytest.param(
            condition_changed("unchecked", never_failed),
            Invariant.FLOORS,
            1,
            "failed: `input.nudity` (read by no rule) → allow",
            id="only one detector's failure counts",
        ),
        pytest.param(
            rule_changed("unchecked", points=()),
            Invariant.FLOORS,
            1,
            "failed: `input.nudity` (read by no rule) → allow",
            id="a floor at no decision point",
        ),
    ],
)
def test_past_the_parser(
    mutate: Callable[[Policy], Policy], invariant: Invariant, size: int, said: str
) -> None:
    breach = breaches(mutate(read(TEXT)))[invariant]
    assert said in breach.words
    assert len(breach.assigned) == size, breach.words
    assert breach.evaluated is breach.outcome


# Mistakes of an evaluator.


class UnknownIsNothing(Model):
    """*No answer* read as the value 0."""

    def true_of(self, atom: SignalAtom, cell: Cell) -> bool:
        return super().true_of(atom, Cell(State.VALUE) if cell.state is State.NO_ANSWER else cell)


class FailedIsAbsent(Model):
    def true_of(self, atom: SignalAtom, cell: Cell) -> bool:
        return super().true_of(atom, Cell(State.ABSENT) if cell.state is State.FAILED else cell)

    def required_failed(self) -> int:
        return 0


class StrictlyAbove(Model):
    """`at_least` read as "more than"."""

    def true_of(self, atom: SignalAtom, cell: Cell) -> bool:
        at = cell.state is State.VALUE and cell.low == cell.high == atom.threshold
        return not (at and atom.test is Test.AT_LEAST) and super().true_of(atom, cell)


class PolarityIgnored(Model):
    def true_of(self, atom: SignalAtom, cell: Cell) -> bool:
        return super().true_of(replace(atom, polarity=Polarity.HIGH_IS_WORSE), cell)


class UnknownCountryIsNone(Model):
    def in_its_countries(self, rule: Rule) -> int:
        d = self.space.diagrams
        return d.without(super().in_its_countries(rule), self.space.among(COUNTRY, UNKNOWN_COUNTRY))


class DepictedIsIgnored(Model):
    def in_its_countries(self, rule: Rule) -> int:
        return self.possibly(COUNTRY, rule.countries)


class UnknownDepictedIsNone(Model):
    def in_its_countries(self, rule: Rule) -> int:
        d, unknown = self.space.diagrams, self.space.among(DEPICTED, UNKNOWN_COUNTRY)
        stated = d.without(super().in_its_countries(rule), unknown)
        return d.either(self.possibly(COUNTRY, rule.countries), stated)


class NobodyIsEverDepicted(Model):
    """The depicted person's country counts only where a person is certain."""

    def depicts(self) -> int:
        return 0


class WholeCountryIsNoPart(Model):
    """`US` read as outside of `US-CA`."""

    def possibly(self, name: str, countries: tuple[str, ...]) -> int:
        d = self.space.diagrams
        return d.either(self.listed(name, countries), self.space.among(name, UNKNOWN_COUNTRY))


class ListIsAnExemption(Model):
    """A list of countries read as those where the rule does not hold."""

    def in_its_countries(self, rule: Rule) -> int:
        return self.space.diagrams.negated(self.listed(COUNTRY, rule.countries))


class UnknownIsWhereModesAre(Model):
    def listed(self, name: str, countries: tuple[str, ...]) -> int:
        d = self.space.diagrams
        return d.either(super().listed(name, countries), self.space.among(name, UNKNOWN_COUNTRY))


class TermsIgnored(Model):
    def terms(self, mode: object) -> int:
        return 1


class DatesTurned(Model):
    """A rule that holds outside of its dates."""

    def on_its_dates(self, rule: Rule) -> int:
        held = super().on_its_dates(rule)
        return self.space.diagrams.negated(held) if rule.start else held


@pytest.mark.parametrize(
    ("model", "invariant", "said"),
    [
        (UnknownIsNothing, Invariant.FLOORS, "`input.known` no answer"),
        (UnknownIsNothing, Invariant.MONOTONE, "`input.known` no answer → allow; `input.known` 0.8 → block"),
        (FailedIsAbsent, Invariant.FLOORS, "failed"),
        (FailedIsAbsent, Invariant.MONOTONE, "failed"),
        (StrictlyAbove, Invariant.FLOORS, "`input.known` 0.5 → allow"),
        (PolarityIgnored, Invariant.FLOORS, "`prompt.reduces_exposure` no answer"),
        (UnknownCountryIsNone, Invariant.GEOGRAPHY, "country unknown"),
        (DepictedIsIgnored, Invariant.GEOGRAPHY, "depicted person in FR"),
        (UnknownDepictedIsNone, Invariant.GEOGRAPHY, "depicted person in a country not known"),
        (NobodyIsEverDepicted, Invariant.GEOGRAPHY, "depicted person in FR"),
        (WholeCountryIsNoPart, Invariant.GEOGRAPHY, "US"),
        (ListIsAnExemption, Invariant.GEOGRAPHY, "FR, from 2026-12-02 until before 2027-12-02"),
        (UnknownIsWhereModesAre, Invariant.EQUAL, "mode `spicy`, country unknown, age assured"),
        (TermsIgnored, Invariant.EQUAL, "mode `spicy`"),
        (DatesTurned, Invariant.GEOGRAPHY, "from 2026-12-02 until before 2027-12-02"),
    ],
)
def test_a_wrong_evaluator(model: type[Model], invariant: Invariant, said: str) -> None:
    policy = read(edited(("rules:\n", FRENCH)))
    assert not breaches(policy)
    assert said in breaches(policy, model)[invariant].words

"""A slow, obvious evaluator: the oracle for the compiled one. It interprets the rules as the words say."""

from __future__ import annotations

from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.evaluation import Facts
from rambarde.guard.policy.language import (
    All,
    AnyOf,
    Condition,
    ContextAtom,
    Not,
    Policy,
    RequiredFailed,
    Rule,
    SignalAtom,
    Test,
    signals_read,
)
from rambarde.nouns.decision import Fired, Outcome, Point
from rambarde.nouns.signal import Signal, State


def outcome(
    policy: Policy, catalogue: Catalogue, point: Point, facts: Facts, signals: dict[str, Signal]
) -> tuple[Outcome, set[str]]:
    failed = bool(failures(policy, catalogue, point, signals))
    rules = firing(policy, point, facts, signals, failed)
    return max((rule.then for rule in rules), default=Outcome.ALLOW), {rule.id for rule in rules}


def fired(
    policy: Policy, catalogue: Catalogue, point: Point, facts: Facts, signals: dict[str, Signal]
) -> tuple[Fired, ...]:
    """All that a decision says of what fired, in its order."""
    silent = failures(policy, catalogue, point, signals)
    failed = bool(silent)
    told = {name: Signal.absent(name) if signal.unknown else signal for name, signal in signals.items()}
    surely = firing(policy, point, facts, told, failed)
    found = []
    for rule in firing(policy, point, facts, signals, failed):
        read = signals_read(rule.when)
        if rule.countries and "depicted" in rule.whose and policy.depicts is not None:
            read = tuple(dict.fromkeys((*read, *signals_read(policy.depicts))))
        assumed = rule not in surely
        follow = () if assumed else rule.follow
        found.append(
            Fired(
                *(rule.id, rule.then, rule.reason, rule.floor, rule.fields, rule.grounds, follow),
                *(read or silent, assumed),
            )
        )
    for before in (lambda f: not f.floor, lambda f: f.assumed, lambda f: -f.outcome):
        found.sort(key=before)
    return tuple(found)


def failures(
    policy: Policy, catalogue: Catalogue, point: Point, signals: dict[str, Signal]
) -> tuple[str, ...]:
    """The signals of required detectors, and of lineage, that failed or are missing."""
    needed = {"lineage", *(r.name for r in policy.detectors)}
    found = []
    for entry in catalogue.values():
        if entry.detector in needed and point in entry.points:
            signal = signals.get(entry.name)
            if signal is None or signal.state is State.FAILED:
                found.append(entry.name)
    return tuple(found)


def firing(
    policy: Policy, point: Point, facts: Facts, signals: dict[str, Signal], failed: bool
) -> list[Rule]:
    found = []
    for rule in policy.rules:
        if point not in rule.points:
            continue
        if rule.countries:
            somebody = policy.depicts is None or true(policy.depicts, facts, signals, failed)
            caller = "caller" in rule.whose and _may_be(facts.country, rule.countries)
            depicted = "depicted" in rule.whose and somebody and _may_be(facts.depicted, rule.countries)
            if not caller and not depicted:
                continue
        if rule.surfaces and facts.surface not in rule.surfaces:
            continue
        if rule.start and facts.today < rule.start:
            continue
        if rule.end and facts.today >= rule.end:
            continue
        if not rule.floor:
            mode = policy.mode(facts.mode)
            if mode and rule.id in mode.relaxes:
                adult = facts.age_assured or not mode.age_assured
                here = (
                    not mode.countries
                    or facts.country in mode.countries
                    or facts.country[:2] in mode.countries
                )
                if adult and here:
                    continue
        if true(rule.when, facts, signals, failed):
            found.append(rule)
    return found


def _may_be(country: str, countries: tuple[str, ...]) -> bool:
    return (
        country == "unknown"
        or country in countries
        or country[:2] in countries
        or country in [listed[:2] for listed in countries]
    )


def true(condition: Condition, facts: Facts, signals: dict[str, Signal], failed: bool) -> bool:
    if isinstance(condition, All):
        return all([true(part, facts, signals, failed) for part in condition.parts])
    if isinstance(condition, AnyOf):
        return any([true(part, facts, signals, failed) for part in condition.parts])
    if isinstance(condition, Not):
        return not true(condition.part, facts, signals, failed)
    if isinstance(condition, RequiredFailed):
        return failed
    if isinstance(condition, ContextAtom):
        value = {
            "action": facts.action,
            "surface": facts.surface,
            "mode": facts.mode,
            "age_assured": "true" if facts.age_assured else "false",
        }[condition.key]
        return value in condition.values
    assert isinstance(condition, SignalAtom)
    signal = signals.get(condition.signal)
    state = State.FAILED if signal is None else signal.state
    unknown = state in (State.NO_ANSWER, State.FAILED)
    if condition.test is Test.PRESENT:
        return state is not State.ABSENT
    if condition.test is Test.ABSENT:
        return state is State.ABSENT
    if condition.test is Test.UNKNOWN:
        return unknown
    if condition.test is Test.FAILED:
        return state is State.FAILED
    if unknown:
        return condition.toward_worst
    if state is State.ABSENT:
        return not condition.toward_worst
    assert signal is not None and signal.value is not None
    if condition.test is Test.AT_LEAST:
        return signal.value >= condition.threshold
    return signal.value <= condition.threshold

"""Deciding: a pure function of (policy, context, signals), compiled once. Deny overrides. No I/O."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache

from rambarde.guard.policy.catalogue import LINEAGE, Catalogue
from rambarde.guard.policy.compile import ABSENT, FAILED, NO_ANSWER, compile_conditions
from rambarde.guard.policy.language import (
    All,
    ContextAtom,
    Mode,
    Policy,
    Rule,
    Whose,
    asked,
    signals_read,
)
from rambarde.nouns.caller import UNKNOWN_COUNTRY
from rambarde.nouns.decision import Decision, Fired, Outcome, Point
from rambarde.nouns.signal import Polarity, Signals, State

REMEMBERED = 1024
"""Most facts whose applicable rules one evaluator remembers for a decision point; the least used go first."""


@dataclass(frozen=True, slots=True)
class Facts:
    """The context of a decision. An unknown country is the strictest; the plan is not here on purpose.

    `country` is the caller's, `depicted` that of the real person in the picture, if there is one.
    """

    action: str
    surface: str
    mode: str
    country: str
    age_assured: bool
    today: date
    depicted: str = UNKNOWN_COUNTRY


class Evaluator:
    """A policy compiled for deciding. Give it the policy and the catalogue it was parsed with.

    Safe to use from several threads.
    """

    def __init__(self, policy: Policy, catalogue: Catalogue) -> None:
        self.policy = policy
        self._points = {point: _PointEvaluator(point, policy, catalogue) for point in Point}

    def decide(self, point: Point, facts: Facts, signals: Signals) -> Decision:
        """Every rule of this point that applies and holds fires; the strictest wins; none means allow.

        A rule that holds only because unknown counts as the worst fires *assumed*: as strict, but without
        what would follow from evidence.
        """
        fired = self._points[point].fired(facts, signals)
        return Decision(
            point=point,
            outcome=fired[0].outcome if fired else Outcome.ALLOW,
            fired=fired,
            signals=tuple(signals.values()),
            policy=self.policy.digest,
        )


@dataclass(frozen=True, slots=True)
class _Circumstances:
    """What facts alone settle: the context atoms, and the rules that apply, by position.

    `nobody`: the rules if nobody real is depicted; `somebody`: if somebody may be.
    """

    contexts: tuple[bool, ...]
    nobody: tuple[int, ...]
    somebody: tuple[int, ...]


class _PointEvaluator:
    """The rules of one decision point."""

    def __init__(self, point: Point, policy: Policy, catalogue: Catalogue) -> None:
        required = {LINEAGE, *(requirement.name for requirement in policy.detectors)}
        watched = tuple(
            (entry.name, entry.polarity)
            for entry in catalogue.values()
            if point in entry.points and entry.detector in required
        )
        self._required = len(watched)
        self._rules = tuple(rule for rule in policy.rules if point in rule.points)
        # Without a condition for it, somebody real may always be depicted. It comes last.
        depicts = policy.depicts if policy.depicts is not None else All(())
        compiled = compile_conditions([*(rule.when for rule in self._rules), depicts], watched)
        self._judge = compiled.judge
        self._contexts = compiled.contexts
        self._scales = tuple((name, worst is Polarity.HIGH_IS_WORSE) for name, worst in compiled.scales)
        self._ranks, self._ranked = _ranking(self._rules, policy)
        self._modes: Mapping[str, Mode] = {mode.name: mode for mode in policy.modes}
        self._circumstances = lru_cache(REMEMBERED)(self._settle)

    def fired(self, facts: Facts, signals: Signals) -> tuple[Fired, ...]:
        """What fires, strictest first; among equals what is told before what is assumed, floors before rules."""
        places, unknown, failures = self._places(signals)
        circumstances = self._circumstances(facts)
        firing = self._firing(circumstances, places, bool(failures))
        if not firing:
            return ()
        told = firing
        if unknown:
            for index in unknown:
                places[index] = ABSENT
            told = self._firing(circumstances, places, bool(failures))
        found = [self._ranked[rank] for rank in sorted(self._ranks[i][i not in told] for i in firing)]
        if failures:
            # A rule that reads no signal fires for the required ones that failed.
            return tuple(one if one.read else replace(one, read=tuple(failures)) for one in found)
        return tuple(found)

    def _places(self, signals: Signals) -> tuple[list[float], list[int], list[str]]:
        """The place on each scale; of which signals that are there are unknown; which required ones failed.

        A missing signal is a failed one, and stays so when what is unknown is taken for absent.
        """
        places: list[float] = []
        unknown: list[int] = []
        failures: list[str] = []
        get = signals.get
        for name, high in self._scales:
            signal = get(name)
            if signal is not None:
                value = signal.value
                if value is not None:
                    places.append(value if high else -value)
                    continue
                state = signal.state
                if state is State.ABSENT:
                    places.append(ABSENT)
                    continue
                unknown.append(len(places))
                if state is State.NO_ANSWER:
                    places.append(NO_ANSWER)
                    continue
            if len(places) < self._required:
                failures.append(name)
            places.append(FAILED)
        return places, unknown, failures

    def _firing(self, circumstances: _Circumstances, places: list[float], failed: bool) -> list[int]:
        *held, somebody = self._judge(places, circumstances.contexts, failed)
        if True not in held:
            return []
        return [i for i in (circumstances.somebody if somebody else circumstances.nobody) if held[i]]

    def _settle(self, facts: Facts) -> _Circumstances:
        relaxed = self._relaxed(facts)
        here = [
            (index, rule)
            for index, rule in enumerate(self._rules)
            if (rule.floor or rule.id not in relaxed) and _on_its_day(rule, facts)
        ]
        return _Circumstances(
            contexts=tuple(_context(facts, atom) for atom in self._contexts),
            nobody=tuple(i for i, rule in here if _in_its_countries(rule, facts, somebody=False)),
            somebody=tuple(i for i, rule in here if _in_its_countries(rule, facts, somebody=True)),
        )

    def _relaxed(self, facts: Facts) -> tuple[str, ...]:
        """What the mode lifts; nothing where its terms are not met, or where the mode is unknown."""
        mode = self._modes.get(facts.mode)
        if mode is None or (mode.age_assured and not facts.age_assured):
            return ()
        if mode.countries and not _in_country(facts.country, mode.countries):
            return ()
        return mode.relaxes


def _ranking(
    rules: tuple[Rule, ...], policy: Policy
) -> tuple[tuple[tuple[int, int], ...], tuple[Fired, ...]]:
    """All that can fire, in order, and each rule's two places there: told and assumed."""
    ways = [(index, assumed) for index in range(len(rules)) for assumed in (False, True)]
    ways.sort(key=lambda way: (-rules[way[0]].then, way[1], not rules[way[0]].floor))
    rank = {way: place for place, way in enumerate(ways)}
    ranked = tuple(
        _fired(rules[index], signals_read(asked(rules[index], policy.depicts)), assumed=assumed)
        for index, assumed in ways
    )
    return tuple((rank[index, False], rank[index, True]) for index in range(len(rules))), ranked


def _fired(rule: Rule, read: tuple[str, ...], *, assumed: bool) -> Fired:
    return Fired(
        rule=rule.id,
        outcome=rule.then,
        reason=rule.reason,
        floor=rule.floor,
        fields=rule.fields,
        grounds=rule.grounds,
        follow=() if assumed else rule.follow,
        read=read,
        assumed=assumed,
    )


def _in_its_countries(rule: Rule, facts: Facts, *, somebody: bool) -> bool:
    """The caller may be in one of them, or the person depicted, if `somebody` real may be."""
    if not rule.countries or (Whose.CALLER in rule.whose and _may_be_in(facts.country, rule.countries)):
        return True
    return somebody and Whose.DEPICTED in rule.whose and _may_be_in(facts.depicted, rule.countries)


def _in_country(country: str, listed: tuple[str, ...]) -> bool:
    """Surely in one of them: what a mode is offered in."""
    return country in listed or country.split("-")[0] in listed


def _may_be_in(country: str, listed: tuple[str, ...]) -> bool:
    """Not surely outside all of them: where a rule applies. `US` may be `US-CA`, unknown may be anything."""
    if country == UNKNOWN_COUNTRY or _in_country(country, listed):
        return True
    return any(one.startswith(f"{country}-") for one in listed)


def _on_its_day(rule: Rule, facts: Facts) -> bool:
    """By surface and date."""
    if rule.surfaces and facts.surface not in rule.surfaces:
        return False
    if rule.start is not None and facts.today < rule.start:
        return False
    return rule.end is None or facts.today < rule.end


def _context(facts: Facts, atom: ContextAtom) -> bool:
    value = getattr(facts, atom.key)
    return (str(value).lower() if isinstance(value, bool) else value) in atom.values

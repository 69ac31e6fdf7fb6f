"""Deciding: a pure function of (policy, context, signals), compiled once. Deny overrides. No I/O."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
from rambarde.nouns.signal import Polarity, Signals

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


_PLACES = (ABSENT, FAILED, NO_ANSWER, FAILED)
"""By state; a value that is none, which no signal can be, would be the worst."""


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


@dataclass(frozen=True, slots=True)
class _Way:
    """One of the two ways a rule fires, told and assumed. `index` is the rule's at its decision point."""

    index: int
    rule: Rule
    fired: Fired

    def because(self, failures: Sequence[str]) -> Fired:
        """Of a rule that reads no signal: it fires for the required ones that failed."""
        return _fired(self.rule, tuple(failures), assumed=self.fired.assumed)


class _PointEvaluator:
    """The rules of one decision point: those that always apply, and those that depend on place, day or mode."""

    def __init__(self, point: Point, policy: Policy, catalogue: Catalogue) -> None:
        required = {LINEAGE, *(requirement.name for requirement in policy.detectors)}
        watched = tuple(
            (entry.name, entry.polarity)
            for entry in catalogue.values()
            if point in entry.points and entry.detector in required
        )
        self._required = len(watched)
        rules = tuple(rule for rule in policy.rules if point in rule.points)
        # Without a condition for it, somebody real may always be depicted. It comes last.
        depicts = policy.depicts if policy.depicts is not None else All(())
        compiled = compile_conditions([*(rule.when for rule in rules), depicts], watched)
        self._judge = compiled.judge
        self._contexts = compiled.contexts
        self._scales = tuple((name, worst is Polarity.HIGH_IS_WORSE) for name, worst in compiled.scales)
        self._modes: Mapping[str, Mode] = {mode.name: mode for mode in policy.modes}
        lifted = {name for mode in policy.modes for name in mode.relaxes}
        sometimes = [_limited(rule) or (rule.id in lifted and not rule.floor) for rule in rules]
        self._sometimes = tuple((index, rule) for index, rule in enumerate(rules) if sometimes[index])
        self._always = tuple(index for index in range(len(rules)) if not sometimes[index])
        self._ways = _ways(rules, policy)
        rank = {(way.index, way.fired.assumed): rank for rank, way in enumerate(self._ways)}
        self._ranks = tuple((rank[index, False], rank[index, True]) for index in range(len(rules)))
        self._circumstances = lru_cache(REMEMBERED)(self._settle)

    def fired(self, facts: Facts, signals: Signals) -> tuple[Fired, ...]:
        """What fires, in the order of the ways."""
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
        ranks = self._ranks
        ways = [self._ways[rank] for rank in sorted([ranks[i][i not in told] for i in firing])]
        if not failures:
            return tuple([way.fired for way in ways])
        return tuple([way.fired if way.fired.read else way.because(failures) for way in ways])

    def _places(self, signals: Signals) -> tuple[list[float], list[int], list[str]]:
        """The place on each scale; of which signals that are there are unknown; which required ones failed.

        A missing signal is a failed one, and stays so when what is unknown is taken for absent.
        """
        places: list[float] = []
        unknown: list[int] = []
        failures: list[str] = []
        for name, high in self._scales:
            signal = signals.get(name)
            if signal is not None and signal.value is not None:
                places.append(signal.value if high else -signal.value)
                continue
            place = FAILED if signal is None else _PLACES[signal.state]
            if place >= NO_ANSWER and signal is not None:
                unknown.append(len(places))
            if place >= FAILED and len(places) < self._required:
                failures.append(name)
            places.append(place)
        return places, unknown, failures

    def _firing(self, circumstances: _Circumstances, places: list[float], failed: bool) -> list[int]:
        held = self._judge(places, circumstances.contexts, failed)
        applying = circumstances.somebody if held[-1] else circumstances.nobody
        return [index for index in applying if held[index]]

    def _settle(self, facts: Facts) -> _Circumstances:
        """A rule with countries applies where the caller may be, or the person depicted, if somebody real may be."""
        relaxed = self._relaxed(facts)
        nobody, somebody = list(self._always), list(self._always)
        for index, rule in self._sometimes:
            if (rule.id in relaxed and not rule.floor) or not _on_its_day(rule, facts):
                continue
            if not rule.countries or (
                Whose.CALLER in rule.whose and _may_be_in(facts.country, rule.countries)
            ):
                nobody.append(index)
                somebody.append(index)
            elif Whose.DEPICTED in rule.whose and _may_be_in(facts.depicted, rule.countries):
                somebody.append(index)
        contexts = tuple(_context(facts, atom) for atom in self._contexts)
        return _Circumstances(contexts, tuple(nobody), tuple(somebody))

    def _relaxed(self, facts: Facts) -> tuple[str, ...]:
        """What the mode lifts; nothing where its terms are not met, or where the mode is unknown."""
        mode = self._modes.get(facts.mode)
        if mode is None or (mode.age_assured and not facts.age_assured):
            return ()
        if mode.countries and not _in_country(facts.country, mode.countries):
            return ()
        return mode.relaxes


def _ways(rules: tuple[Rule, ...], policy: Policy) -> tuple[_Way, ...]:
    """All ways to fire, strictest first; among equals told before assumed, then floors before other rules."""
    ways = [
        _Way(index, rule, _fired(rule, signals_read(asked(rule, policy.depicts)), assumed=assumed))
        for index, rule in enumerate(rules)
        for assumed in (False, True)
    ]
    ways.sort(key=lambda way: (-way.rule.then, way.fired.assumed, not way.rule.floor))
    return tuple(ways)


def _limited(rule: Rule) -> bool:
    return bool(rule.countries or rule.surfaces or rule.start or rule.end)


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


def _in_country(country: str, listed: tuple[str, ...]) -> bool:
    """Surely in one of them: what a mode is offered in."""
    return country in listed or country.split("-")[0] in listed


def _may_be_in(country: str, listed: tuple[str, ...]) -> bool:
    """Not surely outside all of them: where a rule applies. `US` may be `US-CA`, unknown may be anything."""
    if country == UNKNOWN_COUNTRY or _in_country(country, listed):
        return True
    part = f"{country}-"
    return any(one.startswith(part) for one in listed)


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

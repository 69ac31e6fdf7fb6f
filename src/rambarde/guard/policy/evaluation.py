"""Deciding: a pure function of (policy, context, signals), compiled once. Deny overrides. No I/O."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

from rambarde.guard.policy.catalogue import LINEAGE, Catalogue
from rambarde.guard.policy.language import (
    All,
    AnyOf,
    Condition,
    ContextAtom,
    Mode,
    Not,
    Policy,
    RequiredFailed,
    Rule,
    SignalAtom,
    Test,
    Whose,
    asked,
    signals_read,
)
from rambarde.nouns.caller import UNKNOWN_COUNTRY
from rambarde.nouns.decision import Decision, Fired, Outcome, Point
from rambarde.nouns.signal import Polarity, Signal, Signals, State


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


_Holds = Callable[[Facts, Signals, bool], bool]
"""A compiled condition: (facts, signals, a required signal failed) -> does it hold."""

_BEST, _UNKNOWN = -1.0, 2.0


def scale(signal: Signal | None, polarity: Polarity) -> float:
    """Place on the one scale toward the worst: absent −1, values 0 to 1 by polarity, unknown or missing 2."""
    if signal is None or signal.state >= State.NO_ANSWER:
        return _UNKNOWN
    if signal.state is State.ABSENT or signal.value is None:
        return _BEST
    return signal.value if polarity is Polarity.HIGH_IS_WORSE else 1.0 - signal.value


class Evaluator:
    """A policy compiled for deciding. Give it the policy and the catalogue it was parsed with."""

    def __init__(self, policy: Policy, catalogue: Catalogue) -> None:
        self.policy = policy
        required = {LINEAGE, *(requirement.name for requirement in policy.detectors)}
        self._required = {
            point: tuple(e.name for e in catalogue.values() if point in e.points and e.detector in required)
            for point in Point
        }
        self._rules: dict[Point, tuple[tuple[Rule, _Holds, tuple[str, ...]], ...]] = {
            point: tuple(
                (rule, _compile(rule.when), signals_read(asked(rule, policy.depicts)))
                for rule in policy.rules
                if point in rule.points
            )
            for point in Point
        }
        self._depicts = _compile(policy.depicts) if policy.depicts is not None else None
        self._modes: Mapping[str, Mode] = {mode.name: mode for mode in policy.modes}

    def decide(self, point: Point, facts: Facts, signals: Signals) -> Decision:
        """Every rule of this point that applies and holds fires; the strictest wins; none means allow.

        A rule that holds only because unknown counts as the worst fires *assumed*: as strict, but without
        what would follow from evidence.
        """
        failed = any(
            (found := signals.get(name)) is None or found.state is State.FAILED
            for name in self._required[point]
        )
        relaxed = self._relaxed(facts)
        told = _told(signals)
        fired = []
        for rule, holds, read in self._rules[point]:
            if not rule.floor and rule.id in relaxed:
                continue
            if self._fires(rule, holds, facts, signals, failed):
                assumed = told is not None and not self._fires(rule, holds, facts, told, failed)
                names = read or (self._failures(point, signals) if failed else ())
                fired.append(_fired(rule, names, assumed=assumed))
        fired.sort(key=lambda f: (-f.outcome, f.assumed, not f.floor))
        return Decision(
            point=point,
            outcome=max((f.outcome for f in fired), default=Outcome.ALLOW),
            fired=tuple(fired),
            signals=tuple(signals.values()),
            policy=self.policy.digest,
        )

    def _fires(self, rule: Rule, holds: _Holds, facts: Facts, signals: Signals, failed: bool) -> bool:
        return (
            _on_its_day(rule, facts)
            and (not rule.countries or self._in_its_countries(rule, facts, signals, failed))
            and holds(facts, signals, failed)
        )

    def _in_its_countries(self, rule: Rule, facts: Facts, signals: Signals, failed: bool) -> bool:
        """The caller may be in one of them, or the person depicted, if somebody real may be."""
        if Whose.CALLER in rule.whose and _may_be_in(facts.country, rule.countries):
            return True
        if Whose.DEPICTED not in rule.whose or not _may_be_in(facts.depicted, rule.countries):
            return False
        return self._depicts is None or self._depicts(facts, signals, failed)

    def _failures(self, point: Point, signals: Signals) -> tuple[str, ...]:
        return tuple(
            name
            for name in self._required[point]
            if (found := signals.get(name)) is None or found.state is State.FAILED
        )

    def _relaxed(self, facts: Facts) -> tuple[str, ...]:
        """What the mode lifts; nothing where its terms are not met, or where the mode is unknown."""
        mode = self._modes.get(facts.mode)
        if mode is None or (mode.age_assured and not facts.age_assured):
            return ()
        if mode.countries and not _in_country(facts.country, mode.countries):
            return ()
        return mode.relaxes


def _told(signals: Signals) -> Signals | None:
    """The signals with what is unknown taken for absent; None if nothing is unknown."""
    unknown = [signal for signal in signals.values() if signal.unknown]
    return dict(signals) | {s.name: Signal.absent(s.name) for s in unknown} if unknown else None


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
    return any(one.startswith(f"{country}-") for one in listed)


def _on_its_day(rule: Rule, facts: Facts) -> bool:
    """By surface and date."""
    if rule.surfaces and facts.surface not in rule.surfaces:
        return False
    if rule.start is not None and facts.today < rule.start:
        return False
    return rule.end is None or facts.today < rule.end


def _compile(condition: Condition) -> _Holds:
    match condition:
        case SignalAtom():
            return _compile_signal(condition)
        case ContextAtom(key, values):
            allowed = frozenset(values)
            return lambda facts, signals, failed: _context(facts, key) in allowed
        case RequiredFailed():
            return lambda facts, signals, failed: failed
        case All(parts):
            every = tuple(_compile(part) for part in parts)
            return lambda facts, signals, failed: all(holds(facts, signals, failed) for holds in every)
        case AnyOf(parts):
            some = tuple(_compile(part) for part in parts)
            return lambda facts, signals, failed: any(holds(facts, signals, failed) for holds in some)
        case Not(part):
            inner = _compile(part)
            return lambda facts, signals, failed: not inner(facts, signals, failed)


def _context(facts: Facts, key: str) -> str:
    value = getattr(facts, key)
    return str(value).lower() if isinstance(value, bool) else value


def _compile_signal(atom: SignalAtom) -> _Holds:
    name, polarity = atom.signal, atom.polarity
    if atom.test in (Test.AT_LEAST, Test.AT_MOST):
        threshold = atom.threshold if polarity is Polarity.HIGH_IS_WORSE else 1.0 - atom.threshold
        if atom.toward_worst:
            return lambda facts, signals, failed: scale(signals.get(name), polarity) >= threshold
        return lambda facts, signals, failed: scale(signals.get(name), polarity) <= threshold
    if atom.test is Test.PRESENT:
        return lambda facts, signals, failed: scale(signals.get(name), polarity) > _BEST
    if atom.test is Test.ABSENT:
        return lambda facts, signals, failed: scale(signals.get(name), polarity) == _BEST
    if atom.test is Test.UNKNOWN:
        return lambda facts, signals, failed: scale(signals.get(name), polarity) == _UNKNOWN
    return lambda facts, signals, failed: (s := signals.get(name)) is None or s.state is State.FAILED

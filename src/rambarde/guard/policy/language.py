"""The policy language: typed data, no code.

A rule fires when its condition holds; it can only hold back (`review`) or refuse (`block`), and the
strictest rule that fires wins, so nothing a rule says can loosen another. Conditions read signals on one
scale, from best to worst: absent, then values, then *no answer*, then *failed*. A comparison toward the
worst (`at_least` on a signal whose high end is worse) is true of an unknown signal; a comparison toward
the better is not, and may stand only under `not`. So unknown is the worst in every rule that reads it, and
moving a signal toward the worst never loosens a decision: by the form of the rules.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from typing import NamedTuple

from rambarde.guard.policy.keeping import Keeping
from rambarde.nouns.decision import Outcome, Point
from rambarde.nouns.signal import Polarity


class Test(StrEnum):
    """What an atom asks of a signal."""

    __test__ = False  # the name is the field's; pytest must not collect it

    AT_LEAST = "at_least"
    AT_MOST = "at_most"
    PRESENT = "present"
    """A value or unknown: anything but absent."""
    ABSENT = "absent"
    UNKNOWN = "unknown"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class SignalAtom:
    """A signal against a threshold or a state. `threshold` only with AT_LEAST and AT_MOST."""

    signal: str
    test: Test
    polarity: Polarity
    threshold: float = 0.0

    @property
    def toward_worst(self) -> bool:
        """True if moving the signal toward its worst can only make this atom true."""
        if self.test is Test.AT_LEAST:
            return self.polarity is Polarity.HIGH_IS_WORSE
        if self.test is Test.AT_MOST:
            return self.polarity is Polarity.LOW_IS_WORSE
        return self.test is not Test.ABSENT


@dataclass(frozen=True, slots=True)
class ContextAtom:
    """Membership of a context value: `action`, `surface`, `mode` or `age_assured`. Never the plan."""

    key: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class RequiredFailed:
    """A signal of a required detector at this decision point is *failed* or missing."""


@dataclass(frozen=True, slots=True)
class All:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class AnyOf:
    parts: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Not:
    part: Condition


Condition = SignalAtom | ContextAtom | RequiredFailed | All | AnyOf | Not

CONTEXT_KEYS = ("action", "surface", "mode", "age_assured")


class Whose(StrEnum):
    """Whose jurisdiction a rule's `countries` speak of."""

    CALLER = "caller"
    DEPICTED = "depicted"


class Confidence(StrEnum):
    """How sure whoever wrote a rule is of its source."""

    HIGH = "high"
    """The primary text was read, or several sources agree."""
    MEDIUM = "medium"
    """One good secondary source."""
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Source:
    """Where a rule of law comes from. `reviewed` is the day somebody last compared the two."""

    text: str
    confidence: Confidence
    reviewed: date


class Place(NamedTuple):
    """Where something stands in a document. Lines and columns count from 1."""

    source: str
    line: int
    column: int

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}"


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule. Empty `countries` and `surfaces` mean all; an unknown country is in every list, and a country
    without its subdivision (`US`) is where one of its subdivisions is (`US-CA`).

    `countries` are the caller's or, where a real person may be depicted, that person's: `whose` says which
    count. One of them in the list is enough, so geography only tightens. `start` is the first day it applies,
    `end` the first day it no longer does (UTC dates). `source` is a rule of law's. `place` is for messages; a
    rule means the same wherever it stands.
    """

    id: str
    points: tuple[Point, ...]
    when: Condition
    then: Outcome
    reason: str
    floor: bool = False
    fields: tuple[str, ...] = ()
    grounds: tuple[str, ...] = ()
    follow: tuple[str, ...] = ()
    countries: tuple[str, ...] = ()
    whose: tuple[Whose, ...] = tuple(Whose)
    surfaces: tuple[str, ...] = ()
    start: date | None = None
    end: date | None = None
    source: Source | None = None
    place: Place | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Mode:
    """A product mode relaxes exactly the rules it lists, never a floor, and only where its terms are met.

    `countries`: where it is offered (empty: nowhere is excluded by country); an unknown country is in none.
    """

    name: str
    relaxes: tuple[str, ...] = ()
    age_assured: bool = False
    countries: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Requirement:
    """A required detector: a different version or digest counts as missing."""

    name: str
    version: str
    digest: str


@dataclass(frozen=True, slots=True)
class Policy:
    """A parsed policy together with the floors and packs it stands on. `digest` covers all their bytes.

    `depicts` is the floors' condition for a real person who may be depicted: where it holds, that person's
    jurisdiction counts. None: it cannot be told, so somebody may always be. `keeping`: what is kept as evidence.
    """

    name: str
    digest: str
    floors_digest: str
    surfaces: tuple[str, ...]
    modes: tuple[Mode, ...]
    detectors: tuple[Requirement, ...]
    rules: tuple[Rule, ...]
    depicts: Condition | None = None
    packs: tuple[str, ...] = ()
    keeping: Keeping = Keeping()

    def mode(self, name: str) -> Mode | None:
        return next((mode for mode in self.modes if mode.name == name), None)


def signals_read(condition: Condition) -> tuple[str, ...]:
    """The names of the signals a condition reads, in order, once each."""
    match condition:
        case SignalAtom(signal=name):
            return (name,)
        case All(parts) | AnyOf(parts):
            return tuple(dict.fromkeys(name for part in parts for name in signals_read(part)))
        case Not(part):
            return signals_read(part)
        case _:
            return ()


def asked(rule: Rule, depicts: Condition | None) -> Condition:
    """All that a rule's firing reads: with countries, also what says that somebody real may be depicted."""
    if rule.countries and Whose.DEPICTED in rule.whose and depicts is not None:
        return All((rule.when, depicts))
    return rule.when

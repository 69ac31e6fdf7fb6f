"""A decision: allow, review or block, with the rules that fired and all they read."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum

from rambarde.nouns.signal import Signal


class Outcome(IntEnum):
    """What happens. The integer order is strictness; deny overrides."""

    ALLOW = 0
    REVIEW = 1
    BLOCK = 2

    @property
    def word(self) -> str:
        return self.name.lower()


class Point(StrEnum):
    """The two decision points."""

    ADMIT = "admit"
    RELEASE = "release"


@dataclass(frozen=True, slots=True)
class Fired:
    """One rule that fired: its outcome, the reason in plain words, and what must follow.

    `floor` is true for a rule that nothing can lift. `fields` are the request's fields it is about;
    `read` the names of the signals its condition read; `follow` names duties (preserve, child-safety queue).
    `assumed`: it fired only because an unknown signal takes its worst value. It is as strict, but it is no
    evidence of anything, so nothing follows from it.
    """

    rule: str
    outcome: Outcome
    reason: str
    floor: bool = False
    fields: tuple[str, ...] = ()
    grounds: tuple[str, ...] = ()
    follow: tuple[str, ...] = ()
    read: tuple[str, ...] = ()
    assumed: bool = False


@dataclass(frozen=True, slots=True)
class Decision:
    """The answer of one decision point. It cannot be mistaken for a boolean: `bool(decision)` raises."""

    point: Point
    outcome: Outcome
    fired: tuple[Fired, ...]
    signals: tuple[Signal, ...]
    policy: str
    """Digest of the policy (with its floors and required detectors) that decided."""
    evidence: tuple[Evidence, ...] = field(default=(), compare=False)
    """Matched words, for the answer to the caller only: never recorded."""

    def __bool__(self) -> bool:
        raise TypeError("a Decision is not a boolean: compare decision.outcome with Outcome.ALLOW")

    @property
    def allowed(self) -> bool:
        return self.outcome is Outcome.ALLOW

    @property
    def floor_hit(self) -> bool:
        """A floor blocked: of a batch, everything stops."""
        return any(f.floor and f.outcome is Outcome.BLOCK for f in self.fired)


EARLIER = "earlier"
"""Where words matter for what was asked before and is carried on by them."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The words a detector went by, so that a refusal explains itself. For the answer, not the record."""

    signal: str
    words: str
    where: str = "prompt"

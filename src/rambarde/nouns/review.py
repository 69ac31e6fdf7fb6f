"""A review: what waits for a person, and what that person decided."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Matter(StrEnum):
    """What waits."""

    HELD = "held"
    """A held image."""
    APPEAL = "appeal"
    """An appeal against a refusal."""


class Verdict(StrEnum):
    """What a person decided: the first two of a held image, the others of an appeal."""

    RELEASE = "release"
    DESTROY = "destroy"
    UPHELD = "upheld"
    """The appeal was right, the refusal wrong."""
    REJECTED = "rejected"

    @property
    def matter(self) -> Matter:
        return Matter.HELD if self in (Verdict.RELEASE, Verdict.DESTROY) else Matter.APPEAL


@dataclass(frozen=True, slots=True)
class Judgement:
    """One decision of a person, as the log holds it; neither picture nor prompt is in it.

    `subject` is the held item's or the appeal's id, `record` the decision's it is about, and `index` the
    image's place in its batch, counted from 0 (None for an appeal).
    """

    subject: str
    matter: Matter
    record: str
    index: int | None
    verdict: Verdict
    person: str
    reason: str
    decided_at: datetime


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a review has come. `outcome` is None until a verdict, or its expiry, has taken effect.

    `file` is the released image's id on the keeper's shelf and `file_until` its end.
    """

    subject: str
    matter: Matter
    record: str
    begun_at: datetime
    outcome: str | None
    file: str | None
    file_until: datetime | None


EXPIRED = "expired"
"""The outcome of what nobody decided in time."""

"""Sightings: what the monitor counts, a minute at a time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Sight(StrEnum):
    """What was seen of an image."""

    REFUSED = "refused"
    """Stopped, blocked or held, by a rule that fired on what was measured."""
    RELEASED = "released"
    """It left."""
    CLEAN = "clean"
    """It left; a re-check found nothing."""
    FOUND = "found"
    """It left; a re-check says that it is problematic."""
    UNANSWERED = "unanswered"
    """It left and was drawn; the re-check has no answer."""
    NOTICE = "notice"
    """It left; a person upheld a notice about it."""
    SAMPLE_CLEAN = "sample-clean"
    """It left; a person looked at it in the evidence sample and found nothing."""
    SAMPLE_FOUND = "sample-found"
    """It left; a person looked at it in the evidence sample: it is problematic."""


class By(StrEnum):
    """By what it is counted; `ALL` is everything."""

    ALL = ""
    SURFACE = "surface"
    MODE = "mode"
    COUNTRY = "country"
    RULE = "rule"


@dataclass(frozen=True, slots=True)
class Cell:
    """Of one minute (whole minutes since 1970 UTC), one sight and one value: how many.

    `accounts` are the different accounts, each counted once; `weight` and `square` sum 1/π and 1/π² over them, π
    being the share by which the image was drawn (1 where all are counted).
    """

    minute: int
    sight: Sight
    by: By
    value: str
    images: int
    accounts: int
    weight: float
    square: float


@dataclass(frozen=True, slots=True)
class Logged:
    """A document of the log as it is read for counting. `body` is empty where it was erased."""

    index: int
    kind: str
    id: str
    body: bytes


@dataclass(frozen=True, slots=True)
class Draw:
    """A released image that was drawn for a re-check; its bytes wait, sealed, as the item `item`."""

    id: str
    record: str
    output: int
    share: float
    item: str


@dataclass(frozen=True, slots=True)
class Alarm:
    """A rise that was found. `stream` is what rose, `count` what was counted in its minute.

    `measure` is the emergency measure that the breaker switched on, `trouble` why it could not; `by`, `verdict` and
    `reason` are the person's who looked at it.
    """

    id: str
    stream: str
    minute: int
    count: int
    score: float
    threshold: float
    baseline: float
    measure: str | None = None
    trouble: str | None = None
    by: str | None = None
    verdict: str | None = None
    reason: str | None = None

    def as_json(self) -> dict[str, object]:
        return {
            "id": self.id,
            "stream": self.stream,
            "minute": self.minute,
            "count": self.count,
            "score": round(self.score, 3),
            "threshold": round(self.threshold, 3),
            "baseline": self.baseline,
            "measure": self.measure,
            "trouble": self.trouble,
            "confirmed": {"by": self.by, "verdict": self.verdict, "reason": self.reason} if self.by else None,
        }

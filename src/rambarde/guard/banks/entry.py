"""An entry of a bank: what is done about a picture of this hash, and whose decision that is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import NamedTuple

OWN = "own"
"""The source of decisions that people of the operator took."""
_SOURCE = re.compile(r"[a-z0-9][a-z0-9-]{0,31}")
_REFERENCE = re.compile(r"[!-~]{1,64}")
_LONGEST = 500


class Kind(StrEnum):
    BLOCK = "block"
    """A picture near this hash is blocked."""
    NEGATIVE = "negative"
    """A picture of this hash was matched wrongly: it is let through where it is nearer to this than to a block."""
    REMOVED = "removed"
    """A tombstone: it was blocked, or let through, and is no longer; so that nothing brings it back unseen."""


@dataclass(frozen=True, slots=True)
class Decision:
    """Who decided on an entry, when and why. Nothing comes into a bank without one.

    `source` is `own`, or the exchange whose decision it is (`stopncii`, `ncmec`, …); `by` the person, or the
    organisation that an exchange names. Raises `ValueError` for a field that is missing, too long (500
    characters) or unprintable, and for a time without its zone.
    """

    source: str
    by: str
    at: datetime
    reason: str

    def __post_init__(self) -> None:
        if not _SOURCE.fullmatch(self.source):
            raise ValueError(
                f"source {self.source[:40]!r}: lower-case letters, digits and - only, at most 32"
            )
        for name in ("by", "reason"):
            text = getattr(self, name)
            if not text.strip() or len(text) > _LONGEST or not text.isprintable():
                raise ValueError(f"{name}: 1 to {_LONGEST} printable characters")
        if self.at.tzinfo is None:
            raise ValueError("at: a time with its zone")

    def as_json(self) -> dict[str, str]:
        return {"source": self.source, "by": self.by, "at": stamp(self.at), "reason": self.reason}

    @classmethod
    def from_json(cls, value: object) -> Decision:
        """Raises `ValueError` for anything but what `as_json` gives."""
        if not isinstance(value, Mapping) or sorted(value) != ["at", "by", "reason", "source"]:
            raise ValueError("a decision has source, by, at and reason")
        if not all(isinstance(field, str) for field in value.values()):
            raise ValueError("a decision's fields are texts")
        return cls(value["source"], value["by"], moment(value["at"]), value["reason"])


class Entry(NamedTuple):
    """What holds for one hash. `added` is the decision that a tombstone ended.

    `references` are an exchange's own names of its reports of this hash: it is blocked while one is left.
    """

    kind: Kind
    decision: Decision
    added: Decision | None = None
    references: tuple[str, ...] = ()

    def removed(self, decision: Decision) -> Entry:
        return Entry(Kind.REMOVED, decision, self.added or self.decision)


def prevailing(one: Entry, other: Entry) -> Entry:
    """Which of two entries for the same hash holds, in whatever order they are met.

    What the operator's own people decided holds against every exchange: what they removed does not come back
    with the next fetch. Of two by the same source the later holds. Otherwise, a block.
    """
    first, second = one.decision, other.decision
    if (first.source == OWN) != (second.source == OWN):
        return one if first.source == OWN else other
    if first.source == second.source and first.at != second.at:
        return one if first.at > second.at else other
    if (one.kind is Kind.BLOCK) != (other.kind is Kind.BLOCK):
        return one if one.kind is Kind.BLOCK else other
    return max(one, other, key=_order)


def _order(entry: Entry) -> tuple[object, ...]:
    """Any order that does not depend on which is met first."""
    said = [tuple(one.as_json().values()) for one in (entry.decision, entry.added) if one is not None]
    return entry.decision.at, said, entry.kind, entry.references


def checked(references: tuple[str, ...]) -> tuple[str, ...]:
    """Raises `ValueError` for a reference that is not 1 to 64 visible ASCII characters."""
    if not all(_REFERENCE.fullmatch(one) for one in references):
        raise ValueError("a reference has 1 to 64 visible characters")
    return references


def stamp(at: datetime) -> str:
    """To the second, in UTC: `2026-11-23T03:00:00Z`."""
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def moment(text: str) -> datetime:
    """Raises `ValueError` for anything but what `stamp` gives."""
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)

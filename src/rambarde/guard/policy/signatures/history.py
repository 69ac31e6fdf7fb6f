"""The history: every change as it stands in the log, and what they add up to."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Self

from rambarde.guard.policy.signatures.canonical import JSON, Fields, canonical, parse, stamp, wrong
from rambarde.guard.policy.signatures.change import SignedChange
from rambarde.guard.policy.signatures.standing import Standing
from rambarde.nouns.fault import Fault

KIND = "policy-change"
"""The kind of these documents in the log, which takes each id once: a number is allotted once."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A signed change with the moment it took effect, by the clock of whoever put it into the log."""

    signed: SignedChange
    at: datetime

    @property
    def id(self) -> str:
        return change_id(self.signed.change.sequence)

    def as_json(self) -> dict[str, JSON]:
        """The document for the log, with its `id`."""
        return {"id": self.id, "at": stamp(self.at), **self.signed.as_json()}

    def canonical(self) -> bytes:
        return canonical(self.as_json())

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """From the canonical bytes in the log and nothing else. Raises `Fault(INVALID)` that names the field."""
        return cls.of(parse(data, "entry"))

    @classmethod
    def of(cls, value: object) -> Self:
        fields = Fields(value, "entry")
        id, at = fields.text("id"), fields.time("at")
        pair = {key: fields.take(key) for key in ("change", "signatures")}
        fields.done()
        entry = cls(SignedChange.of(pair), at)
        if entry.id != id:
            raise wrong("entry.id", f"must be {entry.id}")
        return entry


def fold(entries: Iterable[Entry], start: Standing | None = None) -> Standing:
    """What a whole history adds up to, each change verified as of the moment it took effect: a key that ended
    later undoes nothing. Raises `Fault` as `Standing.after`, and says at which change.
    """
    standing = start or Standing.start()
    for entry in entries:
        try:
            standing = standing.after(entry.signed, at=entry.at)
        except Fault as fault:
            raise Fault(
                fault.kind,
                fault.code,
                f"after change {standing.sequence} the history does not hold: {fault.message}",
                remedy=fault.remedy,
                field=fault.field,
            ) from fault
    return standing


def change_id(sequence: int) -> str:
    """Its id in the log: `change-00000001`."""
    return f"change-{sequence:08d}"


def next_id(standing: Standing) -> str:
    """The id that the next change will have."""
    return change_id(standing.sequence + 1)

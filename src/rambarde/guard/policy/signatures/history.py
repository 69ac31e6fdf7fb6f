"""The history: every change as it stands in the log. What they add up to is told by `Standing.after`, one by one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Self

from rambarde.guard.policy.signatures.canonical import JSON, Fields, canonical, parse, stamp, wrong
from rambarde.guard.policy.signatures.change import SignedChange
from rambarde.guard.policy.signatures.standing import Standing

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


def change_id(sequence: int) -> str:
    """Its id in the log: `change-00000001`."""
    return f"change-{sequence:08d}"


def next_id(standing: Standing) -> str:
    """The id that the next change will have."""
    return change_id(standing.sequence + 1)

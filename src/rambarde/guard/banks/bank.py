"""A bank of known pictures: hashes under a version, without the pictures. Only human decisions change it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from rambarde.guard.banks.entry import Decision, Entry, Kind, prevailing
from rambarde.guard.banks.file import Head, Sealed, sealed
from rambarde.nouns.fault import Fault, invalid
from rambarde.nouns.fault import Kind as Cause

_HASH = re.compile(r"[0-9a-fA-F]{64}")


@dataclass(frozen=True, slots=True)
class Bank:
    """PDQ hashes, 32 bytes each, with what was decided on them. Changing one makes the next version.

    Its file is `banks.file`; what a running detector keeps of it is `banks.watch`.
    """

    head: Head = field(default_factory=Head)
    entries: Mapping[bytes, Entry] = field(default_factory=dict)

    @classmethod
    def of(cls, hashes: Iterable[bytes], decision: Decision, version: str = "1") -> Bank:
        """A bank that blocks these. Raises `ValueError` for one that is not 32 bytes."""
        bank = cls(Head(version), {one: Entry(Kind.BLOCK, decision) for one in hashes})
        return cls.parse(bank.dump())

    @classmethod
    def read(cls, path: Path) -> Bank:
        """Read a bank file. Raises `OSError` if it cannot be read, `ValueError` with the line if it is damaged."""
        return cls.parse(path.read_bytes())

    @classmethod
    def parse(cls, data: bytes) -> Bank:
        """A bank from the bytes of its file. Raises `ValueError` with the line for anything unexpected."""
        file = Sealed(data)
        entries: dict[bytes, Entry] = {}
        for value, entry in file.entries():
            if value in entries and not file.is_old:
                raise ValueError(f"bank: {value.hex()[:16]}… stands in it twice")
            entries[value] = entry
        return cls(file.head, entries)

    def dump(self) -> bytes:
        """The file of this bank, which `parse` reads back."""
        return sealed(self.head, self.entries.items())

    @property
    def digest(self) -> str:
        """SHA-256 in hex of all that its file says; the one in its last line."""
        return self.head.digest or Sealed(self.dump()).head.digest

    def counts(self) -> dict[str, int]:
        """How many entries of each kind."""
        found = Counter(entry.kind for entry in self.entries.values())
        return {kind.value: found[kind] for kind in Kind}

    def sources(self) -> dict[str, int]:
        """How many blocked hashes of each source."""
        return dict(Counter(e.decision.source for e in self.entries.values() if e.kind is Kind.BLOCK))

    def changed(self, entries: Mapping[bytes, Entry], **head: object) -> Bank:
        """The next version, with these entries over its own."""
        number = int(self.head.version) + 1 if self.head.version.isdecimal() else 1
        new = replace(self.head, version=str(number), previous=self.head.digest, digest="", **head)  # type: ignore[arg-type]
        return Bank(new, {**self.entries, **entries})

    def as_of(self, **head: object) -> Bank:
        """The same version with another `as_of`, and another `max_age` where it is given."""
        return Bank(replace(self.head, digest="", **head), self.entries)  # type: ignore[arg-type]

    def decided(self, value: bytes, kind: Kind, decision: Decision, *, restore: bool = False) -> Bank:
        """The next version, in which a person has decided on one hash. `kind` is not `removed`.

        Raises `Fault`: `bank_entry_exists`, or `bank_entry_removed` for a tombstone without `restore`.
        """
        old = self.entries.get(value)
        if old is not None and old.kind is Kind.REMOVED and not restore:
            raise Fault(
                Cause.CONFLICT,
                "bank_entry_removed",
                f"{value.hex()[:16]}… was removed by {old.decision.by}: {old.decision.reason}.",
                remedy="Give --restore if it is to come back all the same.",
                field="hash",
            )
        if old is not None and old.kind is not Kind.REMOVED:
            raise Fault(
                Cause.CONFLICT,
                "bank_entry_exists",
                f"{value.hex()[:16]}… is in the bank already, as {old.kind}.",
                remedy="Remove it first if it is to be something else.",
                field="hash",
            )
        return self.changed({value: Entry(kind, decision)})

    def removed(self, value: bytes, decision: Decision) -> Bank:
        """The next version, in which the hash is a tombstone. Raises `Fault` `bank_entry_unknown`."""
        old = self.entries.get(value)
        if old is None or old.kind is Kind.REMOVED:
            raise Fault(
                Cause.NOT_FOUND,
                "bank_entry_unknown",
                f"{value.hex()[:16]}… is not in the bank.",
                remedy="`rambarde bank show HASH` lists what is near.",
                field="hash",
            )
        return self.changed({value: old.removed(decision)})

    def merged(self, others: Mapping[bytes, Entry]) -> tuple[Bank, Merged]:
        """The next version, with the others' entries where they prevail (`entry.prevailing`); and what came of it."""
        taken: dict[bytes, Entry] = {}
        tally: Counter[str] = Counter()
        for value, entry in others.items():
            old = self.entries.get(value)
            if old is not None and prevailing(old, entry) == old:
                kept_out = old.kind is Kind.REMOVED and entry.kind is not Kind.REMOVED
                tally["kept_out" if kept_out else "kept"] += 1
                continue
            tally["added" if old is None else "changed"] += 1
            taken[value] = entry
        return (self.changed(taken) if taken else self), Merged(**tally)

    def stale(self, now: datetime) -> str | None:
        """Why it is too old to rely on, or None."""
        return stale(self.head, now)


@dataclass(frozen=True, slots=True)
class Merged:
    """Entries that were added, that replaced others, that were there already or had less to say, and that

    stay removed although they were offered.
    """

    added: int = 0
    changed: int = 0
    kept: int = 0
    kept_out: int = 0


_AHEAD = 300.0
"""Seconds by which the clocks of two machines may differ."""


def stale(head: Head, now: datetime) -> str | None:
    """Why a bank is too old to rely on at a time, or None. A bank without `max-age` does not age."""
    if head.max_age is None:
        return None
    if head.as_of is None:
        return "it was never complete"
    if (head.as_of - now).total_seconds() > _AHEAD:
        return "it says that it is from the future"
    if now - head.as_of > head.max_age:
        hours = (now - head.as_of).total_seconds() / 3600
        return f"{hours:.0f} hours old, of at most {head.max_age.total_seconds() / 3600:g}"
    return None


def hash_of(text: str) -> bytes:
    """32 bytes from 64 hex digits. Raises `Fault` `bank_hash_invalid`."""
    if not _HASH.fullmatch(text):
        raise invalid(
            "bank_hash_invalid",
            f"{text[:20]!r} is no PDQ hash.",
            remedy="Give 64 hex digits, or the path of a picture.",
            field="hash",
        )
    return bytes.fromhex(text)

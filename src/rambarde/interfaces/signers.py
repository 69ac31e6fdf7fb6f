"""Signers: who could sign when, by the signed changes of people in the log; holds ask it about their signatures."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock

from rambarde.guard.policy.signatures.history import KIND, Entry, change_id
from rambarde.guard.policy.signatures.people import ALWAYS, Roster, only_reduces
from rambarde.guard.policy.signatures.subject import People
from rambarde.guard.policy.signatures.verify import ONE, TWO, verify
from rambarde.guard.policy.signatures.vouch import doubt
from rambarde.nouns.custody import Logged
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.hold import Said
from rambarde.prove.commitment import commitment_of
from rambarde.store.database import Database
from rambarde.store.leases import Leases


@dataclass(frozen=True, slots=True)
class Named:
    """A roster, the entry of the log that put it in force, and since when."""

    index: int
    id: str
    roster: Roster
    at: datetime


@dataclass(slots=True)
class Signers:
    """Implements `prove.holds.Voucher` over one database. Thread-safe; reads the changes that came since."""

    database: Database
    _named: list[Named] = field(default_factory=list)
    _read: int = 0
    _gate: Lock = field(default_factory=Lock)

    def at(self, index: int | None) -> Named | None:
        """The roster in force at a place of the log, None: now. None if nobody was named yet, or a demo's keys were."""
        with self._gate:
            for logged in Leases(self.database).changes(self._read):
                self._take(logged)
            named = [one for one in self._named if index is None or one.index < index]
        return named[-1] if named and not named[-1].roster.demo else None

    def needed(self, index: int | None) -> bool:
        return self.at(index) is not None

    def doubt(self, statement: dict[str, object], said: Said, index: int | None) -> str | None:
        named = self.at(index)
        if named is None:
            return None
        if said.key is None or said.signature is None:
            return "it is not signed, and those who may sign are named"
        told = json.loads(json.dumps(statement))
        when = max(said.at, named.at)  # a key that ended before the roster named its end signs nothing later
        return doubt(told, said.person, said.key, said.signature, named.roster, when)

    def _take(self, logged: Logged) -> None:
        """A change of people counts if its number is its turn and those signed whom the roster before asks for."""
        item, wanted = logged.committed, change_id(self._read + 1)
        if item.id != wanted or commitment_of(KIND, item.salt, item.body) != item.commitment:
            raise Fault(
                Kind.INTERNAL,
                "history_damaged",
                f"{wanted} is not as it was logged, so that nobody knows who may sign; nothing is erased meanwhile.",
                remedy="Run `rambarde log verify`, and restore the database from a backup.",
            )
        self._read += 1
        before = self._named[-1] if self._named else None
        try:
            entry = Entry.parse(item.body)
            subject = entry.signed.change.subject
            if entry.id != wanted or not isinstance(subject, People):
                return
            now = entry.at if before is None else max(entry.at, before.at)
            subject.roster.check(now)
            reduces = before is not None and only_reduces(before.roster, subject.roster, before.at or ALWAYS)
            roster = before.roster if before is not None else subject.roster
            verify(entry.signed, roster, need=ONE if reduces else TWO, at=now)
        except Fault:
            return  # void: it took its number, and nothing else
        self._named.append(Named(logged.index, item.id, subject.roster, now))

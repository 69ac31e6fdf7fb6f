"""The freezer: whether a hold stands against an erasure, asked inside the transaction that would erase.

While it asks, nothing can enter the log, so no hold can be set between the question and the erasure.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from rambarde.interfaces.signers import Signers
from rambarde.nouns.hold import About
from rambarde.prove.holds import Holds
from rambarde.store.database import Database
from rambarde.store.ledger import RECORD, Ledger, exclude_writers
from rambarde.store.schema import evidence, log_entries


@dataclass(frozen=True, slots=True)
class Freezer:
    """`holds` are read from the log each time; if they cannot be read, it raises, and nothing is erased."""

    holds: Holds
    database: Database

    @classmethod
    def of(cls, database: Database) -> Freezer:
        return cls(Holds(Ledger(database), database.clock, voucher=Signers(database)), database)

    def over(self, document: Mapping[str, Any]) -> str | None:
        """The hold that freezes a record, by its document: the first of them, or None."""
        if not self.holds.active():
            return None
        with self.database.reading() as connection:
            found = self.holds.over(about(connection, str(document["id"])))
        return found[0].id if found else None

    def record(self, connection: sa.Connection, id: str) -> bool:
        """Whether what is kept of the record `id` is frozen."""
        exclude_writers(connection)
        return bool(self.holds.active()) and self.holds.frozen(about(connection, id))

    def item(self, connection: sa.Connection, what: About) -> bool:
        """Whether an item of evidence is."""
        exclude_writers(connection)
        return self.holds.frozen(what)


def about(connection: sa.Connection, id: str) -> About:
    """What the record `id` is about, with the cases under which evidence of it was filed."""
    body = connection.scalar(
        sa.select(log_entries.c.body).where(log_entries.c.kind == RECORD, log_entries.c.id == id)
    )
    filed = connection.scalars(sa.select(evidence.c.cases).where(evidence.c.record == id)).all()
    cases = tuple(dict.fromkeys(case for text in filed for case in json.loads(text)))
    try:
        found = About.record(json.loads(bytes(body))) if body else About(decision=id)
    except (KeyError, TypeError, ValueError):
        found = About(decision=id)  # its body was erased
    return replace(found, cases=cases)

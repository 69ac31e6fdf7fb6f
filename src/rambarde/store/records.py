"""Records: finding them again."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from rambarde.nouns.custody import Logged
from rambarde.nouns.record import Ending
from rambarde.store.database import Database
from rambarde.store.ledger import RECORD, Ledger
from rambarde.store.schema import log_entries, record_rules, records

_PAGE = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which records: all conditions must hold, None asks for nothing.

    `since` is included and `until` excluded, by the time the request was received. `rule` is one that
    fired; `fault` a fault's code.
    """

    since: datetime | None = None
    until: datetime | None = None
    surface: str | None = None
    mode: str | None = None
    ending: Ending | None = None
    rule: str | None = None
    country: str | None = None
    credential: str | None = None
    policy: str | None = None
    fault: str | None = None


@dataclass(frozen=True, slots=True)
class StoredRecord:
    """A record as it is kept: `index` in the log, `body` the canonical JSON that `commitment` commits to."""

    index: int
    id: str
    body: bytes
    salt: bytes
    commitment: bytes

    def document(self) -> dict[str, object]:
        """The record's JSON form, parsed."""
        document: dict[str, object] = json.loads(self.body)
        return document


class Records:
    """Queries over the records of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._ledger = Ledger(database)

    def get(self, id: str) -> StoredRecord | None:
        """By id, which is also the decision id. None, too, if it was erased."""
        found = self._ledger.find(RECORD, id)
        return None if found is None or not found.committed.body else _stored(found)

    def find(
        self, wanted: Wanted | None = None, *, newest_first: bool = False, limit: int | None = None
    ) -> Iterator[StoredRecord]:
        """The wanted records in the order of the log, read in pages, so that any number fits in memory.

        Records logged meanwhile may or may not appear.
        """
        last: int | None = None
        left = limit
        while left is None or left > 0:
            count = _PAGE if left is None else min(_PAGE, left)
            query = sa.select(records.c.seq).where(*_conditions(wanted or Wanted())).limit(count)
            if newest_first:
                query = query.order_by(records.c.seq.desc())
                query = query if last is None else query.where(records.c.seq < last)
            else:
                query = query.order_by(records.c.seq)
                query = query if last is None else query.where(records.c.seq > last)
            with self._database.reading() as connection:
                indexes = [int(seq) for seq in connection.scalars(query)]
            found = self._ledger.at(indexes)
            yield from (_stored(logged) for logged in (reversed(found) if newest_first else found))
            if len(indexes) < count:
                return
            last = indexes[-1]
            left = None if left is None else left - count

    def bodies(self, wanted: Wanted | None = None) -> Iterator[tuple[str, bytes]]:
        """Ids and canonical JSON of the wanted records, in the order of the log, for reading through many: in pages,
        and several times as fast as `find`. What they commit to is not looked at: `rambarde log verify` does.
        """
        last = -1
        query = (
            sa.select(records.c.seq, log_entries.c.id, log_entries.c.body)
            .select_from(records.join(log_entries, log_entries.c.seq == records.c.seq))
            .where(*_conditions(wanted or Wanted()))
            .order_by(records.c.seq)
            .limit(_PAGE)
        )
        while True:
            with self._database.reading() as connection:
                rows = connection.execute(query.where(records.c.seq > last)).all()
            yield from ((str(id), bytes(body)) for _, id, body in rows)
            if len(rows) < _PAGE:
                return
            last = int(rows[-1][0])

    def count(self, wanted: Wanted | None = None) -> int:
        query = sa.select(sa.func.count()).select_from(records).where(*_conditions(wanted or Wanted()))
        with self._database.reading() as connection:
            return int(connection.scalar(query) or 0)


def _stored(logged: Logged) -> StoredRecord:
    item = logged.committed
    return StoredRecord(logged.index, item.id, item.body, item.salt, item.commitment)


def _conditions(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if wanted.since is not None:
        found.append(records.c.received_at >= wanted.since)
    if wanted.until is not None:
        found.append(records.c.received_at < wanted.until)
    if wanted.ending is not None:
        found.append(records.c.ending == wanted.ending.value)
    for name in ("surface", "mode", "country", "credential", "policy", "fault"):
        value = getattr(wanted, name)
        if value is not None:
            found.append(records.c[name] == value)
    if wanted.rule is not None:
        fired = sa.select(record_rules.c.seq).where(
            record_rules.c.seq == records.c.seq, record_rules.c.rule == wanted.rule
        )
        found.append(fired.exists())
    return found

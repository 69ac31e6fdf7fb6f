"""Subjects: what the database holds about a person's account or a record, beside the log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from rambarde.store.database import Database
from rambarde.store.records import Records, Wanted
from rambarde.store.reviews import mark_expired
from rambarde.store.schema import appeals, exposures, items, log_entries, records

_IN_A_QUERY = 500


class _Owner(msgspec.Struct):
    account: str | None


_OWNER = msgspec.json.Decoder(_Owner)


class Subjects:
    """Queries over one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of_account(self, account: str) -> Iterator[tuple[str, dict[str, Any]]]:
        """Ids and documents of the records of an account, in the order of the log. Reads every record."""
        for id, body in Records(self._database).bodies():
            try:
                owner = _OWNER.decode(body).account
            except msgspec.DecodeError:
                owner = json.loads(body).get("account")  # lone surrogates, which only the other reads
            if owner == account:
                yield id, json.loads(body)

    def before(self, until: datetime) -> Iterator[tuple[str, dict[str, Any]]]:
        """Ids and documents of the records received before `until`."""
        for id, body in Records(self._database).bodies(Wanted(until=until)):
            yield id, json.loads(body)

    def indexes(self, ids: Sequence[str]) -> list[int]:
        """The places in the log of records that are not erased."""
        found: list[int] = []
        for some in _some(ids):
            query = sa.select(log_entries.c.seq).where(
                log_entries.c.kind == "record",
                log_entries.c.id.in_(some),
                sa.func.length(log_entries.c.body) > 0,
            )
            with self._database.reading() as connection:
                found += [int(seq) for seq in connection.scalars(query)]
        return sorted(found)

    def undecided(self, ids: Sequence[str]) -> set[str]:
        """Those of the records against which an appeal waits."""
        found: set[str] = set()
        for some in _some(ids):
            query = sa.select(appeals.c.decision).where(
                appeals.c.decision.in_(some),
                appeals.c.outcome.is_(None),
                appeals.c.expires_at > self._database.clock(),
            )
            with self._database.reading() as connection:
                found.update(connection.scalars(query))
        return found

    def exposures(self, account: str) -> list[dict[str, Any]]:
        """Fingerprints and scores that are kept under an account."""
        columns = [c for c in exposures.c if c.name not in ("seq", "pdq")]
        query = sa.select(*columns).where(exposures.c.account == account).order_by(exposures.c.seq)
        with self._database.reading() as connection:
            return [_plain(dict(row)) for row in connection.execute(query).mappings()]

    def kept(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """What is kept encrypted for these records: what, how large, until when."""
        found: list[dict[str, Any]] = []
        for some in _some(ids):
            query = sa.select(
                items.c.shelf,
                items.c.record,
                items.c.media_type,
                items.c.size,
                items.c.created_at,
                items.c.expires_at,
            ).where(items.c.record.in_(some))
            with self._database.reading() as connection:
                found += [_plain(dict(row)) for row in connection.execute(query).mappings()]
        return found

    def erase(self, ids: Sequence[str], account: str | None = None) -> dict[str, int]:
        """Erase what is kept beside these records, and under `account`; returns counts by table."""
        counts = {"items": 0, "appeals": 0, "exposures": 0}
        for some in _some(ids):
            with self._database.writing() as connection:
                held = sa.select(items.c.id, items.c.record).where(
                    items.c.record.in_(some), items.c.shelf == "held"
                )
                waiting = {row.id: row.record or "" for row in connection.execute(held)}
                mark_expired(connection, waiting, self._database.clock())
                for name, table, column in (
                    ("items", items, items.c.record),
                    ("appeals", appeals, appeals.c.decision),
                ):
                    counts[name] += connection.execute(sa.delete(table).where(column.in_(some))).rowcount
        if account is not None:
            with self._database.writing() as connection:
                gone = connection.execute(sa.delete(exposures).where(exposures.c.account == account))
                counts["exposures"] = gone.rowcount
        return counts

    def ages(self) -> dict[str, tuple[int, datetime | None]]:
        """How many there are of each type, and since when the oldest."""
        found: dict[str, tuple[int, datetime | None]] = {}
        with self._database.reading() as connection:
            for name, column in (
                ("record", records.c.received_at),
                ("exposure", exposures.c.created_at),
                ("appeal", appeals.c.created_at),
            ):
                count, oldest = connection.execute(sa.select(sa.func.count(), sa.func.min(column))).one()
                found[name] = int(count), oldest
            query = sa.select(items.c.shelf, sa.func.count(), sa.func.min(items.c.created_at))
            for shelf, count, oldest in connection.execute(
                query.group_by(items.c.shelf).order_by(items.c.shelf)
            ):
                found[str(shelf)] = int(count), oldest
        return found


def _some(ids: Sequence[str]) -> Iterator[list[str]]:
    for place in range(0, len(ids), _IN_A_QUERY):
        yield list(ids[place : place + _IN_A_QUERY])


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {k: v.isoformat() if isinstance(v, datetime) else v for k, v in row.items()}

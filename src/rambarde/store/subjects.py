"""Subjects: what the database holds about a person's account or a record, beside the log."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from rambarde.nouns.evidence import Why
from rambarde.nouns.hold import About
from rambarde.store.database import Database
from rambarde.store.evidence import Frozen
from rambarde.store.records import Records, Wanted
from rambarde.store.reviews import mark_expired
from rambarde.store.schema import (
    appeals,
    evidence,
    exposures,
    fingerprints,
    items,
    log_entries,
    records,
    reviews,
)

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

    def owed(self, ids: Sequence[str]) -> set[str]:
        """Those of the records of which a rule's duty keeps evidence, for as long as that lasts."""
        found: set[str] = set()
        for some in _some(ids):
            query = sa.select(evidence.c.record).where(
                evidence.c.record.in_(some),
                evidence.c.why == Why.RULE.value,
                evidence.c.expires_at > self._database.clock(),
                ~evidence.c.erased,
            )
            with self._database.reading() as connection:
                found.update(connection.scalars(query))
        return found

    def outcomes(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """What became of held images and appeals of these records; who decided it is in the log."""
        columns = (
            reviews.c.subject,
            reviews.c.matter,
            reviews.c.record,
            reviews.c.outcome,
            reviews.c.begun_at,
        )
        return self._rows(sa.select(*columns, reviews.c.expires_at), reviews.c.record, ids)

    def prints(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """The fingerprints by which outputs of these records are traced."""
        columns = [
            fingerprints.c[name]
            for name in ("record", "output", "surface", "system", "made_at", "expires_at")
        ]
        query = sa.select(*columns, fingerprints.c.sha256, fingerprints.c.pdq)
        return self._rows(query, fingerprints.c.record, ids)

    def exposures(self, account: str) -> list[dict[str, Any]]:
        """Fingerprints and scores that are kept under an account."""
        columns = [c for c in exposures.c if c.name not in ("seq", "pdq")]
        query = sa.select(*columns).where(exposures.c.account == account).order_by(exposures.c.seq)
        with self._database.reading() as connection:
            return [_plain(dict(row)) for row in connection.execute(query).mappings()]

    def kept(self, ids: Sequence[str]) -> list[dict[str, Any]]:
        """What is kept encrypted for these records: what, how large, until when."""
        columns = [
            items.c[name] for name in ("shelf", "record", "media_type", "size", "created_at", "expires_at")
        ]
        return self._rows(sa.select(*columns), items.c.record, ids)

    def _rows(
        self, query: sa.Select[Any], column: sa.Column[Any], ids: Sequence[str]
    ) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = []
        for some in _some(ids):
            with self._database.reading() as connection:
                rows = connection.execute(query.where(column.in_(some))).mappings()
                found += [_plain(dict(row)) for row in rows]
        return found

    def erase(self, ids: Sequence[str], account: str | None, frozen: Frozen) -> dict[str, int]:
        """Erase what is kept beside these records, and what is not `frozen` under `account`; counts by table."""
        counts = {"items": 0, "appeals": 0, "fingerprints": 0, "exposures": 0}
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
                    ("fingerprints", fingerprints, fingerprints.c.record),
                ):
                    counts[name] += connection.execute(sa.delete(table).where(column.in_(some))).rowcount
        if account is not None:
            query = sa.select(exposures.c.seq, exposures.c.created_at).where(exposures.c.account == account)
            with self._database.writing() as connection:
                rows = connection.execute(query).all()
                free = [
                    r.seq for r in rows if not frozen(connection, About(account=account, at=r.created_at))
                ]
                for chunk in range(0, len(free), _IN_A_QUERY):
                    some_rows = exposures.c.seq.in_(free[chunk : chunk + _IN_A_QUERY])
                    counts["exposures"] += connection.execute(sa.delete(exposures).where(some_rows)).rowcount
        return counts

    def ages(self) -> dict[str, tuple[int, datetime | None]]:
        """How many there are of each type, and since when the oldest."""
        found: dict[str, tuple[int, datetime | None]] = {}
        with self._database.reading() as connection:
            for name, column in (
                ("record", records.c.received_at),
                ("exposure", exposures.c.created_at),
                ("appeal", appeals.c.created_at),
                ("outcome", reviews.c.begun_at),
                ("fingerprint", fingerprints.c.made_at),
            ):
                count, oldest = connection.execute(sa.select(sa.func.count(), sa.func.min(column))).one()
                found[name] = int(count), oldest
            query = sa.select(items.c.shelf, sa.func.count(), sa.func.min(items.c.created_at))
            for shelf, count, oldest in connection.execute(
                query.group_by(items.c.shelf).order_by(items.c.shelf)
            ):
                found[str(shelf)] = int(count), oldest
            query = sa.select(evidence.c.why, sa.func.count(), sa.func.min(evidence.c.kept_at))
            for why, count, oldest in connection.execute(
                query.where(~evidence.c.erased).group_by(evidence.c.why)
            ):
                found[f"evidence/{why}"] = int(count), oldest
        return found


def _some(ids: Sequence[str]) -> Iterator[list[str]]:
    for place in range(0, len(ids), _IN_A_QUERY):
        yield list(ids[place : place + _IN_A_QUERY])


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    return {k: _word(v) for k, v in row.items()}


def _word(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    return bytes(value).hex() if isinstance(value, bytes | memoryview) else value

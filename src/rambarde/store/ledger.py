"""The ledger: the log's truth in the database. Implements the port of `rambarde.prove`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import msgspec
import sqlalchemy as sa

from rambarde.nouns.custody import Committed, Logged
from rambarde.nouns.fault import Fault, Kind
from rambarde.store.database import Database
from rambarde.store.schema import log_entries, log_head, record_rules, records

RECORD = "record"
_LOG = 1
_LOCK = 0x52414D42_00000002
_PAGE = 2000
_IN_A_QUERY = 500
_CUT = {"country": 16, "action": 32, "ending": 32, "route": 128, "policy": 128, "rule": 128}


class LedgerView:
    """The log as one transaction sees it."""

    def __init__(self, connection: sa.Connection) -> None:
        self._connection = connection

    def size(self) -> int:
        newest = self._connection.scalar(sa.select(sa.func.max(log_entries.c.seq)))
        return 0 if newest is None else int(newest) + 1

    def checkpoint(self) -> str | None:
        found = self._connection.scalar(sa.select(log_head.c.checkpoint).where(log_head.c.log == _LOG))
        return None if found is None else str(found)

    def entries(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        for page in range(start, stop, _PAGE):
            query = (
                sa.select(log_entries.c.seq, log_entries.c.entry)
                .where(log_entries.c.seq >= page, log_entries.c.seq < min(page + _PAGE, stop))
                .order_by(log_entries.c.seq)
            )
            for seq, entry in self._connection.execute(query):
                yield int(seq), _blob(entry)


class LedgerTransaction(LedgerView):
    """The same, able to grow."""

    def add(self, first: int, batch: Sequence[Committed]) -> None:
        """Insert `batch` from index `first` on. Raises `Fault(CONFLICT, "already_logged")`."""
        entries, rows, rules = [], [], []
        for seq, item in enumerate(batch, first):
            entries.append(
                {
                    "seq": seq,
                    "kind": item.kind,
                    "id": item.id,
                    "entry": item.entry,
                    "body": item.body,
                    "salt": item.salt,
                    "commitment": item.commitment,
                }
            )
            if item.kind == RECORD:
                columns, fired = _split(_parsed(item.body))
                rows.append({"seq": seq, **columns})
                rules += [{"seq": seq, "rule": rule} for rule in fired]
        try:
            for table, values in ((log_entries, entries), (records, rows), (record_rules, rules)):
                if values:
                    self._connection.execute(sa.insert(table), values)
        except sa.exc.IntegrityError as error:
            raise Fault(
                Kind.CONFLICT,
                "already_logged",
                "a document of this kind and id is in the log.",
                remedy="Give every document an id of its own.",
            ) from error

    def set_checkpoint(self, note: str) -> None:
        updated = self._connection.execute(
            sa.update(log_head).where(log_head.c.log == _LOG).values(checkpoint=note)
        )
        if updated.rowcount == 0:
            self._connection.execute(sa.insert(log_head).values(log=_LOG, checkpoint=note))


class Ledger:
    """The database's side of the log."""

    def __init__(self, database: Database) -> None:
        self._database = database

    @contextmanager
    def reading(self) -> Iterator[LedgerView]:
        with self._database.reading() as connection:
            yield LedgerView(connection)

    @contextmanager
    def writing(self) -> Iterator[LedgerTransaction]:
        """One writer at a time: SQLite's write lock, on PostgreSQL an advisory lock for the transaction."""
        with self._database.writing() as connection:
            exclude_writers(connection)
            yield LedgerTransaction(connection)

    def pinned(self) -> str | None:
        return self._database.pinned("log_key")

    def pin(self, verifier: str) -> str:
        return self._database.pin("log_key", verifier)

    def rows(self, start: int, stop: int) -> Iterator[Logged]:
        """All that is kept of the entries from `start` to `stop`, in order, in pages: memory stays small."""
        for page in range(start, stop, _PAGE):
            end = min(page + _PAGE, stop)
            with self._database.reading() as connection:
                found = _logged(
                    connection,
                    sa.and_(log_entries.c.seq >= page, log_entries.c.seq < end),
                    sa.and_(record_rules.c.seq >= page, record_rules.c.seq < end),
                )
            yield from found

    def find(self, kind: str, id: str) -> Logged | None:
        with self._database.reading() as connection:
            seq = connection.scalar(
                sa.select(log_entries.c.seq).where(log_entries.c.kind == kind, log_entries.c.id == id)
            )
            found = _logged(connection, log_entries.c.seq == seq, record_rules.c.seq == seq)
        return found[0] if found else None

    def at(self, indexes: Sequence[int]) -> list[Logged]:
        """The entries at these indexes, in the order of the log."""
        found: list[Logged] = []
        for place in range(0, len(indexes), _IN_A_QUERY):
            some = list(indexes[place : place + _IN_A_QUERY])
            with self._database.reading() as connection:
                found += _logged(connection, log_entries.c.seq.in_(some), record_rules.c.seq.in_(some))
        return found

    def columns(self, kind: str, body: bytes) -> Mapping[str, object]:
        """What `Logged.columns` must be for this body. Raises `ValueError` if it is no such document."""
        try:
            document = _parsed(body)
            found: dict[str, object] = {"id": str(document["id"])}
            if kind == RECORD:
                columns, rules = _split(document)
                found |= columns | {"rules": rules}
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("the body is no document of its kind") from error
        return found

    def strays(self) -> Iterator[int]:
        """Indexes of `records` without an entry. Foreign keys forbid them; a changed file may have them."""
        known = sa.select(log_entries.c.seq).where(log_entries.c.seq == records.c.seq).exists()
        with self._database.reading() as connection:
            yield from [int(seq) for seq in connection.scalars(sa.select(records.c.seq).where(~known))]


def exclude_writers(connection: sa.Connection) -> None:
    """Let nothing enter the log until this writing transaction ends: SQLite's write lock does so by itself."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def _logged(
    connection: sa.Connection, which: sa.ColumnElement[bool], which_rules: sa.ColumnElement[bool]
) -> list[Logged]:
    rules: dict[int, list[str]] = {}
    query = sa.select(record_rules.c.seq, record_rules.c.rule).where(which_rules)
    for seq, rule in connection.execute(query.order_by(record_rules.c.seq, record_rules.c.rule)):
        rules.setdefault(seq, []).append(rule)
    joined = sa.select(log_entries, *(column.label(f"r_{column.name}") for column in records.c)).select_from(
        log_entries.outerjoin(records, records.c.seq == log_entries.c.seq)
    )
    try:
        return [
            _row(row, sorted(rules.get(row["seq"], [])))
            for row in connection.execute(joined.where(which).order_by(log_entries.c.seq)).mappings()
        ]
    except (TypeError, ValueError, OverflowError) as error:
        raise _damaged() from error


def _blob(value: object) -> bytes:
    """SQLite lets any value into any column: what is not bytes was not put there by us."""
    if not isinstance(value, bytes | memoryview):
        raise _damaged()
    return bytes(value)


def _damaged() -> Fault:
    return Fault(
        Kind.INTERNAL,
        "store_damaged",
        "a value in the database is not of its column's type.",
        remedy="Keep a copy and run `rambarde log verify`, which names the row.",
    )


def _row(row: sa.RowMapping, rules: list[str]) -> Logged:
    columns: dict[str, object] = {"id": row["id"]}
    if row["r_seq"] is not None:
        columns |= {c.name: row[f"r_{c.name}"] for c in records.c if c.name != "seq"} | {"rules": rules}
    committed = Committed(
        kind=row["kind"],
        id=row["id"],
        body=_blob(row["body"]),
        salt=_blob(row["salt"]),
        commitment=_blob(row["commitment"]),
        entry=_blob(row["entry"]),
    )
    return Logged(int(row["seq"]), committed, columns)


def _parsed(body: bytes) -> dict[str, Any]:
    """The document. msgspec is fast; JSON with lone surrogates, which a claim may hold, is for the other."""
    try:
        document: dict[str, Any] = msgspec.json.decode(body)
    except msgspec.DecodeError:
        document = json.loads(body)
    return document


def _split(document: dict[str, Any]) -> tuple[dict[str, object], list[str]]:
    """A record's columns and the rules that fired, from its JSON form."""
    columns: dict[str, object] = {
        name: _plain(document[name], _CUT.get(name, 64))
        for name in ("credential", "surface", "mode", "country", "route", "action", "ending", "policy")
    }
    columns["received_at"] = datetime.fromisoformat(document["received_at"]).astimezone(UTC)
    fault = document["fault"]
    columns["fault"] = None if fault is None else _plain(fault["code"], 64)
    decisions = [document["admit"], *(output["decision"] for output in document["outputs"])]
    fired = {_plain(rule["rule"], _CUT["rule"]) for d in decisions if d is not None for rule in d["rules"]}
    return columns, sorted(fired)


def _plain(text: str, longest: int) -> str:
    """Text that every database takes: a caller's claim may hold lone surrogates or zero bytes."""
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")[:longest]

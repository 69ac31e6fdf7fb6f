"""The ledger: the log's truth in the database. Implements the port of `rambarde.prove`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from operator import gt
from typing import Any

import msgspec
import sqlalchemy as sa

from rambarde.nouns.custody import Committed, Logged
from rambarde.nouns.fault import Fault, Kind
from rambarde.store.database import Database
from rambarde.store.emptying import empty
from rambarde.store.schema import UtcTime, log_entries, log_head, record_rules, records

RECORD, ERASURE = "record", "erasure"
_LOG = 1
_LOCK = 0x52414D42_00000002
_PAGE = 2000
_IN_A_QUERY = 500
_CUT = {"country": 16, "action": 32, "ending": 32, "route": 128, "policy": 128, "rule": 128}


class _Rule(msgspec.Struct):
    rule: str


class _Decision(msgspec.Struct):
    rules: list[_Rule]


class _Output(msgspec.Struct):
    decision: _Decision


class _Fault(msgspec.Struct):
    code: str


class _Columns(msgspec.Struct):
    """What of a record its columns are made of; the rest of the body is skipped."""

    id: str
    credential: str
    surface: str
    mode: str
    country: str
    route: str
    action: str
    ending: str
    policy: str
    received_at: datetime
    fault: _Fault | None
    admit: _Decision | None
    outputs: list[_Output]


_TIME = UtcTime()
_EPOCH, _MICROSECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(microseconds=1)
_DECODER = msgspec.json.Decoder(_Columns)
_WIDTHS = [
    (name, _CUT.get(name, 64))
    for name in ("credential", "surface", "mode", "country", "route", "action", "ending", "policy")
]
_NAMES = (*(name for name, _ in _WIDTHS), "fault")
_TOLD, _LIMITS = [name for name, _ in _WIDTHS], [longest for _, longest in _WIDTHS]


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
        """Insert `batch` from index `first` on; an erasure in it takes effect with it.

        Raises `Fault(CONFLICT, "already_logged")`.
        """
        entries: list[tuple[object, ...]] = []
        rows: list[tuple[object, ...]] = []
        rules: list[tuple[object, ...]] = []
        for seq, item in enumerate(batch, first):
            entries.append((seq, item.kind, item.id, item.entry, item.body, item.salt, item.commitment))
            if item.kind == RECORD:
                columns, fired = _split(item.body)
                at = columns["received_at"]
                rows.append(
                    (
                        seq,
                        _TIME.process_bind_param(at, self._connection.dialect),
                        *(columns[name] for name in _NAMES),
                    )
                )
                rules += [(seq, rule) for rule in fired]
        try:
            for table, names, values in (
                ("log_entries", ("seq", "kind", "id", "entry", "body", "salt", "commitment"), entries),
                ("records", ("seq", "received_at", *_NAMES), rows),
                ("record_rules", ("seq", "rule"), rules),
            ):
                if values:
                    self._connection.exec_driver_sql(_insert(self._connection, table, names), values)
            for item in batch:
                if item.kind == ERASURE:
                    empty(self._connection, _parsed(item.body)["ranges"])
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
            if self._database.dialect == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
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

    def sound(self, start: int, stop: int) -> list[tuple[int, str, bytes, bytes, bytes, bytes]]:
        """Rows whose columns say what their body says, or that are erased whole; for reading through millions."""
        mark = "?" if self._database.dialect == "sqlite" else "%s"
        rules: dict[int, list[str]] = {}
        with self._database.reading() as connection:
            for seq, rule in _fetched(connection, _RULES_BETWEEN.format(mark), (start, stop)):
                rules.setdefault(seq, []).append(rule)
            found = _fetched(connection, _ROWS_BETWEEN.format(mark), (start, stop))
        return [row[:6] for row in found if _is_sound(row, rules.get(row[0], []))]

    def bodies(self, kind: str) -> Iterator[tuple[int, bytes]]:
        last = -1
        query = (
            sa.select(log_entries.c.seq, log_entries.c.body)
            .where(log_entries.c.kind == kind)
            .order_by(log_entries.c.seq)
            .limit(_PAGE)
        )
        while True:
            with self._database.reading() as connection:
                found = connection.execute(query.where(log_entries.c.seq > last)).all()
            for seq, body in found:
                yield int(seq), _blob(body)
            if len(found) < _PAGE:
                return
            last = int(found[-1][0])

    def place(self, kind: str, id: str) -> tuple[int, bytes, bytes, bytes] | None:
        """Index, entry, salt and body of a document; None if it is not in the log."""
        mark = "?" if self._database.dialect == "sqlite" else "%s"
        query = f"SELECT seq, entry, salt, body FROM log_entries WHERE kind = {mark} AND id = {mark}"  # noqa: S608
        with self._database.reading() as connection:
            found = _fetched(connection, query, (kind, id))
        if not found:
            return None
        seq, entry, salt, body = found[0]
        return int(seq), _blob(entry), _blob(salt), _blob(body)

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
            if kind == RECORD:
                columns, rules = _split(body)
                return {"id": columns.pop("id"), **columns, "rules": rules}
            found: dict[str, object] = {"id": str(_parsed(body)["id"])}
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError("the body is no document of its kind") from error
        return found

    def strays(self) -> Iterator[int]:
        """Indexes of `records` without an entry. Foreign keys forbid them; a changed file may have them."""
        known = sa.select(log_entries.c.seq).where(log_entries.c.seq == records.c.seq).exists()
        with self._database.reading() as connection:
            yield from [int(seq) for seq in connection.scalars(sa.select(records.c.seq).where(~known))]


_ROWS_BETWEEN = f"""
SELECT e.seq, e.kind, e.salt, e.body, e.commitment, e.entry, e.id, r.seq, r.received_at,
       {", ".join(f"r.{name}" for name in _NAMES)}
FROM log_entries e LEFT JOIN records r ON r.seq = e.seq WHERE e.seq >= {{0}} AND e.seq < {{0}} ORDER BY e.seq
"""  # noqa: S608  # our own names
_RULES_BETWEEN = (
    "SELECT seq, rule FROM record_rules WHERE seq >= {0} AND seq < {0} ORDER BY seq, rule"  # as in `_split`
)


def _fetched(connection: sa.Connection, sql: str, between: tuple[object, ...]) -> list[Any]:
    """The driver's own rows: SQLAlchemy's would cost as much as checking them."""
    cursor = connection.exec_driver_sql(sql, between).cursor
    try:
        return list(cursor.fetchall()) if cursor is not None else []
    except Exception as error:  # the driver's own, of either database
        raise _damaged() from error


def _is_sound(row: Any, rules: list[str]) -> bool:
    seq, kind, salt, body, commitment, entry, id, joined, at, *told, fault = row
    if not (type(salt) is type(body) is type(commitment) is type(entry) is bytes):
        return False
    if kind != RECORD or not body:
        if joined is not None or rules:
            return False
        try:
            return (not body and not salt) or str(_parsed(body)["id"]) == id
        except (KeyError, TypeError, ValueError):
            return False
    try:
        found = _DECODER.decode(body)
        if told == [getattr(found, name) for name in _TOLD] and not any(map(gt, map(len, told), _LIMITS)):
            # As they stand; what had to be cut or escaped is compared below.
            fired = {r.rule for r in found.admit.rules} if found.admit is not None else set()
            for output in found.outputs:
                fired.update([r.rule for r in output.decision.rules])
            return (
                found.id == id
                and (found.received_at - _EPOCH) // _MICROSECOND == at
                and (None if found.fault is None else found.fault.code) == fault
                and (sorted(fired) == sorted(rules) if fired or rules else True)
                and joined == seq
            )
        columns, listed = _split(body)
    except (KeyError, TypeError, ValueError):
        return False
    return (
        columns["id"] == id
        and (columns["received_at"] - _EPOCH) // _MICROSECOND == at
        and [columns[name] for name in _NAMES] == [*told, fault]
        and listed == sorted(rules)
    )


def _insert(connection: sa.Connection, table: str, names: Sequence[str]) -> str:
    """The driver's own INSERT: SQLAlchemy's costs as much again as the database."""
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(mark for _ in names)})"  # noqa: S608


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


def _split(body: bytes) -> tuple[dict[str, Any], list[str]]:
    """A record's columns and the rules that fired, and its id among them. Raises `ValueError` and its kin."""
    try:
        found = _DECODER.decode(body)
    except msgspec.DecodeError:  # lone surrogates, or no record
        found = msgspec.convert(json.loads(body), _Columns)
    columns: dict[str, Any] = {
        name: value
        if len(value) <= longest and value.isprintable() and value.isascii()
        else _plain(value, longest)
        for name, longest in _WIDTHS
        for value in (getattr(found, name),)
    }
    if found.received_at.tzinfo is None:
        raise ValueError("the time has no zone")
    columns |= {
        "id": found.id,
        "received_at": found.received_at.astimezone(UTC),
        "fault": None if found.fault is None else _plain(found.fault.code, 64),
    }
    decisions = [found.admit, *(output.decision for output in found.outputs)]
    fired = {_plain(rule.rule, _CUT["rule"]) for d in decisions if d is not None for rule in d.rules}
    return columns, sorted(fired)


def _plain(text: str, longest: int) -> str:
    """Text that every database takes: a caller's claim may hold lone surrogates or zero bytes."""
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")[:longest]

"""The ledger: the log's truth in the database. Implements the port of `rambarde.prove`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import sqlalchemy as sa

from rambarde.nouns.custody import Committed, Logged
from rambarde.nouns.fault import Fault, Kind
from rambarde.store.columns import NAMES, parsed, split
from rambarde.store.database import Database
from rambarde.store.emptying import empty
from rambarde.store.schema import UtcTime, log_entries, log_head, record_rules, records
from rambarde.store.sound import fetched, sound_rows

RECORD, ERASURE = "record", "erasure"
_LOG = 1
_LOCK = 0x52414D42_00000002
_PAGE = 2000
_IN_A_QUERY = 500
_TIME = UtcTime()


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
                columns, fired = split(item.body)
                at = columns["received_at"]
                rows.append(
                    (
                        seq,
                        _TIME.process_bind_param(at, self._connection.dialect),
                        *(columns[name] for name in NAMES),
                    )
                )
                rules += [(seq, rule) for rule in fired]
        try:
            for table, names, values in (
                ("log_entries", ("seq", "kind", "id", "entry", "body", "salt", "commitment"), entries),
                ("records", ("seq", "received_at", *NAMES), rows),
                ("record_rules", ("seq", "rule"), rules),
            ):
                if values:
                    self._connection.exec_driver_sql(_insert(self._connection, table, names), values)
            for item in batch:
                if item.kind == ERASURE:
                    empty(self._connection, parsed(item.body)["ranges"])
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

    def sound(self, start: int, stop: int) -> list[tuple[int, str, bytes, bytes, bytes, bytes]]:
        """Rows whose columns say what their body says, or that are erased whole; for reading through millions."""
        with self._database.reading() as connection, _drivers():
            return sound_rows(connection, start, stop)

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
        with self._database.reading() as connection, _drivers():
            found = fetched(connection, query, (kind, id))
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
                columns, rules = split(body)
                return {"id": columns.pop("id"), **columns, "rules": rules}
            found: dict[str, object] = {"id": str(parsed(body)["id"])}
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            raise ValueError("the body is no document of its kind") from error
        return found

    def strays(self) -> Iterator[int]:
        """Indexes of `records` without an entry. Foreign keys forbid them; a changed file may have them."""
        known = sa.select(log_entries.c.seq).where(log_entries.c.seq == records.c.seq).exists()
        with self._database.reading() as connection:
            yield from [int(seq) for seq in connection.scalars(sa.select(records.c.seq).where(~known))]


def _insert(connection: sa.Connection, table: str, names: Sequence[str]) -> str:
    """The driver's own INSERT: SQLAlchemy's costs as much again as the database."""
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    return f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join(mark for _ in names)})"  # noqa: S608


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


@contextmanager
def _drivers() -> Iterator[None]:
    """What the driver itself raises, while SQLAlchemy does not look."""
    try:
        yield
    except (Fault, sa.exc.SQLAlchemyError):
        raise
    except Exception as error:
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

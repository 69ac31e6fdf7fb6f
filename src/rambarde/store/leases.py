"""Leases: which policy every gateway holds, and the changes of policy it has yet to take."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from rambarde.nouns.custody import Committed, Logged
from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.store.database import Database
from rambarde.store.schema import leases, log_entries, records

CHANGE = "policy-change"
"""The kind under which a change of policy is in the log."""
RUNNING = "running"
"""The state of a gateway that releases."""
RETENTION = timedelta(days=1)
"""How long a lease that is not renewed can still be seen."""
AHEAD = timedelta(minutes=5)
"""How far ahead of ours a lease's clock may be: one that runs renews it again, one that is gone does not count."""
_PAGE = 200
_GATEWAY = re.compile(r"[!-~]{1,64}")
_LONGEST_HOST = 128
_LONGEST_STATE = 500
_ENTRY = (
    log_entries.c.seq,
    log_entries.c.id,
    log_entries.c.entry,
    log_entries.c.body,
    log_entries.c.salt,
    log_entries.c.commitment,
)


@dataclass(frozen=True, slots=True)
class Holder:
    """A gateway and the policy it held at `renewed_at`: that of the change `sequence`.

    `state` is `RUNNING`, or why it does not release.
    """

    gateway: str
    host: str
    sequence: int
    policy: str
    state: str
    renewed_at: datetime


def change_id(sequence: int) -> str:
    """The id of a change in the log: `change-00000001` is the first. The order of ids is that of sequences."""
    if not 0 <= sequence < 10**8:
        raise ValueError(f"{sequence} is no sequence number of a change")
    return f"change-{sequence:08d}"


class Leases:
    """The leases of one database. Its methods block; all times are the database's clock's."""

    def __init__(self, database: Database) -> None:
        self._database = database
        insert = postgresql.insert if database.dialect == "postgresql" else sqlite.insert
        fresh = insert(leases)
        self._upsert = fresh.on_conflict_do_update(
            index_elements=[leases.c.gateway],
            set_={column.name: fresh.excluded[column.name] for column in leases.c if not column.primary_key},
        )
        self._next = sa.select(*_ENTRY).where(
            log_entries.c.kind == CHANGE, log_entries.c.id == sa.bindparam("next_id")
        )

    def renew(
        self,
        gateway: str,
        *,
        sequence: int,
        policy: str,
        next_id: str,
        host: str = "",
        state: str = RUNNING,
    ) -> Logged | None:
        """Say in one transaction what this gateway holds, and learn the change `next_id` if it is in the log.

        None: there is no such change, and the lease is renewed. `gateway` is an id of its own for every
        process: 1 to 64 visible ASCII characters. The lease's time is taken before the log is read, so
        what was logged before that time has been seen. A caller measures its own lease the same way: from
        before the call, by a clock that cannot be set, since the call may wait for a lock for seconds.

        Raises `Fault(INVALID, "bad_gateway_id")`, `Fault(INTERNAL, "store_damaged")` and
        `Database.writing`'s; then the lease is not renewed.
        """
        if not _GATEWAY.fullmatch(gateway):
            raise invalid(
                "bad_gateway_id",
                "this is no gateway's id.",
                remedy="Give 1 to 64 visible ASCII characters.",
                field="gateway",
            )
        row = {
            "gateway": gateway,
            "host": _plain(host, _LONGEST_HOST),
            "sequence": sequence,
            "policy": policy,
            "state": _plain(state, _LONGEST_STATE),
            "renewed_at": self._database.clock(),
        }
        with self._database.writing() as connection:
            connection.execute(self._upsert, row)
            found = connection.execute(self._next, {"next_id": next_id}).mappings().first()
            return None if found is None else _logged(found)

    def holders(self, within: timedelta) -> tuple[Holder, ...]:
        """The gateways that renewed in the last `within`, by id, whether or not they release.

        One whose clock is ahead of ours counts too. Raises `Fault(INTERNAL, "store_damaged")`, and
        `Database.reading`'s.
        """
        query = (
            sa.select(leases)
            .where(leases.c.renewed_at >= self._database.clock() - within)
            .order_by(leases.c.gateway)
        )
        with self._database.reading() as connection:
            try:
                return tuple(_holder(row) for row in connection.execute(query).mappings())
            except (TypeError, ValueError, OverflowError) as error:
                raise _damaged() from error

    def drop(self, gateway: str) -> None:
        """Give the lease back: this gateway releases nothing any more. Idempotent."""
        with self._database.writing() as connection:
            connection.execute(sa.delete(leases).where(leases.c.gateway == gateway))

    def purge(self, now: datetime | None = None) -> int:
        """Forget the leases that nobody has renewed for a day, and those of a clock that is far ahead; returns how
        many. A gateway that runs has its own again within a second.
        """
        now = now or self._database.clock()
        gone = sa.or_(leases.c.renewed_at <= now - RETENTION, leases.c.renewed_at > now + AHEAD)
        with self._database.writing() as connection:
            return connection.execute(sa.delete(leases).where(gone)).rowcount

    def changes(self, after: int = 0) -> Iterator[Logged]:
        """All changes of policy after the sequence number `after`, in the order of their ids, in pages.

        From 0, also those whose id is not of the usual form: it is for the reader to refuse them. Raises
        `Fault(INTERNAL, "store_damaged")`, and `Database.reading`'s.
        """
        last = change_id(after) if after else ""
        while True:
            query = (
                sa.select(*_ENTRY)
                .where(log_entries.c.kind == CHANGE, log_entries.c.id > last)
                .order_by(log_entries.c.id)
                .limit(_PAGE)
            )
            with self._database.reading() as connection:
                found = [_logged(row) for row in connection.execute(query).mappings()]
            yield from found
            if len(found) < _PAGE:
                return
            last = found[-1].committed.id

    def latest_time(self) -> datetime | None:
        """The latest time any record bears, or any lease that is not from the future: a clock that is behind it
        went backwards, or the one that wrote the record was ahead. None before the first of both.

        A lease ahead of our clock is no witness: nothing says that its own clock was right. Raises
        `Fault(INTERNAL, "store_damaged")`, and `Database.reading`'s.
        """
        now = self._database.clock()
        newest = (
            sa.select(sa.func.max(records.c.received_at)),
            sa.select(sa.func.max(leases.c.renewed_at)).where(leases.c.renewed_at <= now + AHEAD),
        )
        with self._database.reading() as connection:
            try:
                times = [connection.scalar(query) for query in newest]
            except (TypeError, ValueError, OverflowError) as error:
                raise _damaged() from error
        return max((time for time in times if time is not None), default=None)


def _holder(row: sa.RowMapping) -> Holder:
    return Holder(
        gateway=str(row["gateway"]),
        host=str(row["host"]),
        sequence=int(row["sequence"]),
        policy=str(row["policy"]),
        state=str(row["state"]),
        renewed_at=row["renewed_at"],
    )


def _logged(row: sa.RowMapping) -> Logged:
    parts = [row[name] for name in ("body", "salt", "commitment", "entry")]
    # SQLite lets any value into any column: what is not bytes was not put there by us.
    if not all(isinstance(part, bytes | memoryview) for part in parts):
        raise _damaged()
    body, salt, commitment, entry = (bytes(part) for part in parts)
    return Logged(
        int(row["seq"]),
        Committed(CHANGE, str(row["id"]), body, salt, commitment, entry),
        {"id": row["id"]},
    )


def _plain(text: str, longest: int) -> str:
    """Text that every database takes, cut: a host's name and a cause may hold anything."""
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")[:longest]


def _damaged() -> Fault:
    return Fault(
        Kind.INTERNAL,
        "store_damaged",
        "a value in the database is not of its column's type.",
        remedy="Keep a copy and run `rambarde log verify`, which names the row.",
    )

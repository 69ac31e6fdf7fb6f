"""The monitor's memory: from where of the log to count on, the minutes that are closed, and who counts now."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from rambarde.nouns.sighting import Alarm, By, Cell, Logged, Sight
from rambarde.store.database import Database
from rambarde.store.monitor_schema import alarms, alerts, monitor_minutes, monitor_state
from rambarde.store.schema import log_entries, records

_ID = 1
_KEPT = timedelta(days=400)
"""How long closed minutes are kept."""
_WHOLE = ("record", "recheck", "finding")


@dataclass(frozen=True, slots=True)
class State:
    """Where counting stands. `minute` is the open one, counted from the document `next` on; `open` its cells, as the
    one who counts told last, at `seen_at`; `held_until` is how long that one has the right to.
    """

    version: int
    next: int
    minute: int | None
    streams: dict[str, dict[str, object]]
    uncounted: int
    open: tuple[Cell, ...]
    holder: str
    held_until: datetime
    seen_at: datetime


class Monitor:
    """The monitor's rows of one database. Raises the database's faults."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def state(self) -> State | None:
        """None before anybody has counted."""
        with self._database.reading() as connection:
            row = connection.execute(sa.select(monitor_state)).mappings().first()
        return None if row is None else _state(row)

    def lead(self, holder: str, life: timedelta) -> State | None:
        """Take, or keep, the right to count, for `life` from now on. None: another one has it.

        Whoever is the first ever begins with the records of the last day.
        """
        now = self._database.clock()
        # A holder whose clock is ahead, or that was set back, does not hold it for longer than its life.
        free = sa.or_(
            monitor_state.c.holder == holder,
            monitor_state.c.held_until <= now,
            monitor_state.c.held_until > now + 2 * life,
        )
        with self._database.writing() as connection:
            taken = sa.update(monitor_state).where(free).values(holder=holder, held_until=now + life)
            if connection.execute(taken).rowcount == 0:
                if connection.scalar(sa.select(sa.func.count()).select_from(monitor_state)):
                    return None
                connection.execute(
                    _insert(connection, monitor_state).on_conflict_do_nothing(),
                    {
                        "id": _ID,
                        "version": 0,
                        "next": self._begin(connection, now),
                        "minute": None,
                        "streams": "{}",
                        "uncounted": 0,
                        "open": "[]",
                        "holder": holder,
                        "held_until": now + life,
                        "seen_at": now,
                    },
                )
            row = connection.execute(sa.select(monitor_state)).mappings().one()
        return _state(row) if row["holder"] == holder else None

    def advance(
        self,
        version: int,
        *,
        next: int,
        minute: int,
        cells: Sequence[Cell],
        streams: dict[str, object],
        uncounted: int,
        raised: Sequence[tuple[Alarm, bool]] = (),
        channels: Sequence[str] = (),
    ) -> int | None:
        """Close a minute, or note an alarm of the open one, all or nothing. `raised` are alarms and whether the breaker
        has to act; they are told by `channels`. Returns the new version, None if another one was first.
        """
        now = self._database.clock()
        ours = sa.update(monitor_state).where(monitor_state.c.version == version)
        with self._database.writing() as connection:
            done = connection.execute(
                ours.values(
                    version=version + 1,
                    next=next,
                    minute=minute,
                    streams=json.dumps(streams),
                    **({"open": "[]"} if cells else {}),
                    uncounted=monitor_state.c.uncounted + uncounted,
                )
            )
            if done.rowcount != 1:
                return None
            if cells:
                insert = _insert(connection, monitor_minutes)
                added = {
                    name: monitor_minutes.c[name] + insert.excluded[name]
                    for name in ("images", "accounts", "weight", "square")
                }
                keys = [column.name for column in monitor_minutes.primary_key]
                connection.execute(
                    insert.on_conflict_do_update(index_elements=keys, set_=added), [_row(c) for c in cells]
                )
            for alarm, trips in raised:
                row = {"id": alarm.id, "at": now, "body": json.dumps(alarm.as_json()), "trips": trips}
                connection.execute(_insert(connection, alarms).on_conflict_do_nothing(), row)
                for channel in channels:
                    told = {"alarm": alarm.id, "channel": channel, "tries": 0, "next_at": now}
                    connection.execute(_insert(connection, alerts).on_conflict_do_nothing(), told)
        return version + 1

    def tell(self, holder: str, cells: Iterable[Cell]) -> None:
        """Say how the open minute stands, for whoever shows it."""
        told = json.dumps([list(_row(cell).values()) for cell in cells])
        with self._database.writing() as connection:
            connection.execute(
                sa.update(monitor_state)
                .where(monitor_state.c.holder == holder)
                .values(open=told, seen_at=self._database.clock())
            )

    def documents(self, start: int, limit: int) -> list[Logged]:
        """The log's documents from the index `start` on; bodies only of those that count."""
        body = sa.case((log_entries.c.kind.in_(_WHOLE), log_entries.c.body), else_=sa.literal(b""))
        query = (
            sa.select(log_entries.c.seq, log_entries.c.kind, log_entries.c.id, body)
            .where(log_entries.c.seq >= start)
            .order_by(log_entries.c.seq)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return [
                Logged(int(s), str(k), str(i), bytes(b or b"")) for s, k, i, b in connection.execute(query)
            ]

    def record(self, id: str) -> bytes:
        """A record's body, empty if there is none, or not any more."""
        query = sa.select(log_entries.c.body).where(log_entries.c.kind == "record", log_entries.c.id == id)
        with self._database.reading() as connection:
            found = connection.scalar(query)
        return b"" if found is None else bytes(found)

    def withdrawn(self, id: str) -> bool:
        """Whether the log says that what the record calls released was not."""
        query = sa.select(sa.func.count()).where(log_entries.c.kind == "withdrawal", log_entries.c.id == id)
        with self._database.reading() as connection:
            return bool(connection.scalar(query))

    def minutes(self, since: int, until: int, by: By | None = None) -> tuple[Cell, ...]:
        """The closed minutes from `since` (included) until `until` (excluded), all cells or those `by` something."""
        query = sa.select(monitor_minutes).where(_within(since, until)).order_by(monitor_minutes.c.minute)
        query = query if by is None else query.where(monitor_minutes.c.part == by.value)
        with self._database.reading() as connection:
            return tuple(_cell(tuple(row)) for row in connection.execute(query))

    def sums(self, since: int, until: int) -> tuple[Cell, ...]:
        """The same summed over the minutes; `minute` is `since`."""
        c = monitor_minutes.c
        query = (
            sa.select(
                sa.literal(since),
                c.sight,
                c.part,
                c.value,
                *(sa.func.sum(x) for x in (c.images, c.accounts, c.weight, c.square)),
            )
            .where(_within(since, until))
            .group_by(c.sight, c.part, c.value)
            .order_by(c.sight, c.part, c.value)
        )
        with self._database.reading() as connection:
            return tuple(_cell(tuple(row)) for row in connection.execute(query))

    def first_minute(self) -> int | None:
        """The oldest closed minute in which something was counted."""
        with self._database.reading() as connection:
            found = connection.scalar(sa.select(sa.func.min(monitor_minutes.c.minute)))
        return None if found is None else int(found)

    def purge(self) -> None:
        """Erase closed minutes that are past their time."""
        old = int((self._database.clock() - _KEPT).timestamp() // 60)
        with self._database.writing() as connection:
            connection.execute(sa.delete(monitor_minutes).where(monitor_minutes.c.minute < old))

    def _begin(self, connection: sa.Connection, now: datetime) -> int:
        first = sa.select(sa.func.min(records.c.seq)).where(records.c.received_at >= now - timedelta(days=1))
        found = connection.scalar(first)
        if found is None:
            found = connection.scalar(sa.select(sa.func.coalesce(sa.func.max(log_entries.c.seq) + 1, 0)))
        return int(found or 0)


def _insert(connection: sa.Connection, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
    return (postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert)(table)


def _within(since: int, until: int) -> sa.ColumnElement[bool]:
    return sa.and_(monitor_minutes.c.minute >= since, monitor_minutes.c.minute < until)


def _row(cell: Cell) -> dict[str, object]:
    return {
        "minute": cell.minute,
        "sight": cell.sight.value,
        "part": cell.by.value,
        "value": cell.value,
        "images": cell.images,
        "accounts": cell.accounts,
        "weight": cell.weight,
        "square": cell.square,
    }


def _cell(row: Sequence[object]) -> Cell:
    minute, sight, by, value, images, accounts, weight, square = row
    numbers = (int(str(images)), int(str(accounts)), float(str(weight)), float(str(square)))
    return Cell(int(str(minute)), Sight(str(sight)), By(str(by)), str(value), *numbers)


def _state(row: sa.RowMapping) -> State:
    return State(
        version=row["version"],
        next=row["next"],
        minute=row["minute"],
        streams=json.loads(row["streams"]),
        uncounted=row["uncounted"],
        open=tuple(_cell(cell) for cell in json.loads(row["open"])),
        holder=row["holder"],
        held_until=row["held_until"],
        seen_at=row["seen_at"],
    )

"""Alarms: what the monitor found, what came of it, and who has been told."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.sighting import Alarm
from rambarde.store.database import Database
from rambarde.store.monitor_schema import alarms, alerts


@dataclass(frozen=True, slots=True)
class Raised:
    """An alarm and when it was raised. `alerts` are channel, attempts, when it was told, and the last error."""

    alarm: Alarm
    at: datetime
    alerts: tuple[tuple[str, int, datetime | None, str | None], ...] = ()

    def as_json(self) -> dict[str, object]:
        return self.alarm.as_json() | {
            "at": self.at.isoformat(),
            "alerts": [
                {"channel": c, "tries": n, "sent_at": sent.isoformat() if sent else None, "error": e}
                for c, n, sent, e in self.alerts
            ],
        }


class Alarms:
    """The alarms of one database."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def newest(self, limit: int = 20) -> tuple[Raised, ...]:
        """Newest first."""
        query = sa.select(alarms).order_by(alarms.c.at.desc(), alarms.c.id).limit(limit)
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
            told = connection.execute(
                sa.select(alerts).where(alerts.c.alarm.in_([row["id"] for row in rows]))
            ).all()
        return tuple(
            Raised(
                _alarm(row["body"]),
                row["at"],
                tuple((t.channel, t.tries, t.sent_at, t.error) for t in told if t.alarm == row["id"]),
            )
            for row in rows
        )

    def get(self, id: str) -> Alarm:
        """Raises `Fault(NOT_FOUND, "alarm_unknown")`."""
        with self._database.reading() as connection:
            body = connection.scalar(sa.select(alarms.c.body).where(alarms.c.id == id))
        if body is None:
            raise Fault(
                Kind.NOT_FOUND,
                "alarm_unknown",
                "There is no such alarm.",
                remedy="See `rambarde monitor --json`, under `alarms`.",
                field="alarm",
            )
        return _alarm(body)

    def tripping(self) -> tuple[Alarm, ...]:
        """Those for which the breaker has yet to act."""
        query = sa.select(alarms.c.body).where(alarms.c.trips).order_by(alarms.c.at)
        with self._database.reading() as connection:
            return tuple(_alarm(body) for body in connection.scalars(query))

    def tripped(self, id: str, *, measure: str | None, trouble: str | None) -> None:
        """What came of it. With a `trouble` it is tried again, until it is too late to be of use."""
        self._change(id, trips=measure is None and trouble is not None, measure=measure, trouble=trouble)

    def give_up(self, id: str, trouble: str) -> None:
        self._change(id, trips=False, trouble=trouble)

    def confirmed(self, id: str, *, by: str, verdict: str, reason: str) -> None:
        self._change(id, by=by, verdict=verdict, reason=reason)

    def due(self) -> tuple[tuple[str, str, int], ...]:
        """Alarm, channel and attempts so far, of what is to be told now."""
        query = (
            sa.select(alerts.c.alarm, alerts.c.channel, alerts.c.tries)
            .where(alerts.c.sent_at.is_(None), alerts.c.next_at <= self._database.clock())
            .order_by(alerts.c.next_at)
            .limit(20)
        )
        with self._database.reading() as connection:
            return tuple((str(a), str(c), int(n)) for a, c, n in connection.execute(query))

    def claim(self, alarm: str, channel: str, tries: int, life: timedelta) -> bool:
        """Take the next attempt; false if another one has it. After `life` it is due again."""
        claimed = (
            sa.update(alerts)
            .where(
                alerts.c.alarm == alarm,
                alerts.c.channel == channel,
                alerts.c.tries == tries,
                alerts.c.sent_at.is_(None),
            )
            .values(tries=tries + 1, next_at=self._database.clock() + life)
        )
        with self._database.writing() as connection:
            return connection.execute(claimed).rowcount == 1

    def told(self, alarm: str, channel: str, *, error: str | None, again: timedelta) -> None:
        """An attempt has ended: told, or to be tried `again`."""
        now = self._database.clock()
        values: dict[str, object] = {"sent_at": now, "error": None}
        if error is not None:
            values = {"error": error, "next_at": now + again}
        with self._database.writing() as connection:
            connection.execute(
                sa.update(alerts).where(alerts.c.alarm == alarm, alerts.c.channel == channel).values(**values)
            )

    def again(self, alarm: str, channels: tuple[str, ...]) -> None:
        """Tell them once more: something came of it."""
        now = self._database.clock()
        with self._database.writing() as connection:
            for channel in channels:
                mine = (alerts.c.alarm == alarm, alerts.c.channel == channel)
                connection.execute(sa.update(alerts).where(*mine).values(sent_at=None, next_at=now))

    def _change(self, id: str, *, trips: bool | None = None, **values: str | None) -> None:
        with self._database.writing() as connection:
            # The lock comes first: two that change the same alarm must not lose one another's words.
            connection.execute(sa.update(alarms).where(alarms.c.id == id).values(id=id))
            body = connection.scalar(sa.select(alarms.c.body).where(alarms.c.id == id))
            if body is None:
                return
            changed = replace(_alarm(body), **values)  # type: ignore[arg-type]
            more = {} if trips is None else {"trips": trips}
            connection.execute(
                sa.update(alarms).where(alarms.c.id == id).values(body=json.dumps(changed.as_json()), **more)
            )


def _alarm(body: str) -> Alarm:
    told = json.loads(body)
    confirmed = told.pop("confirmed") or {}
    return Alarm(**told, **confirmed)

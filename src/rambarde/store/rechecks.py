"""Re-checks that wait: which released images were drawn, and who looks at each now."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import sqlalchemy as sa

from rambarde.nouns.sighting import Draw
from rambarde.store.database import Database
from rambarde.store.monitor_schema import rechecks


class Rechecks:
    """The queue of one database. Any number of gateways may work on it; a worker that dies loses its claim."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, draws: Sequence[Draw]) -> None:
        """Durable on return."""
        now = self._database.clock()
        rows = [
            {
                "id": one.id,
                "record": one.record,
                "output": one.output,
                "share": one.share,
                "item": one.item,
                "drawn_at": now,
                "claimed_until": now,
                "tries": 0,
            }
            for one in draws
        ]
        with self._database.writing() as connection:
            connection.execute(sa.insert(rechecks), rows)

    def claim(self, life: timedelta) -> tuple[Draw, int] | None:
        """The next one and how often it was tried, claimed for `life`; None if nothing waits."""
        now = self._database.clock()
        query = (
            sa.select(rechecks)
            .where(rechecks.c.claimed_until <= now)
            .order_by(rechecks.c.claimed_until, rechecks.c.id)
            .limit(1)
        )
        with self._database.writing() as connection:
            row = connection.execute(query.with_for_update(skip_locked=True)).mappings().first()
            if row is None:
                return None
            connection.execute(
                sa.update(rechecks)
                .where(rechecks.c.id == row["id"])
                .values(claimed_until=now + life, tries=row["tries"] + 1)
            )
        return _draw(row), int(row["tries"]) + 1

    def old(self, id: str, seconds: float) -> bool:
        """Whether it was drawn so long ago."""
        query = sa.select(rechecks.c.drawn_at).where(rechecks.c.id == id)
        with self._database.reading() as connection:
            at = connection.scalar(query)
        return at is None or at + timedelta(seconds=seconds) <= self._database.clock()

    def later(self, id: str, seconds: float, *, untried: bool = False) -> None:
        """Give it back, to be claimed again in so many seconds; `untried`: nobody has looked at it."""
        values: dict[str, object] = {"claimed_until": self._database.clock() + timedelta(seconds=seconds)}
        if untried:
            values["tries"] = rechecks.c.tries - 1
        with self._database.writing() as connection:
            connection.execute(sa.update(rechecks).where(rechecks.c.id == id).values(**values))

    def done(self, id: str) -> None:
        with self._database.writing() as connection:
            connection.execute(sa.delete(rechecks).where(rechecks.c.id == id))

    def waiting(self) -> int:
        with self._database.reading() as connection:
            return int(connection.scalar(sa.select(sa.func.count()).select_from(rechecks)) or 0)


def _draw(row: sa.RowMapping) -> Draw:
    return Draw(row["id"], row["record"], row["output"], row["share"], row["item"])

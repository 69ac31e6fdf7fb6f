"""Reviews: how far each has come, so that a verdict takes effect once and its outcome can be told."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from rambarde.nouns.review import EXPIRED, Matter, Progress
from rambarde.store.database import Database
from rambarde.store.schema import reviews

RETENTION = timedelta(days=90)
"""How long an outcome can be told after the review was begun; who decided and why stays in the log."""


class Reviews:
    """The reviews of one database. Any number of processes may work on them; all steps are idempotent."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def get(self, subject: str) -> Progress | None:
        return await self._database.run(self._get, subject)

    async def begin(self, subject: str, matter: Matter, record: str) -> None:
        """Note that a verdict is about to be logged, so that it takes effect even if we die in between."""
        await self._database.run(self._begin, subject, matter, record)

    async def unfinished(self, limit: int = 100) -> tuple[Progress, ...]:
        """Reviews that were begun and have had no effect yet, oldest first."""
        return await self._database.run(self._unfinished, limit)

    async def name_file(self, subject: str, file: str, until: datetime) -> tuple[str, datetime]:
        """Choose the released file's id and end; of several choices the first counts, and is returned."""
        return await self._database.run(self._name_file, subject, file, until)

    async def finish(self, subject: str, outcome: str) -> None:
        """The outcome has taken effect. The first one stays."""
        await self._database.run(self._finish, subject, outcome)

    async def drop(self, subject: str) -> None:
        """Forget a review that was begun and never decided."""
        await self._database.run(self._drop, subject)

    async def purge(self, now: datetime | None = None) -> int:
        """Erase what is past its retention; returns how many."""
        return await self._database.run(self._purge, now or self._database.clock())

    def _get(self, subject: str) -> Progress | None:
        if "\0" in subject or not subject.isascii():
            return None
        query = sa.select(reviews).where(reviews.c.subject == subject)
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else _progress(row)

    def _begin(self, subject: str, matter: Matter, record: str) -> None:
        now = self._database.clock()
        with self._database.writing() as connection:
            _insert(
                connection,
                [
                    {
                        "subject": subject,
                        "matter": matter.value,
                        "record": record,
                        "begun_at": now,
                        "expires_at": now + RETENTION,
                    }
                ],
            )

    def _unfinished(self, limit: int) -> tuple[Progress, ...]:
        query = (
            sa.select(reviews)
            .where(reviews.c.outcome.is_(None))
            .order_by(reviews.c.begun_at, reviews.c.subject)
            .limit(limit)
        )
        with self._database.reading() as connection:
            return tuple(_progress(row) for row in connection.execute(query).mappings())

    def _name_file(self, subject: str, file: str, until: datetime) -> tuple[str, datetime]:
        ours = sa.update(reviews).where(reviews.c.subject == subject, reviews.c.file.is_(None))
        with self._database.writing() as connection:
            connection.execute(ours.values(file=file, file_until=until))
            row = connection.execute(
                sa.select(reviews.c.file, reviews.c.file_until).where(reviews.c.subject == subject)
            ).one()
        return str(row.file), row.file_until

    def _finish(self, subject: str, outcome: str) -> None:
        first = sa.update(reviews).where(reviews.c.subject == subject, reviews.c.outcome.is_(None))
        with self._database.writing() as connection:
            connection.execute(first.values(outcome=outcome))

    def _drop(self, subject: str) -> None:
        with self._database.writing() as connection:
            connection.execute(
                sa.delete(reviews).where(reviews.c.subject == subject, reviews.c.outcome.is_(None))
            )

    def _purge(self, now: datetime) -> int:
        with self._database.writing() as connection:
            return connection.execute(
                sa.delete(reviews).where(reviews.c.expires_at <= now, reviews.c.outcome.is_not(None))
            ).rowcount


def mark_expired(connection: sa.Connection, held: Mapping[str, str], now: datetime) -> None:
    """Remember of held images (id → record) that nobody decided them in time, in the purge's transaction."""
    if held:
        _insert(
            connection,
            [
                {
                    "subject": id,
                    "matter": Matter.HELD.value,
                    "record": record,
                    "begun_at": now,
                    "outcome": EXPIRED,
                    "expires_at": now + RETENTION,
                }
                for id, record in held.items()
            ],
        )


def _insert(connection: sa.Connection, rows: list[dict[str, object]]) -> None:
    insert = postgresql.insert if connection.dialect.name == "postgresql" else sqlite.insert
    connection.execute(insert(reviews).on_conflict_do_nothing(index_elements=[reviews.c.subject]), rows)


def _progress(row: sa.RowMapping) -> Progress:
    return Progress(
        subject=row["subject"],
        matter=Matter(row["matter"]),
        record=row["record"],
        begun_at=row["begun_at"],
        outcome=row["outcome"],
        file=row["file"],
        file_until=row["file_until"],
    )

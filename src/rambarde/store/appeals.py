"""Appeals: what people hand in against a refusal, encrypted and expiring."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from rambarde.nouns.appeal import Appeal, Attachment, Plea
from rambarde.nouns.fault import Fault, Kind
from rambarde.store.cipher import Cipher
from rambarde.store.database import Database
from rambarde.store.items import Frozen, new_id
from rambarde.store.schema import appeal_pictures, appeals

_LOCK = 0x52414D42_00000004
_IN_A_QUERY = 500
_ID = re.compile(r"[A-Za-z0-9_-]{8,64}")


class Appeals:
    """The appeals of one database. What a hold freezes stays whole, also once it is decided, and is not erased."""

    def __init__(
        self, database: Database, cipher: Cipher, frozen: Frozen = lambda connection, record: False
    ) -> None:
        self._database = database
        self._cipher = cipher
        self._frozen = frozen

    async def add(
        self,
        decision: str,
        plea: Plea,
        *,
        opened: bool | None,
        life: timedelta,
        most_open: int,
        most: int,
    ) -> Appeal:
        """Keep an appeal for `life`, durably before this returns.

        Raises `Fault(RATE_LIMITED)` `appeals_open` if `most_open` appeals against this decision wait, or
        `appeals_used_up` if there are `most` in all; and `Database.writing`'s.
        """
        return await self._database.run(self._add, decision, plea, opened, life, most_open, most)

    async def room(self, decision: str, *, most_open: int, most: int) -> None:
        """Raise what `add` would raise, before anything is read from the caller."""
        await self._database.run(self._room, decision, most_open, most)

    async def get(self, id: str) -> Appeal | None:
        """An appeal with its plea, its pictures aside; None if there is none, or it has expired."""
        return await self._database.run(self._get, id)

    async def picture(self, id: str, number: int) -> Attachment | None:
        """An attached picture, counted from 0; None once the appeal is decided."""
        return await self._database.run(self._picture, id, number)

    async def waiting(self, *, limit: int = 100, after: Appeal | None = None) -> tuple[Appeal, ...]:
        """Undecided appeals, oldest first, at most `limit`, after the appeal `after`; without their pleas."""
        return await self._database.run(self._waiting, limit, after)

    async def close(self, id: str, outcome: str, decided_at: datetime) -> bool:
        """Note the outcome and erase what was attached, the prompt too; false if it was closed before."""
        return await self._database.run(self._close, id, outcome, decided_at)

    async def purge(self, now: datetime | None = None) -> int:
        """Erase what has expired; returns how many."""
        return await self._database.run(self._purge, now or self._database.clock())

    def against(self, decisions: Sequence[str]) -> Iterator[Appeal]:
        """All that are kept against these decisions, with their pleas, pictures aside. Blocking."""
        for start in range(0, len(decisions), _IN_A_QUERY):
            some = list(decisions[start : start + _IN_A_QUERY])
            query = sa.select(appeals).where(appeals.c.decision.in_(some)).order_by(appeals.c.created_at)
            with self._database.reading() as connection:
                rows = connection.execute(query).mappings().all()
            for row in rows:
                yield _appeal(row, self._opened(row["id"], row["plea"]))

    def _add(
        self, decision: str, plea: Plea, opened: bool | None, life: timedelta, most_open: int, most: int
    ) -> Appeal:
        id, now = new_id(), self._database.clock()
        row = {
            "id": id,
            "decision": decision,
            "opened": opened,
            "pictures": len(plea.pictures),
            "plea": self._sealed(id, plea),
            "created_at": now,
            "expires_at": now + life,
        }
        pictures = [
            {
                "appeal": id,
                "number": number,
                "media_type": picture.media_type,
                "body": self._cipher.seal(
                    picture.data, table="appeal_pictures", id=id, purpose=f"picture/{number}"
                ),
            }
            for number, picture in enumerate(plea.pictures)
        ]
        with self._database.writing() as connection:
            if self._database.dialect == "postgresql":
                # Counting and adding must not interleave with another gateway's.
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
            self._count(connection, decision, now, most_open, most)
            connection.execute(sa.insert(appeals).values(**row))
            if pictures:
                connection.execute(sa.insert(appeal_pictures), pictures)
        return Appeal(id, decision, opened, len(pictures), now, now + life, None, None, plea)

    def _room(self, decision: str, most_open: int, most: int) -> None:
        with self._database.reading() as connection:
            self._count(connection, decision, self._database.clock(), most_open, most)

    def _count(
        self, connection: sa.Connection, decision: str, now: datetime, most_open: int, most: int
    ) -> None:
        query = sa.select(sa.func.count(), sa.func.count().filter(appeals.c.outcome.is_(None))).select_from(
            appeals
        )
        row = connection.execute(
            query.where(appeals.c.decision == decision, appeals.c.expires_at > now)
        ).one()
        total, waiting = int(row[0]), int(row[1])
        if waiting >= most_open:
            raise Fault(
                Kind.RATE_LIMITED,
                "appeals_open",
                f"{waiting} appeals against this decision wait already.",
                remedy="Wait until they are decided.",
            )
        if total >= most:
            raise Fault(
                Kind.RATE_LIMITED,
                "appeals_used_up",
                f"{total} appeals were made against this decision.",
                remedy="You may turn to an out-of-court dispute settlement body, or to a court.",
            )

    def _get(self, id: str) -> Appeal | None:
        if not _ID.fullmatch(id):
            return None
        query = sa.select(appeals).where(appeals.c.id == id, appeals.c.expires_at > self._database.clock())
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else _appeal(row, self._opened(id, row["plea"]))

    def _picture(self, id: str, number: int) -> Attachment | None:
        if not _ID.fullmatch(id):
            return None
        query = (
            sa.select(appeal_pictures)
            .join(appeals, appeals.c.id == appeal_pictures.c.appeal)
            .where(
                appeal_pictures.c.appeal == id,
                appeal_pictures.c.number == number,
                appeals.c.expires_at > self._database.clock(),
            )
        )
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            return None
        body = self._cipher.unseal(row["body"], table="appeal_pictures", id=id, purpose=f"picture/{number}")
        return Attachment(body, row["media_type"])

    def _waiting(self, limit: int, after: Appeal | None) -> tuple[Appeal, ...]:
        query = (
            sa.select(*(column for column in appeals.c if column is not appeals.c.plea))
            .where(appeals.c.outcome.is_(None), appeals.c.expires_at > self._database.clock())
            .order_by(appeals.c.created_at, appeals.c.id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(
                sa.tuple_(appeals.c.created_at, appeals.c.id)
                > sa.tuple_(sa.literal(after.created_at, appeals.c.created_at.type), sa.literal(after.id))
            )
        with self._database.reading() as connection:
            return tuple(_appeal(row, None) for row in connection.execute(query).mappings())

    def _close(self, id: str, outcome: str, decided_at: datetime) -> bool:
        query = sa.select(appeals.c.plea).where(appeals.c.id == id, appeals.c.outcome.is_(None))
        with self._database.writing() as connection:
            sealed = connection.scalar(query)
            if sealed is None:
                return False
            plea = self._opened(id, sealed)
            decision = connection.scalar(sa.select(appeals.c.decision).where(appeals.c.id == id))
            if self._frozen(connection, decision or ""):
                ended = sa.update(appeals).where(appeals.c.id == id, appeals.c.outcome.is_(None))
                closed = connection.execute(ended.values(outcome=outcome, decided_at=decided_at))
                return closed.rowcount > 0
            connection.execute(sa.delete(appeal_pictures).where(appeal_pictures.c.appeal == id))
            done = connection.execute(
                sa.update(appeals)
                .where(appeals.c.id == id, appeals.c.outcome.is_(None))
                .values(
                    outcome=outcome,
                    decided_at=decided_at,
                    pictures=0,
                    plea=self._sealed(id, Plea(plea.text, plea.email)),
                )
            )
            return done.rowcount > 0

    def _purge(self, now: datetime) -> int:
        query = sa.select(appeals.c.id, appeals.c.decision).where(appeals.c.expires_at <= now)
        with self._database.writing() as connection:
            free = [r.id for r in connection.execute(query).all() if not self._frozen(connection, r.decision)]
            return connection.execute(sa.delete(appeals).where(appeals.c.id.in_(free))).rowcount

    def _sealed(self, id: str, plea: Plea) -> bytes:
        said = {"text": plea.text, "email": plea.email, "prompt": plea.prompt}
        return self._cipher.seal(json.dumps(said).encode(), table="appeals", id=id, purpose="plea")

    def _opened(self, id: str, sealed: bytes) -> Plea:
        return Plea(**json.loads(self._cipher.unseal(sealed, table="appeals", id=id, purpose="plea")))


def _appeal(row: sa.RowMapping, plea: Plea | None) -> Appeal:
    return Appeal(
        id=row["id"],
        decision=row["decision"],
        opened=row["opened"],
        pictures=row["pictures"],
        created_at=row["created_at"],
        expires_at=row["expires_at"],
        outcome=row["outcome"],
        decided_at=row["decided_at"],
        plea=plea,
    )

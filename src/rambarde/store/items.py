"""Items: bytes that are kept for a reason and a time, encrypted. Implements the chain's `Keeper`."""

from __future__ import annotations

import json
import re
import secrets
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from rambarde.nouns.custody import Kept, Shelf
from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.store.cipher import Cipher
from rambarde.store.database import Database
from rambarde.store.reviews import mark_expired
from rambarde.store.schema import items

Frozen = Callable[[sa.Connection, str], bool]
"""(transaction, record id) → whether a hold freezes what is kept of that record."""
_ID_BYTES = 24
_ID = re.compile(r"[A-Za-z0-9_-]{22,128}")
_AT_ONCE = 50
"""Items purged in one transaction, so that a large purge does not keep other writers waiting."""


@dataclass(frozen=True, slots=True)
class Listed:
    """An item without its bytes. `size` is that of the bytes; `meta` is decrypted."""

    id: str
    shelf: Shelf
    record: str | None
    media_type: str
    size: int
    created_at: datetime
    expires_at: datetime
    meta: dict[str, object]


class Items:
    """The items of one database. All times are the database's clock's.

    What a hold freezes is never erased: once expired or destroyed nobody is given it, and its bytes stay, sealed,
    until the hold is lifted.
    """

    def __init__(
        self,
        database: Database,
        cipher: Cipher,
        frozen: Frozen = lambda connection, record: False,
        longest: Mapping[Shelf, timedelta] | None = None,
    ) -> None:
        """`longest`: how long things stay on a shelf at most, whatever life they are given."""
        self._database = database
        self._cipher = cipher
        self._frozen = frozen
        self._longest = dict(longest or {})

    async def keep(
        self,
        shelf: Shelf,
        data: bytes,
        *,
        media_type: str,
        life: timedelta,
        record: str | None = None,
        meta: dict[str, object] | None = None,
        id: str | None = None,
    ) -> str:
        """Store for `life` and return the id, durable on return.

        A given `id` must be as hard to guess as ours: at least 128 random bits, 22 to 128 characters of
        base64url. Raises `Fault(INVALID, "bad_item_id")`, `Fault(CONFLICT, "item_exists")`,
        `Fault(INVALID, "bad_life")` for a life that is not positive, and `Database.writing`'s.
        """
        return await self._database.run(
            self._keep, shelf, data, media_type, life, record, meta or {}, id or new_id()
        )

    async def take(self, id: str, shelf: Shelf) -> Kept | None:
        """The item, or None if it never was, was revoked, has expired or is on another shelf.

        Raises `Fault(INTERNAL)` `server_key_mismatch` or `sealed_damaged`, and `Database.reading`'s.
        """
        return await self._database.run(self._take, id, shelf)

    async def destroy(self, id: str) -> bool:
        """Erase at once; true if there was something. What is frozen expires instead: nobody is given it any more.

        On SQLite the bytes are overwritten; a copy may last in the write-ahead file until its next
        checkpoint, and on PostgreSQL until vacuum: sealed in both.
        """
        return await self._database.run(self._destroy, id)

    async def listed(
        self, shelf: Shelf, *, limit: int = 100, after: Listed | None = None
    ) -> tuple[Listed, ...]:
        """What is on a shelf and has not expired, oldest first, at most `limit`, after the item `after`."""
        return await self._database.run(self._listed, shelf, limit, after)

    async def look(self, id: str, shelf: Shelf) -> Listed | None:
        """An item without its bytes; unlike `take`, also one that has expired and is not erased yet."""
        return await self._database.run(self._look, id, shelf)

    async def held(self, *, limit: int = 100, after: Listed | None = None) -> tuple[Listed, ...]:
        """What waits for a human."""
        return await self.listed(Shelf.HELD, limit=limit, after=after)

    async def purge(self, now: datetime | None = None) -> int:
        """Erase what has expired; returns how many."""
        return (await self.purged(now)).total()

    async def purged(self, now: datetime | None = None) -> Counter[str]:
        """The same; returns how many of each shelf."""
        return await self._database.run(self._purge, now or self._database.clock())

    def _keep(
        self,
        shelf: Shelf,
        data: bytes,
        media_type: str,
        life: timedelta,
        record: str | None,
        meta: dict[str, object],
        id: str,
    ) -> str:
        if not _ID.fullmatch(id):
            raise invalid("bad_item_id", "this is no item id.", remedy="Use `items.new_id()`.", field="id")
        if life <= timedelta(0):
            raise invalid(
                "bad_life", "an item's life is positive.", remedy="Give a longer one.", field="life"
            )
        now, life = self._database.clock(), min(life, self._longest.get(shelf, life))
        row = {
            "id": id,
            "shelf": shelf.value,
            "record": record,
            "media_type": media_type,
            "size": len(data),
            "body": self._cipher.seal(data, table="items", id=id, purpose=f"{shelf.value}/body"),
            "meta": self._cipher.seal(
                json.dumps(meta).encode(), table="items", id=id, purpose=f"{shelf.value}/meta"
            ),
            "created_at": now,
            "expires_at": now + life,
        }
        try:
            with self._database.writing() as connection:
                connection.execute(sa.insert(items).values(**row))
        except sa.exc.IntegrityError as error:
            raise Fault(
                Kind.CONFLICT, "item_exists", "there is an item with this id.", remedy="Use a new id."
            ) from error
        return id

    def _take(self, id: str, shelf: Shelf) -> Kept | None:
        if not _ID.fullmatch(id):
            return None
        query = sa.select(items).where(
            items.c.id == id, items.c.shelf == shelf.value, items.c.expires_at > self._database.clock()
        )
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
        if row is None:
            return None
        return Kept(
            id=id,
            shelf=shelf,
            record=row["record"],
            media_type=row["media_type"],
            data=self._cipher.unseal(row["body"], table="items", id=id, purpose=f"{shelf.value}/body"),
            meta=self._meta(row),
        )

    def _destroy(self, id: str) -> bool:
        now = self._database.clock()
        with self._database.writing() as connection:
            record = connection.scalar(sa.select(items.c.record).where(items.c.id == id))
            if record is None or not self._frozen(connection, record):
                return connection.execute(sa.delete(items).where(items.c.id == id)).rowcount > 0
            ended = sa.update(items).where(items.c.id == id, items.c.expires_at > now).values(expires_at=now)
            return connection.execute(ended).rowcount > 0

    def _listed(self, shelf: Shelf, limit: int, after: Listed | None) -> tuple[Listed, ...]:
        query = (
            sa.select(*_without_bytes())
            .where(items.c.shelf == shelf.value, items.c.expires_at > self._database.clock())
            .order_by(items.c.created_at, items.c.id)
            .limit(limit)
        )
        if after is not None:
            query = query.where(sa.tuple_(items.c.created_at, items.c.id) > (after.created_at, after.id))
        with self._database.reading() as connection:
            rows = connection.execute(query).mappings().all()
        return tuple(self._entry(row) for row in rows)

    def _look(self, id: str, shelf: Shelf) -> Listed | None:
        if not _ID.fullmatch(id):
            return None
        query = sa.select(*_without_bytes()).where(items.c.id == id, items.c.shelf == shelf.value)
        with self._database.reading() as connection:
            row = connection.execute(query).mappings().first()
        return None if row is None else self._entry(row)

    def _entry(self, row: sa.RowMapping) -> Listed:
        return Listed(
            id=row["id"],
            shelf=Shelf(row["shelf"]),
            record=row["record"],
            media_type=row["media_type"],
            size=row["size"],
            created_at=row["created_at"],
            expires_at=row["expires_at"],
            meta=self._meta(row),
        )

    def _purge(self, now: datetime) -> Counter[str]:
        erased: Counter[str] = Counter()
        after = ""
        expired = sa.select(items.c.id, items.c.shelf, items.c.record).where(items.c.expires_at <= now)
        while True:
            with self._database.writing() as connection:
                page = expired.where(items.c.id > after).order_by(items.c.id).limit(_AT_ONCE)
                found = connection.execute(page).all()
                rows = [r for r in found if r.record is None or not self._frozen(connection, r.record)]
                gone = [row.id for row in rows]
                # Of a held image, that it expired is remembered: its status URL says so.
                held = {row.id: row.record or "" for row in rows if row.shelf == Shelf.HELD.value}
                mark_expired(connection, held, now)
                connection.execute(sa.delete(items).where(items.c.id.in_(gone)))
            erased.update(row.shelf for row in rows)
            if len(found) < _AT_ONCE:
                return erased
            after = found[-1].id

    def _meta(self, row: sa.RowMapping) -> dict[str, object]:
        id, shelf = row["id"], row["shelf"]
        meta: dict[str, object] = json.loads(
            self._cipher.unseal(row["meta"], table="items", id=id, purpose=f"{shelf}/meta")
        )
        return meta


def _without_bytes() -> list[sa.Column[Any]]:
    return [column for column in items.c if column is not items.c.body]


def new_id() -> str:
    """192 random bits in base64url: 32 characters, of which the first is no hyphen, as in an option."""
    id = secrets.token_urlsafe(_ID_BYTES)
    return new_id() if id.startswith("-") else id

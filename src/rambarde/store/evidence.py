"""The evidence store: items sealed with a key of their own, in the database first, and soon in a folder or bucket.

The database takes an item in before anything is released, so an object store that is slow or away loses nothing
and delays nobody; what waits there is bounded, and beyond the bound nothing is taken in, so nothing is released on
which evidence is due. Erasing is crypto-erasure: the item's wrapped key goes first, then the object.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from rambarde.nouns.evidence import Item, NewItem, Part, Why
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.hold import About
from rambarde.store.database import Database
from rambarde.store.keyring import KEY_BYTES, KeyWrapper
from rambarde.store.objects import Objects
from rambarde.store.schema import custody
from rambarde.store.schema import evidence as table

Frozen = Callable[[sa.Connection, About], bool]
"""(transaction, what an item is about) → whether a hold freezes it."""
MOST_WAITING = 1_000_000_000
"""Sealed bytes that may wait in the database for the store."""
_NONCE = 12
_PAGE = 200


@dataclass(frozen=True, slots=True)
class Sought:
    """Which items: all conditions must hold, None asks for nothing. `since` is included, `until` excluded."""

    decisions: tuple[str, ...] | None = None
    account: str | None = None
    surface: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    why: Why | None = None


class Evidence:
    """The evidence of one database. Blocking and thread-safe; times are the database's clock's."""

    def __init__(
        self, database: Database, keys: KeyWrapper, objects: Objects, *, most_waiting: int = MOST_WAITING
    ) -> None:
        self._database = database
        self._keys = keys
        self._objects = objects
        self._most = most_waiting

    def add(self, items: Sequence[NewItem]) -> tuple[Item, ...]:
        """Take them in, all or none, durable on return.

        Raises `Fault(OVERLOADED, "vault_full")` where too much waits for the store, `KeyWrapper.wrap`'s and
        `Database.writing`'s: then nothing was kept.
        """
        now = self._database.clock()
        rows = [self._row(item, now) for item in items]
        with self._database.writing() as connection:
            waiting = int(
                connection.scalar(sa.select(sa.func.coalesce(sa.func.sum(table.c.waiting), 0))) or 0
            )
            if any(row["waiting"] for row in rows) and waiting >= self._most:
                raise Fault(
                    Kind.OVERLOADED,
                    "vault_full",
                    "Too much evidence waits for its store, so nothing on which evidence is due is released.",
                    remedy="Mend the evidence store; `rambarde doctor` says what waits.",
                    retry_after=30,
                )
            if rows:
                connection.execute(sa.insert(table), rows)
        return tuple(_item(row) for row in rows)

    def get(self, id: str) -> Item | None:
        """An item without its bytes; None if it never was or was erased."""
        row = self._find(id)
        return None if row is None else _item(row)

    def find(self, sought: Sought | None = None, *, after: str = "", limit: int = _PAGE) -> tuple[Item, ...]:
        """The items in the order of their ids, at most `limit` after the id `after`."""
        where = [~table.c.erased, table.c.id > after, *_conditions(sought or Sought())]
        query = sa.select(*_without_bytes()).where(*where).order_by(table.c.id).limit(limit)
        with self._database.reading() as connection:
            return tuple(_item(row) for row in connection.execute(query).mappings())

    def open(self, id: str) -> bytes:
        """The bytes, checked against their digest's size and seal.

        Never of a sealed item: `Fault(FORBIDDEN, "evidence_sealed")`. Others: NOT_FOUND `evidence_unknown`,
        `evidence_hashes_only`; INTERNAL `evidence_key_…`, `vault_…`, and `vault_damaged` for bytes that are not what
        was kept.
        """
        row = self._find(id, whole=True)
        if row is None:
            raise _unknown()
        if row["secluded"]:
            raise Fault(
                Kind.FORBIDDEN,
                "evidence_sealed",
                "This is suspected child-sexual-abuse material: nobody is shown it, and nothing gives it out.",
                remedy="Its hashes and facts are in `rambarde evidence list`; an authority is answered by counsel.",
            )
        if row["wrapped"] is None:
            raise Fault(
                Kind.NOT_FOUND,
                "evidence_hashes_only",
                "Only the hashes of this item are kept.",
                remedy="Compare the hash with the content of whoever has it.",
            )
        key = self._keys.unwrap(row["key"], bytes(row["wrapped"]), _context(id))
        body = row["body"]
        if body is None:
            body = self._fetched(id, row)
        return _unsealed(key, id, bytes(body), row["size"])

    def ship(self) -> int:
        """Move what waits into the store; returns how many. Raises `vault_…`: what was not moved waits on."""
        moved = 0
        after = ""
        while True:
            query = (
                sa.select(table.c.id, table.c.body)
                .where(table.c.waiting > 0, table.c.id > after)
                .order_by(table.c.id)
                .limit(1)
            )
            with self._database.reading() as connection:
                row = connection.execute(query).first()
            if row is None:
                return moved
            after = row.id
            self._mark(row.id, stored=True)  # before the put, so that no object is ever without its row
            self._objects.put(row.id, bytes(row.body))
            with self._database.writing() as connection:
                done = connection.execute(
                    sa.update(table)
                    .where(table.c.id == row.id, table.c.waiting > 0)
                    .values(body=None, waiting=0)
                )
            moved += done.rowcount

    def waiting(self) -> tuple[int, int]:
        """How many items wait for the store, and their sealed bytes."""
        query = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(table.c.waiting), 0))
        with self._database.reading() as connection:
            count, size = connection.execute(query.where(table.c.waiting > 0)).one()
        return int(count), int(size)

    def expired(self, now: datetime, *, after: str = "", limit: int = _PAGE) -> tuple[Item, ...]:
        """What is past its time. Whether a hold freezes it is for the caller to ask."""
        where = (table.c.expires_at <= now, ~table.c.erased, table.c.id > after)
        query = sa.select(*_without_bytes()).where(*where).order_by(table.c.id).limit(limit)
        with self._database.reading() as connection:
            return tuple(_item(row) for row in connection.execute(query).mappings())

    def erase(self, ids: Sequence[str], frozen: Frozen) -> tuple[str, ...]:
        """Crypto-erase what is not `frozen`: the keys and what waits, at once and for good; returns which.

        Objects and rows go with `sweep`, once the erasure is in the log. `frozen` is asked within the transaction.
        """
        gone = {"wrapped": None, "key": None, "body": None, "waiting": 0, "erased": True}
        query = sa.select(*_without_bytes()).where(table.c.id.in_(list(ids)), ~table.c.erased)
        with self._database.writing() as connection:
            free = tuple(
                item.id
                for item in map(_item, connection.execute(query).mappings().all())
                if not frozen(connection, item.about)
            )
            connection.execute(sa.update(table).where(table.c.id.in_(free)).values(**gone))
        return free

    def erased(self, limit: int = _PAGE) -> tuple[Item, ...]:
        """What was erased, and not swept yet."""
        query = sa.select(*_without_bytes()).where(table.c.erased).order_by(table.c.id).limit(limit)
        with self._database.reading() as connection:
            return tuple(_item(row) for row in connection.execute(query).mappings())

    def sweep(self, ids: Sequence[str]) -> None:
        """Delete the objects of erased items, then their rows. Raises `vault_…`: to be tried again."""
        query = sa.select(table.c.id, table.c.stored).where(table.c.erased, table.c.id.in_(list(ids)))
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        for row in rows:
            if row.stored:
                self._objects.delete(row.id)
            with self._database.writing() as connection:
                connection.execute(sa.delete(table).where(table.c.id == row.id, table.c.erased))

    def speaks(self, document: str, items: Sequence[str]) -> None:
        """Remember that a document in the log is about these items."""
        now = self._database.clock()
        rows = [{"item": item, "document": document, "at": now} for item in dict.fromkeys(items)]
        if rows:
            with self._database.writing() as connection:
                connection.execute(sa.insert(custody), rows)

    def documents(self, items: Sequence[str]) -> tuple[str, ...]:
        """The ids of the documents about any of these items, the oldest first."""
        found: dict[str, datetime] = {}
        for start in range(0, len(items), _PAGE):
            some = list(items[start : start + _PAGE])
            query = sa.select(custody.c.document, custody.c.at).where(custody.c.item.in_(some))
            with self._database.reading() as connection:
                found |= {str(document): at for document, at in connection.execute(query)}
        return tuple(sorted(found, key=lambda document: (found[document], document)))

    def rewrap(self, limit: int = _PAGE) -> int:
        """Wrap anew, under the key that wraps now, at most `limit` keys that another one wraps; returns how many.

        Each in its own transaction, and only if nobody changed it meanwhile: whatever dies half-way, every item
        has one whole key, and the next call goes on. Raises `KeyWrapper`'s faults.
        """
        current = self._keys.current()
        query = (
            sa.select(table.c.id, table.c.key, table.c.wrapped)
            .where(table.c.key.is_not(None), table.c.key != current)
            .order_by(table.c.id)
            .limit(limit)
        )
        with self._database.reading() as connection:
            rows = connection.execute(query).all()
        for row in rows:
            old = bytes(row.wrapped)
            id, wrapped = self._keys.wrap(self._keys.unwrap(row.key, old, _context(row.id)), _context(row.id))
            same = sa.and_(table.c.id == row.id, table.c.key == row.key, table.c.wrapped == old)
            with self._database.writing() as connection:
                connection.execute(sa.update(table).where(same).values(key=id, wrapped=wrapped))
        return len(rows)

    def keys_in_use(self) -> dict[str, int]:
        """How many items each key wraps."""
        query = sa.select(table.c.key, sa.func.count()).where(table.c.key.is_not(None)).group_by(table.c.key)
        with self._database.reading() as connection:
            return {str(key): int(count) for key, count in connection.execute(query)}

    def _row(self, item: NewItem, now: datetime) -> dict[str, Any]:
        id = secrets.token_hex(16)
        key = wrapped = body = None
        if item.data is not None:
            secret, nonce = secrets.token_bytes(KEY_BYTES), secrets.token_bytes(_NONCE)
            key, wrapped = self._keys.wrap(secret, _context(id))
            body = nonce + AESGCM(secret).encrypt(nonce, item.data, _context(id))
        return {
            "id": id,
            "record": item.about.decision or "",
            "account": item.about.account,
            "surface": item.about.surface,
            "at": item.about.at,
            "cases": json.dumps(item.about.cases),
            "part": item.part.value,
            "number": item.number,
            "why": item.why.value,
            "because": item.because,
            "media_type": item.media_type,
            "size": item.size,
            "digest": item.digest,
            "pdq": item.pdq,
            "secluded": item.sealed,
            "key": key,
            "wrapped": wrapped,
            "body": body,
            "waiting": len(body) if body else 0,
            "stored": False,
            "erased": False,
            "kept_at": now,
            "expires_at": now + item.life,
        }

    def _find(self, id: str, *, whole: bool = False) -> sa.RowMapping | None:
        query = sa.select(table) if whole else sa.select(*_without_bytes())
        with self._database.reading() as connection:
            return connection.execute(query.where(table.c.id == id, ~table.c.erased)).mappings().first()

    def _fetched(self, id: str, row: sa.RowMapping) -> bytes:
        sealed = self._objects.get(id)
        if len(sealed) != row["size"] + _NONCE + 16:
            raise Fault(
                Kind.INTERNAL,
                "vault_cut",
                f"the evidence store gave {len(sealed)} bytes of an item of {row['size']}.",
                remedy="Try again; if it lasts, restore the object from a backup.",
            )
        return sealed

    def _mark(self, id: str, *, stored: bool) -> None:
        with self._database.writing() as connection:
            connection.execute(sa.update(table).where(table.c.id == id).values(stored=stored))


@dataclass(frozen=True, slots=True)
class Kept:
    """Items with content, those of them that wait for the store, and the sealed bytes that wait."""

    items: int
    waiting: int
    bytes: int


def kept(database: Database) -> Kept:
    """For a look that changes nothing."""
    waits = sa.func.count().filter(table.c.waiting > 0)
    query = sa.select(sa.func.count(), waits, sa.func.coalesce(sa.func.sum(table.c.waiting), 0))
    with database.reading() as connection:
        return Kept(*map(int, connection.execute(query.where(table.c.key.is_not(None))).one()))


def _unsealed(key: bytes, id: str, sealed: bytes, size: int) -> bytes:
    try:
        data = AESGCM(key).decrypt(sealed[:_NONCE], sealed[_NONCE:], _context(id))
    except (InvalidTag, ValueError) as error:
        raise _damaged() from error
    if len(data) != size:
        raise _damaged()
    return data


def _context(id: str) -> bytes:
    """Binds key and bytes to their item: moved to another one, they do not open."""
    return b"rambarde/evidence/1\0" + id.encode()


def _conditions(sought: Sought) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if sought.decisions is not None:
        found.append(table.c.record.in_(sought.decisions))
    if sought.account is not None:
        found.append(table.c.account == sought.account)
    if sought.surface is not None:
        found.append(table.c.surface == sought.surface)
    if sought.since is not None:
        found.append(table.c.at >= sought.since)
    if sought.until is not None:
        found.append(table.c.at < sought.until)
    if sought.why is not None:
        found.append(table.c.why == sought.why.value)
    return found


def _without_bytes() -> list[sa.Column[Any]]:
    return [column for column in table.c if column not in (table.c.body, table.c.wrapped)]


def _item(row: Any) -> Item:
    return Item(
        id=row["id"],
        about=About(
            row["record"] or None, row["account"], row["surface"], row["at"], tuple(json.loads(row["cases"]))
        ),
        part=Part(row["part"]),
        number=row["number"],
        why=Why(row["why"]),
        because=row["because"],
        media_type=row["media_type"],
        size=row["size"],
        digest=row["digest"],
        pdq=row["pdq"],
        sealed=row["secluded"],
        content=row["key"] is not None,
        waits=row["waiting"] > 0,
        kept_at=row["kept_at"],
        expires_at=row["expires_at"],
    )


def _unknown() -> Fault:
    return Fault(
        Kind.NOT_FOUND,
        "evidence_unknown",
        "There is no such item of evidence, or not any more.",
        remedy="See `rambarde evidence list`.",
        field="id",
    )


def _damaged() -> Fault:
    return Fault(
        Kind.INTERNAL,
        "vault_damaged",
        "an item of evidence is not what was kept: it was changed, or is another's.",
        remedy="Keep what is there, and restore the object from a backup.",
    )

"""Items: kept encrypted, taken once asked for rightly, gone when they must be."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from rambarde.guard.ports import Keeper
from rambarde.nouns.custody import Shelf
from rambarde.nouns.fault import Fault
from rambarde.store.cipher import Cipher
from rambarde.store.database import Database
from rambarde.store.items import Items, new_id
from rambarde.store.schema import items as table
from tests.store.conftest import Clock

HOUR = timedelta(hours=1)


def _on_disk(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())


@pytest.fixture
def items(database: Database, cipher: Cipher) -> Items:
    return Items(database, cipher)


async def test_it_is_the_chains_keeper(items: Items) -> None:
    keeper: Keeper = items
    id = await keeper.keep(
        Shelf.HELD, b"bytes", media_type="image/png", life=HOUR, record="r1", meta={"prompt": "\ud800 ü"}
    )
    kept = await keeper.take(id, Shelf.HELD)
    assert kept is not None
    assert (kept.id, kept.shelf, kept.record, kept.media_type, kept.data, kept.meta) == (
        id,
        Shelf.HELD,
        "r1",
        "image/png",
        b"bytes",
        {"prompt": "\ud800 ü"},
    )


async def test_missing_expired_destroyed_and_elsewhere_look_alike(items: Items, clock: Clock) -> None:
    ids = [await items.keep(Shelf.FILE, b"x", media_type="image/png", life=HOUR) for _ in range(3)]
    assert await items.destroy(ids[0])
    assert not await items.destroy(ids[0])
    assert await items.take(ids[0], Shelf.FILE) is None
    assert await items.take(ids[1], Shelf.HELD) is None
    assert await items.take(new_id(), Shelf.FILE) is None
    for odd in ("", "../../etc", "\0", "\ud800" * 30, "x" * 1000, "' OR 1=1 --"):
        assert await items.take(odd, Shelf.FILE) is None
    assert await items.take(ids[1], Shelf.FILE) is not None
    clock.forward(hours=1)
    assert await items.take(ids[1], Shelf.FILE) is None


async def test_nothing_is_readable_in_the_database(
    items: Items, database: Database, tmp_path: Path, place: str
) -> None:
    await items.keep(
        Shelf.HELD, b"SECRET-BYTES" * 10, media_type="image/png", life=HOUR, meta={"prompt": "SECRET-WORDS"}
    )
    with database.reading() as connection:
        row = connection.execute(sa.select(table)).one()
    assert b"SECRET" not in b"".join(bytes(v) if isinstance(v, bytes) else str(v).encode() for v in row)
    assert b"SECRET" not in _on_disk(tmp_path)


async def test_destroyed_bytes_leave_the_file(tmp_path: Path, cipher: Cipher) -> None:
    database = Database.open(tmp_path)
    items = Items(database, cipher)
    id = await items.keep(Shelf.HELD, bytes(50_000), media_type="image/png", life=HOUR)
    with database.reading() as connection:
        sealed = bytes(connection.scalar(sa.select(table.c.body)))
    await items.destroy(id)
    database.close()  # the last connection empties the write-ahead file
    content = _on_disk(tmp_path)
    assert not any(sealed[i : i + 64] in content for i in range(0, len(sealed) - 64, 4096))


async def test_ids_are_unguessable_or_refused(items: Items) -> None:
    assert len({new_id() for _ in range(1000)}) == 1000
    given = new_id()
    assert await items.keep(Shelf.ANSWER, b"", media_type="x/y", life=HOUR, id=given) == given
    with pytest.raises(Fault) as refused:
        await items.keep(Shelf.ANSWER, b"", media_type="x/y", life=HOUR, id=given)
    assert refused.value.code == "item_exists"
    for bad in ("1", "short", "x" * 21, "x" * 129, "x" * 30 + "/"):
        with pytest.raises(Fault) as refused:
            await items.keep(Shelf.ANSWER, b"", media_type="x/y", life=HOUR, id=bad)
        assert refused.value.code == "bad_item_id"


async def test_a_life_is_positive(items: Items) -> None:
    with pytest.raises(Fault) as refused:
        await items.keep(Shelf.ANSWER, b"", media_type="x/y", life=timedelta(0))
    assert refused.value.code == "bad_life"


async def test_held_lists_in_order_and_in_pages(items: Items, clock: Clock) -> None:
    ids = []
    for number in range(5):
        ids.append(
            await items.keep(
                Shelf.HELD, b"x" * number, media_type="image/png", life=HOUR, meta={"number": number}
            )
        )
        clock.forward(seconds=1)
    await items.keep(Shelf.FILE, b"", media_type="image/png", life=HOUR)
    first = await items.held(limit=3)
    assert [item.id for item in first] == ids[:3]
    assert [(item.size, item.meta["number"]) for item in first] == [(0, 0), (1, 1), (2, 2)]
    await items.destroy(ids[2])  # decided while somebody leafs through
    assert [item.id for item in await items.held(after=first[-1])] == ids[3:]
    clock.forward(hours=1)
    assert await items.held() == ()


async def test_purge_erases_what_has_expired(items: Items, database: Database, clock: Clock) -> None:
    for number in range(120):
        await items.keep(
            Shelf.FILE, b"x", media_type="image/png", life=HOUR if number % 2 else timedelta(days=1)
        )
    assert await items.purge() == 0
    clock.forward(hours=2)
    assert await items.purge() == 60
    with database.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(table)) == 60


async def test_a_changed_item_does_not_open(items: Items, database: Database) -> None:
    one = await items.keep(Shelf.FILE, b"one", media_type="image/png", life=HOUR)
    two = await items.keep(Shelf.FILE, b"two", media_type="image/png", life=HOUR)
    with database.writing() as connection:
        body = connection.scalar(sa.select(table.c.body).where(table.c.id == two))
        connection.execute(sa.update(table).where(table.c.id == one).values(body=body))
    with pytest.raises(Fault) as refused:
        await items.take(one, Shelf.FILE)
    assert refused.value.code == "sealed_damaged"

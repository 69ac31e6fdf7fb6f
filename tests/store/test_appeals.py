"""Appeals in the database: sealed in their place, in pages, gone with their pictures."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from rambarde.nouns.appeal import Appeal, Attachment, Plea
from rambarde.nouns.fault import Fault
from rambarde.store.appeals import Appeals
from rambarde.store.cipher import Cipher
from rambarde.store.database import Database
from rambarde.store.schema import appeal_pictures
from rambarde.store.schema import appeals as table
from tests.store.conftest import Clock

DAY = timedelta(days=1)
PLEA = Plea(
    "a text", "me@example.org", "a prompt\ud800", (Attachment(b"one", "image/png"), Attachment(b"", ""))
)


@pytest.fixture
def appeals(database: Database, cipher: Cipher) -> Appeals:
    return Appeals(database, cipher)


async def add(
    appeals: Appeals, decision: str = "decision-1", plea: Plea = PLEA, life: timedelta = DAY
) -> Appeal:
    return await appeals.add(decision, plea, opened=None, life=life, most_open=1000, most=1000)


async def test_kept_and_read_again(appeals: Appeals, clock: Clock) -> None:
    made = await add(appeals)
    found = await appeals.get(made.id)
    assert found is not None and found.plea == Plea("a text", "me@example.org", "a prompt\ud800")
    assert (found.created_at, found.expires_at, found.pictures) == (clock(), clock() + DAY, 2)
    assert await appeals.picture(made.id, 0) == Attachment(b"one", "image/png")
    assert await appeals.picture(made.id, 1) == Attachment(b"", "")
    assert await appeals.picture(made.id, 2) is None
    for odd in ("", "\0" * 10, "x" * 99):
        assert await appeals.get(odd) is None and await appeals.picture(odd, 0) is None


async def test_in_pages_oldest_first_without_their_words(appeals: Appeals, clock: Clock) -> None:
    made = []
    for _ in range(5):
        made.append((await add(appeals)).id)
        clock.forward(seconds=1)
    first = await appeals.waiting(limit=2)
    rest = await appeals.waiting(limit=10, after=first[-1])
    assert [one.id for one in (*first, *rest)] == made
    assert all(one.plea is None for one in (*first, *rest))
    assert await appeals.close(made[0], "rejected", clock())
    assert not await appeals.close(made[0], "upheld", clock())
    assert [one.id for one in await appeals.waiting()] == made[1:]


async def test_expired_ones_go_with_their_pictures(
    appeals: Appeals, clock: Clock, database: Database
) -> None:
    made = await add(appeals)
    later = await add(appeals, life=3 * DAY)
    clock.now += DAY
    assert await appeals.get(made.id) is None and await appeals.picture(made.id, 0) is None
    assert [one.id for one in await appeals.waiting()] == [later.id]
    assert await appeals.purge() == 1
    with database.reading() as connection:
        left = set(connection.scalars(sa.select(appeal_pictures.c.appeal)))
    assert left == {later.id}


async def test_sealed_bytes_do_not_open_elsewhere(appeals: Appeals, database: Database) -> None:
    one, other = await add(appeals), await add(appeals)
    with database.writing() as connection:
        sealed = connection.scalar(sa.select(table.c.plea).where(table.c.id == one.id))
        connection.execute(sa.update(table).where(table.c.id == other.id).values(plea=sealed))
        sealed = connection.scalar(
            sa.select(appeal_pictures.c.body).where(
                appeal_pictures.c.appeal == one.id, appeal_pictures.c.number == 0
            )
        )
        connection.execute(
            sa.update(appeal_pictures)
            .where(appeal_pictures.c.appeal == one.id, appeal_pictures.c.number == 1)
            .values(body=sealed)
        )
    with pytest.raises(Fault, match="sealed value in appeals"):
        await appeals.get(other.id)
    with pytest.raises(Fault, match="sealed value in appeal_pictures"):
        await appeals.picture(one.id, 1)

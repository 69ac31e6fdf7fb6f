"""Reviews in the database: every step may be taken twice, and the first one counts."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rambarde.nouns.custody import Shelf
from rambarde.nouns.review import Matter
from rambarde.store.cipher import Cipher
from rambarde.store.database import Database
from rambarde.store.items import Items
from rambarde.store.reviews import RETENTION, Reviews
from tests.store.conftest import Clock

HOUR = timedelta(hours=1)


@pytest.fixture
def reviews(database: Database) -> Reviews:
    return Reviews(database)


async def test_the_first_of_everything_counts(reviews: Reviews, clock: Clock) -> None:
    started = clock()
    for record in ("one", "two"):
        await reviews.begin("subject", Matter.HELD, record)
        clock.forward(seconds=1)
    until = clock() + HOUR
    assert await reviews.name_file("subject", "file-1", until) == ("file-1", until)
    assert await reviews.name_file("subject", "file-2", until + HOUR) == ("file-1", until)
    (begun,) = await reviews.unfinished()
    assert (begun.record, begun.begun_at, begun.outcome) == ("one", started, None)
    await reviews.finish("subject", "release")
    await reviews.finish("subject", "destroy")
    await reviews.drop("subject")
    progress = await reviews.get("subject")
    assert progress is not None
    assert (progress.outcome, progress.file, progress.file_until) == ("release", "file-1", until)
    assert await reviews.unfinished() == ()
    clock.now += RETENTION
    assert await reviews.purge() == 1
    assert await reviews.get("subject") is None


async def test_what_is_unfinished_is_never_purged(reviews: Reviews, clock: Clock) -> None:
    await reviews.begin("subject", Matter.APPEAL, "one")
    clock.now += 2 * RETENTION
    assert await reviews.purge() == 0
    await reviews.drop("subject")
    assert await reviews.get("subject") is None


async def test_odd_subjects(reviews: Reviews) -> None:
    for odd in ("", "\0", "\ud800", "é", "x" * 1000):
        assert await reviews.get(odd) is None


async def test_of_held_images_it_is_remembered_that_they_expired(
    database: Database, cipher: Cipher, reviews: Reviews, clock: Clock
) -> None:
    items = Items(database, cipher)
    held = [
        await items.keep(Shelf.HELD, b"x", media_type="image/png", life=HOUR, record=f"r{n}")
        for n in range(60)
    ]
    file = await items.keep(Shelf.FILE, b"x", media_type="image/png", life=HOUR, record="r1")
    later = await items.keep(Shelf.HELD, b"x", media_type="image/png", life=2 * HOUR, record="r1")
    await reviews.begin(held[0], Matter.HELD, "r0")
    clock.forward(hours=1)
    look = await items.look(held[1], Shelf.HELD)
    assert look is not None and look.expires_at == clock(), "expired, and not erased yet"
    assert await items.purge() == 61
    assert await items.look(held[1], Shelf.HELD) is None
    for id in held[1:]:
        progress = await reviews.get(id)
        assert progress is not None and (progress.outcome, progress.matter) == ("expired", Matter.HELD)
    assert await reviews.get(file) is None and await reviews.get(later) is None
    begun = await reviews.get(held[0])
    assert begun is not None and begun.outcome is None, "whoever began it decides what became of it"
    assert await items.look(later, Shelf.HELD) is not None
    assert await items.look(later, Shelf.FILE) is None
    assert await items.look("../..", Shelf.HELD) is None

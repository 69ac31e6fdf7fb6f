"""Fingerprints: kept with what may be told, in their order, and erased in time."""

from __future__ import annotations

import random
from datetime import timedelta

import pytest
import sqlalchemy as sa

from rambarde.nouns.fingerprint import Output, Prints
from rambarde.store.database import Database
from rambarde.store.fingerprints import Fingerprints
from rambarde.store.schema import fingerprints
from tests.store.conftest import Clock

LIFE, HOLD = timedelta(days=100), timedelta(days=7)


@pytest.fixture
def register(database: Database) -> Fingerprints:
    return Fingerprints(database, life=LIFE, hold=HOLD)


def made(
    clock: Clock, decision: str, index: int = 0, *, held: bool = False, seed: int = 0
) -> tuple[Output, Prints]:
    rng = random.Random(f"{decision}{index}{seed}")
    output = Output(decision, index, "web", "sketch", clock(), held)
    return output, Prints(rng.randbytes(32), rng.randbytes(32), rng.randbytes(32), rng.randbytes(48))


async def test_what_is_added_is_read_back_and_found_by_its_file(register: Fingerprints, clock: Clock) -> None:
    one, two = made(clock, "dec_1"), made(clock, "dec_1", 1)
    nothing = Prints(b"\1" * 32, None, None, b"")
    await register.add([one, two])
    await register.add([(Output("dec_2", 0, "api", "other", clock()), nothing)])
    await register.add([])
    rows = register.newer(0, 10)
    assert [row[0] for row in rows] == [1, 2, 3]
    assert rows[0][1:] == (one[1].pdq, one[1].iscc, one[1].points) and rows[2][1:] == (None, None, b"")
    assert register.newer(1, 1)[0][0] == 2
    (found,) = register.same_file(two[1].sha256, 5)
    assert (found.number, found.output, found.prints) == (2, *two)
    assert {kept.number for kept in register.get([1, 3, 9])} == {1, 3}
    assert [kept.output.index for kept in register.of_decision("dec_1")] == [0, 1]
    assert register.first() == 1 and register.count() == 3
    assert register.same_file(bytes(32), 5) == []


async def test_the_same_output_is_not_kept_twice(register: Fingerprints, clock: Clock) -> None:
    await register.add([made(clock, "dec_1")])
    with pytest.raises(sa.exc.IntegrityError):
        await register.add([made(clock, "dec_2"), made(clock, "dec_1")])
    assert register.count() == 1, "all or nothing"


async def test_all_is_erased_in_its_time_and_numbers_are_not_used_again(
    register: Fingerprints, clock: Clock
) -> None:
    await register.add([made(clock, "dec_1"), made(clock, "dec_2", held=True)])
    clock.now += HOLD
    assert [one.output.decision for one in register.overdue(10)] == ["dec_2"]
    assert register.purge() == 0, "somebody has to ask what became of it"
    assert register.forget([2]) == 1 and register.forget([2]) == 0
    clock.now += LIFE - HOLD
    assert register.purge() == 1 and register.first() is None
    await register.add([made(clock, "dec_3")])
    assert register.first() == 3


async def test_a_held_image_that_was_released_stays_as_long_as_others(
    register: Fingerprints, clock: Clock
) -> None:
    await register.add([made(clock, "dec_1", held=True)])
    clock.now += HOLD
    (one,) = register.overdue(10)
    register.released(one)
    assert register.overdue(10) == [] and register.purge() == 0
    clock.now += LIFE - HOLD - timedelta(seconds=1)
    assert register.purge() == 0
    clock.forward(seconds=1)
    assert register.purge() == 1


def test_nothing_of_who_asked_has_a_column() -> None:
    assert {column.name for column in fingerprints.c} == {
        *("seq", "record", "output", "sha256", "pdq", "iscc", "points", "label"),
        *("surface", "system", "held", "made_at", "expires_at"),
    }

"""Lineage: every picture near enough is found, nothing else is, and what has expired is gone."""

from __future__ import annotations

import random
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from rambarde.nouns.fault import Fault
from rambarde.nouns.lineage import Fingerprint
from rambarde.store.database import Database
from rambarde.store.lineage import RETENTION, Lineage
from rambarde.store.schema import exposures, originals
from tests.store.conftest import Clock

DAY = timedelta(days=1)


@pytest.fixture
def lineage(database: Database) -> Lineage:
    return Lineage(database)


@pytest.fixture
def rng() -> random.Random:
    return random.Random(7)


def hex64(rng: random.Random) -> str:
    return rng.randbytes(32).hex()


def flipped(text: str, bits: int, rng: random.Random) -> str:
    number = int(text, 16)
    for bit in rng.sample(range(256), bits):
        number ^= 1 << bit
    return f"{number:064x}"


async def test_the_same_file_and_near_copies_lead_to_the_original(
    lineage: Lineage, clock: Clock, rng: random.Random
) -> None:
    one = Fingerprint(hex64(rng), hex64(rng))
    await lineage.remember(
        one, original="o1", expires_at=clock() + DAY, session="s", account="a", scores={"1": {"torso": 0.25}}
    )
    (trace,) = await lineage.find(one.sha256)
    assert (trace.original, trace.chain, trace.exact, trace.distance) == ("o1", "o1", True, 0)
    assert (trace.fingerprint, trace.session, trace.account) == (one, "s", "a")
    assert trace.scores == {"1": {"torso": 0.25}} and trace.remembered_at == clock()
    assert one.pdq is not None
    for bits in (0, 1, 31):
        (trace,) = await lineage.find(hex64(rng), [flipped(one.pdq, bits, rng)])
        assert (trace.original, trace.exact, trace.distance) == ("o1", False, bits)
    assert await lineage.find(hex64(rng), [flipped(one.pdq, 32, rng)]) == ()
    assert await lineage.find(hex64(rng)) == ()


async def test_any_of_the_orientations_will_do(lineage: Lineage, clock: Clock, rng: random.Random) -> None:
    one = Fingerprint(hex64(rng), hex64(rng))
    assert one.pdq is not None
    await lineage.remember(one, original="o1", expires_at=clock() + DAY)
    turned = [hex64(rng) for _ in range(7)] + [flipped(one.pdq, 12, rng)]
    (trace,) = await lineage.find(hex64(rng), turned)
    assert trace.distance == 12
    opposite = f"{int(one.pdq, 16) ^ (1 << 256) - 1:064x}"
    assert await lineage.find(hex64(rng), [opposite]) == (), "256 bits apart is far, not near"


async def test_one_trace_a_chain_and_the_nearest_first(
    lineage: Lineage, clock: Clock, rng: random.Random
) -> None:
    base = hex64(rng)
    same = hex64(rng)
    await lineage.remember(
        Fingerprint(hex64(rng), flipped(base, 20, rng)), original="far", expires_at=clock() + DAY
    )
    await lineage.remember(
        Fingerprint(hex64(rng), flipped(base, 9, rng)), original="near", expires_at=clock() + DAY
    )
    await lineage.remember(
        Fingerprint(hex64(rng), flipped(base, 3, rng)),
        original="near",
        expires_at=clock() + DAY,
        scores={"x": 1},
    )
    await lineage.remember(Fingerprint(same, None), original="same", expires_at=clock() + DAY)
    found = await lineage.find(same, [base])
    assert [(t.chain, t.exact, t.distance) for t in found] == [
        ("same", True, 0),
        ("near", False, 3),
        ("far", False, 20),
    ]
    assert found[1].scores == {"x": 1}
    assert [t.chain for t in await lineage.find(same, [base], limit=2)] == ["same", "near"]


async def test_scores_outlive_the_original(
    lineage: Lineage, clock: Clock, rng: random.Random, database: Database
) -> None:
    one = Fingerprint(hex64(rng), hex64(rng))
    assert one.pdq is not None
    await lineage.remember(one, original="o1", expires_at=clock() + DAY, session="s", scores={"1": 0.5})
    clock.forward(days=1)
    for _ in range(2):
        (trace,) = await lineage.find(hex64(rng), [one.pdq])
        assert (trace.original, trace.chain, trace.scores) == (None, "o1", {"1": 0.5})
        assert await lineage.purge() == 0
    clock.now += RETENTION - DAY
    assert await lineage.find(one.sha256, [one.pdq]) == ()
    assert await lineage.by_session("s") == ()
    assert await lineage.purge() == 1
    with database.reading() as connection:
        for table in (originals, exposures):
            assert connection.scalar(sa.select(sa.func.count()).select_from(table)) == 0
    # Numbers are not used again: a copy in memory that knew the old rows sees the new ones.
    await lineage.remember(one, original="o2", expires_at=clock() + DAY)
    assert [t.chain for t in await lineage.find(hex64(rng), [one.pdq])] == ["o2"]


async def test_remembered_again_for_the_same_original(
    lineage: Lineage, clock: Clock, rng: random.Random
) -> None:
    one = Fingerprint(hex64(rng), hex64(rng))
    await lineage.remember(one, original="o1", expires_at=clock() + DAY, scores={"1": 0.5})
    clock.forward(hours=20)
    await lineage.remember(one, original="o1", expires_at=clock() + DAY)
    (trace,) = await lineage.find(one.sha256)
    assert trace.scores == {"1": 0.5}
    await lineage.remember(one, original="o1", expires_at=clock() + DAY, scores={"1": 0.75})
    (trace,) = await lineage.find(one.sha256)
    assert trace.scores == {"1": 0.75}
    clock.forward(hours=5)
    (trace,) = await lineage.find(one.sha256)
    assert trace.original is None, "the life of an original is not prolonged by editing it"


async def test_a_session_knows_its_chains(lineage: Lineage, clock: Clock, rng: random.Random) -> None:
    async def seen(original: str, session: str | None, account: str | None) -> Fingerprint:
        one = Fingerprint(hex64(rng), hex64(rng))
        await lineage.remember(
            one, original=original, expires_at=clock() + DAY, session=session, account=account
        )
        return one

    first = await seen("o1", "s", "a")
    second = await seen("o2", "s", "a")
    await seen("o1", "s", "a")
    await seen("o3", "s", "b")
    await seen("o4", "s", None)
    await seen("o5", None, "a")
    assert [(t.chain, t.fingerprint) for t in await lineage.by_session("s", "a")] == [
        ("o1", first),
        ("o2", second),
    ]
    assert [t.chain for t in await lineage.by_session("s", "a", limit=1)] == ["o1"]
    assert [t.chain for t in await lineage.by_session("s")] == ["o4"]
    assert await lineage.by_session("t", "a") == ()


async def test_forgetting_a_chain(lineage: Lineage, clock: Clock, rng: random.Random) -> None:
    some = [Fingerprint(hex64(rng), hex64(rng)) for _ in range(3)]
    for one in some:
        await lineage.remember(one, original="o1", expires_at=clock() + DAY)
    assert some[0].pdq is not None
    assert await lineage.find(hex64(rng), [some[0].pdq])
    assert await lineage.forget("o1") == 3
    assert await lineage.find(some[0].sha256, [some[0].pdq]) == ()
    assert await lineage.forget("o1") == 0


async def test_what_is_no_fingerprint_and_no_score(
    lineage: Lineage, clock: Clock, rng: random.Random
) -> None:
    good = hex64(rng)
    for bad in ("", "x" * 64, good.upper() + "A", good[:-1], "'; DROP TABLE exposures; --"):
        with pytest.raises(Fault, match="fingerprint"):
            await lineage.find(bad)
        with pytest.raises(Fault, match="fingerprint"):
            await lineage.find(good, [bad])
        with pytest.raises(Fault, match="fingerprint"):
            await lineage.remember(Fingerprint(good, bad), original="o", expires_at=clock() + DAY)
    for scores in (
        {"1": [0.1] * 128},
        {"1": {"v": [0.5] * 17}},
        {"1": b"x"},
        {"1": "y" * 9000},
        {"1": 1e999},
    ):
        with pytest.raises(Fault, match="scores"):
            await lineage.remember(Fingerprint(good), original="o", expires_at=clock() + DAY, scores=scores)
    assert await lineage.find(good) == ()


async def test_what_another_gateway_adds_is_found(place: str, clock: Clock, rng: random.Random) -> None:
    databases = [Database.open(place, clock=clock) for _ in range(2)]
    ours, theirs = (Lineage(database) for database in databases)
    try:
        for number in range(5):
            one = Fingerprint(hex64(rng), hex64(rng))
            assert one.pdq is not None
            await theirs.remember(one, original=f"o{number}", expires_at=clock() + DAY)
            (trace,) = await ours.find(hex64(rng), [flipped(one.pdq, 5, rng)])
            assert trace.chain == f"o{number}"
    finally:
        for database in databases:
            database.close()


async def test_the_scan_agrees_with_counting_bits(lineage: Lineage, clock: Clock, rng: random.Random) -> None:
    base = hex64(rng)
    known = [flipped(base, rng.randrange(60), rng) for _ in range(60)]
    for number, pdq in enumerate(known):
        await lineage.remember(Fingerprint(hex64(rng), pdq), original=str(number), expires_at=clock() + DAY)
    for _ in range(10):
        query = flipped(base, rng.randrange(20), rng)
        expected = {
            (str(n), d)
            for n, pdq in enumerate(known)
            if (d := (int(pdq, 16) ^ int(query, 16)).bit_count()) <= 31
        }
        found = await lineage.find(hex64(rng), [query], limit=100)
        assert {(t.chain, t.distance) for t in found} == expected


@pytest.mark.slow
async def test_finds_one_of_a_hundred_thousand(tmp_path: Path, rng: random.Random) -> None:
    database = Database.open(tmp_path)
    now = database.clock()
    rows = [
        {
            "sha256": hex64(rng),
            "pdq": rng.randbytes(32),
            "original": f"o{number}",
            "created_at": now,
            "expires_at": now + RETENTION,
        }
        for number in range(100_000)
    ]
    with database.writing() as connection:
        connection.execute(sa.insert(exposures), rows)
    lineage = Lineage(database)
    await lineage.find(hex64(rng), [hex64(rng)])  # the first search reads them all
    for row in rng.sample(rows, 20):
        pdq = row["pdq"]
        assert isinstance(pdq, bytes)
        queries = [hex64(rng) for _ in range(7)] + [flipped(pdq.hex(), 31, rng)]
        (trace,) = await lineage.find(hex64(rng), queries)
        assert trace.chain == row["original"]
    database.close()

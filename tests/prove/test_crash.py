"""What a machine does to a log: kill -9, power that fails, tiles that tear, two writers, a clock that goes back.

Whoever got a receipt finds the record, and the log always verifies.
"""

from __future__ import annotations

import os
import random
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from rambarde.nouns.fault import Fault
from rambarde.prove import tiles
from rambarde.store.records import Records
from tests.prove import reader
from tests.prove.conftest import House, build, commit_records
from tests.prove.killing import parent
from tests.samples import START


def _kill_often(data: Path, times: int, seed: int) -> None:
    chance = random.Random(seed)
    released: dict[int, int] = {}
    published = 0
    with parent() as writers:
        for turn in range(times):
            child = writers.start(data, turn * 10_000)
            time.sleep(chance.uniform(0.0, 0.25))
            released |= writers.kill(child)
            left = tiles.TileFolder(data / "log").checkpoint()
            assert left is not None and int(left.split("\n")[1]) >= published, "what was published went back"
            house = build(data)
            published = house.checkpoint().size
            assert published == house.log.size
            if turn % 5 == 4 or turn == times - 1:
                report = house.verify()
                assert report.ok, report
            house.close()
    house = build(data)
    records = Records(house.database)
    assert released
    for number, index in released.items():
        stored = records.get(f"record-{number:06d}")
        assert stored is not None and stored.index == index
    assert len(reader.read(house.folder, str(house.verifier))) == house.log.size >= len(released)
    house.close()


@pytest.mark.slow
def test_killed_twenty_times(tmp_path: Path) -> None:
    _kill_often(tmp_path / "data", 20, seed=1)


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_killed_often(tmp_path: Path) -> None:
    _kill_often(tmp_path / "data", 200, seed=2)


# Power: what was not synced may be gone, whole or in part.


class Disk:
    """Remembers which files were synced as they are, and forgets the others when the power fails."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.safe: dict[Path, bytes] = {}
        self.listed: set[Path] = set()
        monkeypatch.setattr(os, "fsync", self._fsync)

    def _fsync(self, handle: int) -> None:
        path = Path(f"/proc/self/fd/{handle}").readlink()
        if path.is_dir():
            self.listed |= set(path.iterdir())
        else:
            self.safe[Path(os.path.realpath(path))] = path.read_bytes()

    def fail(self, folder: Path, chance: random.Random) -> None:
        """Files whose name was not synced may go; those whose bytes were never synced may lose some."""
        contents = set(self.safe.values())
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            if path.read_bytes() not in contents:
                path.write_bytes(path.read_bytes()[: chance.randrange(path.stat().st_size + 1)])
            elif path not in self.listed and chance.random() < 0.5:
                path.unlink()


@pytest.mark.parametrize("seed", range(12))
def test_the_power_fails(house: House, monkeypatch: pytest.MonkeyPatch, seed: int) -> None:
    """At any fsync of a publication: the next start mends the folder, and the published checkpoint has its tiles."""
    chance = random.Random(seed)
    disk = Disk(monkeypatch)
    house.add(chance.randrange(1, 600))
    before = house.checkpoint().size
    genuine, left = os.fsync, [chance.randrange(12)]

    def failing(handle: int) -> None:
        if left[0] == 0:
            raise OSError(5, "power")
        left[0] -= 1
        genuine(handle)

    monkeypatch.setattr(os, "fsync", failing)
    house.log.append(commit_records(house.log.size, chance.randrange(1, 600)))
    monkeypatch.setattr(os, "fsync", genuine)
    size = house.log.size
    disk.fail(house.folder, chance)
    assert house.checkpoint().size in (before, size)
    assert len(reader.read(house.folder, str(house.verifier))) == house.checkpoint().size
    assert house.reopen().size == size == house.checkpoint().size
    report = house.verify()
    assert report.ok, report


@pytest.mark.parametrize("seed", range(8))
def test_a_torn_tile_stops_the_start_and_the_remedy_mends_it(house: House, seed: int) -> None:
    chance = random.Random(seed)
    for count in (300, 3, 250):
        house.add(count)
    path = chance.choice(sorted(p for p in (house.folder / "tile").rglob("*") if p.is_file()))
    path.write_bytes(path.read_bytes()[: chance.randrange(path.stat().st_size)])
    assert not house.verify().ok
    try:
        house.reopen()
    except Fault as fault:
        assert fault.code == "log_disagrees"
        house.folder.rename(house.data / "away")
        house.reopen()
        assert house.verify().ok


def test_a_tile_that_is_torn_while_it_runs(house: House) -> None:
    """The publisher does not build on it: its own memory is right, and what it writes is."""
    house.add(300)
    (house.folder / "tile/0/001.p/44").write_bytes(b"torn")
    house.add(300)
    assert house.checkpoint().size == 600
    assert len(reader.read(house.folder, str(house.verifier))) == 600


def test_a_clock_that_goes_backwards(house: House) -> None:
    """Places come from the log, not from the clock."""
    for hours in (5, 2, -30):
        house.database.clock = lambda hours=hours: START + timedelta(hours=hours)  # type: ignore[misc]
        house.add(3)
    assert [row.index for row in house.ledger.rows(0, 9)] == list(range(9))
    assert house.reopen().size == 9
    assert house.verify().ok


# Two sequencers.


@pytest.fixture
def second(house: House) -> Iterator[House]:
    other = build(house.data)
    yield other
    other.close()


@pytest.mark.slow
def test_two_processes_killed_beside_one_that_writes(tmp_path: Path) -> None:
    """One writes on while others on the same folder and database are killed under it."""
    data = tmp_path / "data"
    house = build(data)
    chance = random.Random(3)
    mine: list[int] = []
    told: dict[int, int] = {}
    with parent() as writers:
        for turn in range(3):
            child = writers.start(data, 100_000 * (turn + 1))
            until = time.monotonic() + chance.uniform(0.05, 0.3)
            while time.monotonic() < until:
                mine.append(house.log.append(commit_records(len(mine), 1)).first)
            told |= writers.kill(child)
    assert len(set(mine) | set(told.values())) == len(mine) + len(told), "no place was given twice"
    house.log.publish()
    report = house.verify()
    assert report.ok, report
    assert report.size >= len(mine) + len(told)
    house.close()


def test_a_second_history_is_refused(house: House, second: House) -> None:
    """A process that kept an older state in memory, on a database put back: it does not sign another history."""
    house.add(5)
    second.add(5, start=5)
    with house.ledger.reading() as view:
        old = view.checkpoint()
    import sqlalchemy as sa

    with house.database.writing() as connection:
        for table in ("record_rules", "records", "log_entries"):
            connection.execute(sa.text(f"DELETE FROM {table} WHERE seq >= 8"))
    with house.ledger.writing() as truth:
        truth.set_checkpoint(old or "")
    for one in (house, second):
        with pytest.raises(Fault) as refused:
            one.log.append(commit_records(20, 1))
        assert refused.value.code in ("log_truncated", "log_rolled_back")

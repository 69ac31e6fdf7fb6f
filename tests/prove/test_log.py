"""The log: it grows, survives what a machine does to it, and refuses to go on over what it should not."""

from __future__ import annotations

import hashlib
import os
import shutil
import sqlite3
import threading
from pathlib import Path

import pytest

from rambarde.nouns.custody import Committed
from rambarde.nouns.fault import Fault
from rambarde.prove.commitment import commit
from rambarde.prove.log import COUNTED, Appended, changes_of
from rambarde.prove.merkle import EMPTY_ROOT, leaf_hash, root_of
from rambarde.prove.note import open_checkpoint
from rambarde.store.database import FILE
from tests.postgres import NewDatabase
from tests.prove.conftest import House, build, commit_records


def test_an_empty_log_is_signed_at_once(house: House) -> None:
    checkpoint = house.checkpoint()
    assert (checkpoint.size, checkpoint.root) == (0, EMPTY_ROOT)
    assert checkpoint.extensions == ("policy sha256:ab",)
    assert house.verify().ok


def test_append_gives_consecutive_places(any_house: House) -> None:
    house = any_house
    batches = [house.add(count) for count in (1, 1, 3, 250, 2, 600)]
    entries = [item.entry for batch in batches for item in batch]
    checkpoint = house.checkpoint()
    assert checkpoint.size == house.log.size == len(entries) == 857
    assert checkpoint.root == root_of(map(leaf_hash, entries))
    assert house.log.append(commit_records(857, 2)) == Appended(857, 859)
    report = house.verify()
    assert report.ok, report
    assert (report.size, report.entries, report.documents) == (859, 859, 859)


def changed(number: int) -> Committed:
    return commit(COUNTED, {"id": f"change-{number:08d}"})


def counted(number: int, last: Committed) -> tuple[int, str]:
    return number, f"sha256:{hashlib.sha256(last.body).hexdigest()}"


def test_every_checkpoint_counts_the_changes(house: House) -> None:
    """Whoever appends: also a process that opened the log before another one logged a change."""
    other = build(house.data)
    assert changes_of(house.checkpoint().extensions) is None
    one, two, three = (changed(number) for number in (1, 2, 3))
    house.log.append([one, two])
    assert changes_of(house.checkpoint().extensions) == counted(2, two)
    other.log.extensions = ("policy sha256:cd", f"changes 1 sha256:{'0' * 64}")
    other.add(1)
    assert changes_of(house.checkpoint().extensions) == counted(2, two)
    other.log.append([*commit_records(5, 1), three])
    house.log.append(commit_records(7, 1))
    assert house.checkpoint().extensions == ("policy sha256:ab", "changes {} {}".format(*counted(3, three)))
    other.close()


def test_a_log_that_did_not_count_begins_with_the_next_change(house: House) -> None:
    last = changed(8)
    house.log.append([last])
    assert changes_of(house.checkpoint().extensions) == counted(8, last)


def test_an_older_checkpoint_put_back_counts_for_nothing(house: House) -> None:
    """Else the next one would be signed over all entries, with the count of before."""
    house.add(1)
    with house.ledger.reading() as view:
        old = view.checkpoint()
    house.log.append([changed(1)])
    with house.ledger.writing() as truth:
        truth.set_checkpoint(old)
    with pytest.raises(Fault) as refused:
        house.log.append(commit_records(9, 1))
    assert refused.value.code == "log_truncated"


@pytest.mark.parametrize("size", [0, 1, 255, 256, 257, 700])
def test_reopening_goes_on(house: House, size: int) -> None:
    if size:
        house.add(size)
    assert house.reopen().size == size
    house.add(3)
    assert house.reopen().size == size + 3
    assert house.verify().ok


def test_a_used_id_undoes_the_batch(house: House) -> None:
    house.add(3)
    before = (house.folder / "checkpoint").read_bytes()
    with pytest.raises(Fault) as refused:
        house.log.append(commit_records(2, 2))
    assert refused.value.code == "already_logged"
    assert (house.folder / "checkpoint").read_bytes() == before
    house.add(3)
    assert house.verify().ok


@pytest.mark.parametrize("calls", range(0, 8))
def test_a_full_disk_stops_the_log(house: House, monkeypatch: pytest.MonkeyPatch, calls: int) -> None:
    """fsync fails at the first, second, … call while a tile fills: what is recorded stays, nothing is added to it."""
    house.add(250)
    genuine, left = os.fsync, [calls]

    def failing(handle: int) -> None:
        if left[0] == 0:
            raise OSError(28, "No space left on device")
        left[0] -= 1
        genuine(handle)

    monkeypatch.setattr(os, "fsync", failing)
    assert house.log.append(commit_records(250, 10)) == Appended(250, 260)
    assert not house.log.published()
    with pytest.raises(Fault) as refused:
        house.add(10)
    assert refused.value.code == "log_unwritable"
    monkeypatch.undo()
    with house.ledger.reading() as view:
        assert view.size() == 260
    report = house.verify()
    assert report.ok, report
    assert report.size in (250, 260)
    assert not list(house.folder.rglob(".*"))
    house.add(20)
    assert house.checkpoint().size == 280
    assert house.verify().ok
    assert house.reopen().size == 280


def test_publishing_may_fail_after_the_commit(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """The entries are durable and signed for, so the append stands; the next one publishes."""
    house.add(3)
    monkeypatch.setattr(house.log.folder, "publish", _no_space)
    assert house.log.append(commit_records(3, 2)) == Appended(3, 5)
    monkeypatch.undo()
    assert house.checkpoint().size == 3
    report = house.verify()
    assert report.ok and "2 entries behind" in report.notes[-1]
    house.add(1)
    assert house.checkpoint().size == 6
    assert house.verify().ok


def _no_space(_staged: Path) -> None:
    raise OSError(28, "No space left on device")


def test_a_receipt_does_not_wait_for_the_tiles(house: House) -> None:
    """The tiles follow, however many batches later, and from whichever process."""
    other = build(house.data)
    for number in range(0, 600, 3):
        house.log.append(commit_records(number, 3), publish=False)
    assert house.checkpoint().size == 0
    assert house.verify().ok
    assert other.log.publish() == 600
    assert house.checkpoint().size == 600
    other.add(1, start=600)
    house.add(1, start=601)
    assert house.checkpoint().size == 602
    assert house.verify().ok
    other.close()


def test_a_locked_database_is_said_so(tmp_path: Path) -> None:
    house = build(tmp_path, timeout=0.2)
    other = sqlite3.connect(tmp_path / FILE, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(Fault) as refused:
        house.add(1)
    assert refused.value.code == "store_locked"
    other.execute("ROLLBACK")
    other.close()
    house.add(1)
    assert house.verify().ok
    house.close()


def test_tiles_that_lag_are_caught_up(any_house: House, tmp_path: Path) -> None:
    """A crash between commit and publishing, and one that lost the newest files."""
    house = any_house
    house.add(300)
    shutil.copytree(house.folder, tmp_path / "earlier")
    house.add(700)
    house.log.close()
    shutil.rmtree(house.folder)
    shutil.copytree(tmp_path / "earlier", house.folder)
    assert house.reopen().size == 1000
    assert house.checkpoint().size == 1000
    assert house.verify().ok


@pytest.mark.parametrize("gone", ["checkpoint", "tile", ""])
def test_what_is_missing_is_written_anew(house: House, gone: str) -> None:
    house.add(600)
    house.log.close()
    path = house.folder / gone
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    house.reopen()
    house.add(1)
    assert house.verify().ok


def test_what_a_publisher_that_died_left_does_no_harm(house: House) -> None:
    """Tiles without their checkpoint, files half-written: the next one writes the same, and a start tidies up."""
    other = build(house.data)
    house.add(250)
    house.log.append(commit_records(250, 300), publish=False)
    grown = house.log.publisher._edge.copy()
    with house.ledger.reading() as view:
        files, _ = grown.extend(entry for _, entry in view.entries(250, 550))
    house.log.folder.write(files)
    (house.folder / "tile/0/.002.p.0123").write_bytes(b"half")
    house.log.folder.stage_checkpoint("never published")
    assert house.verify().ok
    other.log.append(commit_records(550, 3))
    assert other.checkpoint().size == 553
    assert other.verify().ok
    house.reopen()
    assert not list(house.folder.rglob(".*"))
    assert house.verify().ok
    other.close()


def test_two_writers_share_folder_and_database(any_house: House) -> None:
    """Two gateways, each with its own connection: every index once, checkpoints only grow."""
    other = build(any_house.data, any_house.place)
    appended: list[int] = []
    failures: list[BaseException] = []

    def write(house: House, start: int) -> None:
        try:
            for number in range(start, start + 40, 2):
                done = house.log.append(commit_records(number, 2))
                appended.extend((done.first, done.first + 1))
                checkpoint = open_checkpoint((house.folder / "checkpoint").read_text(), house.verifier)
                assert checkpoint.size >= done.size
        except BaseException as error:
            failures.append(error)

    threads = [
        threading.Thread(target=write, args=(house, start))
        for house, start in ((any_house, 0), (other, 1000))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert sorted(appended) == list(range(80))
    assert any_house.verify().ok
    other.close()


@pytest.mark.slow
def test_two_machines_share_a_database(new_postgres: NewDatabase, tmp_path: Path) -> None:
    """Two folders on one PostgreSQL, with the same log.key: both publish the same log."""
    place = new_postgres()
    one = build(tmp_path / "one", place)
    (tmp_path / "two").mkdir()
    for name in ("log.key", "log.pub"):
        shutil.copy2(tmp_path / "one" / name, tmp_path / "two" / name)
    one.add(300)
    two = build(tmp_path / "two", place)
    two.log.append(commit_records(300, 5))
    one.log.append(commit_records(305, 300))
    two.log.append(commit_records(605, 1))
    assert two.verify().ok
    assert two.checkpoint().size == 606
    assert one.reopen().size == 606
    assert one.verify().ok
    assert one.checkpoint().root == two.checkpoint().root
    one.close()
    two.close()


def test_a_hanging_process_does_not_hang_the_log(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    import fcntl

    monkeypatch.setattr("rambarde.prove.publisher.LOCK_SECONDS", 0.05)
    handle = os.open(house.data / "log.lock", os.O_RDWR)
    fcntl.flock(handle, fcntl.LOCK_EX)
    house.add(1)
    with pytest.raises(Fault) as refused:
        house.add(1)
    assert refused.value.code == "log_locked"
    os.close(handle)
    house.add(1)
    assert house.checkpoint().size == 2

"""Banks while they run: replaced, damaged, stale, missing; and what negative entries excuse."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rambarde.guard.banks import watch
from rambarde.guard.banks.bank import Bank
from rambarde.guard.banks.entry import Entry, Kind
from rambarde.guard.banks.file import Head, replace, sealed
from rambarde.guard.banks.watch import NEGATIVE_RADIUS, Held, Unusable, Watch, digest, nearest
from tests.guard.banks.known import decision, flipped, hashed


def bank(blocks: list[bytes], negatives: list[bytes] = (), **head: Any) -> bytes:  # type: ignore[assignment]
    rows = [(one, Entry(Kind.BLOCK, decision())) for one in blocks]
    rows += [(one, Entry(Kind.NEGATIVE, decision())) for one in negatives]
    return sealed(Head("1", **head), rows)


def opened(*paths: Path) -> Watch:
    made = Watch(paths)
    made.load()
    return made


def known(held: Watch, value: bytes) -> bool:
    found = nearest(held.current(), [value])
    return found is not None and not found.excused


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "own.bank"
    path.write_bytes(bank([hashed(1)]))
    return path


def test_a_bank_that_is_replaced_is_read_again(path: Path) -> None:
    watched = opened(path)
    before = digest(watched.current())
    assert known(watched, hashed(1)) and not known(watched, hashed(2))
    replace(path, bank([hashed(2)]))
    assert known(watched, hashed(2)) and not known(watched, hashed(1))
    assert digest(watched.current()) != before
    path.write_bytes(bank([hashed(3)]))  # in place, too
    assert known(watched, hashed(3))


@pytest.mark.parametrize("damage", [b"", b"rambarde-bank 2\n", bank([hashed(2)])[:-9], b"\x00" * 999])
def test_a_damaged_bank_is_an_error_until_it_is_mended(path: Path, damage: bytes) -> None:
    watched = opened(path)
    replace(path, damage)
    for _ in range(3):
        with pytest.raises(Unusable, match=r"own\.bank: bank: "):
            watched.current()
    assert watched.loaded == ()
    replace(path, bank([hashed(4)]))
    assert known(watched, hashed(4)) and not known(watched, hashed(1))


def test_a_missing_bank_is_an_error_until_it_is_back(path: Path) -> None:
    watched = opened(path)
    data = path.read_bytes()
    path.unlink()
    with pytest.raises(Unusable, match=r"own\.bank: No such file"):
        watched.current()
    path.write_bytes(data)
    assert known(watched, hashed(1))


def test_a_bank_that_cannot_be_read_is_tried_again(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What went wrong was not in the file, which does not change any more."""
    watched, real, broken = opened(path), watch._read, [True]

    def read(path: Path) -> Any:
        if broken[0]:
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(watch, "_read", read)
    replace(path, bank([hashed(2)]))
    with pytest.raises(Unusable, match="Permission denied"):
        watched.current()
    broken[0] = False
    with pytest.raises(Unusable, match="Permission denied"):
        watched.current()  # not with each picture
    later = time.monotonic() + watch.RETRY + 1
    monkeypatch.setattr(watch.time, "monotonic", lambda: later)
    assert known(watched, hashed(2))


def test_a_bank_becomes_stale_while_it_runs(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    now = datetime.now(UTC)
    path.write_bytes(bank([hashed(1)], as_of=now, max_age=timedelta(hours=2)))
    watched = opened(path)
    assert known(watched, hashed(1))

    class Clock(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return now + timedelta(hours=3)

    monkeypatch.setattr(watch, "datetime", Clock)
    with pytest.raises(Unusable, match=r"stale: own\.bank: 3 hours old, of at most 2"):
        watched.current()
    replace(path, bank([hashed(2)], as_of=now + timedelta(hours=3), max_age=timedelta(hours=2)))
    assert known(watched, hashed(2))


def test_a_stale_bank_loads_and_answers_nothing(path: Path) -> None:
    old = datetime(2026, 1, 1, tzinfo=UTC)
    path.write_bytes(bank([hashed(1)], as_of=old, max_age=timedelta(hours=2)))
    watched = opened(path)
    with pytest.raises(Unusable, match="stale"):
        watched.current()
    path.write_bytes(bank([hashed(1)], max_age=timedelta(hours=2)))
    with pytest.raises(Unusable, match="never complete"):
        watched.current()


def test_while_a_large_bank_is_read_the_old_one_serves_for_a_while(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched, real, go = opened(path), Held.of, threading.Event()

    def slow(data: bytes) -> Held:
        assert go.wait(20)
        return real(data)

    monkeypatch.setattr(watch.Held, "of", slow)
    monkeypatch.setattr(watch, "WAIT", 0.01)
    replace(path, bank([hashed(2)]))
    assert known(watched, hashed(1)) and not known(watched, hashed(2))
    later = time.monotonic() + watch.GRACE + 1
    with monkeypatch.context() as patch:
        patch.setattr(watch.time, "monotonic", lambda: later)
        with pytest.raises(Unusable, match="takes too long"):
            watched.current()
    go.set()
    deadline = time.monotonic() + 20
    while known(watched, hashed(1)) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert known(watched, hashed(2))


def test_many_threads_see_one_reading(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    watched, real, readings = opened(path), Held.of, []

    def counted(data: bytes) -> Held:
        readings.append(len(data))
        time.sleep(0.05)
        return real(data)

    monkeypatch.setattr(watch.Held, "of", counted)
    replace(path, bank([hashed(2)]))
    threads = [threading.Thread(target=watched.current) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert known(watched, hashed(2)) and len(readings) == 1


def test_several_banks_are_asked_as_one(path: Path, tmp_path: Path) -> None:
    feed = tmp_path / "feed.bank"
    feed.write_bytes(bank([hashed(2)]))
    watched = opened(path, feed)
    assert known(watched, hashed(1)) and known(watched, hashed(2)) and not known(watched, hashed(3))
    before = digest(watched.current())
    assert before not in [one.head.digest for one in watched.current()]
    replace(path, bank([hashed(1)], [hashed(2)]))
    assert known(watched, hashed(2)), "as near to both: the block holds"
    replace(path, bank([hashed(1)], [flipped(hashed(2), 5)]))
    assert known(watched, hashed(2)) and not known(watched, flipped(hashed(2), 5))
    assert digest(watched.current()) != before
    os.truncate(feed, 10)
    with pytest.raises(Unusable, match="feed"):
        watched.current()


def test_a_tombstone_blocks_nothing(path: Path) -> None:
    one = Bank.of([hashed(1), hashed(2)], decision()).removed(hashed(1), decision(minutes=1))
    replace(path, one.dump())
    watched = opened(path)
    assert not known(watched, hashed(1)) and known(watched, hashed(2))


near = st.lists(st.integers(0, 255), unique=True, max_size=34)


def moved(value: bytes, bits: list[int]) -> bytes:
    number = int.from_bytes(value)
    for bit in bits:
        number ^= 1 << bit
    return number.to_bytes(32)


@pytest.mark.slow
@settings(max_examples=300, deadline=None)
@given(st.lists(near, max_size=5), st.lists(near, max_size=5), st.lists(near, min_size=1, max_size=3))
def test_negative_entries_against_the_plain_words(
    blocks: list[list[int]], negatives: list[list[int]], pictures: list[list[int]]
) -> None:
    """Blocked if some entry within 31 bits has no negative entry within 16 that is nearer to the picture."""
    base = hashed(0)
    blocked, excusing, turned = ([moved(base, one) for one in some] for some in (blocks, negatives, pictures))

    def far(value: bytes) -> int:
        return min((int.from_bytes(value) ^ int.from_bytes(one)).bit_count() for one in turned)

    speaking = [far(one) for one in excusing if far(one) <= NEGATIVE_RADIUS]
    expected = any(far(one) <= 31 and not any(bits < far(one) for bits in speaking) for one in blocked)
    held = Held.of(bank(list(dict.fromkeys(blocked)), list(dict.fromkeys(excusing))))
    found = nearest([held], turned)
    assert (found is not None and not found.excused) == expected
    assert (found is not None) == any(far(one) <= 31 for one in blocked)


def test_loading_says_what_is_wrong(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="nowhere"):
        opened(tmp_path / "nowhere")
    (tmp_path / "bad").write_bytes(b"?")
    with pytest.raises(ValueError, match="bank"):
        opened(tmp_path / "bad")

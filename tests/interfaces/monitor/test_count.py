"""Counting beside others, over restarts, without a database for a while, and while clocks jump."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable

import pytest

from rambarde.interfaces.monitor.count import LEASE, Counter
from rambarde.measure.monitor.tally import minute_of
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.sighting import By, Sight
from rambarde.store.alarms import Alarms
from rambarde.store.database import Database
from rambarde.store.monitor import Monitor
from tests.interfaces.monitor.conftest import Clock, both, write
from tests.measure.monitor.documents import NOON, recheck, record, refused

M = minute_of(NOON)
ONE = {"refused": 1.0, "released": 1.0, "breaker": 1.0}


def counter(database: Database, name: str = "one", **more: object) -> Counter:
    return Counter(Monitor(database), database.clock, name, ONE, trips=True, **more)  # type: ignore[arg-type]


def totals(database: Database) -> dict[tuple[int, Sight], tuple[int, int]]:
    cells = Monitor(database).minutes(0, 2**40)
    return {(c.minute - M, c.sight): (c.images, c.accounts) for c in cells if c.by is By.ALL}


def test_what_is_logged_is_counted_once_its_minute_is_over(database: Database, clock: Clock) -> None:
    one = counter(database)
    assert one.step() == ()
    write(database, refused(0, 1), record(1, 2), refused(2, 3))
    clock.forward(seconds=10)
    one.step()
    state = Monitor(database).state()
    assert state is not None and {c.sight for c in state.open} == {Sight.REFUSED, Sight.RELEASED}
    assert totals(database) == {}
    clock.forward(seconds=60)
    one.step()
    assert totals(database) == {(0, Sight.REFUSED): (2, 2), (0, Sight.RELEASED): (1, 1)}


@both
@pytest.mark.parametrize("seed", range(2))
def test_killed_and_begun_anew_anywhere_it_counts_the_same(
    database: Database, clock: Clock, seed: int
) -> None:
    chance, index = random.Random(seed), 0
    counters = [counter(database, f"g{n}") for n in range(3)]
    counters[0].step()
    for second in range(1, 400, 3):
        write(database, refused(index, second, account=f"a{index % 5}"))
        index += 1
        clock.now = NOON
        clock.forward(seconds=second)
        if chance.random() < 0.1:  # killed: what it had in memory is gone, and its right lapses
            counters[chance.randrange(3)] = counter(database, f"g{index}")
        if chance.random() < 0.1:
            clock.forward(seconds=11)
        for one in chance.sample(counters, 3):
            one.step()
    clock.forward(seconds=200)
    for one in counters:
        one.step()
    assert sum(images for images, _ in totals(database).values()) == index


@both
def test_only_one_of_several_counts_and_another_takes_over(database: Database, clock: Clock) -> None:
    one, two = counter(database, "one"), counter(database, "two")
    assert one.step() == () and two.step() is None
    write(database, refused(0, 1))
    clock.forward(seconds=2)
    one.step()
    clock.forward(seconds=LEASE.total_seconds() + 70)
    assert two.step() == () and one.step() is None
    assert totals(database) == {(0, Sight.REFUSED): (1, 1)}


@both
@pytest.mark.slow
def test_several_at_once_in_threads_count_once(database: Database, clock: Clock) -> None:
    index, counters = 0, [counter(database, f"g{n}") for n in range(4)]
    counters[0].step()
    for second in range(0, 240, 8):
        write(database, *(refused(index + n, second) for n in range(5)))
        index += 5
        clock.forward(seconds=20)  # longer than the right lasts: all want it
        threads = [threading.Thread(target=one.step) for one in counters]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    clock.forward(seconds=100)
    for one in counters:
        one.step()
    assert sum(images for images, _ in totals(database).values()) == index


def failing(method: Callable[..., object], times: int) -> Callable[..., object]:
    left = [times]

    def call(*args: object, **kwargs: object) -> object:
        if left[0] > 0:
            left[0] -= 1
            raise Fault(Kind.INTERNAL, "store_unreachable", "away", remedy="wait")
        return method(*args, **kwargs)

    return call


@both
@pytest.mark.parametrize("name", ["lead", "documents", "advance", "tell", "record", "sums"])
def test_without_its_database_for_a_while_it_loses_nothing(
    database: Database, clock: Clock, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = counter(database)
    one.step()
    write(database, record(0, 1), recheck(1, 2, "dec_0", "problematic"), refused(2, 70), refused(3, 130))
    clock.forward(seconds=140)
    monkeypatch.setattr(one.monitor, name, failing(getattr(one.monitor, name), 2))
    for _ in range(12):
        clock.forward(seconds=20)
        try:
            one.step()
        except Fault as fault:
            assert fault.code == "store_unreachable"
    assert totals(database) == {
        (0, Sight.RELEASED): (1, 1),
        (0, Sight.FOUND): (1, 1),
        (1, Sight.REFUSED): (1, 1),
        (2, Sight.REFUSED): (1, 1),
    }


@both
def test_a_rise_of_released_harm_is_found_while_the_minute_runs(database: Database, clock: Clock) -> None:
    one = counter(database, channels=("webhook",))
    one.step()
    write(database, *(record(n, 1) for n in range(30)))
    write(database, *(recheck(100 + n, 5, f"dec_{n}", "problematic") for n in range(30)))
    clock.forward(seconds=8)
    raised = one.step()
    assert raised is not None and {alarm.stream for alarm in raised} == {
        "released",
        "released/web",
        "breaker",
    }
    assert [alarm.stream for alarm in Alarms(database).tripping()] == ["breaker"]
    assert len(Alarms(database).due()) == 3
    # Killed right after: whoever takes over raises nothing twice.
    clock.forward(seconds=LEASE.total_seconds() + 1)
    other = counter(database, "other", channels=("webhook",))
    assert other.step() == ()
    clock.forward(seconds=60)
    assert other.step() == () and len(Alarms(database).newest()) == 3


def test_a_storm_of_refusals_alerts_and_trips_nothing(database: Database, clock: Clock) -> None:
    one = counter(database)
    one.step()
    for minute in range(5):
        write(database, *(refused(minute * 200 + n, minute * 60 + 1) for n in range(200)))
        clock.forward(seconds=60)
        one.step()
    streams = {raised.alarm.stream for raised in Alarms(database).newest()}
    assert streams == {"refused", "refused/web"} and Alarms(database).tripping() == ()


def test_one_account_alone_makes_no_storm(database: Database, clock: Clock) -> None:
    one = counter(database)
    one.step()
    write(database, *(refused(n, 1, account="mallory") for n in range(500)))
    clock.forward(seconds=90)
    one.step()
    assert Alarms(database).newest() == () and totals(database) == {(0, Sight.REFUSED): (500, 1)}


def test_after_a_long_stop_no_minute_is_missing_and_none_is_alarming(
    database: Database, clock: Clock
) -> None:
    counter(database).step()
    write(database, *(refused(n, n * 60) for n in range(300)))  # one a minute for five hours
    clock.forward(hours=5, minutes=2)
    one = counter(database, "two")
    one.step()
    assert len(totals(database)) == 300 and Alarms(database).newest() == ()


@pytest.mark.parametrize("jump", [-7200.0, -30.0, 7200.0])
def test_while_clocks_jump_nothing_is_lost_or_alarming(database: Database, clock: Clock, jump: float) -> None:
    one, offset = counter(database), 0.0
    one.step()
    for n in range(40):
        offset = jump if n >= 20 else 0.0
        write(database, refused(n, 60 * n + 1 + offset))
        clock.now = NOON
        clock.forward(seconds=60 * n + 20 + offset)
        one.step()
    clock.forward(seconds=120)
    one.step()
    cells = [c for c in Monitor(database).minutes(0, 2**40) if c.by is By.ALL]
    assert sum(cell.images for cell in cells) == 40 and Alarms(database).newest() == ()


def test_what_was_erased_before_it_was_counted_is_told(database: Database, clock: Clock) -> None:
    one = counter(database)
    one.step()
    gone = refused(0, 1)
    write(database, type(gone)(gone.index, gone.kind, gone.id, b""), refused(1, 2))
    clock.forward(seconds=70)
    one.step()
    state = Monitor(database).state()
    assert state is not None and state.uncounted == 1 and totals(database) == {(0, Sight.REFUSED): (1, 1)}

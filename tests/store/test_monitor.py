"""The monitor's memory, on both databases: one counts, all or nothing, and nothing twice."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rambarde.nouns.fault import Fault
from rambarde.nouns.sighting import Alarm, By, Cell, Draw, Sight
from rambarde.store.alarms import Alarms
from rambarde.store.database import Database
from rambarde.store.monitor import Monitor
from rambarde.store.rechecks import Rechecks
from tests.store.conftest import Clock

LIFE = timedelta(seconds=10)
CELL = Cell(100, Sight.REFUSED, By.ALL, "", 5, 2, 2.0, 2.0)
ALARM = Alarm("alarm-100-breaker", "breaker", 100, 9, 8.5, 4.0, 1.0)


def advance(monitor: Monitor, version: int, *cells: Cell, **more: object) -> int | None:
    values = {"next": 7, "minute": 101, "streams": {}, "uncounted": 1} | more
    return monitor.advance(version, cells=cells, **values)  # type: ignore[arg-type]


def test_one_counts_until_its_time_is_over(database: Database, clock: Clock) -> None:
    monitor = Monitor(database)
    assert monitor.state() is None
    first = monitor.lead("one", LIFE)
    assert first is not None and (first.next, first.minute, first.version) == (0, None, 0)
    assert monitor.lead("two", LIFE) is None
    clock.forward(seconds=8)
    assert monitor.lead("one", LIFE) is not None
    clock.forward(seconds=8)
    assert monitor.lead("two", LIFE) is None
    clock.forward(seconds=3)
    assert monitor.lead("two", LIFE) is not None and monitor.lead("one", LIFE) is None


def test_a_clock_that_was_set_back_locks_nobody_out(database: Database, clock: Clock) -> None:
    monitor = Monitor(database)
    monitor.lead("one", LIFE)
    clock.forward(hours=-1)
    assert monitor.lead("two", LIFE) is not None


def test_of_two_that_count_only_one_closes_a_minute(database: Database) -> None:
    monitor = Monitor(database)
    monitor.lead("one", LIFE)
    assert advance(monitor, 0, CELL) == 1
    assert advance(monitor, 0, CELL) is None, "by a version that is over"
    assert advance(monitor, 1, CELL, next=9) == 2, "an hour that came twice adds up"
    (found,) = monitor.minutes(100, 101)
    assert (found.images, found.accounts, found.weight) == (10, 4, 4.0)
    state = monitor.state()
    assert state is not None and (state.next, state.minute, state.uncounted) == (9, 101, 2)
    assert monitor.first_minute() == 100 and monitor.sums(0, 100) == ()
    assert monitor.sums(0, 200)[0].images == 10


def test_what_is_open_is_told_and_gone_when_it_is_closed(database: Database) -> None:
    monitor = Monitor(database)
    monitor.lead("one", LIFE)
    monitor.tell("one", [CELL])
    state = monitor.state()
    assert state is not None and state.open == (CELL,)
    monitor.tell("two", [])
    advance(monitor, 0, CELL)
    state = monitor.state()
    assert state is not None and state.open == ()


def test_an_alarm_is_told_until_it_has_arrived(database: Database, clock: Clock) -> None:
    monitor, alarms = Monitor(database), Alarms(database)
    monitor.lead("one", LIFE)
    advance(monitor, 0, raised=[(ALARM, True)], channels=["webhook", "mail"])
    assert alarms.tripping() == (ALARM,)
    assert sorted(alarms.due()) == [(ALARM.id, "mail", 0), (ALARM.id, "webhook", 0)]
    assert alarms.claim(ALARM.id, "mail", 0, LIFE) and not alarms.claim(ALARM.id, "mail", 0, LIFE)
    assert alarms.due() == ((ALARM.id, "webhook", 0),)
    alarms.told(ALARM.id, "mail", error="no route", again=timedelta(seconds=5))
    clock.forward(seconds=6)
    assert (ALARM.id, "mail", 1) in alarms.due()
    alarms.told(ALARM.id, "mail", error=None, again=timedelta(0))
    alarms.told(ALARM.id, "webhook", error=None, again=timedelta(0))
    assert alarms.due() == ()
    alarms.again(ALARM.id, ("mail",))
    assert [channel for _, channel, _ in alarms.due()] == ["mail"]


def test_what_came_of_an_alarm(database: Database) -> None:
    monitor, alarms = Monitor(database), Alarms(database)
    monitor.lead("one", LIFE)
    advance(monitor, 0, raised=[(ALARM, True)])
    alarms.tripped(ALARM.id, measure=None, trouble="measure_unknown")
    assert alarms.tripping()[0].trouble == "measure_unknown"
    alarms.tripped(ALARM.id, measure="no-images", trouble=None)
    assert alarms.tripping() == ()
    alarms.confirmed(ALARM.id, by="Ann Lee", verdict="right", reason="Seen them.")
    (raised,) = alarms.newest()
    assert (raised.alarm.measure, raised.alarm.by, raised.alarm.trouble) == ("no-images", "Ann Lee", None)
    with pytest.raises(Fault) as caught:
        alarms.get("alarm-0")
    assert caught.value.code == "alarm_unknown"


def test_a_recheck_is_claimed_by_one_and_comes_back_if_that_one_dies(
    database: Database, clock: Clock
) -> None:
    queue = Rechecks(database)
    assert queue.claim(LIFE) is None
    draws = [Draw(f"chk_{n}", "dec_1", n, 0.1, f"item{n}") for n in range(2)]
    queue.add(draws)
    taken = [queue.claim(LIFE), queue.claim(LIFE)]
    assert sorted(one[0].id for one in taken if one) == ["chk_0", "chk_1"] and queue.claim(LIFE) is None
    queue.done("chk_1")
    queue.later("chk_0", 1.0, untried=True)
    clock.forward(seconds=2)
    assert queue.claim(LIFE) == (draws[0], 1)
    clock.forward(seconds=11)
    assert queue.claim(LIFE) == (draws[0], 2), "its worker was killed"
    assert queue.waiting() == 1 and queue.old("chk_0", 10) and not queue.old("chk_0", 100)

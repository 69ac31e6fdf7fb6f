"""Watching: what gives an alarm and when; refusals and released harm apart; baselines that a rise does not move."""

from __future__ import annotations

import numpy as np
import pytest

from rambarde.measure.monitor.watch import AGAIN, BREAKER, MOST_STREAMS, REFUSED, RELEASED, Watch, counts
from rambarde.nouns.sighting import By, Cell, Sight

ONE = {"refused": 1.0, "released": 1.0, "breaker": 1.0}


def cell(sight: Sight, accounts: int, by: By = By.ALL, value: str = "") -> Cell:
    return Cell(0, sight, by, value, 9 * accounts, accounts, float(accounts), float(accounts))


def test_refusals_are_no_released_harm() -> None:
    cells = [cell(Sight.REFUSED, 50), cell(Sight.REFUSED, 50, By.SURFACE, "web"), cell(Sight.RELEASED, 900)]
    assert counts(cells) == {"refused": 50, "refused/web": 50}
    assert counts([cell(Sight.FOUND, 2), cell(Sight.NOTICE, 1), cell(Sight.UNANSWERED, 7)]) == {
        RELEASED: 3,
        BREAKER: 3,
    }


def test_a_rise_of_refusals_never_wakes_the_breaker() -> None:
    watch = Watch(ONE)
    for minute in range(200):
        alarms = watch.step(minute, counts([cell(Sight.REFUSED, 10_000)]), closed=True)
        assert {alarm.stream for alarm in alarms} <= {REFUSED}
    assert watch.streams[BREAKER].score == 0


def test_a_tenfold_rise_gives_one_alarm_within_minutes() -> None:
    watch, random, seen = Watch(ONE), np.random.default_rng(4), []
    for minute in range(300):
        watch.step(minute, {REFUSED: int(random.poisson(1))}, closed=True)
    for minute in range(300, 300 + AGAIN):
        seen += [
            (minute, a.stream) for a in watch.step(minute, {REFUSED: int(random.poisson(10))}, closed=True)
        ]
    assert len(seen) == 1 and seen[0][0] < 304 and seen[0][1] == REFUSED


def test_an_open_minute_alarms_as_soon_as_its_end_would_and_not_twice() -> None:
    watch = Watch(ONE)
    assert not watch.step(7, {BREAKER: 2}, closed=False)
    (alarm,) = watch.step(7, {BREAKER: 40}, closed=False)
    assert (alarm.stream, alarm.count, alarm.minute) == (BREAKER, 40, 7)
    assert not watch.step(7, {BREAKER: 41}, closed=False)
    assert not watch.step(7, {BREAKER: 41}, closed=True)
    assert watch.streams[BREAKER].score == 0


@pytest.mark.parametrize("seed", range(10))
def test_looking_often_raises_no_more_alarms_than_looking_once(seed: int) -> None:
    random = np.random.default_rng(seed)
    once, often = Watch(ONE), Watch(ONE)
    for minute in range(400):
        count = int(random.poisson(2.5))
        whole = once.step(minute, {RELEASED: count}, closed=True)
        found = [a for n in range(count + 1) for a in often.step(minute, {RELEASED: n}, closed=False)]
        found += often.step(minute, {RELEASED: count}, closed=True)
        assert [a.id for a in found] == [a.id for a in whole]
    assert once.streams == often.streams


def test_minutes_without_anything_count_as_quiet() -> None:
    one, other = Watch(ONE), Watch(ONE)
    one.step(0, {REFUSED: 7}, closed=True)
    other.step(0, {REFUSED: 7}, closed=True)
    for minute in range(1, 30):
        one.step(minute, {}, closed=True)
    one.step(30, {REFUSED: 3}, closed=True)
    other.step(30, {REFUSED: 3}, closed=True)
    assert one.streams[REFUSED] == other.streams[REFUSED]


def test_it_goes_on_where_it_was() -> None:
    watch = Watch(ONE)
    watch.step(5, {REFUSED: 7, "refused/web": 7}, closed=True)
    again = Watch.load(ONE, watch.as_json())  # type: ignore[arg-type]
    assert again.streams == watch.streams and again.streams[REFUSED].score == 3.0


def test_a_clock_that_was_set_back_begins_anew_and_is_not_deaf() -> None:
    watch = Watch(ONE)
    watch.step(10_000, {BREAKER: 2}, closed=True)
    alarms = [a for m in range(9_000, 9_005) for a in watch.step(m, {BREAKER: 12}, closed=True)]
    assert len(alarms) == 1


def test_a_baseline_is_the_middle_hours_and_a_burst_does_not_move_it() -> None:
    watch = Watch(ONE)
    watch.learn({REFUSED: [60] * 5})
    assert watch.plan(REFUSED).baseline == 1.0, "five hours are no history"
    watch.learn({REFUSED: [60] * 20})
    quiet = watch.plan(REFUSED).baseline
    assert 1.0 < quiet < 1.4
    watch.learn({REFUSED: [60] * 11 + [60_000] * 9})
    assert watch.plan(REFUSED).baseline == quiet


def test_streams_are_no_more_than_can_be_watched() -> None:
    watch = Watch(ONE)
    watch.step(0, {f"refused/s{n:03}": 1 for n in range(100)}, closed=True)
    assert len(watch.streams) == MOST_STREAMS and {REFUSED, RELEASED, BREAKER} <= watch.streams.keys()

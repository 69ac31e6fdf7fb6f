"""Change detection: the exact run lengths against simulation, and the promise at a baseline of 1 a minute."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.measure.monitor import change
from rambarde.measure.monitor.change import (
    FLOOR,
    MONTH,
    SOON,
    YEAR,
    Plan,
    delay,
    found_within,
    plan,
    rounded,
    run_length,
    smallest_rise,
)


def simulated(test: Plan, rate: float, runs: int, most: int, seed: int) -> np.ndarray:
    """Minutes until each run's alarm, obviously: count, add, compare. `most` where there was none."""
    random = np.random.default_rng(seed)
    ends = np.full(runs, most)
    for run in range(runs):
        score = 0.0
        for minute, count in enumerate(random.poisson(rate, most), 1):
            score = test.after(score, int(count))
            if test.alarms(score):
                ends[run] = minute
                break
    return ends


def test_tenfold_within_five_minutes_and_one_false_alarm_a_month() -> None:
    """The promise, exact. It is for the rounded test; a rise begins anywhere in a minute: four whole ones count."""
    test = plan(1.0)
    assert test.minutes >= MONTH
    assert run_length(1.0, test.scale, test.step, test.limit) >= MONTH
    assert found_within(test, 10.0, SOON - 1) > 0.999
    shared = plan(1.0, quiet=MONTH * 8)
    assert found_within(shared, 10.0, SOON - 1) > 0.999, "also where eight streams share the false alarms"


@pytest.mark.slow
@pytest.mark.parametrize(("baseline", "quiet"), [(1.0, 300.0), (0.2, 400.0), (0.5, 200.0)])
def test_the_run_length_is_what_happens(baseline: float, quiet: float) -> None:
    test = plan(baseline, quiet=quiet)
    ends = simulated(test, test.baseline, 300, 40_000, seed=3)
    error = ends.std() / math.sqrt(len(ends))
    assert abs(ends.mean() - test.minutes) < 4 * error


@pytest.mark.parametrize("baseline", [0.05, 1.0, 3.0])
def test_the_power_is_what_happens(baseline: float) -> None:
    test = plan(baseline)
    ends = simulated(test, test.raised, 800, 400, seed=5)
    assert abs((ends <= 4).mean() - found_within(test, test.raised, 4)) < 0.06
    assert abs(ends.mean() - delay(test, test.raised)) < 4 * ends.std() / math.sqrt(len(ends)) + 0.02


@pytest.mark.soak
@pytest.mark.timeout(1800)
def test_a_month_of_minutes_two_hundred_times() -> None:
    """The promise by simulation: false alarms of 200 months at 1 a minute, and 20,000 rises at any second."""
    test, random = plan(1.0), np.random.default_rng(11)
    months, alarms = 200, 0
    for _ in range(months):
        score = 0.0
        for count in random.poisson(1.0, int(MONTH)):
            score = test.after(score, int(count))
            if test.alarms(score):
                alarms, score = alarms + 1, 0.0
    assert alarms / months <= 1 + 3 * math.sqrt(1 / months)
    late = 0
    for _ in range(20_000):
        begun, score, found = random.random(), 0.0, None
        for minute in range(8):
            whole = minute > 0
            share = 1.0 if whole else 1 - begun
            times = np.sort(random.random(random.poisson(10.0 * share))) * share + (0 if whole else begun)
            quiet = random.random(0 if whole else random.poisson(begun)) * begun
            for seen, at in enumerate(np.sort(np.concatenate([quiet, times])), 1):
                if test.alarms(score + seen - test.reference):
                    found = minute + at - begun
                    break
            if found is not None:
                break
            score = test.after(score, len(times) + len(quiet))
        late += found is None or found > SOON
    assert late / 20_000 < 0.001


@pytest.mark.soak
@pytest.mark.timeout(1800)
@pytest.mark.parametrize(("share", "within", "power"), [(0.05, 60, 0.97), (0.2, 15, 0.97), (1.0, 5, 0.97)])
def test_the_breakers_power_at_the_share_of_re_checks(share: float, within: int, power: float) -> None:
    """One problematic image a minute is released, then ten; each is drawn by chance and looked at again."""
    test, random = plan(1.0 * share, quiet=YEAR), np.random.default_rng(12)
    assert run_length(1.0 * share, test.scale, test.step, test.limit) >= YEAR
    found = 0
    for _ in range(3000):
        score = 0.0
        for minute in range(30 + within):
            released = int(random.poisson(1.0 if minute < 30 else 10.0))
            score = test.after(score, int((random.random(released) < share).sum()))
            if test.alarms(score):
                found += minute >= 30
                break
    assert found / 3000 > power


@pytest.mark.slow
def test_a_lower_baseline_is_slower_and_says_so() -> None:
    times = [delay(plan(b), plan(b).raised) for b in (1.0, 0.3, 0.1, 0.03)]
    assert times == sorted(times) and times[-1] > 10
    rises = [smallest_rise(plan(b)) for b in (1.0, 0.3, 0.1, 0.03)]
    assert rises == sorted(rises) and rises[0] < 10 < rises[-1]
    least = smallest_rise(plan(0.1))
    assert found_within(plan(0.1), 0.1 * least, 4) >= change.POWER
    assert found_within(plan(0.1), 0.1 * least * 0.9, 4) < change.POWER


@given(st.floats(0, 3000))
def test_every_baseline_has_a_test_that_keeps_its_promise(baseline: float) -> None:
    if baseline < 0.05:
        baseline += 0.05  # many states: slow here
    test = plan(baseline, quiet=1000.0)
    assert (
        test.baseline >= baseline * (1 - 1e-9)
        and test.minutes >= 1000
        and test.raised == pytest.approx(10 * test.baseline)
    )


@given(st.floats(1e-3, 1e6))
def test_rounding_is_up_and_to_two_digits(value: float) -> None:
    up = rounded(value)
    assert value <= up * (1 + 1e-9) and up <= value * 1.1 + 1e-12
    assert rounded(up) == up


def test_nearly_nothing_is_the_floor() -> None:
    assert plan(0.0, quiet=100.0).baseline == FLOOR


@pytest.mark.parametrize("bad", [math.nan, math.inf, -1.0])
def test_what_is_no_baseline_is_refused(bad: float) -> None:
    with pytest.raises(ValueError, match="no test"):
        plan(bad)

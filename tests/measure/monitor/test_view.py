"""What is shown: unknown and never 0, by the best source, and what cannot be seen."""

from __future__ import annotations

from typing import Any

import pytest

from rambarde.measure.monitor.view import change, limits, part, window
from rambarde.measure.monitor.watch import Watch
from rambarde.nouns.sighting import By, Cell, Sight


def cell(sight: Sight, accounts: int, share: float = 1.0, by: By = By.ALL, value: str = "") -> Cell:
    return Cell(0, sight, by, value, 2 * accounts, accounts, accounts / share, accounts / share**2)


def whole(*cells: Cell) -> Any:
    return window(5, cells)["all"]


def test_with_nothing_that_says_so_released_harm_is_unknown() -> None:
    found = whole(cell(Sight.REFUSED, 10), cell(Sight.RELEASED, 500))
    assert found["released"] == {
        "value": None,
        "low": None,
        "high": None,
        "at_least": False,
        "source": "none",
    }
    assert found["refused"]["value"] == 2.0 and found["images"] == {"refused": 20, "released": 1000}


def test_rechecks_that_all_failed_leave_it_unknown_and_are_counted() -> None:
    found = whole(cell(Sight.UNANSWERED, 10, 0.05))
    assert found["released"]["value"] is None and found["rechecks"]["unanswered"] == 20


def test_the_best_source_comes_first() -> None:
    notices = [cell(Sight.NOTICE, 5)]
    sample = [cell(Sight.SAMPLE_FOUND, 1, 0.1), cell(Sight.SAMPLE_CLEAN, 9, 0.1)]
    checks = [cell(Sight.FOUND, 1, 0.05), cell(Sight.CLEAN, 99, 0.05)]
    by_notices = whole(*notices)["released"]
    assert (by_notices["source"], by_notices["value"], by_notices["at_least"]) == ("notices", 1.0, True)
    assert whole(*notices, *sample)["released"]["value"] == 2.0
    best = whole(*notices, *sample, *checks)["released"]
    assert (best["source"], best["value"]) == ("rechecks", 4.0) and best["low"] < 4.0 < best["high"]


def test_parts_are_the_largest_first() -> None:
    cells = [cell(Sight.REFUSED, n, by=By.SURFACE, value=f"s{n}") for n in (1, 9, 4)]
    shown: Any = window(60, cells)["by"]
    assert [one["value"] for one in shown["surface"]] == ["s9", "s4", "s1"] and shown["rule"] == []


def test_a_window_that_is_not_over_has_the_rate_of_its_part() -> None:
    shown: Any = window(60, [cell(Sight.REFUSED, 10)], 5.0)
    assert shown["all"]["refused"]["value"] == 2.0


def test_nothing_at_all() -> None:
    assert part("", [], 5).refused.value == 0.0 and not part("", [], 5).released.known


@pytest.mark.slow
def test_it_says_what_it_cannot_see() -> None:
    one = {"refused": 1.0, "released": 0.05, "breaker": 0.05}
    told = {str(stream["stream"]): stream for stream in change(Watch(one), 0.05)}
    assert "is found within 5 minutes" in str(told["refused"]["words"])
    assert "NOT surely found within 5 minutes" in str(told["breaker"]["words"])
    assert float(str(told["breaker"]["false_alarm_days"])) >= 365
    assert float(str(told["refused"]["false_alarm_days"])) >= 30
    assert any("unknown" in line for line in limits(0.0, ["none"]))
    assert any("lower bound" in line for line in limits(0.05, ["notices"]))

"""The promise of a rate: exact, and kept as often as it says."""

from __future__ import annotations

import random
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.measure.calibrate import LEAST, MOST, REACH, allowed, first, moved, needed, split
from rambarde.measure.exhibits import Exhibit
from rambarde.measure.intervals import upper
from rambarde.measure.rows import Row
from rambarde.nouns.fault import Fault

pytestmark = pytest.mark.slow


@given(st.integers(1, 3000), st.sampled_from([0.005, 0.01, 0.05, 0.2]), st.sampled_from([0.8, 0.95, 0.99]))
def test_as_many_as_the_bound_allows_and_not_one_more(rows: int, wanted: float, confidence: float) -> None:
    if rows < needed(wanted, confidence):
        with pytest.raises(Fault) as caught:
            allowed(rows, wanted, confidence)
        assert caught.value.code == "too_few_rows" and str(needed(wanted, confidence)) in caught.value.remedy
        return
    most = allowed(rows, wanted, confidence)
    assert upper(most, rows, confidence) <= wanted < upper(most + 1, rows, confidence)


def test_the_rule_of_299() -> None:
    assert needed(0.01, 0.95) == 299 and allowed(299, 0.01, 0.95) == 0


@given(st.floats(LEAST, MOST))
def test_the_path_is_one_way_and_passes_where_it_stands(threshold: float) -> None:
    steps = [moved(threshold, step) for step in range(-REACH, REACH + 1, 10)]
    assert all(one <= two for one, two in pairwise(steps))
    assert moved(threshold, 0) == threshold and steps[0] == pytest.approx(LEAST, abs=0.05)
    assert all(LEAST <= value <= MOST for value in steps)


@pytest.mark.parametrize("threshold", [0.0, 1.0])
def test_what_is_not_on_the_path_is_refused(threshold: float) -> None:
    with pytest.raises(ValueError, match="from"):
        moved(threshold, 1)


@given(st.lists(st.integers(-600, 600), max_size=40), st.integers(0, 40))
def test_the_first_step_is_the_strictest_that_will_do(until: list[int], most: int) -> None:
    """Row i is stopped up to step until[i]; tried one by one beside the search."""

    def stopped(step: int) -> int:
        return sum(step <= end for end in until)

    slow = next((step for step in range(-REACH, REACH + 1) if stopped(step) <= most), None)
    assert first(stopped, most) == slow


def test_the_promise_is_kept_as_often_as_it_says() -> None:
    """1,000 calibrations on 400 rows of a known distribution: in at most 5 % may the true rate be above 5 %."""
    turn, broken = random.Random(11), 0
    most = allowed(400, 0.05, 0.95)
    for _ in range(1000):
        scores = [turn.random() for _ in range(400)]
        step = first(lambda step, s=scores: sum(x >= moved(0.9, step) for x in s), most)  # type: ignore[misc]
        assert step is not None
        broken += 1 - moved(0.9, step) > 0.05
    assert 0 < broken <= 50 + 3 * 7  # three standard deviations; far fewer would be a wasteful bound
    assert broken >= 5


def row(number: int) -> Row:
    return Row(str(number), f"text {number}", "safe", "c", "en", "generate", "s")


def test_the_split_is_by_text_and_the_same_in_every_order() -> None:
    rows = [row(number) for number in range(2000)]
    on, held = split(rows, 0.25)
    assert len(on) + len(held) == 2000 and 420 <= len(held) <= 580
    assert {r.id for r in split(rows[::-1], 0.25)[1]} == {r.id for r in held}
    assert {r.id for r in held} <= {r.id for r in split(rows, 0.5)[1]}
    assert split(rows, 0)[1] == []


def test_edits_of_one_photograph_are_held_out_together_wherever_it_lies() -> None:
    def pair(photo: int, number: int, folder: str) -> Exhibit:
        return Exhibit(
            f"{photo}-{number}",
            "c",
            "s",
            "safe",
            input=f"{folder}/{photo}.png",
            output=f"{photo}-{number}.png",
        )

    pairs = [pair(photo, number, "here") for photo in range(400) for number in range(3)]
    on, held = split(pairs, 0.25)
    assert not {one.input for one in on} & {one.input for one in held} and len(held) % 3 == 0
    assert 200 <= len(held) <= 400
    _, moved_held = split([pair(photo, 0, "there") for photo in range(400)], 0.25)
    assert {one.id for one in moved_held} == {one.id for one in held if one.id.endswith("-0")}

"""The board: who gets which task, and that nothing waits for ever."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.guard.workers.message import Load
from rambarde.guard.workers.task import PATIENCE, Board, Lost, Task, Urgency

LOADED = frozenset({"faces"})


def task(what: str = "look", urgency: Urgency = Urgency.ADMIT, seconds: float = 5.0, **more: object) -> Task:
    return Task(what, lambda: (Load(what), ()), lambda *_: None, seconds, urgency=urgency, **more)  # type: ignore[arg-type]


def take(board: Board, worker: int = 0, *, alone: bool = False) -> Task | None:
    return board.take(worker, LOADED, alone=alone, seconds=0)


@given(st.lists(st.tuples(st.sampled_from(list(Urgency)), st.sampled_from([1.0, 2.0, 8.0])), max_size=12))
def test_what_was_generated_first_then_what_is_soonest_late(order: list[tuple[Urgency, float]]) -> None:
    board = Board()
    tasks = [task(urgency=urgency, seconds=seconds) for urgency, seconds in order]
    for one in tasks:
        board.put(one)
    taken = [take(board) for _ in tasks]
    assert taken == sorted(tasks, key=lambda one: (one.urgency, one.seconds)), "a stable sort is the oracle"
    assert take(board) is None


def test_only_who_has_the_detector_takes_its_task() -> None:
    board = Board()
    board.put(task(detector="age"))
    board.put(second := task(detector="faces"))
    assert take(board) is second and take(board) is None and len(board) == 1


def test_a_task_goes_where_its_picture_was_looked_at_for_a_moment() -> None:
    board = Board()
    board.put(task(keys=("a",), home="a"))
    assert take(board, 1) is not None
    board.put(again := task(keys=("a", "b"), home="a"))
    board.put(other := task())
    assert take(board, 0) is other, "the other worker has something else to do"
    assert take(board, 1) is again
    board.put(third := task(keys=("b",), home="b"))
    assert take(board, 0) is None, "all pictures of a task are known where it ran"
    board.leave(1)
    assert take(board, 0) is third, "a worker that ended knows nothing"
    board.put(last := task(keys=("b",), home="b"))
    last.submitted -= PATIENCE * last.seconds
    assert take(board, 1) is last


def test_one_heavy_task_at_a_time_leaves_room() -> None:
    board = Board()
    first, second, light = task(is_heavy=True), task(is_heavy=True), task()
    for one in (first, second, light):
        board.put(one)
    assert take(board, 0) is first and take(board, 1) is light and take(board, 1) is None
    board.done(first)
    assert take(board, 1) is second
    board.put(third := task(is_heavy=True))
    assert take(board, 0, alone=True) is third, "who is alone takes all"


def test_a_deadline_counts_from_submission() -> None:
    board = Board()
    board.put(late := task(seconds=0.01))
    board.put(cancelled := task())
    cancelled.future.cancel()
    time.sleep(0.02)
    assert take(board) is None and len(board) == 0
    with pytest.raises(Lost, match="late"):
        late.future.result(0)


def test_how_long_what_waits_will_take() -> None:
    board = Board()
    board.put(task())
    assert board.seconds == 0.0
    one = take(board)
    assert one is not None
    board.done(one, 0.2)
    for _ in range(3):
        board.put(task())
    assert board.seconds == pytest.approx(0.6)


def test_who_waits_for_a_task_is_told_when_another_comes() -> None:
    board = Board()
    start = time.monotonic()
    assert board.take(0, LOADED, alone=False, seconds=0.05) is None
    assert 0.04 < time.monotonic() - start < 1

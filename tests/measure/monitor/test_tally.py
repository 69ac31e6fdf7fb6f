"""Counting the log by the minute: once each, by whom, in which minute, and the same again from any restart."""

from __future__ import annotations

import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.measure.monitor.tally import MOST_VALUES, OTHER, Tally, minute_of
from rambarde.nouns.sighting import By, Cell, Logged, Sight
from tests.measure.monitor.documents import HOLD, NOON, RULE, at, decision, finding, recheck, record, refused

M = minute_of(NOON)


def run(documents: Iterable[Logged], minute: int | None = None) -> tuple[Tally, list[Cell]]:
    """All documents, and then an hour of silence. What looks a record up finds it among them."""
    documents = list(documents)
    bodies = {one.id: one.body for one in documents}
    tally, cells = Tally(0, minute, lambda id: bodies.get(id, b"")), []
    for one in documents:
        closed = tally.add(one, at(86_400))
        cells += closed.rows() if closed else ()
    closed = tally.tick(at(2 * 86_400))
    return tally, cells + list(closed.rows() if closed else ())


def by(cells: Iterable[Cell], which: By = By.ALL) -> dict[tuple[int, Sight, str], tuple[int, int]]:
    return {(c.minute - M, c.sight, c.value): (c.images, c.accounts) for c in cells if c.by is which}


def test_refused_released_and_by_what() -> None:
    _, cells = run(
        [
            refused(0, 1, n=4),
            record(1, 2, decision(), decision(RULE), surface="api", country="DE"),
            record(2, 61, mode="spicy"),
        ]
    )
    assert by(cells) == {
        (0, Sight.REFUSED, ""): (5, 2),
        (0, Sight.RELEASED, ""): (1, 1),
        (1, Sight.RELEASED, ""): (1, 1),
    }
    assert by(cells, By.SURFACE)[(0, Sight.REFUSED, "api")] == (1, 1)
    assert by(cells, By.RULE) == {(0, Sight.REFUSED, "sexual-output"): (5, 2)}
    assert by(cells, By.MODE)[(1, Sight.RELEASED, "spicy")] == (1, 1)
    assert by(cells, By.COUNTRY)[(0, Sight.REFUSED, "DE")] == (1, 1)


def test_what_was_held_only_because_nobody_could_look_is_no_sighting() -> None:
    _, cells = run([record(0, 1, decision(HOLD)), record(1, 2, decision(HOLD, RULE))])
    assert by(cells) == {(0, Sight.REFUSED, ""): (1, 1)}


def test_an_account_counts_once_a_minute() -> None:
    _, cells = run(
        [refused(i, 0.1 * i, account="mallory") for i in range(50)] + [refused(50, 61, account="mallory")]
    )
    assert by(cells) == {(0, Sight.REFUSED, ""): (50, 1), (1, Sight.REFUSED, ""): (1, 1)}


def test_without_an_account_the_session_counts_and_else_each_request() -> None:
    _, cells = run(
        [refused(i, i, account=None, session="s") for i in range(3)]
        + [refused(i, i, account=None) for i in range(3, 6)]
    )
    assert by(cells)[(0, Sight.REFUSED, "")] == (6, 4)


def test_rechecks_weigh_by_their_share_and_go_by_their_record() -> None:
    _, cells = run(
        [
            record(0, 1, surface="reply"),
            recheck(1, 2, "dec_0", "problematic", 0.25),
            recheck(2, 3, "dec_gone", "clean", 0.5),
            recheck(3, 4, "dec_0", "unknown", 0.25),
            finding(4, 5, "dec_0", "notice"),
            finding(5, 6, "dec_0", "sample", "clean", 0.01),
        ]
    )
    found = {c.sight: c for c in cells if c.by is By.ALL}
    assert (found[Sight.FOUND].weight, found[Sight.FOUND].square) == (4.0, 16.0)
    assert found[Sight.CLEAN].weight == 2.0 and found[Sight.UNANSWERED].weight == 4.0
    assert found[Sight.NOTICE].accounts == 1 and found[Sight.SAMPLE_CLEAN].weight == 100.0
    surfaces = by(cells, By.SURFACE)
    assert surfaces[(0, Sight.FOUND, "reply")] == (1, 1) and surfaces[(0, Sight.CLEAN, "erased")] == (1, 1)


def test_what_nobody_can_read_is_counted_as_uncounted() -> None:
    tally, cells = run(
        [
            Logged(0, "record", "x", b""),
            Logged(1, "record", "y", b"{}"),
            Logged(2, "policy", "p", b"{}"),
            recheck(3, 1, "dec_0", "perhaps"),
            recheck(4, 1, "dec_0", "clean", 7.0),
        ]
    )
    assert tally.uncounted == 4 and not by(cells) and tally.next == 5


def test_what_comes_late_counts_in_the_open_minute() -> None:
    _, cells = run([refused(0, 125), refused(1, 3), refused(2, 200)])
    assert by(cells) == {(2, Sight.REFUSED, ""): (2, 2), (3, Sight.REFUSED, ""): (1, 1)}


def test_a_clock_that_was_set_back_opens_an_earlier_minute() -> None:
    _, cells = run([refused(0, 3600), refused(1, 60), refused(2, 61)])
    assert by(cells) == {(60, Sight.REFUSED, ""): (1, 1), (1, Sight.REFUSED, ""): (2, 2)}


def test_a_clock_that_is_ahead_opens_no_minute_to_come() -> None:
    tally = Tally(0, M, lambda id: b"")
    assert tally.add(refused(0, 3600), at(20)) is None
    assert tally.open is not None and tally.open.minute == M


def test_names_beyond_number_are_counted_together() -> None:
    _, cells = run([refused(i, 1, country=f"{i:05}") for i in range(MOST_VALUES * 2)])
    assert len(cells) <= MOST_VALUES + 8
    countries = by(cells, By.COUNTRY)
    assert sum(images for images, _ in countries.values()) == MOST_VALUES * 2
    assert countries[(0, Sight.REFUSED, OTHER)][0] >= MOST_VALUES


def test_the_open_minute_closes_after_its_end() -> None:
    tally = Tally(0, M, lambda id: b"")
    tally.add(refused(0, 1), at(1))
    assert tally.tick(at(62)) is None, "what is late by seconds still belongs to it"
    closed = tally.tick(at(66))
    assert closed is not None and closed.minute == M and tally.first == 1


@pytest.mark.parametrize("seed", range(5))
def test_whoever_takes_over_counts_the_same(seed: int) -> None:
    """Stopped anywhere and begun again from what was kept (`first` and the minute): the same cells as in one go."""
    chance = random.Random(seed)
    documents = [
        refused(i, sorted([0, i * 7 + chance.gauss(0, 40), 1200])[1], account=f"a{i % 7}") for i in range(120)
    ]
    whole = run(documents)[1]
    tally, cells = Tally(0, None, lambda id: b""), []
    while tally.next < len(documents):
        closed = tally.add(documents[tally.next], at(86_400))
        cells += closed.rows() if closed else ()
        if chance.random() < 0.2 and tally.open is not None:
            tally = Tally(tally.first, tally.open.minute, lambda id: b"")
    closed = tally.tick(at(2 * 86_400))
    assert cells + list(closed.rows() if closed else ()) == whole


@given(st.lists(st.integers(0, 1200), max_size=60))
def test_every_refusal_is_counted_once(times: list[int]) -> None:
    _, cells = run([refused(i, t) for i, t in enumerate(times)])
    assert sum(c.images for c in cells if c.by is By.ALL) == len(times)

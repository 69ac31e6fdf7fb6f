"""Whose turn it is: everything is labelled by everybody, some of it twice, and the journal alone knows the state."""

from __future__ import annotations

import random

import pytest

from rambarde.measure.audit.journal import Event, Label, Labelled, Opened, Undone
from rambarde.measure.audit.rating import GAP, Rating
from rambarde.measure.audit.sheet import Unit

UNITS = [Unit(number, f"{number}.png") for number in range(1, 121)]


def opened(*raters: str, adjudicator: str | None = None, retest: float = 0.1) -> Opened:
    return Opened("t", "s", "Is it round?", raters, adjudicator, "ours", retest)


def run(rating: Rating, rater: str, say, events: list[Event], most: int = 10_000) -> int:  # type: ignore[no-untyped-def]
    done = 0
    while done < most and (task := rating.next(rater)) is not None:
        event = Labelled("t", rater, task.unit.number, say(task), task.turn)
        rating.take(event)
        events.append(event)
        done += 1
    return done


def start(*raters: str, **how: object) -> tuple[Rating, list[Event]]:
    events: list[Event] = [opened(*raters, **how)]  # type: ignore[arg-type]
    return Rating.of(UNITS, "seed", events), events


def test_two_raters_an_adjudicator_and_what_it_comes_to() -> None:
    rating, events = start("ann", "bo", adjudicator="cy")
    assert rating.next("cy") is None and rating.next("dee") is None
    run(rating, "ann", lambda task: "positive" if task.unit.number <= 40 else "negative", events)
    assert {one.label for one in rating.outcomes()} == {"unlabelled"}
    run(rating, "bo", lambda task: "positive" if task.unit.number <= 50 else "negative", events)
    told = {one.unit.number: one.label for one in rating.outcomes()}
    assert [number for number, label in told.items() if label == "disputed"] == list(range(41, 51))
    assert rating.progress("cy") == (0, 10)
    run(rating, "cy", lambda task: "unsure" if task.unit.number == 50 else "negative", events)
    told = {one.unit.number: one.label for one in rating.outcomes()}
    assert told[45] == "negative" and told[50] == "unsure" and told[40] == "positive"
    assert rating.next("cy") is None
    assert sum(row == ("negative", "positive") for row in rating.patterns()) == 10


@pytest.mark.parametrize("stop", [1, 7, 60, 130])
def test_the_journal_alone_knows_the_state(stop: int) -> None:
    rating, events = start("ann", "bo")
    draw = random.Random(stop)
    run(rating, "ann", lambda _: draw.choice(["positive", "negative", "unsure"]), events, stop)
    again = Rating.of(UNITS, "seed", events)
    assert again.next("ann") == rating.next("ann") and again.next("bo") == rating.next("bo")
    assert again.outcomes() == rating.outcomes() and again.progress("ann") == rating.progress("ann")


def test_retests_come_later_unmarked_and_once() -> None:
    rating, _ = start("ann", retest=0.2)
    turns = []
    while (task := rating.next("ann")) is not None:
        turns.append((task.turn, task.unit.number))
        rating.take(Labelled("t", "ann", task.unit.number, "positive", task.turn))
    again = [number for turn, number in turns if turn == "retest"]
    assert 10 <= len(again) <= 40 and len(set(again)) == len(again)
    assert len(turns) == len(UNITS) + len(again)
    places = [place for place, (turn, _) in enumerate(turns) if turn == "retest"]
    assert places[0] < 60, "they are not left to the end, where everybody would know"
    for place in places[:-5]:
        if turns[place + 1 :] and any(turn == "first" for turn, _ in turns[place:]):
            assert place - turns.index(("first", turns[place][1])) > GAP
    assert len(rating.retests()) == len(again)
    assert rating.progress("ann") == (len(turns), len(turns))


def test_what_was_withheld_is_shown_to_nobody_again() -> None:
    rating, _ = start("ann", "bo", adjudicator="cy", retest=0.5)
    first = rating.next("ann")
    assert first is not None
    rating.take(Labelled("t", "ann", first.unit.number, "withheld", "first"))
    assert rating.undoable("ann") is None
    for person in ("ann", "bo"):
        seen: list[Event] = []
        run(rating, person, lambda _: "positive", seen)
        assert first.unit.number not in {event.unit for event in seen if isinstance(event, Labelled)}
    assert rating.next("cy") is None
    assert rating.outcomes()[0].label == "withheld" and not rating.outcomes()[0].known


def test_a_label_that_was_taken_back_comes_again() -> None:
    rating, _ = start("ann")
    labels: list[Label] = ["positive", "negative"]
    tasks = []
    for said in labels:
        task = rating.next("ann")
        assert task is not None
        tasks.append(task)
        rating.take(Labelled("t", "ann", task.unit.number, said, task.turn))
    last = rating.undoable("ann")
    assert last is not None and last.unit == tasks[1].unit.number
    rating.take(Undone("t", "ann", last.unit, last.turn))
    assert rating.next("ann") == tasks[1]
    assert rating.progress("ann")[0] == 1

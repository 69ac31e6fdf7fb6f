"""What a refused request leaves behind, and what a follow-up makes of it."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.guard.earlier import Earlier
from rambarde.guard.inspect import Inspection
from rambarde.guard.lineage import Origin
from rambarde.guard.text.normalise import canonical
from rambarde.nouns.caller import Caller, Context
from rambarde.nouns.custody import Kept, Shelf
from rambarde.nouns.decision import Decision, Outcome, Point
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.request import Action, Request
from rambarde.nouns.signal import Polarity, Signal, SignalSpec, badness

ASKS, COVERS = SignalSpec("asks"), SignalSpec("covers", Polarity.LOW_IS_WORSE)


class Shelves:
    """A keeper in memory. `busy`: somebody else keeps the same name first."""

    def __init__(self) -> None:
        self.items: dict[str, bytes] = {}
        self.busy: Fault | None = None

    async def keep(self, shelf: Shelf, data: bytes, *, life: timedelta, id: str, **_: object) -> str:
        assert shelf is Shelf.EARLIER and life == timedelta(hours=24)
        if self.busy is not None:
            raise self.busy
        assert id not in self.items
        self.items[id] = data
        return id

    async def take(self, id: str, shelf: Shelf) -> Kept | None:
        data = self.items.get(id)
        return None if data is None else Kept(id, shelf, None, "application/json", data, {})

    async def destroy(self, id: str) -> bool:
        return self.items.pop(id, None) is not None


def blind(record: str, digest: str) -> str:
    return hashlib.sha256(f"{record}\0{digest}".encode()).hexdigest()


def turn(
    shelves: Shelves,
    prompt: str,
    asks: Signal,
    covers: Signal | None = None,
    *,
    outcome: Outcome = Outcome.ALLOW,
    context: Context = Context(account="a", session="s"),  # noqa: B008 - frozen
    chains: tuple[str, ...] = (),
) -> Inspection:
    """One request: joined, then settled as `outcome` says. Returns what it was judged by."""
    request = Request(
        "dec_1",
        Action.GENERATE,
        canonical(prompt),
        Caller("c", "web", context=context),
        datetime(2026, 1, 9, tzinfo=UTC),
        "d",
    )
    one = Earlier(shelves, blind, request, Origin(chains=chains), (ASKS, COVERS))  # type: ignore[arg-type]
    signals: Iterable[Signal] = (asks, covers or Signal.measured("covers", 1.0))
    seen = Inspection({signal.name: signal for signal in signals})

    async def both() -> Inspection:
        joined = await one.join(seen)
        await one.settle(joined, Decision(Point.ADMIT, outcome, (), (), "p"))
        return joined

    return asyncio.run(both())


LOW, HIGH = Signal.measured("asks", 0.1), Signal.measured("asks", 0.9)


def test_a_follow_up_has_the_worse_of_each_signal() -> None:
    shelves = Shelves()
    turn(shelves, "words", HIGH, Signal.measured("covers", 0.2), outcome=Outcome.BLOCK)
    seen = turn(shelves, "a bit more", LOW, Signal.measured("covers", 0.1), outcome=Outcome.BLOCK)
    assert seen.signals["asks"].value == 0.9 and seen.signals["covers"].value == 0.1
    assert [(e.signal, e.words, e.where) for e in seen.evidence] == [("asks", "a bit more", "earlier")]


SIGNALS = st.one_of(
    st.floats(0, 1).map(lambda v: Signal.measured("asks", v)),
    st.just(Signal.absent("asks")),
    st.just(Signal.no_answer("asks", "script")),
)


@given(SIGNALS, SIGNALS)
def test_a_follow_up_is_never_better_than_itself_or_what_it_carries_on(first: Signal, second: Signal) -> None:
    shelves = Shelves()
    turn(shelves, "words", first, outcome=Outcome.REVIEW)
    joined = turn(shelves, "go on", second).signals["asks"]
    assert badness(joined, ASKS.polarity) == max(badness(s, ASKS.polarity) for s in (first, second))


def test_what_a_broken_detector_said_is_not_carried_on() -> None:
    shelves = Shelves()
    turn(shelves, "words", Signal.failed("asks", "late"), outcome=Outcome.BLOCK)
    assert turn(shelves, "go on", LOW).signals["asks"] == LOW


@pytest.mark.parametrize(
    ("between", "carried"),
    [
        (("words of its own", Outcome.ALLOW), False),
        (("words of its own", Outcome.BLOCK), False),
        (("go on", Outcome.ALLOW), True),
        (("go on", Outcome.BLOCK), True),
    ],
)
def test_the_last_request_with_words_of_its_own_counts(between: tuple[str, Outcome], carried: bool) -> None:
    shelves = Shelves()
    turn(shelves, "words", HIGH, outcome=Outcome.BLOCK)
    turn(shelves, between[0], LOW, outcome=between[1])
    assert (turn(shelves, "go on", LOW).signals["asks"].value == 0.9) is carried


def test_an_admitted_request_leaves_nothing() -> None:
    shelves = Shelves()
    turn(shelves, "words", HIGH)
    assert shelves.items == {}


@pytest.mark.parametrize(
    ("context", "chains", "felt"),
    [
        (Context(account="a", session="s"), (), True),
        (Context(account="a", session="t"), (), False),
        (Context(account="b", session="s"), (), False),
        (Context(session="s"), (), False),
        (Context(account="a"), ("chain",), True),
        (Context(account="b"), ("chain",), False),
        (Context(account="a"), (), False),
    ],
)
def test_who_feels_a_refusal(context: Context, chains: tuple[str, ...], felt: bool) -> None:
    shelves = Shelves()
    turn(shelves, "words", HIGH, outcome=Outcome.BLOCK, chains=("chain",))
    seen = turn(shelves, "go on", LOW, context=context, chains=chains)
    assert (seen.signals["asks"].value == 0.9) is felt


def test_names_tell_nothing_and_bodies_are_numbers() -> None:
    shelves = Shelves()
    turn(shelves, "words", HIGH, outcome=Outcome.BLOCK)
    ((name, data),) = shelves.items.items()
    assert len(name) == 64 and data == b'{"asks": ["VALUE", 0.9], "covers": ["VALUE", 1.0]}'


def test_two_refusals_at_once_are_one_and_other_faults_are_faults() -> None:
    shelves = Shelves()
    shelves.busy = Fault(Kind.CONFLICT, "item_exists", "m", remedy="r")
    turn(shelves, "words", HIGH, outcome=Outcome.BLOCK)
    shelves.busy = Fault(Kind.INTERNAL, "database", "m", remedy="r")
    with pytest.raises(Fault):
        turn(shelves, "words", HIGH, outcome=Outcome.BLOCK)

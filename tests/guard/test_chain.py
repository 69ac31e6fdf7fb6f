"""The chain: exactly one record for every request, whatever fails, and nothing leaves that is not recorded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rambarde.guard import chain as module
from rambarde.guard import sight
from rambarde.guard.answer import Released, Withheld
from rambarde.guard.arrival import Draft, Repeated, Upload
from rambarde.guard.room import Room
from rambarde.nouns.caller import Caller
from rambarde.nouns.custody import Shelf
from rambarde.nouns.decision import Outcome
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.record import Ending
from rambarde.nouns.request import Action
from rambarde.nouns.signal import Signal
from tests.guard.stand import LOOK, NOW, TEXT, Fake, Happened, arrival, chain, png

URL = Draft("a tree", deliver_url=True)


def full() -> Fault:
    return Fault(Kind.INTERNAL, "not_recorded", "The disk is full.", remedy="Make room.")


def busy() -> Fault:
    return Fault(Kind.OVERLOADED, "upstream_busy", "Busy.", remedy="Wait.")


def bug() -> RuntimeError:
    return RuntimeError("the secret prompt")


def bare(*values: float) -> Fake:
    """Sees so much in the outputs, one after the other (their brightness tells which)."""

    def answers(picture: Any) -> Iterable[Signal]:
        index = int(picture.rgb[0, 0, 0]) - 100
        yield Signal.measured("bare", values[index])
        yield Signal.measured("clothed", 1.0)

    return Fake(LOOK, answers)


def batch(n: int) -> tuple[bytes, ...]:
    return tuple(png(level=100 + index) for index in range(n))


# ---- the order of things -----------------------------------------------------------------------------


KEPT = ("remember", "fingerprint", "keep")
"""What is done for an image that may leave, before it is recorded."""


async def test_a_request_goes_down_the_path_and_is_recorded_before_it_is_released() -> None:
    happened = Happened()
    answer = await chain(happened).run(arrival(happened, URL))
    assert happened.steps == ["read", "identify", "trace", "generate", "sign", *KEPT, "record"]
    assert answer.ending is Ending.RELEASED and answer.refusal is None
    (image,) = answer.images
    assert isinstance(image, Released) and image.file == "item-0"
    assert happened.kept == {"item-0": Shelf.FILE}
    (record,) = happened.records
    assert (record.id, record.ending, record.request) == ("dec_1", Ending.RELEASED, "blind dec_1")
    assert [o.item for o in record.outputs] == ["item-0"]
    assert answer.receipt.index == 0


async def test_nothing_is_kept_of_what_leaves_at_once() -> None:
    happened = Happened()
    await chain(happened).run(arrival(happened))
    assert "keep" not in happened.steps


async def test_what_is_refused_is_not_generated() -> None:
    happened = Happened()
    bad = Fake(TEXT, lambda _: [Signal.measured("bad", 1.0)])
    answer = await chain(happened, bad).run(arrival(happened))
    assert answer.images == () and answer.refusal is not None and answer.refusal.floor_hit
    assert "generate" not in happened.steps
    assert [record.ending for record in happened.records] == [Ending.REFUSED]


async def test_each_image_has_a_decision_of_its_own() -> None:
    happened = Happened()
    made = chain(happened, bare(0.1, 0.6, 0.2), pictures=batch(3))
    answer = await made.run(arrival(happened, Draft("a tree", n=3)))
    assert [type(image) for image in answer.images] == [Released, Withheld, Released]
    assert answer.ending is Ending.PARTLY_HELD and happened.kept == {"item-0": Shelf.HELD}
    (record,) = happened.records
    assert [o.decision.outcome for o in record.outputs] == [Outcome.ALLOW, Outcome.REVIEW, Outcome.ALLOW]
    assert [o.item for o in record.outputs] == [None, "item-0", None]


async def test_what_may_leave_can_be_traced_and_nothing_of_who_asked_is_with_it() -> None:
    happened = Happened()
    made = chain(happened, bare(0.1, 0.6, 0.7), pictures=batch(3))
    await made.run(arrival(happened, Draft("a tree", n=3)))
    (record,) = happened.records
    outputs = [output for output, _ in happened.prints]
    assert [(o.decision, o.surface, o.system, o.made_at) for o in outputs] == [
        ("dec_1", "web", "stand", NOW)
    ] * 3
    assert [(o.index, o.held) for o in outputs] == [(0, False), (1, True), (2, True)]
    assert [p.sha256.hex() for _, p in happened.prints] == [note.sha256 for note in record.outputs]


async def test_a_floor_stops_the_batch_and_nothing_of_it_is_kept() -> None:
    happened = Happened()
    made = chain(happened, bare(0.1, 0.6, 0.95), pictures=batch(3))
    answer = await made.run(arrival(happened, replace(URL, n=3)))
    assert all(isinstance(image, Withheld) and image.item is None for image in answer.images)
    assert answer.ending is Ending.REFUSED and answer.refusal is not None and answer.refusal.floor_hit
    assert set(KEPT).isdisjoint(happened.steps) and happened.kept == {}


# ---- whatever fails ----------------------------------------------------------------------------------

STEPS = ("read", "identify", "trace", "generate", *KEPT)


@pytest.mark.parametrize("step", STEPS)
@pytest.mark.parametrize("error", [busy, bug])
async def test_whatever_fails_there_is_one_record_and_no_image(
    step: str, error: Callable[[], Exception]
) -> None:
    happened = Happened(fails={step: error()})
    with pytest.raises(Fault) as caught:
        await chain(happened).run(arrival(happened, URL))
    expected = "upstream_busy" if error is busy else "internal"
    assert caught.value.code == expected and "secret" not in str(caught.value)
    (record,) = happened.records
    assert record.ending is Ending.FAULT and record.fault is not None and record.fault.code == expected
    assert record.outputs == () and happened.kept == {}


@pytest.mark.parametrize("step", ["inspector", "decode", "seal", "decide"])
async def test_whatever_breaks_inside_too(step: str, monkeypatch: pytest.MonkeyPatch) -> None:
    happened = Happened()
    made = chain(happened)

    def broken(*_: object, **__: object) -> None:
        raise bug()

    async def breaking(*_: object) -> None:
        raise bug()

    if step == "inspector":
        made.inspector.output = breaking  # type: ignore[method-assign,assignment]
    elif step == "decode":
        monkeypatch.setattr(sight, step, broken)
    elif step == "decide":
        monkeypatch.setattr(made.policies.evaluator, "decide", broken)
    else:
        monkeypatch.setattr(module, step, broken)
    with pytest.raises(Fault) as caught:
        await made.run(arrival(happened, URL))
    assert caught.value.code == "internal"
    assert [record.ending for record in happened.records] == [Ending.FAULT] and happened.kept == {}


@pytest.mark.parametrize("error", [full, bug])
async def test_what_cannot_be_recorded_is_not_released_and_not_kept(
    error: Callable[[], Exception], caplog: pytest.LogCaptureFixture
) -> None:
    happened = Happened(fails={"record": error()})
    made = chain(happened, bare(0.1, 0.6, 0.1), pictures=batch(3))
    with pytest.raises(Fault) as caught:
        await made.run(arrival(happened, replace(URL, n=3)))
    assert caught.value.kind is Kind.INTERNAL
    assert happened.kept == {} and happened.steps.count("keep") == happened.steps.count("destroy") == 3
    assert "could not be recorded" in caplog.text


async def test_one_that_cannot_be_destroyed_saves_no_other(caplog: pytest.LogCaptureFixture) -> None:
    happened = Happened(fails={"record": full(), "destroy": bug()})
    made = chain(happened, bare(0.1, 0.6), pictures=batch(2))
    with pytest.raises(Fault) as caught:
        await made.run(arrival(happened, replace(URL, n=2)))
    assert caught.value.code == "not_recorded", "the first failure is the one that is told"
    assert happened.steps.count("destroy") == 2 and "could not be destroyed" in caplog.text


async def test_a_generator_that_answers_too_many_or_no_pictures_releases_none() -> None:
    for pictures, code in (
        (batch(2), "upstream_wrong_count"),
        ((), "upstream_wrong_count"),
        ((b"<html>",), "upstream_not_an_image"),
    ):
        happened = Happened()
        with pytest.raises(Fault) as caught:
            await chain(happened, pictures=pictures).run(arrival(happened))
        assert caught.value.code == code and len(happened.records) == 1


async def test_a_detector_that_crashes_at_release_blocks() -> None:
    def answers(_: object) -> Iterable[Signal]:
        raise RuntimeError

    happened = Happened()
    answer = await chain(happened, Fake(LOOK, answers)).run(arrival(happened, URL))
    assert answer.refusal is not None and "unchecked" in [fired.rule for fired in answer.refusal.fired]
    assert happened.kept == {}


@pytest.mark.parametrize("step", [*STEPS, "record"])
async def test_a_request_that_is_cancelled_is_recorded_once(step: str) -> None:
    happened = Happened(waits={step: asyncio.Event()}, reached={step: asyncio.Event()})
    task = asyncio.create_task(chain(happened).run(arrival(happened, URL)))
    await asyncio.wait_for(happened.reached[step].wait(), 5)
    del happened.waits[step]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    (record,) = happened.records
    assert record.fault is not None and record.fault.code == "cancelled"
    assert happened.kept == {}


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=4),
    st.sets(st.sampled_from([*STEPS, "record"]), max_size=2),
    st.booleans(),
)
def test_one_record_or_a_shout_and_no_more_than_was_decided(
    values: list[float], fails: set[str], url: bool
) -> None:
    async def one() -> None:
        happened = Happened(fails={step: RuntimeError() for step in fails})
        made = chain(happened, bare(*values), pictures=batch(len(values)))
        try:
            answer = await made.run(arrival(happened, Draft("a tree", n=len(values), deliver_url=url)))
        except Fault:
            assert len(happened.records) == ("record" not in fails)
            assert happened.kept == {}
        else:
            assert len(happened.records) == 1 and "record" not in fails
            worst = max(values)
            left = [image for image in answer.images if isinstance(image, Released)]
            assert len(left) == (0 if worst >= 0.9 else sum(value < 0.5 for value in values))
        finally:
            made.inspector.close()

    asyncio.run(one())


# ---- before anything is generated --------------------------------------------------------------------


async def test_nothing_is_generated_before_the_models_are_ready() -> None:
    happened = Happened()
    made = chain(happened)
    made.ready = False
    with pytest.raises(Fault) as caught:
        await made.run(arrival(happened))
    assert (caught.value.code, caught.value.retry_after) == ("not_ready", 2)
    assert "generate" not in happened.steps and len(happened.records) == 1


async def test_what_does_not_fit_is_recorded_and_frees_its_place() -> None:
    happened = Happened(waits={"generate": asyncio.Event()}, reached={"generate": asyncio.Event()})
    made = chain(happened, room=Room(requests=1))
    first = asyncio.create_task(made.run(arrival(happened)))
    await happened.reached["generate"].wait()
    with pytest.raises(Fault) as caught:
        await made.run(arrival(happened, id="dec_2"))
    assert caught.value.kind is Kind.OVERLOADED
    happened.waits["generate"].set()
    assert (await first).ending is Ending.RELEASED
    assert [(r.id, r.ending) for r in happened.records] == [
        ("dec_2", Ending.FAULT),
        ("dec_1", Ending.RELEASED),
    ]
    assert (await made.run(arrival(happened, id="dec_3"))).ending is Ending.RELEASED


@pytest.mark.parametrize(
    ("caller", "code"),
    [
        (Caller("c", "billboard"), "surface_not_offered"),
        (Caller("c", "web", "unheard-of"), "mode_not_offered"),
    ],
)
async def test_what_the_policy_does_not_name_has_no_rules_and_is_refused(caller: Caller, code: str) -> None:
    async def identify(_: str) -> Caller:
        return caller

    happened = Happened()
    with pytest.raises(Fault) as caught:
        await chain(happened).run(replace(arrival(happened), identify=identify))
    assert (caught.value.kind, caught.value.code) == (Kind.FORBIDDEN, code)
    assert len(happened.records) == 1 and happened.records[0].mode == caller.mode


async def test_a_repeat_is_no_request_of_its_own() -> None:
    happened = Happened(fails={"identify": Repeated("item")})
    with pytest.raises(Repeated):
        await chain(happened).run(arrival(happened))
    assert happened.records == [] and "generate" not in happened.steps


async def test_checking_generates_keeps_and_records_nothing() -> None:
    happened = Happened()
    supposed = {"input.bare": Signal.measured("input.bare", 0.0)}
    asked = arrival(happened, action=Action.EDIT)
    record, decision = await chain(happened).check(asked, supposed)
    assert record.ending is Ending.CHECKED and decision.allowed
    assert happened.steps == ["read", "identify", "trace"] and happened.records == []


async def test_checking_gives_back_its_room() -> None:
    happened = Happened()
    made = chain(happened, room=Room(pixels=100))
    for n in range(5):
        draft = Draft("a tree", images=(Upload(png()),))
        _, decision = await made.check(arrival(happened, draft, action=Action.EDIT, id=f"dec_{n}"))
        assert decision.allowed


async def test_an_edit_needs_its_picture_and_reserves_room_for_it() -> None:
    happened = Happened()
    made = chain(happened, room=Room(pixels=63))
    for draft, code in (
        (Draft("a tree"), "image_missing"),
        (Draft("a tree", images=(Upload(png()),)), "overloaded"),
    ):
        with pytest.raises(Fault) as caught:
            await made.run(arrival(happened, draft, action=Action.EDIT))
        assert caught.value.code == code
    assert len(happened.records) == 2 and "generate" not in happened.steps

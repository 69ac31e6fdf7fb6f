"""Inspecting: whatever a detector does, each of its signals is answered, in time, and a silence is no good news."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from rambarde.guard.detectors.contract import Reading
from rambarde.guard.inspect import Inspector
from rambarde.guard.policy.language import Requirement
from rambarde.nouns.caller import Caller
from rambarde.nouns.request import Action, Picture, Request, Text
from rambarde.nouns.signal import Signal, State
from tests.guard.stand import DIGEST, LOOK, NOW, TEXT, Fake, inspector, required

PROMPT = Text("A tree", "A tree", "a tree")


def picture(level: int) -> Picture:
    rgb = np.full((4, 4, 3), level, np.uint8)
    return Picture(b"", "image/png", str(level), rgb)


def request(*pictures: Picture, negative: Text | None = None, mask: Picture | None = None) -> Request:
    return Request(
        "dec_1",
        Action.EDIT if pictures else Action.GENERATE,
        PROMPT,
        Caller("c", "web"),
        NOW,
        "digest",
        negative_prompt=negative,
        images=pictures,
        mask=mask,
    )


def level(subject: Any) -> Iterable[Signal]:
    """Both signals say how bright the picture is."""
    value = float(subject.rgb[0, 0, 0]) / 255
    return Signal.measured("bare", value), Signal.measured("clothed", value)


async def test_signals_of_words_inputs_and_outputs() -> None:
    made = inspector(Fake(TEXT), Fake(LOOK, level))
    asked = await made.request(request(picture(51)))
    assert {name: s.value for name, s in asked.signals.items()} == {
        "bad": 0.0,
        "input.bare": 0.2,
        "input.clothed": 0.2,
    }
    assert asked.timings.keys() == {"words", "input.look"}
    seen = await made.output(picture(255))
    assert {name: s.value for name, s in seen.signals.items()} == {"output.bare": 1.0, "output.clothed": 1.0}


async def test_of_several_pictures_the_worst_counts_at_either_end() -> None:
    made = inspector(Fake(LOOK, level))
    asked = await made.request(request(picture(51), picture(204), mask=picture(102)))
    assert asked.signals["input.bare"].value == 0.8
    assert asked.signals["input.clothed"].value == 0.2


async def test_one_picture_without_an_answer_makes_the_whole_unknown() -> None:
    def answers(subject: Picture) -> Iterable[Signal]:
        yield Signal.no_answer("bare", "grey") if subject.sha256 == "1" else Signal.measured("bare", 1.0)
        yield Signal.absent("clothed") if subject.sha256 == "1" else Signal.measured("clothed", 1.0)

    asked = await inspector(Fake(LOOK, answers)).request(request(picture(2), picture(1), picture(3)))
    assert asked.signals["input.bare"].state is State.NO_ANSWER
    assert asked.signals["input.clothed"].state is State.VALUE


async def test_a_negative_prompt_is_judged_as_the_request_it_makes() -> None:
    seen: list[Text] = []

    def answers(text: Text) -> Iterable[Signal]:
        seen.append(text)
        yield Signal.measured("bad", 0.9 if "without" in text.clean else 0.1)

    clothes = Text("Clothes", "Clothes", "clothes")
    asked = await inspector(Fake(TEXT, answers)).request(request(negative=clothes))
    assert [text.folded for text in seen] == ["a tree", "without clothes"]
    assert asked.signals["bad"].value == 0.9


async def test_without_a_picture_there_is_nothing_in_it() -> None:
    look = Fake(LOOK)
    asked = await inspector(look).request(request())
    assert {s.state for s in asked.signals.values()} == {State.ABSENT} and look.calls == 0


def crash(_: object) -> Iterable[Signal]:
    raise RuntimeError("the secret prompt")


def out_of_memory(_: object) -> Iterable[Signal]:
    raise MemoryError


def not_a_number(_: object) -> Iterable[Signal]:
    return [Signal.measured("bad", float("nan"))]


def too_much(_: object) -> Iterable[Signal]:
    return [Signal.measured("bad", 0.0), Signal.measured("worse", 0.0)]


def twice(_: object) -> Iterable[Signal]:
    return [Signal.measured("bad", 0.0), Signal.measured("bad", 1.0)]


def too_little(_: object) -> Iterable[Signal]:
    return []


def another(_: object) -> Iterable[Signal]:
    return [Signal.measured("good", 0.0)]


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        (crash, "failed: RuntimeError"),
        (out_of_memory, "failed: MemoryError"),
        (not_a_number, "failed: ValueError"),
        (too_much, "answered other signals than it declares"),
        (twice, "answered other signals than it declares"),
        (too_little, "answered other signals than it declares"),
        (another, "answered other signals than it declares"),
    ],
)
async def test_what_goes_wrong_in_a_detector_is_failed_and_says_why(
    answers: Callable[[Any], Iterable[Signal]], reason: str
) -> None:
    asked = await inspector(Fake(TEXT, answers), Fake(LOOK)).request(request())
    assert asked.signals["bad"] == Signal.failed("bad", reason)
    assert "secret" not in str(asked.signals)
    assert asked.signals["input.bare"].state is State.ABSENT, "the others answer"


@pytest.mark.parametrize("answer", [None, 0.5, [], (Signal.measured("bad", 0.0),), Reading((None,))])  # type: ignore[arg-type]
async def test_an_answer_of_another_type_is_failed(answer: object) -> None:
    fake = Fake(TEXT)
    fake.inspect = lambda _: answer  # type: ignore[method-assign,assignment,return-value]
    asked = await inspector(fake).request(request())
    assert asked.signals["bad"].state is State.FAILED


async def test_who_is_late_is_failed_and_holds_nobody_up() -> None:
    slow = Fake(replace(TEXT, deadline=0.05), seconds=2.0)
    made = inspector(slow, Fake(LOOK, level))
    start = time.perf_counter()
    asked = await made.request(request(picture(51)))
    assert time.perf_counter() - start < 1.8
    assert asked.signals["bad"] == Signal.failed("bad", "late")
    assert asked.signals["input.bare"].value == 0.2


async def test_one_that_hangs_starves_nobody_and_recovers() -> None:
    slow, look = Fake(replace(TEXT, deadline=0.05), seconds=0.4), Fake(LOOK, level)
    made = inspector(slow, look)
    many = await asyncio.gather(*(made.request(request(picture(51))) for _ in range(12)))
    assert all(asked.signals["bad"].state is State.FAILED for asked in many)
    assert all(asked.signals["input.bare"].value == 0.2 for asked in many)
    assert slow.calls <= 4, "what was given up while it waited for a thread is not begun"
    slow.seconds = 0.0
    end = time.monotonic() + 20
    while (await made.request(request())).signals["bad"].state is not State.VALUE:
        assert time.monotonic() < end, "it does not recover"
        await asyncio.sleep(0.05)


async def test_a_detector_that_is_not_the_required_one_is_unfit() -> None:
    for changed in (
        Requirement("words", "2", DIGEST),
        Requirement("words", "1", "sha256:" + "1" * 64),
    ):
        fake = Fake(TEXT)
        made = Inspector([fake], [changed])
        made.load()
        assert "requires" in made.unfit["words"] and made.versions == ()
        asked = await made.request(request())
        assert asked.signals["bad"].state is State.FAILED and fake.calls == 0


async def test_a_detector_that_does_not_load_is_unfit_with_and_without_pictures() -> None:
    def broken() -> None:
        raise OSError("no such weights")

    fake = Fake(LOOK)
    fake.load = broken  # type: ignore[method-assign]
    made = inspector(fake, Fake(TEXT))
    assert made.unfit == {"look": "OSError: no such weights"}
    for asked in (await made.request(request()), await made.request(request(picture(1)))):
        assert asked.signals["input.bare"].state is State.FAILED, "what could not be checked must not begin"
        assert asked.signals["bad"].state is State.VALUE


async def test_before_loading_everything_is_failed() -> None:
    fakes = (Fake(TEXT), Fake(LOOK))
    made = Inspector(fakes, required(*fakes))
    assert made.unfit == {"words": "not loaded yet", "look": "not loaded yet"}
    asked = await made.request(request())
    assert {s.state for s in asked.signals.values()} == {State.FAILED}


def test_a_required_detector_that_is_not_installed_is_unfit() -> None:
    made = Inspector([Fake(TEXT)], required(Fake(TEXT), Fake(LOOK)))
    made.load()
    assert made.unfit == {"look": "not installed"}
    assert made.versions == (("words", f"1@{DIGEST}"),)

"""Each leaky target on a real local server is named by its leak, the tight one is tight, the worst ends the probe."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from rambarde.interfaces.probing.leaky import INTIMATE, LEAKY, TIGHT, Leaky, serving
from rambarde.interfaces.probing.marks import Mark, MarkLooker, drawn
from rambarde.interfaces.probing.probing import probe, queue
from rambarde.measure.probe.attempt import Ask, Route
from rambarde.measure.probe.ci import complete, failures
from rambarde.measure.probe.outcome import Outcome
from rambarde.measure.probe.pictures import drawn as figure
from rambarde.measure.probe.pictures import prepared
from rambarde.measure.probe.ports import Finding
from rambarde.measure.probe.report import Report

ASK = Ask(Route.EDIT, "a hat")


async def probed(leaky: Leaky, **limits: object) -> Report:
    async with serving(leaky) as target:
        more = {"requests": 48, **limits}
        return await probe(
            msgspec.structs.replace(target, limits=msgspec.structs.replace(target.limits, **more)),
            MarkLooker(),
        )


@pytest.mark.parametrize("leaky", LEAKY, ids=lambda one: one.name)
async def test_each_leak_is_named_and_no_other(leaky: Leaky) -> None:
    made = await probed(leaky, requests=72 if leaky.name == "variations" else 40)
    assert [leak.name for leak in made.leaks] == [leaky.leak]
    assert made.verdict == "leaky" and failures(made)
    whole = made.slice("all", "")
    assert whole is not None and whole.wrongly_refused.hits == 0 < whole.wrongly_refused.of


async def test_what_is_tight_is_told_as_tight() -> None:
    made = await probed(TIGHT)
    assert (made.verdict, made.leaks, made.parity.differ.hits) == ("tight", (), 0)
    assert complete(made) and not failures(made) and made.parity.differ.of > 10
    assert {one.state for one in made.removals} == {"gone"}


async def test_the_first_intimate_result_ends_the_probe() -> None:
    made = await probed(INTIMATE, concurrency=1)
    assert (made.verdict, made.ended) == ("intimate", "intimate") and made.intimate is not None
    assert sum(row.intimate for row in made.rows) == 1
    assert sum(row.outcome is Outcome.SKIPPED for row in made.rows) == len(made.rows) - 1
    assert made.header.requests == 1 and not made.removals


async def test_a_guard_that_refuses_everything_shows_in_the_twins() -> None:
    made = await probed(replace(TIGHT, guarded=lambda asked: True))
    whole = made.slice("all", "")
    assert whole is not None and whole.wrongly_refused.share == 1.0 and whole.bypass.hits == 0
    assert made.verdict == "closed" and made.closed == ("app", "web") and not complete(made)


async def test_marks_and_what_is_none() -> None:
    looker = MarkLooker()
    for mark in Mark:
        assert (await looker.look(ASK, None, drawn(mark))).finding is mark.finding
    for data in (figure(), b"no picture"):
        assert (await looker.look(ASK, None, data)).finding is Finding.DOUBT


async def test_doubt_waits_for_a_person_without_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rambarde.interfaces.probing.leaky.drawn", lambda mark: figure())
    made = await probed(replace(TIGHT, guarded=lambda asked: False), requests=24)
    waiting = queue(made)
    assert len(waiting) == len(made.rows) > 0 and not made.leaks
    assert all(str(one["reference"]).startswith("img-") and len(str(one["sha256"])) == 64 for one in waiting)


def test_pictures_are_dressed(tmp_path: Path) -> None:
    photo = figure()
    assert prepared(ASK, photo) == (photo, None)
    small, _ = prepared(replace(ASK, side=48), photo)
    lettered, _ = prepared(replace(ASK, lettering="give her a hat " * 9), photo)
    same, mask = prepared(replace(ASK, mask=True), photo)
    assert len({photo, small, lettered}) == 3 and mask is not None and same

"""A switch of a measure starts a probe, and what came of it is published: its result, and its failure."""

from __future__ import annotations

import time
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import msgspec
import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from rambarde.interfaces.checkup import government
from rambarde.interfaces.checkup.row import Status
from rambarde.interfaces.http import effects as page
from rambarde.interfaces.probing import effect as effecting
from rambarde.interfaces.probing.effect import DONE, FAILED, RUNNING, Effect, begin, effects, finish
from rambarde.interfaces.probing.leaky import LEAKY, TIGHT, Leaky, serving
from rambarde.interfaces.probing.marks import MarkLooker
from rambarde.interfaces.probing.probing import probe
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.wiring import Gateway
from rambarde.measure.probe.report import Report

TARGETS = """
name = "Ours"
photo = "drawn"
[authority]
basis = "owned"
by = "Ada Byron"
on = 2026-11-01
hosts = ["127.0.0.1"]
[limits]
requests = 4
per_minute = 60000
seconds = 1
[[surface]]
name = "web"
url = "http://127.0.0.1:9/v1"
"""


class _Opened(MarkLooker):
    """In the detectors' place."""

    @classmethod
    def open(cls, _: Settings) -> _Opened:
        return cls()

    def close(self) -> None: ...


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setattr(effecting, "DetectorLooker", _Opened)
    # In this process, and at once.
    monkeypatch.setattr(effecting, "_start", finish)
    targets = tmp_path / "targets.toml"
    targets.write_text(TARGETS, "utf-8")
    return Settings(data=str(tmp_path / "data"), probe_targets=str(targets))


def test_without_targets_nothing_is_probed(tmp_path: Path) -> None:
    assert begin(Settings(data=str(tmp_path)), "no-images", on=True) is None
    assert effects(Settings(data=str(tmp_path))) == ()


def test_a_probe_that_answers_nothing_is_published_as_failed(settings: Settings) -> None:
    begun = begin(settings, "no-images", on=True, breaker=True)
    assert begun is not None and begun.state == RUNNING
    (told,) = effects(settings)
    assert (told.state, told.breaker, told.verdict) == (FAILED, True, "incomplete")
    assert "too little" in told.why


@pytest.mark.parametrize(
    ("text", "why"), [(None, "FileNotFoundError"), ("name = 1", "probe_targets_invalid")]
)
def test_a_probe_that_cannot_begin_is_published_as_failed(
    settings: Settings, text: str | None, why: str
) -> None:
    targets = Path(settings.probe_targets)
    targets.unlink() if text is None else targets.write_text(text)
    begun = begin(settings, "no-images", on=True)
    assert begun is not None and (begun.state, begun.why) == (FAILED, why)
    assert effects(settings) == (begun,)


def test_a_detector_that_fails_is_published(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: Settings) -> _Opened:
        raise RuntimeError("a secret path")

    monkeypatch.setattr(_Opened, "open", broken)
    begin(settings, "no-images", on=False)
    (told,) = effects(settings)
    assert (told.state, told.why, told.on) == (FAILED, "RuntimeError", False)


def test_a_probe_that_never_ends_reads_failed(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(effecting, "_start", lambda work: None)
    begin(settings, "no-images", on=True)
    (path,) = Path(settings.data, effecting.FOLDER).glob("*.effect.json")
    running = msgspec.json.decode(path.read_bytes(), type=Effect)
    assert effects(settings)[0].state == RUNNING
    path.write_bytes(msgspec.json.encode(msgspec.structs.replace(running, until="2026-01-01T00:00:00+00:00")))
    assert (effects(settings)[0].state, effects(settings)[0].why) == (FAILED, "it ended without a result")
    path.write_bytes(b"{")
    assert effects(settings)[0].why == "its file cannot be read"


async def _report(leaky: Leaky) -> Report:
    async with serving(leaky) as target:
        few = msgspec.structs.replace(target.limits, requests=60)
        return await probe(msgspec.structs.replace(target, limits=few), MarkLooker())


async def test_the_public_learns_how_much_and_not_by_which_words() -> None:
    before, after = await _report(replace(TIGHT, guarded=lambda asked: False)), await _report(TIGHT)
    begun = Effect("no-people", True, False, "2026-11-23T03:00:00+00:00", "", RUNNING)
    told = effecting.published(begun, after, before)
    assert (told.state, told.verdict, told.since) == (DONE, "tight", before.header.made_at)
    assert any("better" in line for line in told.changed)
    assert {one.name for one in told.bypass} == {"web", "app"}
    leaking = effecting.published(begun, await _report(LEAKY[0]), None)
    shown = msgspec.json.encode(leaking).decode() + page._item(leaking)
    assert leaking.verdict == "leaky" and "must not pass do on web" in shown
    assert not any(word in shown for word in ("base64", "swimwear", "undress", "open-website", "/twin"))


def test_effects_are_there_for_anybody(settings: Settings) -> None:
    app = FastAPI()
    page.add(app, cast(Gateway, SimpleNamespace(settings=settings)))
    client = TestClient(app)
    assert "No switch was probed" in client.get("/effects").text
    begin(settings, "<no-images>", on=True, breaker=True)
    shown = client.get("/effects")
    assert shown.status_code == 200 and "FAILED" in shown.text and "by a breaker" in shown.text
    assert "&lt;no-images&gt;" in shown.text and "<no-images>" not in shown.text
    (told,) = client.get("/v1/effects").json()["effects"]
    assert (told["measure"], told["state"], told["on"]) == ("<no-images>", FAILED, True)


def test_the_checkup_says_whether_a_switch_can_be_probed(settings: Settings) -> None:
    now = datetime.now(UTC)
    (row,) = government._effects(settings, now)
    assert row.status is Status.OK and "1 surface" in row.detail
    begin(settings, "no-images", on=True)
    (row,) = government._effects(settings, now)
    assert row.status is Status.WARN and "no-images" in row.detail
    Path(settings.probe_targets).write_text("name = 1")
    (row,) = government._effects(settings, now)
    assert row.status is Status.WARN and row.remedy
    assert not list(government._effects(replace(settings, probe_targets=""), now))


def test_the_switch_does_not_wait(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    """The real process: it is started, outlives the call, and writes what came of it."""
    monkeypatch.undo()
    broken = replace(settings, policy="none.yaml")
    started = time.monotonic()
    begun = begin(broken, "no-images", on=True)
    assert begun is not None and begun.state == RUNNING and time.monotonic() - started < 2
    until = time.monotonic() + 60
    while effects(broken)[0].state == RUNNING and time.monotonic() < until:
        time.sleep(0.1)
    assert effects(broken)[0].state == FAILED and effects(broken)[0].why

"""Nothing leaves unchecked or unrecorded: holds, floors, failing detectors, failing records, bad upstreams."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import io
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx2 as httpx
import numpy as np
import pytest
import skimage
from PIL import Image

from rambarde.guard.detectors.contract import DetectorInfo, Reading
from rambarde.guard.inspect import Inspector
from rambarde.guard.upstreams.contract import Generated
from rambarde.guard.upstreams.openai import OpenAIUpstream
from rambarde.interfaces.wiring import Gateway
from rambarde.nouns.custody import Shelf
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.request import Picture, Request, Text
from rambarde.nouns.signal import Signal
from tests.interfaces.conftest import png
from tests.interfaces.serving import Served, serving
from tests.sealed import bare
from tests.servers import fake_openai

ROUTES = ("/v1/images/generations", "/v1/images/edits")


class Pictures:
    """An upstream that answers given pictures, and counts."""

    name = "pictures"

    def __init__(self, *pictures: bytes, wait: threading.Event | None = None) -> None:
        self.pictures, self.wait, self.calls = pictures, wait, 0

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def generate(self, request: Request, *, deadline: float) -> tuple[Generated, ...]:
        self.calls += 1
        if self.wait is not None:
            await asyncio.to_thread(self.wait.wait, 20)
        return tuple(Generated(picture) for picture in self.pictures)


class Nudity:
    """Stands where the nudity detector stands, with its name and digest; its signal is the test's."""

    def __init__(self, like: Any, by_digest: dict[str, Signal], otherwise: Signal) -> None:
        self.info: DetectorInfo = like.info
        self.digest = like.digest
        self._by_digest, self._otherwise = by_digest, otherwise

    def load(self) -> None: ...

    def inspect(self, subject: Text | Picture, /) -> Reading:
        assert isinstance(subject, Picture)
        return Reading((self._by_digest.get(subject.sha256, self._otherwise),))


def with_nudity(inspector: Inspector, signals: dict[bytes, Signal | Exception]) -> Inspector:
    """A copy of the inspector whose nudity detector answers these signals for these pictures."""
    by_digest = {hashlib.sha256(data).hexdigest(): signal for data, signal in signals.items()}

    class Faulty(Nudity):
        def inspect(self, subject: Text | Picture, /) -> Reading:
            found = by_digest.get(subject.sha256) if isinstance(subject, Picture) else None
            if isinstance(found, Exception):
                raise found
            return super().inspect(subject)

    detectors = [
        Faulty(
            d, {k: v for k, v in by_digest.items() if isinstance(v, Signal)}, Signal.measured("nudity", 0.01)
        )
        if d.info.name == "nudity"
        else d
        for d in inspector._detectors
    ]
    made = Inspector(detectors, list(inspector._required.values()))
    made.load()
    assert not made.unfit
    return made


@contextmanager
def gateway(tmp_path: Path, inspector: Inspector, upstream: Any, **options: Any) -> Iterator[Served]:
    with serving(tmp_path, upstream=upstream, inspector=inspector, **options) as served:
        yield served


def ask(served: Served, n: int = 1, prompt: str = "a quiet garden", **options: Any) -> httpx.Response:
    headers = {"Authorization": f"Bearer {served.key()}"} | options.pop("headers", {})
    return httpx.post(
        served.url + ROUTES[0], json={"prompt": prompt, "n": n} | options, headers=headers, timeout=40
    )


def edit(served: Served, image: bytes, prompt: str = "make it brighter", **headers: str) -> httpx.Response:
    return httpx.post(
        served.url + ROUTES[1],
        data={"prompt": prompt},
        files={"image": ("a.png", image, "image/png")},
        headers={"Authorization": f"Bearer {served.key()}"} | headers,
        timeout=40,
    )


GARDEN, CUP, CAT = png(skimage.data.gravel()), png(skimage.data.coffee()), png(skimage.data.chelsea())


def test_one_bad_image_of_a_batch_holds_only_itself(tmp_path: Path, inspector: Inspector) -> None:
    inspector = with_nudity(inspector, {CUP: Signal.measured("nudity", 0.8)})
    with gateway(tmp_path, inspector, Pictures(GARDEN, CUP, CAT)) as served:
        response = ask(served, 3)
        assert response.status_code == 200
        data = response.json()["data"]
        assert [sorted(item) for item in data] == [["b64_json"], ["rambarde"], ["b64_json"]]
        assert [bare(base64.b64decode(data[i]["b64_json"])) for i in (0, 2)] == [GARDEN, CAT]
        held = data[1]["rambarde"]
        assert held["decision"] == "review" and held["rules"] == ["nude-looking-output"]
        assert httpx.get(held["status_url"]).json()["status"] == "pending"
        record = served.record(response.headers["rambarde-decision"])
        assert record["ending"] == "partly_held"
        assert [o["decision"]["outcome"] for o in record["outputs"]] == ["allow", "review", "allow"]


def test_all_held_is_a_refusal_with_a_status_url(tmp_path: Path, inspector: Inspector) -> None:
    inspector = with_nudity(inspector, {CUP: Signal.measured("nudity", 0.8)})
    with gateway(tmp_path, inspector, Pictures(CUP)) as served:
        response = ask(served)
        error = response.json()["error"]
        assert (response.status_code, error["code"]) == (400, "held_for_review")
        assert httpx.get(error["rambarde"]["status_url"]).json()["status"] == "pending"
        later = ask(served, headers={"Prefer": "respond-async"})
        assert later.status_code == 202
        assert later.json()["error"]["rambarde"]["status_url"].startswith(served.url)


def test_a_floor_stops_the_whole_batch_and_keeps_nothing(tmp_path: Path, inspector: Inspector) -> None:
    inspector = with_nudity(inspector, {CUP: Signal.measured("nudity", 0.9)})
    with gateway(tmp_path, inspector, Pictures(GARDEN, CUP)) as served:
        # A football match of children is harmless; an output that looks revealing beside it is not.
        response = ask(served, 2, prompt="a football match of ten-year-old children")
        error = response.json()["error"]
        assert (response.status_code, error["code"]) == (400, "content_policy_violation")
        assert "minor-sexual-output" in error["rambarde"]["rules"]
        record = served.record(error["rambarde"]["decision_id"])
        assert [o["item"] for o in record["outputs"]] == [None, None]
        assert b"b64_json" not in response.content


@pytest.mark.parametrize(
    "broken",
    [RuntimeError("native crash"), Signal.no_answer("nudity", "too small"), Signal.failed("nudity", "late")],
    ids=["raises", "no answer", "failed"],
)
def test_a_check_that_does_not_answer_holds_the_image(
    tmp_path: Path, inspector: Inspector, broken: Signal | Exception
) -> None:
    inspector = with_nudity(inspector, {CUP: broken})
    with gateway(tmp_path, inspector, Pictures(CUP)) as served:
        response = ask(served)
        assert response.json()["error"]["code"] == "held_for_review"


def test_a_detector_that_hangs_is_late(tmp_path: Path, inspector: Inspector) -> None:
    gate = threading.Event()

    class Hanging(Nudity):
        def inspect(self, subject: Text | Picture, /) -> Reading:
            gate.wait(20)
            return super().inspect(subject)

    detectors = [
        Hanging(d, {}, Signal.measured("nudity", 0.0)) if d.info.name == "nudity" else d
        for d in inspector._detectors
    ]
    made = Inspector(detectors, list(inspector._required.values()))
    made.load()
    for detector in detectors:
        if isinstance(detector, Hanging):
            detector.info = replace(detector.info, deadline=0.2)
    with gateway(tmp_path, made, Pictures(GARDEN)) as served:
        start = time.monotonic()
        error = ask(served).json()["error"]
        assert time.monotonic() - start < 10
        gate.set()
        assert error["code"] == "held_for_review" and "unchecked-output" in error["rambarde"]["rules"]


def test_a_detector_of_another_digest_blocks_everything(tmp_path: Path, inspector: Inspector) -> None:
    other = next(d for d in inspector._detectors if d.info.name == "nudity")
    swapped = Nudity(other, {}, Signal.measured("nudity", 0.0))
    swapped.digest = "sha256:" + "1" * 64
    detectors = [swapped if d is other else d for d in inspector._detectors]
    made = Inspector(detectors, list(inspector._required.values()))
    made.load()
    assert "requires" in made.unfit["nudity"]
    upstream = Pictures(GARDEN)
    with gateway(tmp_path, made, upstream) as served:
        error = ask(served).json()["error"]
        assert error["code"] == "content_policy_violation" and error["rambarde"]["rules"] == ["unchecked"]
        assert upstream.calls == 0
        assert httpx.get(served.url + "/readyz").status_code == 503


def test_what_cannot_be_recorded_is_not_released(tmp_path: Path, inspector: Inspector) -> None:
    class Full:
        async def record(self, record: object) -> object:
            raise Fault(Kind.INTERNAL, "not_recorded", "The disk is full.", remedy="Make room.")

    def full(running: Gateway) -> None:
        running.chain.recorder = Full()  # type: ignore[assignment]

    with gateway(tmp_path, inspector, Pictures(GARDEN), change=full) as served:
        response = ask(served, response_format="url")
        assert (response.status_code, response.json()["error"]["code"]) == (500, "not_recorded")
        assert b"/files/" not in response.content
        kept = asyncio.run(served.gateway.keeper.listed(Shelf.FILE))
        assert kept == ()


def test_nothing_is_generated_before_the_models_are_ready(tmp_path: Path, inspector: Inspector) -> None:
    gate = threading.Event()

    class Slow(Inspector):
        def load(self) -> None:
            gate.wait(20)
            super().load()

    slow = Slow(inspector._detectors, tuple(inspector._required.values()))
    upstream = Pictures(GARDEN)
    with gateway(tmp_path, slow, upstream, wait=False) as served:
        response = ask(served)
        assert (response.status_code, response.json()["error"]["code"]) == (503, "not_ready")
        assert response.headers["retry-after"]
        assert upstream.calls == 0
        gate.set()
        deadline = time.monotonic() + 15
        while ask(served).status_code != 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)


def test_overload_is_refused_before_generation(tmp_path: Path, inspector: Inspector) -> None:
    gate = threading.Event()
    upstream = Pictures(GARDEN, wait=gate)
    with gateway(tmp_path, inspector, upstream, in_flight=1) as served:
        answers: list[httpx.Response] = []
        first = threading.Thread(target=lambda: answers.append(ask(served)))
        first.start()
        while upstream.calls == 0:
            time.sleep(0.01)
        refused = ask(served)
        gate.set()
        first.join(20)
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "overloaded")
        assert answers[0].status_code == 200 and upstream.calls == 1
        assert served.record(refused.headers["rambarde-decision"])["fault"]["code"] == "overloaded"


@pytest.fixture(scope="module")
def impatient(inspector: Inspector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One gateway for all upstreams that misbehave; it waits a second for them."""
    with gateway(
        tmp_path_factory.mktemp("impatient"), inspector, Pictures(GARDEN), generate_seconds=1.0
    ) as served:
        yield served


@pytest.mark.parametrize(
    "behaviour",
    [
        *(
            "hang",
            "drip",
            "endless",
            "half",
            "html",
            "gzipped",
            "fewer",
            "more",
            "empty",
            "wrong_types",
            "bad_base64",
        ),
        *("not_an_image", "moved", "error", "refused", "unauthorized", "private_url", "busy"),
    ],
)
async def test_upstreams_that_misbehave(impatient: Served, behaviour: str) -> None:
    async with fake_openai(behaviour) as base_url:
        upstream = OpenAIUpstream(str(base_url))
        impatient.gateway.chain.upstream = upstream
        response = await asyncio.to_thread(ask, impatient, 2)
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(upstream.close(), impatient.loop))
    record = impatient.record(response.headers["rambarde-decision"])
    assert record["ending"] == "fault" and record["outputs"] == []
    error = response.json()["error"]
    assert response.status_code in (502, 504, 503)
    assert error["code"].startswith("upstream_") and error["rambarde"]["remedy"]


def test_no_prompt_and_no_picture_is_on_disk(tmp_path: Path, inspector: Inspector) -> None:
    words = "zebracoloured umbrellas"
    with gateway(tmp_path, inspector, Pictures(GARDEN)) as served:
        assert ask(served, prompt=words, response_format="url").status_code == 200
        edited = edit(served, png(skimage.data.astronaut()), f"put her in a shorter suit with {words}")
        assert edited.json()["error"]["code"] == "held_for_review"
        everything = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    everything += b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert b"zebracoloured" not in everything
    assert GARDEN[100:200] not in everything


def test_a_small_picture_is_released_as_it_came(tmp_path: Path, inspector: Inspector) -> None:
    out = io.BytesIO()
    Image.fromarray(np.full((1, 1, 3), 200, np.uint8)).save(out, "PNG")
    with gateway(tmp_path, inspector, Pictures(out.getvalue())) as served:
        response = ask(served)
        assert response.status_code in (200, 400)
        if response.status_code == 200:
            assert bare(base64.b64decode(response.json()["data"][0]["b64_json"])) == out.getvalue()

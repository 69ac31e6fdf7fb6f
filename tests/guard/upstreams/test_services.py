"""xAI, Google and a Python function as upstreams: what each is asked, and what it cannot do."""

from __future__ import annotations

import base64
import json
from typing import Any

import numpy as np
import pytest
from tests import servers
from tests.servers import answer, fake_openai, items

from rambarde.guard.upstreams import callable as functions
from rambarde.guard.upstreams import google, xai
from rambarde.guard.upstreams.contract import UpstreamConfig
from rambarde.guard.upstreams.xai import shape
from rambarde.nouns.fault import Fault
from rambarde.nouns.request import Text


@pytest.fixture
def picture(make_picture: Any) -> Any:
    return make_picture(np.full((8, 16, 3), 200, np.uint8))


async def test_what_xai_is_asked(make_request: Any, picture: Any) -> None:
    async with fake_openai() as base:
        upstream = xai.make(UpstreamConfig(base, "key", "grok-imagine-image"))
        options = (("resolution", "2k"), ("style", "vivid"), ("seed", "5"))
        await upstream.generate(make_request("a tree", n=2, size="1600x900", options=options), deadline=5)
        await upstream.generate(make_request("a tree", images=(picture,) * 2), deadline=5)
        await upstream.generate(make_request("a tree", images=(picture,), model="other"), deadline=5)
        await upstream.close()
        made, two, one = base.seen
    assert made.path == "/v1/images/generations" and made.headers["Authorization"] == "Bearer key"
    assert made.fields == {
        "prompt": "a tree", "n": 2, "model": "grok-imagine-image", "aspect_ratio": "16:9", "resolution": "2k",
        "response_format": "b64_json",
    }  # fmt: skip
    assert two.path == "/v1/images/edits" and two.headers["Content-Type"] == "application/json"
    url = json.loads(json.dumps(two.fields["images"]))[1]["url"]
    assert base64.b64decode(url.removeprefix("data:image/png;base64,")) == picture.data
    assert "images" not in one.fields and one.fields["model"] == "other"


async def test_an_image_that_xai_stopped(make_request: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    async def stopped(call: Any) -> Any:
        return answer([*items(1), {"respect_moderation": False, "url": ""}])

    monkeypatch.setitem(servers.BEHAVIOURS, "stopped", stopped)
    async with fake_openai("stopped") as base:
        upstream = xai.make(UpstreamConfig(base))
        with pytest.raises(Fault) as caught:
            await upstream.generate(make_request("a tree", n=2), deadline=5)
        await upstream.close()
    assert caught.value.code == "upstream_refused"


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ("1024x1024", "1:1"),
        ("1024x1536", "2:3"),
        ("64x640", "9:20"),
        ("1920x1080", "16:9"),
        ("300x400", "3:4"),
    ],
)
def test_the_nearest_shape(size: str, expected: str) -> None:
    assert shape(size) == expected


async def test_what_google_is_asked(make_request: Any, picture: Any) -> None:
    async with fake_openai() as base:
        upstream = google.make(UpstreamConfig(base, "key", "imagen"))
        await upstream.generate(
            make_request("a tree", size="64x64", options=(("quality", "high"),)), deadline=5
        )
        with pytest.raises(Fault) as caught:
            await upstream.generate(make_request("a tree", images=(picture,)), deadline=5)
        await upstream.close()
        (asked,) = base.seen
    assert caught.value.code == "upstream_refused" and caught.value.field == "image"
    assert asked.fields == {
        "prompt": "a tree", "n": 1, "size": "64x64", "model": "imagen", "response_format": "b64_json"
    }  # fmt: skip


async def test_what_they_cannot_do_is_not_sent(make_request: Any, picture: Any) -> None:
    text = Text("blurry", "blurry", "blurry")
    async with fake_openai() as base:
        for make, fields in (
            (xai.make, {"negative_prompt": text}),
            (xai.make, {"images": (picture,), "mask": picture}),
            (xai.make, {"images": (picture,) * 4}),
            (google.make, {"negative_prompt": text}),
        ):
            upstream = make(UpstreamConfig(base))
            with pytest.raises(Fault) as caught:
                await upstream.generate(make_request("a tree", **fields), deadline=5)
            assert caught.value.code == "upstream_refused" and caught.value.field
            await upstream.close()
        assert not base.seen


def test_services_have_an_address_of_their_own() -> None:
    assert xai.make(UpstreamConfig()).address == xai.BASE and google.make(UpstreamConfig()).name == "google"


def paint(prompt: str, *, n: int, size: str, images: list[bytes]) -> list[Any]:
    return [np.zeros((8, 8, 3), np.uint8)] * n


async def test_a_function_by_its_name(make_request: Any) -> None:
    upstream = functions.make(UpstreamConfig("tests.guard.upstreams.test_services:paint", model="mine"))
    assert upstream.name == "callable:mine"
    assert len(await upstream.generate(make_request("a tree", n=2), deadline=5)) == 2
    for url in ("", "nothing", "json:nothing", "no_such_module:x", "json:__doc__", "json:"):
        with pytest.raises(ValueError):
            functions.make(UpstreamConfig(url))

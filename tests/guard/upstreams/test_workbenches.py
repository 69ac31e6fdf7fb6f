"""AUTOMATIC1111 and ComfyUI as upstreams, against servers that behave and servers that do not."""

from __future__ import annotations

import base64
import io
import time
from contextlib import AbstractAsyncContextManager
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests import generators
from tests.generators import fake_a1111, fake_comfyui
from tests.servers import BaseUrl

from rambarde.guard.upstreams import a1111, comfyui
from rambarde.guard.upstreams.a1111 import A1111Upstream, whitened
from rambarde.guard.upstreams.comfyui import ComfyUpstream
from rambarde.guard.upstreams.contract import Upstream, UpstreamConfig
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.request import Text

KEY = "user:secret-password"
MODEL = "a-model.safetensors"
UP, LATE, BUSY = Kind.UPSTREAM, Kind.TIMEOUT, Kind.OVERLOADED

FAULTS = {
    ("a1111", "hang"): (LATE, "upstream_timeout"),
    ("a1111", "error"): (UP, "upstream_error"),
    ("a1111", "busy"): (BUSY, "upstream_busy"),
    ("a1111", "html"): (UP, "upstream_bad_answer"),
    ("a1111", "fewer"): (UP, "upstream_image_count"),
    ("a1111", "grid"): (UP, "upstream_image_count"),
    ("a1111", "bad_base64"): (UP, "upstream_bad_base64"),
    ("a1111", "wrong_types"): (UP, "upstream_bad_answer"),
    ("a1111", "null"): (UP, "upstream_bad_answer"),
    ("a1111", "refused"): (UP, "upstream_refused"),
    ("comfyui", "hang"): (LATE, "upstream_timeout"),
    ("comfyui", "never"): (LATE, "upstream_timeout"),
    ("comfyui", "error"): (UP, "upstream_error"),
    ("comfyui", "busy"): (BUSY, "upstream_busy"),
    ("comfyui", "html"): (UP, "upstream_bad_answer"),
    ("comfyui", "rejected"): (UP, "upstream_rejected"),
    ("comfyui", "failed"): (UP, "upstream_failed"),
    ("comfyui", "other_id"): (UP, "upstream_bad_answer"),
    ("comfyui", "bad_id"): (UP, "upstream_bad_answer"),
    ("comfyui", "wrong_types"): (UP, "upstream_bad_answer"),
    ("comfyui", "fewer"): (UP, "upstream_image_count"),
    ("comfyui", "missing_file"): (UP, "upstream_rejected"),
}


def test_every_behaviour_is_tested() -> None:
    fine = {("a1111", "ok"), ("a1111", "data_url"), ("comfyui", "ok"), ("comfyui", "slow")}
    known = {("a1111", one) for one in generators.A1111} | {("comfyui", one) for one in generators.COMFY}
    assert set(FAULTS) | fine == known


def serve(kind: str, behaviour: str) -> AbstractAsyncContextManager[BaseUrl]:
    return fake_a1111(behaviour) if kind == "a1111" else fake_comfyui(behaviour)


def made(kind: str, url: str) -> Upstream:
    return A1111Upstream(url, KEY, MODEL) if kind == "a1111" else ComfyUpstream(url, MODEL, KEY, poll=0.01)


@pytest.mark.parametrize(("kind", "behaviour"), FAULTS)
async def test_misbehaviour_is_a_typed_fault_in_time(kind: str, behaviour: str, make_request: Any) -> None:
    async with serve(kind, behaviour) as base:
        upstream = made(kind, base)
        began = time.monotonic()
        with pytest.raises(Fault) as caught:
            late = FAULTS[kind, behaviour][0] is LATE
            await upstream.generate(make_request("my private wish", n=2), deadline=0.4 if late else 10)
        await upstream.close()
        assert time.monotonic() - began < 5
        assert sum(seen.path.startswith(("/prompt", "/sdapi")) for seen in base.seen) == 1, "sent once"
    fault = caught.value
    assert (fault.kind, fault.code) == FAULTS[kind, behaviour]
    for secret in (KEY, "private wish", "secret prompt", "127.0.0.1"):
        assert secret not in f"{fault!r} {fault} {fault.remedy} {upstream!r} {upstream.name}"


async def test_what_a1111_is_asked(make_request: Any, make_picture: Any) -> None:
    pixels = np.full((8, 16, 4), 200, np.uint8)
    pixels[:4, :, 3] = 0
    picture = make_picture(pixels)
    negative = Text("blurry", "blurry", "blurry")
    options = (("seed", "5"), ("cfg_scale", "7.5"), ("sampler_name", "Euler a"), ("quality", "high"))
    async with fake_a1111("data_url") as base:
        upstream = A1111Upstream(base, KEY, MODEL)
        request = make_request(
            "a tree", images=(picture,), mask=picture, negative_prompt=negative, options=options
        )
        assert len(await upstream.generate(request, deadline=5)) == 1
        await upstream.close()
        asked = base.seen[0]
    assert asked.path == "/sdapi/v1/img2img"
    assert asked.headers["Authorization"] == "Basic " + base64.b64encode(KEY.encode()).decode()
    fields = asked.fields
    assert (fields["seed"], fields["cfg_scale"], fields["sampler_name"]) == (5, 7.5, "Euler a")
    assert "quality" not in fields and (fields["width"], fields["height"]) == (16, 8)
    assert fields["override_settings"] == {"return_grid": False, "sd_model_checkpoint": MODEL}
    mask = np.asarray(Image.open(io.BytesIO(base64.b64decode(str(fields["mask"])))))
    assert mask[:4].min() == 255 and mask[4:].max() == 55  # white where it was transparent
    with pytest.raises(Fault):
        whitened(make_picture(pixels[..., :3]))


async def test_what_comfyui_is_asked(make_request: Any, make_picture: Any) -> None:
    picture = make_picture(np.full((8, 16, 3), 200, np.uint8))
    async with fake_comfyui() as base:
        upstream = ComfyUpstream(base, MODEL, poll=0.01)
        assert len(await upstream.generate(make_request("a tree", n=3, size="64x32"), deadline=5)) == 3
        await upstream.generate(
            make_request("a tree", images=(picture,), options=(("seed", "9"),)), deadline=5
        )
        await upstream.close()
        first, second = (dict(seen.fields["prompt"]) for seen in base.seen)  # type: ignore[call-overload]
    assert first["latent"]["inputs"] == {"width": 64, "height": 32, "batch_size": 3}
    assert first["positive"]["inputs"]["text"] == "a tree"
    assert second["latent"]["class_type"] == "VAEEncode" and second["sampler"]["inputs"]["seed"] == 9


@pytest.mark.parametrize("kind", ["a1111", "comfyui"])
async def test_what_they_cannot_do_is_not_sent(kind: str, make_request: Any, make_picture: Any) -> None:
    picture = make_picture(np.zeros((8, 8, 3), np.uint8))
    async with serve(kind, "ok") as base:
        upstream = made(kind, base)
        with pytest.raises(Fault) as caught:
            await upstream.generate(make_request("a", images=(picture, picture)), deadline=5)
        await upstream.close()
        assert caught.value.code == "upstream_refused" and not base.seen


def test_settings_that_cannot_be_used() -> None:
    for make, config in (
        (a1111.make, UpstreamConfig()),
        (a1111.make, UpstreamConfig("http://user@host")),
        (comfyui.make, UpstreamConfig("http://127.0.0.1:8188")),
        (comfyui.make, UpstreamConfig("ftp://host", model="m")),
    ):
        with pytest.raises(ValueError):
            make(config)

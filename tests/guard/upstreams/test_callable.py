"""Any function as an upstream: what it may return, and what happens when it misbehaves."""

from __future__ import annotations

import asyncio
import io
import threading
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.servers import png

from rambarde.guard.upstreams.callable import CallableUpstream
from rambarde.nouns.fault import Fault, Kind, unsupported

RED = np.full((4, 6, 3), (255, 0, 0), np.uint8)


def returns(value: Any) -> CallableUpstream:
    return CallableUpstream(lambda prompt, *, n, size, images: value)


async def fails(upstream: CallableUpstream, request: Any, deadline: float = 5.0) -> Fault:
    with pytest.raises(Fault) as caught:
        await upstream.generate(request, deadline=deadline)
    return caught.value


@pytest.mark.parametrize(
    "made",
    [
        png(),
        bytearray(png()),
        Image.fromarray(RED),
        Image.fromarray(RED).convert("RGBA"),
        Image.fromarray(RED).convert("P"),
        RED,
        RED[..., 0],
        np.dstack([RED, RED[..., :1]]),
        RED.astype(np.float32) / 255,
        RED.astype(np.float64)[:, ::-1] / 255,
    ],
)
@pytest.mark.parametrize("output_format", ["png", "jpeg", "webp"])
async def test_what_may_be_returned(made: Any, output_format: str, make_request: Any) -> None:
    (one,) = await returns([made]).generate(make_request(output_format=output_format), deadline=5)
    image = Image.open(io.BytesIO(one.data))
    image.load()
    if not isinstance(made, bytes | bytearray):
        assert (image.format or "").lower() == output_format and image.size == (6, 4)
    else:
        assert one.data == png()


@pytest.mark.parametrize(
    ("value", "code"),
    [
        (None, "upstream_bad_answer"),
        (png(), "upstream_bad_answer"),
        ({"image": png()}, "upstream_bad_answer"),
        ([None], "upstream_bad_answer"),
        (["/etc/passwd"], "upstream_bad_answer"),
        ([np.zeros((4, 4, 3), np.int64)], "upstream_bad_answer"),
        ([np.zeros((4, 4, 2), np.uint8)], "upstream_bad_answer"),
        ([np.zeros((0, 4, 3), np.uint8)], "upstream_bad_answer"),
        ([np.full((4, 4, 3), 7.0)], "upstream_bad_answer"),
        ([np.full((4, 4, 3), np.nan)], "upstream_bad_answer"),
        ([], "upstream_no_images"),
        ([png(), png()], "upstream_image_count"),
    ],
)
async def test_what_may_not(value: Any, code: str, make_request: Any) -> None:
    fault = await fails(returns(value), make_request())
    assert (fault.kind, fault.code) == (Kind.UPSTREAM, code)


async def test_what_it_is_called_with(make_request: Any, make_picture: Any) -> None:
    calls: list[Any] = []

    def make(
        prompt: str, *, n: int, size: str, images: list[bytes], mask: bytes | None = None
    ) -> list[bytes]:
        calls.append((prompt, n, size, images, mask))
        return [png()] * n

    picture, mask = make_picture(RED), make_picture(np.dstack([RED, RED[..., :1]]))
    upstream = CallableUpstream(make)
    await upstream.generate(
        make_request("Raw  Prompt", images=(picture,), mask=mask, n=2, size="64x64"), deadline=5
    )
    await upstream.generate(make_request(), deadline=5)
    assert calls == [
        ("Raw  Prompt", 2, "64x64", [picture.data], mask.data),
        ("a quiet lake", 1, "auto", [], None),
    ]


async def test_a_mask_is_not_dropped_silently(make_request: Any, make_picture: Any) -> None:
    picture = make_picture(RED)
    fault = await fails(returns([png()]), make_request(images=(picture,), mask=picture))
    assert fault.code == "upstream_refused" and fault.field == "mask"


@pytest.mark.parametrize("error", [ValueError, KeyError, TimeoutError, StopIteration, SystemExit])
async def test_what_it_raises_is_a_fault_without_its_words(
    error: type[BaseException], make_request: Any
) -> None:
    def make(prompt: str, *, n: int, size: str, images: list[bytes]) -> list[bytes]:
        raise error(prompt)

    fault = await fails(CallableUpstream(make), make_request("my private wish"))
    assert (fault.kind, fault.code) == (Kind.UPSTREAM, "upstream_failed")
    assert "private wish" not in f"{fault} {fault!r}"


async def test_its_own_fault_passes_through(make_request: Any) -> None:
    def make(prompt: str, *, n: int, size: str, images: list[bytes]) -> list[bytes]:
        raise unsupported("no_lakes", "Lakes are not drawn.", remedy="Ask for a hill.")

    assert (await fails(CallableUpstream(make), make_request())).code == "no_lakes"


async def test_async_objects_and_hidden_coroutines(make_request: Any) -> None:
    class Maker:
        async def __call__(self, prompt: str, *, n: int, size: str, images: list[bytes]) -> list[bytes]:
            await asyncio.sleep(0)
            return [png()] * n

    maker = Maker()
    for fn in (maker, lambda prompt, **more: maker(prompt, **more)):
        assert (await CallableUpstream(fn).generate(make_request(), deadline=5))[0].data == png()


async def test_a_late_function_keeps_its_place_until_it_returns(make_request: Any) -> None:
    go, running, most = threading.Event(), [0], [0]

    def make(prompt: str, *, n: int, size: str, images: list[bytes]) -> list[bytes]:
        running[0] += 1
        most[0] = max(most[0], running[0])
        go.wait(5)
        running[0] -= 1
        return [png()] * n

    upstream = CallableUpstream(make)
    assert (await fails(upstream, make_request(), 0.1)).code == "upstream_timeout"
    busy = await fails(upstream, make_request(), 0.1)
    assert (busy.kind, busy.code) == (Kind.OVERLOADED, "upstream_busy") and busy.retry_after
    go.set()
    assert len(await upstream.generate(make_request(), deadline=5)) == 1
    assert most[0] == 1


async def test_the_event_loop_stays_free(make_request: Any) -> None:
    begun, go = threading.Event(), threading.Event()

    def make(prompt: str, *, n: int, size: str, images: list[bytes]) -> list[bytes]:
        begun.set()
        return [png()] * n if go.wait(20) else []

    task = asyncio.create_task(CallableUpstream(make).generate(make_request(), deadline=30))
    assert await asyncio.to_thread(begun.wait, 20)
    go.set()
    assert len(await task) == 1


async def test_side_by_side(make_request: Any) -> None:
    barrier = threading.Barrier(3, timeout=5)

    def make(prompt: str, *, n: int, size: str, images: list[bytes]) -> list[bytes]:
        barrier.wait()
        return [png()] * n

    upstream = CallableUpstream(make, concurrency=3)
    made = await asyncio.gather(*(upstream.generate(make_request(), deadline=5) for _ in range(3)))
    assert len(made) == 3

"""What every upstream keeps: exactly n images or a typed fault, in time; start and close are idempotent."""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from PIL import Image
from tests.generators import fake_a1111, fake_comfyui
from tests.servers import fake_openai

from rambarde.guard.upstreams.a1111 import A1111Upstream
from rambarde.guard.upstreams.callable import CallableUpstream
from rambarde.guard.upstreams.comfyui import ComfyUpstream
from rambarde.guard.upstreams.contract import Upstream
from rambarde.guard.upstreams.google import GoogleUpstream
from rambarde.guard.upstreams.openai import OpenAIUpstream
from rambarde.guard.upstreams.several import Several
from rambarde.guard.upstreams.sketch import SketchUpstream
from rambarde.guard.upstreams.xai import XaiUpstream
from rambarde.nouns.fault import Fault, Kind

ALLOWED = {Kind.UPSTREAM, Kind.TIMEOUT, Kind.OVERLOADED}


@dataclass
class Pair:
    """An upstream that works, and one of the same class that is slower than any deadline here."""

    works: Upstream
    late: Upstream


def _made(prompt: str, *, n: int, size: str, images: list[bytes]) -> list[Image.Image]:
    return [Image.new("RGB", (32, 32), (index, 0, 0)) for index in range(n)]


def _slow(prompt: str, *, n: int, size: str, images: list[bytes]) -> list[Image.Image]:
    time.sleep(1.0)
    return _made(prompt, n=n, size=size, images=images)


async def _amade(prompt: str, *, n: int, size: str, images: list[bytes]) -> list[np.ndarray[Any, Any]]:
    return [np.zeros((8, 8, 3), np.uint8)] * n


async def _aslow(prompt: str, *, n: int, size: str, images: list[bytes]) -> list[bytes]:
    await asyncio.Event().wait()
    return []


async def _openai(stack: AsyncExitStack, behaviour: str) -> Pair:
    works = await stack.enter_async_context(fake_openai(behaviour))
    late = await stack.enter_async_context(fake_openai("hang"))
    return Pair(OpenAIUpstream(works, "key", allow_hosts=["127.0.0.1"]), OpenAIUpstream(late, "key"))


class _LateSketch(SketchUpstream):
    """Drawing takes tens of milliseconds: a deadline of none is the late one."""

    async def generate(self, request: Any, *, deadline: float) -> Any:
        return await super().generate(request, deadline=0.0)


async def _sketch(stack: AsyncExitStack) -> Pair:
    return Pair(SketchUpstream(), _LateSketch())


async def _sync(stack: AsyncExitStack) -> Pair:
    return Pair(CallableUpstream(_made), CallableUpstream(_slow))


async def _async(stack: AsyncExitStack) -> Pair:
    return Pair(CallableUpstream(_amade), CallableUpstream(_aslow))


async def _xai(stack: AsyncExitStack) -> Pair:
    works = await stack.enter_async_context(fake_openai())
    late = await stack.enter_async_context(fake_openai("hang"))
    return Pair(XaiUpstream(works, "key"), XaiUpstream(late, "key"))


async def _google(stack: AsyncExitStack) -> Pair:
    works = await stack.enter_async_context(fake_openai())
    late = await stack.enter_async_context(fake_openai("hang"))
    return Pair(GoogleUpstream(works, "key"), GoogleUpstream(late, "key"))


async def _a1111(stack: AsyncExitStack) -> Pair:
    works = await stack.enter_async_context(fake_a1111())
    late = await stack.enter_async_context(fake_a1111("hang"))
    return Pair(A1111Upstream(works, "a:key"), A1111Upstream(late, "a:key"))


async def _comfyui(stack: AsyncExitStack) -> Pair:
    works = await stack.enter_async_context(fake_comfyui())
    late = await stack.enter_async_context(fake_comfyui("never"))
    return Pair(ComfyUpstream(works, "model", "key", poll=0.01), ComfyUpstream(late, "model", "key"))


async def _several(stack: AsyncExitStack) -> Pair:
    pair = await _openai(stack, "ok")
    broken = await stack.enter_async_context(fake_openai("error"))
    return Pair(Several([OpenAIUpstream(broken, "key"), pair.works]), Several([pair.late, pair.late]))


MAKERS: dict[str, Callable[[AsyncExitStack], Awaitable[Pair]]] = {
    "sketch": _sketch,
    "openai-base64": lambda stack: _openai(stack, "ok"),
    "openai-url": lambda stack: _openai(stack, "url"),
    "openai-mixed": lambda stack: _openai(stack, "mixed"),
    "xai": _xai,
    "google": _google,
    "a1111": _a1111,
    "comfyui": _comfyui,
    "several": _several,
    "callable-sync": _sync,
    "callable-async": _async,
}


@pytest.fixture(params=MAKERS)
async def pair(request: pytest.FixtureRequest) -> AsyncIterator[Pair]:
    async with AsyncExitStack() as stack:
        made = await MAKERS[request.param](stack)
        yield made
        await made.works.close()
        await made.late.close()


@pytest.mark.parametrize("n", [1, 3, 10])
async def test_exactly_n_images(pair: Pair, make_request: Any, n: int) -> None:
    await pair.works.start()
    made = await pair.works.generate(make_request(n=n, size="64x64"), deadline=10)
    assert len(made) == n
    for one in made:
        Image.open(io.BytesIO(one.data)).load()


async def test_the_deadline_is_kept(pair: Pair, make_request: Any) -> None:
    await pair.late.start()
    began = time.monotonic()
    with pytest.raises(Fault) as caught:
        await pair.late.generate(make_request(), deadline=0.2)
    assert time.monotonic() - began < 0.95  # it takes a second
    assert caught.value.kind is Kind.TIMEOUT and caught.value.code == "upstream_timeout"


async def test_a_cancelled_request_ends_at_once(pair: Pair, make_request: Any) -> None:
    task = asyncio.create_task(pair.late.generate(make_request(), deadline=30))
    await asyncio.sleep(0.05)
    task.cancel()
    began = time.monotonic()
    with pytest.raises((asyncio.CancelledError, Fault)):
        await task
    assert time.monotonic() - began < 0.95


async def test_start_and_close_are_idempotent(pair: Pair, make_request: Any) -> None:
    for upstream in (pair.works, pair.late):
        await upstream.close()
        await upstream.start()
        await upstream.start()
    assert len(await pair.works.generate(make_request(), deadline=10)) == 1
    for upstream in (pair.works, pair.late):
        await upstream.close()
        await upstream.close()
    await pair.works.start()
    assert len(await pair.works.generate(make_request(), deadline=10)) == 1


async def test_faults_name_no_prompt_and_a_remedy(pair: Pair, make_request: Any) -> None:
    with pytest.raises(Fault) as caught:
        await pair.late.generate(make_request("a very private wish"), deadline=0.1)
    fault = caught.value
    assert fault.kind in ALLOWED and fault.code.startswith("upstream_") and fault.remedy
    assert "private wish" not in f"{fault!r} {fault}"


async def test_names_are_fit_for_a_record(pair: Pair) -> None:
    assert pair.works.name and "http" not in pair.works.name and "key" not in pair.works.name.split(":")

"""Fake OpenAI images servers on loopback, well-behaved and not, for tests of upstreams and of the gateway.

    async with fake_openai() as base_url: ...
    async with fake_openai(behaviour="hang") as base_url: ...

`base_url` is a string with one extra attribute, `seen`: the requests that arrived.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import io
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import numpy as np
from aiohttp import BodyPartReader, web
from PIL import Image


@dataclass
class Seen:
    """A request as it arrived: `fields` are JSON members or form fields, `files` (field, type, bytes)."""

    path: str
    headers: dict[str, str]
    fields: dict[str, object]
    files: list[tuple[str, str, bytes]] = field(default_factory=list)

    @property
    def n(self) -> int:
        return int(str(self.fields.get("n", 1)))


class BaseUrl(str):
    """The server's base URL with `/v1`; `seen` are the requests so far, `root` the URL without `/v1`."""

    seen: list[Seen]

    @property
    def root(self) -> str:
        return self.removesuffix("/v1")

    @property
    def port(self) -> int:
        return int(self.root.rpartition(":")[2])


@dataclass
class Call:
    request: web.Request
    seen: Seen
    base: BaseUrl
    url: str | None
    delay: float


Behaviour = Callable[[Call], Awaitable[web.StreamResponse]]


def png(seed: int = 0, side: int = 64) -> bytes:
    """A small PNG of coloured noise blocks, different for each seed."""
    blocks = np.random.default_rng(seed).integers(0, 255, (8, 8, 3), dtype=np.uint8)
    image = Image.fromarray(blocks).resize((side, side), Image.Resampling.NEAREST)
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()


def items(n: int) -> list[dict[str, object]]:
    return [{"b64_json": base64.b64encode(png(i)).decode()} for i in range(n)]


def answer(data: object) -> web.Response:
    return web.json_response({"created": 1, "data": data, "usage": {"total_tokens": 1}})


def error(status: int, code: str, headers: dict[str, str] | None = None) -> web.Response:
    body = {
        "error": {
            "code": code,
            "type": "invalid_request_error",
            "message": "the secret prompt",
            "param": None,
        }
    }
    return web.json_response(body, status=status, headers=headers)


async def forever() -> None:
    await asyncio.Event().wait()


async def streamed(call: Call, chunk: bytes, pause: float = 0.0, start: bytes = b"") -> web.StreamResponse:
    """An endless body; it ends when the client hangs up."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    await response.prepare(call.request)
    await response.write(start)
    while True:
        await response.write(chunk)
        await asyncio.sleep(pause)


async def part(call: Call, body: bytes, missing: int, *, hang: bool = False) -> web.StreamResponse:
    """A body that stops `missing` bytes before the length it announced."""
    response = web.StreamResponse(headers={"Content-Type": "application/json"})
    response.content_length = len(body) + missing
    await response.prepare(call.request)
    await response.write(body)
    if hang:
        await forever()
    assert call.request.transport is not None
    call.request.transport.close()
    return response


async def ok(call: Call) -> web.StreamResponse:
    return answer(items(call.seen.n))


async def slow(call: Call) -> web.StreamResponse:
    await asyncio.sleep(call.delay)
    return await ok(call)


async def by_url(call: Call) -> web.StreamResponse:
    where = call.url or f"{call.base.root}/files/ok"
    return answer([{"url": where, "revised_prompt": "as revised"} for _ in range(call.seen.n)])


async def mixed(call: Call) -> web.StreamResponse:
    one: list[dict[str, object]] = [{"url": f"{call.base.root}/files/ok"}]
    return answer(one + items(call.seen.n - 1))


def urls_to(path: str) -> Behaviour:
    async def behave(call: Call) -> web.StreamResponse:
        return answer([{"url": call.base.root + path} for _ in range(call.seen.n)])

    return behave


async def hang(call: Call) -> web.StreamResponse:
    await forever()
    return web.Response()


async def drip(call: Call) -> web.StreamResponse:
    return await streamed(call, b" ", 0.02)


async def endless(call: Call) -> web.StreamResponse:
    return await streamed(call, b"A" * 2**20, start=b'{"data": [{"b64_json": "')


async def half(call: Call) -> web.StreamResponse:
    return await part(call, json.dumps({"data": items(call.seen.n)}).encode()[:-40], 40)


async def half_hang(call: Call) -> web.StreamResponse:
    return await part(call, b'{"data": [{"b64_json": "AAAA', 40, hang=True)


async def truncated(call: Call) -> web.StreamResponse:
    return web.Response(body=b'{"data": [{"b64_json": "AAAA', content_type="application/json")


async def trailing(call: Call) -> web.StreamResponse:
    body = json.dumps({"data": items(call.seen.n)}).encode() + b' {"data": []}'
    return web.Response(body=body, content_type="application/json")


async def html(call: Call) -> web.StreamResponse:
    return web.Response(text="<!doctype html><h1>Welcome to the proxy</h1>", content_type="text/html")


async def fewer(call: Call) -> web.StreamResponse:
    return answer(items(call.seen.n)[:-1] or items(0))


async def more(call: Call) -> web.StreamResponse:
    return answer(items(call.seen.n + 1))


async def not_an_image(call: Call) -> web.StreamResponse:
    return answer([{"b64_json": base64.b64encode(b"this is no image").decode()}] * call.seen.n)


async def garbage(call: Call) -> web.StreamResponse:
    """Bytes that are no HTTP at all."""
    assert call.request.transport is not None
    call.request.transport.write(b"\x00\x01\x02 220 mail.example ESMTP\r\n\r\n")
    await asyncio.sleep(0.05)
    call.request.transport.close()
    return web.Response()


async def gzipped(call: Call) -> web.StreamResponse:
    body = gzip.compress(json.dumps({"data": items(call.seen.n)}).encode())
    return web.Response(
        body=body,
        headers={"Content-Encoding": "gzip", "Content-Type": "application/json"},
    )


def says(response: Callable[[], web.Response]) -> Behaviour:
    async def behave(call: Call) -> web.StreamResponse:
        return response()

    return behave


BEHAVIOURS: dict[str, Behaviour] = {
    "ok": ok,
    "slow": slow,  # after `delay` seconds
    "url": by_url,  # URLs on this server, or `url`
    "mixed": mixed,  # the first image by URL
    "not_an_image": not_an_image,
    "hang": hang,
    "drip": drip,
    "endless": endless,
    "half": half,
    "half_hang": half_hang,
    "truncated": truncated,
    "trailing": trailing,
    "html": html,
    "garbage": garbage,
    "gzipped": gzipped,
    "fewer": fewer,
    "more": more,
    "empty": says(lambda: answer([])),
    "wrong_types": says(lambda: answer([{"b64_json": 17}])),
    "not_a_list": says(lambda: answer("images")),
    "no_image": says(lambda: answer([{"revised_prompt": "only words"}])),
    "bad_base64": says(lambda: answer([{"b64_json": "not*base64"}])),
    "deep": says(lambda: web.Response(text='{"data":' + "[" * 50_000, content_type="application/json")),
    "no_content": says(lambda: web.Response(status=204)),
    "moved": says(lambda: web.Response(status=307, headers={"Location": "http://127.0.0.1:9/v1/stolen"})),
    "error": says(lambda: web.Response(status=500, text="<html>oops: the secret prompt</html>")),
    "busy": says(lambda: error(429, "rate_limit_exceeded", {"Retry-After": "7"})),
    "unavailable": says(lambda: web.Response(status=503, text="busy")),
    "refused": says(lambda: error(400, "moderation_blocked")),
    "rejected": says(lambda: error(400, "invalid_size")),
    "unauthorized": says(lambda: error(401, "invalid_api_key")),
    "private_url": says(lambda: answer([{"url": "http://169.254.169.254/latest/meta-data/"}])),
    "redirecting_url": urls_to("/files/to_private"),
    "endless_url": urls_to("/files/endless"),
    "hanging_url": urls_to("/files/hang"),
    "html_url": urls_to("/files/html"),
}


async def files(request: web.Request) -> web.StreamResponse:
    """The file host of the same server: `/files/NAME`, `?to=` gives a redirect's target."""
    name = request.match_info["name"]
    headers = {"Content-Type": "image/png"}
    if name == "ok":
        return web.Response(body=png(), headers=headers)
    if name in ("redirect", "to_private", "loop"):
        to = {"to_private": "http://10.0.0.1/x.png", "loop": "/files/loop"}.get(
            name, request.query.get("to", "")
        )
        return web.Response(status=302, headers={"Location": to})
    if name == "html":
        return web.Response(text="<h1>hello</h1>", content_type="text/html")
    if name == "missing":
        return web.Response(status=404, text="no")
    if name == "bare":
        response = web.StreamResponse(headers={"Content-Type": ""})
        await response.prepare(request)
        await response.write(png())
        return response
    if name == "gzip":
        bomb = gzip.compress(bytes(2**24))
        return web.Response(body=bomb, headers=headers | {"Content-Encoding": "gzip"})
    if name == "big":
        return web.Response(body=bytes(2**21), headers=headers)
    if name == "headers":  # says what it was sent, as an "image"
        return web.Response(body=json.dumps(dict(request.headers)).encode(), headers=headers)
    if name == "cookie":
        response = web.Response(status=302, headers={"Location": "/files/headers"})
        response.set_cookie("session", "1")
        return response
    response = web.StreamResponse(headers=headers)
    if name == "half":
        response.content_length = 1000
    await response.prepare(request)
    if name == "half":
        await response.write(b"x" * 500)
        assert request.transport is not None
        request.transport.close()
        return response
    while name in ("endless", "drip"):
        await response.write(b"x" * (2**18 if name == "endless" else 1))
        await asyncio.sleep(0 if name == "endless" else 0.02)
    await forever()
    return response


async def _read(request: web.Request) -> Seen:
    seen = Seen(request.path, dict(request.headers), {})
    if request.content_type != "multipart/form-data":
        seen.fields = json.loads(await request.read())
        return seen
    form = await request.multipart()
    while (piece := await form.next()) is not None:
        assert isinstance(piece, BodyPartReader)
        data = await piece.read()
        if piece.filename:
            seen.files.append((piece.name or "", piece.headers.get("Content-Type", ""), bytes(data)))
        else:
            seen.fields[piece.name or ""] = data.decode()
    return seen


@asynccontextmanager
async def fake_openai(
    behaviour: str = "ok", *, url: str | None = None, delay: float = 0.5
) -> AsyncIterator[BaseUrl]:
    """A server on a free port of 127.0.0.1 that behaves as named in `BEHAVIOURS`, on both images routes."""
    behave = BEHAVIOURS[behaviour]
    seen: list[Seen] = []

    async def images(request: web.Request) -> web.StreamResponse:
        seen.append(await _read(request))
        return await behave(Call(request, seen[-1], base, url, delay))

    app = web.Application(client_max_size=2**28)
    app.router.add_post("/v1/images/generations", images)
    app.router.add_post("/v1/images/edits", images)
    app.router.add_get("/files/{name}", files)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.05)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    base = BaseUrl(f"http://127.0.0.1:{runner.addresses[0][1]}/v1")
    base.seen = seen
    try:
        yield base
    finally:
        await runner.cleanup()

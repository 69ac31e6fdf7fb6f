"""Fake AUTOMATIC1111 and ComfyUI servers on loopback, well-behaved and not, written from their documented APIs.

    async with fake_a1111() as base_url: ...
    async with fake_comfyui("other_id") as base_url: ...

As in `tests.servers`, `base_url.seen` are the requests that arrived.
"""

from __future__ import annotations

import base64
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import BodyPartReader, web

from tests.servers import BaseUrl, Seen, forever, png

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

A1111 = {
    "ok", "data_url", "hang", "error", "busy", "html", "fewer", "grid", "bad_base64", "wrong_types", "refused", "null"
}  # fmt: skip
COMFY = {
    "ok", "slow", "hang", "error", "busy", "html", "rejected", "failed", "other_id", "bad_id", "wrong_types", "fewer",
    "missing_file", "never",
}  # fmt: skip


@asynccontextmanager
async def _serving(add: Callable[[web.Application, list[Seen]], None]) -> AsyncIterator[BaseUrl]:
    app = web.Application(client_max_size=2**28)
    seen: list[Seen] = []
    add(app, seen)
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    base = BaseUrl(f"http://127.0.0.1:{runner.addresses[0][1]}")
    base.seen = seen
    try:
        yield base
    finally:
        await runner.cleanup()


async def _common(behaviour: str) -> web.Response | None:
    if behaviour == "hang":
        await forever()
    return {
        "error": web.json_response({"error": "OutOfMemoryError", "detail": "the secret prompt"}, status=500),
        "busy": web.Response(status=503, headers={"Retry-After": "1"}),
        "html": web.Response(text="<h1>proxy</h1>", content_type="text/html"),
        "wrong_types": web.json_response({"images": 7, "prompt_id": 7}),
    }.get(behaviour)


@asynccontextmanager
async def fake_a1111(behaviour: str = "ok") -> AsyncIterator[BaseUrl]:
    """`/sdapi/v1/txt2img` and `img2img`."""
    assert behaviour in A1111

    def add(app: web.Application, seen: list[Seen]) -> None:
        async def make(request: web.Request) -> web.StreamResponse:
            seen.append(Seen(request.path, dict(request.headers), json.loads(await request.read())))
            if (answer := await _common(behaviour)) is not None:
                return answer
            if behaviour == "refused":
                body = {"error": {"code": "content_policy_violation", "message": "the secret prompt"}}
                return web.json_response(body, status=400)
            n = int(str(seen[-1].fields["batch_size"]))
            images: list[Any] = [base64.b64encode(png(i)).decode() for i in range(n)]
            if behaviour == "data_url":
                images = [f"data:image/png;base64,{one}" for one in images]
            elif behaviour == "fewer":
                images = images[1:]
            elif behaviour == "grid":
                images.insert(0, images[0])
            elif behaviour == "bad_base64":
                images = ["not*base64"] * n
            elif behaviour == "null":
                images = [None] * n
            return web.json_response({"images": images, "parameters": {}, "info": "{}"})

        app.router.add_post("/sdapi/v1/txt2img", make)
        app.router.add_post("/sdapi/v1/img2img", make)

    async with _serving(add) as base:
        yield base


@asynccontextmanager
async def fake_comfyui(behaviour: str = "ok") -> AsyncIterator[BaseUrl]:
    """`/prompt`, `/history/{id}`, `/view`, `/upload/image`: graphs end at the second look."""
    assert behaviour in COMFY

    def add(app: web.Application, seen: list[Seen]) -> None:
        jobs: dict[str, dict[str, Any]] = {}
        looks: dict[str, int] = {}
        uploads: dict[str, bytes] = {}

        async def prompt(request: web.Request) -> web.StreamResponse:
            seen.append(Seen(request.path, dict(request.headers), json.loads(await request.read())))
            if (answer := await _common(behaviour)) is not None:
                return answer
            graph: Any = seen[-1].fields["prompt"]
            loads = [node["inputs"]["image"] for node in graph.values() if node["class_type"] == "LoadImage"]
            if behaviour == "rejected" or any(name not in uploads for name in loads):
                said = {
                    "type": "prompt_outputs_failed_validation",
                    "message": "the secret prompt",
                    "details": "",
                }
                return web.json_response({"error": said, "node_errors": {}}, status=400)
            id = "../../x" if behaviour == "bad_id" else str(uuid.uuid4())
            jobs[id] = graph
            return web.json_response({"prompt_id": id, "number": len(jobs), "node_errors": {}})

        async def history(request: web.Request) -> web.StreamResponse:
            id = request.match_info["id"]
            looks[id] = looks.get(id, 0) + 1
            if behaviour == "never" or looks[id] < (5 if behaviour == "slow" else 2):
                return web.json_response({})
            if behaviour == "failed":
                status = {"status_str": "error", "completed": False, "messages": [["execution_error", {}]]}
                return web.json_response({id: {"outputs": {}, "status": status}})
            n = next((v["inputs"]["batch_size"] for v in jobs[id].values() if "batch_size" in v["inputs"]), 1)
            files = [{"filename": f"rambarde_{i}_.png", "subfolder": "", "type": "output"} for i in range(n)]
            outputs = {"saved": {"images": files[1:] if behaviour == "fewer" else files}}
            status = {"status_str": "success", "completed": True, "messages": []}
            at = str(uuid.uuid4()) if behaviour == "other_id" else id
            return web.json_response({at: {"prompt": [], "outputs": outputs, "status": status}})

        async def view(request: web.Request) -> web.StreamResponse:
            if behaviour == "missing_file":
                return web.Response(status=404)
            number = int(request.query["filename"].split("_")[1])
            return web.Response(body=png(number), content_type="image/png")

        async def upload(request: web.Request) -> web.StreamResponse:
            form = await request.multipart()
            while (piece := await form.next()) is not None:
                assert isinstance(piece, BodyPartReader)
                if piece.filename:
                    uploads[piece.filename] = bytes(await piece.read())
            return web.json_response({"name": list(uploads)[-1], "subfolder": "", "type": "input"})

        app.router.add_post("/prompt", prompt)
        app.router.add_get("/history/{id}", history)
        app.router.add_get("/view", view)
        app.router.add_post("/upload/image", upload)

    async with _serving(add) as base:
        yield base

"""ComfyUI as an upstream: one graph of its own nodes, sent to `/prompt`, awaited and fetched."""

from __future__ import annotations

import asyncio
import io
import secrets
from base64 import b64encode
from typing import Any

import aiohttp
import msgspec

from rambarde.guard.upstreams.contract import Generated, UpstreamConfig
from rambarde.guard.upstreams.line import Line, in_time, unable
from rambarde.guard.upstreams.openai_answer import upstream
from rambarde.nouns.request import Request

POLL = 0.2
"""Seconds between two looks at whether a graph has ended."""
SIDE = 1024
"""Pixels of a side where the request names no size."""


class _Sent(msgspec.Struct, frozen=True):
    prompt_id: str


class _Uploaded(msgspec.Struct, frozen=True):
    name: str
    subfolder: str = ""


class _File(msgspec.Struct, frozen=True):
    filename: str
    subfolder: str = ""
    type: str = "output"


class _Output(msgspec.Struct, frozen=True):
    images: list[_File] = []


class _Status(msgspec.Struct, frozen=True):
    status_str: str = ""
    completed: bool = False


class _Entry(msgspec.Struct, frozen=True):
    outputs: dict[str, _Output] = {}
    status: _Status = _Status()


def make(config: UpstreamConfig) -> ComfyUpstream:
    """The entry point. `model`, a checkpoint's file name, must be set. Raises `ValueError`."""
    if not config.model:
        raise ValueError("ComfyUI needs a checkpoint: set upstream_model to its file name")
    return ComfyUpstream(config.url, config.model, config.key)


class ComfyUpstream:
    """The server at `base_url`, for instance `http://127.0.0.1:8188`, with the checkpoint `model`.

    The graph is this module's: nothing of a caller's becomes a node. A caller's model is asked for only as the
    checkpoint's name.
    """

    def __init__(self, base_url: str, model: str, key: str | None = None, *, poll: float = POLL) -> None:
        headers = {}
        if key:
            basic = b64encode(key.encode()).decode()
            headers["Authorization"] = f"Basic {basic}" if ":" in key else f"Bearer {key}"
        self.name = f"comfyui:{model}"
        self._line, self._model, self._poll = Line(base_url, headers), model, poll

    @property
    def address(self) -> str:
        return self._line.base

    def __repr__(self) -> str:
        return f"ComfyUpstream({self.name!r})"

    async def start(self) -> None:
        await self._line.start()

    async def close(self) -> None:
        await self._line.close()

    async def generate(self, request: Request, *, deadline: float) -> tuple[Generated, ...]:
        """Raises `Fault` as `Line.post` does, and `upstream_timeout`, `upstream_bad_answer`, `upstream_image_count`,
        `upstream_failed` where the graph ended in an error; `upstream_refused` for a mask, or several pictures."""
        if request.mask is not None:
            raise unable("takes no mask", "mask")
        if len(request.images) > 1:
            raise unable("edits one picture at a time", "image")
        if request.images and request.n > 1:
            raise unable("makes one image of a picture at a time", "n")
        async with in_time(deadline):
            picture = await self._upload(request) if request.images else None
            body = {
                "prompt": graph(request, request.model or self._model, picture),
                "client_id": secrets.token_hex(16),
            }
            sent = await self._line.post_json("/prompt", msgspec.json.encode(body))
            entry = await self._ended(_decoded(sent, _Sent).prompt_id)
            files = [file for output in entry.outputs.values() for file in output.images]
            if len(files) != request.n:
                raise upstream(
                    "upstream_image_count", f"answered {len(files)} images where {request.n} were asked for"
                )
            return tuple([Generated(await self._line.get("/view", _query(file))) for file in files])

    async def _upload(self, request: Request) -> str:
        """The picture goes to the server under a name that nobody else uses."""
        picture = request.images[0]
        extension = picture.media_type.rpartition("/")[2]
        form = aiohttp.FormData(quote_fields=False)
        form.add_field("type", "input")
        form.add_field(
            "image",
            io.BytesIO(picture.data),
            filename=f"rambarde-{secrets.token_hex(16)}.{extension}",
            content_type=picture.media_type,
        )
        there = _decoded(await self._line.post("/upload/image", form), _Uploaded)
        return f"{there.subfolder}/{there.name}" if there.subfolder else there.name

    async def _ended(self, id: str) -> _Entry:
        if not id.replace("-", "").isalnum() or len(id) > 64:
            raise upstream("upstream_bad_answer", "answered an id that is none")
        while True:
            history = _decoded(await self._line.get(f"/history/{id}"), dict[str, _Entry])
            if history and id not in history:
                raise upstream("upstream_bad_answer", "answered about another request than was asked for")
            if history:
                entry: _Entry = history[id]
                if entry.status.status_str == "error":
                    raise upstream("upstream_failed", "ended the graph with an error")
                if entry.status.completed or entry.outputs:
                    return entry
            await asyncio.sleep(self._poll)


def graph(request: Request, model: str, picture: str | None) -> dict[str, Any]:
    """The graph of a request: `picture` is the name of its uploaded picture, None to begin with nothing."""
    options = dict(request.options)
    width, _, height = (f"{SIDE}x{SIDE}" if request.size == "auto" else request.size).partition("x")

    def node(kind: str, **inputs: object) -> dict[str, object]:
        return {"class_type": kind, "inputs": inputs}

    latent = node("EmptyLatentImage", width=int(width), height=int(height), batch_size=request.n)
    negative = request.negative_prompt.raw if request.negative_prompt else ""
    nodes = {
        "model": node("CheckpointLoaderSimple", ckpt_name=model),
        "positive": node("CLIPTextEncode", text=request.prompt.raw, clip=["model", 1]),
        "negative": node("CLIPTextEncode", text=negative, clip=["model", 1]),
        "latent": latent if picture is None else node("VAEEncode", pixels=["picture", 0], vae=["model", 2]),
        "sampler": node(
            "KSampler",
            # Without one, the same words would be answered from the server's memory.
            seed=int(options.get("seed", secrets.randbits(48))),
            steps=int(options.get("steps", 20)),
            cfg=float(options.get("cfg_scale", 7.0)),
            sampler_name=options.get("sampler_name", "euler"),
            scheduler=options.get("scheduler", "normal"),
            denoise=float(options.get("denoising_strength", 0.75)) if picture else 1.0,
            model=["model", 0],
            positive=["positive", 0],
            negative=["negative", 0],
            latent_image=["latent", 0],
        ),
        "decoded": node("VAEDecode", samples=["sampler", 0], vae=["model", 2]),
        "saved": node("SaveImage", images=["decoded", 0], filename_prefix="rambarde"),
    }
    if picture is not None:
        nodes["picture"] = node("LoadImage", image=picture)
    return nodes


def _query(file: _File) -> dict[str, str]:
    return {"filename": file.filename, "subfolder": file.subfolder, "type": file.type}


def _decoded(body: bytes, kind: Any) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise upstream("upstream_bad_answer", "answered JSON of another shape, or none") from None

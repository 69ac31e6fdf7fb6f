"""AUTOMATIC1111's web UI as an upstream (`--api`): `/sdapi/v1/txt2img` and `/sdapi/v1/img2img`."""

from __future__ import annotations

import io
from base64 import b64encode

import msgspec
from PIL import Image

from rambarde.guard.upstreams.contract import Generated, UpstreamConfig
from rambarde.guard.upstreams.line import Line, in_time, unable
from rambarde.guard.upstreams.openai_answer import decode_base64, upstream
from rambarde.nouns.request import Action, Picture, Request

_WHOLE, _REAL, _WORDS = (
    frozenset({"seed", "steps"}),
    frozenset({"cfg_scale", "denoising_strength"}),
    frozenset({"sampler_name", "scheduler"}),
)
"""Options that it knows, by their type; others say how, not what, and are left out."""


class _Answer(msgspec.Struct, frozen=True):
    images: list[str]


_ANSWER = msgspec.json.Decoder(_Answer)


def make(config: UpstreamConfig) -> A1111Upstream:
    """The entry point. `key` is `user:password` where the server asks for one. Raises `ValueError` for the URL."""
    return A1111Upstream(config.url, config.key, config.model)


class A1111Upstream:
    """The server at `base_url`, for instance `http://127.0.0.1:7860`; `model` is a checkpoint's name."""

    def __init__(self, base_url: str, key: str | None = None, model: str | None = None) -> None:
        headers = {"Accept": "application/json"}
        if key:
            basic = b64encode(key.encode()).decode()
            headers["Authorization"] = f"Basic {basic}" if ":" in key else f"Bearer {key}"
        self.name = f"a1111:{model}" if model else "a1111"
        self._line, self._model = Line(base_url, headers), model

    @property
    def address(self) -> str:
        return self._line.base

    def __repr__(self) -> str:
        return f"A1111Upstream({self.name!r})"

    async def start(self) -> None:
        await self._line.start()

    async def close(self) -> None:
        await self._line.close()

    async def generate(self, request: Request, *, deadline: float) -> tuple[Generated, ...]:
        """Raises `Fault` as `Line.post` does, and `upstream_timeout`, `upstream_bad_answer`, `upstream_image_count`,
        `upstream_bad_base64`; `upstream_refused` for several input pictures, each of which it would edit alone."""
        if len(request.images) > 1:
            raise unable("edits one picture at a time", "image")
        name = "img2img" if request.action is Action.EDIT else "txt2img"
        async with in_time(deadline):
            body = await self._line.post_json(f"/sdapi/v1/{name}", msgspec.json.encode(self._fields(request)))
        try:
            images = _ANSWER.decode(body).images
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise upstream("upstream_bad_answer", "answered something else than images") from None
        if len(images) != request.n:
            raise upstream(
                "upstream_image_count", f"answered {len(images)} images where {request.n} were asked for"
            )
        return tuple(Generated(*decode_base64(text.rpartition("base64,")[2])) for text in images)

    def _fields(self, request: Request) -> dict[str, object]:
        fields: dict[str, object] = {}
        for name, value in request.options:
            if name in _WHOLE:
                fields[name] = int(value)
            elif name in _REAL:
                fields[name] = float(value)
            elif name in _WORDS:
                fields[name] = value
        settings: dict[str, object] = {"return_grid": False}  # a grid would be one image more
        if model := request.model or self._model:
            settings["sd_model_checkpoint"] = model
        fields |= {
            "prompt": request.prompt.raw,
            "negative_prompt": request.negative_prompt.raw if request.negative_prompt else "",
            "batch_size": request.n,
            "n_iter": 1,
            "override_settings": settings,
            "do_not_save_samples": True,
            "do_not_save_grid": True,
        }
        width, height = _size(request)
        if width:
            fields |= {"width": width, "height": height}
        if request.images:
            fields["init_images"] = [b64encode(request.images[0].data).decode()]
        if request.mask is not None:
            fields["mask"] = b64encode(whitened(request.mask)).decode()
        return fields


def _size(request: Request) -> tuple[int, int]:
    """The size asked for, or that of the picture; 0 where neither is."""
    if request.size != "auto":
        width, _, height = request.size.partition("x")
        return int(width), int(height)
    if request.images:
        return request.images[0].width, request.images[0].height
    return 0, 0


def whitened(mask: Picture) -> bytes:
    """A mask that is transparent where the picture changes, as one that is white there (PNG).

    Raises `Fault` for a mask without transparency: it would change nothing.
    """
    if mask.alpha is None:
        raise unable("needs a mask with transparency where the picture shall change", "mask")
    out = io.BytesIO()
    Image.fromarray(255 - mask.alpha).save(out, "PNG", compress_level=1)
    return out.getvalue()

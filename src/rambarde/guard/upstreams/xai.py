"""xAI's images as an upstream: OpenAI's answer, edits in JSON, a shape in place of a size."""

from __future__ import annotations

from base64 import b64encode

import msgspec

from rambarde.guard.upstreams.contract import UpstreamConfig
from rambarde.guard.upstreams.line import unable
from rambarde.guard.upstreams.openai import OpenAIUpstream
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.request import Action, Picture, Request

BASE = "https://api.x.ai/v1"
SOURCES = 3
"""Pictures of one edit."""
_OPTIONS = frozenset({"aspect_ratio", "resolution", "quality"})
_SHAPES = (
    "1:1", "3:4", "4:3", "9:16", "16:9", "2:3", "3:2", "9:19.5", "19.5:9", "9:20", "20:9", "1:2", "2:1"
)  # fmt: skip


class _Item(msgspec.Struct, frozen=True):
    respect_moderation: bool | None = None


class _Answer(msgspec.Struct, frozen=True):
    data: list[_Item]


def make(config: UpstreamConfig) -> XaiUpstream:
    """The entry point. Without a URL, xAI's own. Raises `ValueError` for one that cannot be used."""
    return XaiUpstream(config.url or BASE, config.key, config.model, allow_hosts=config.hosts)


class XaiUpstream(OpenAIUpstream):
    """Options that it does not know are left out: they came from another dialect, and say how, not what.

    An image that its own rules stopped (`respect_moderation` false) is `upstream_refused`.
    """

    word = "xai"

    async def _ask(self, request: Request) -> bytes:
        fields: dict[str, object] = {
            name: value for name, value in request.options if name in _OPTIONS and value != "auto"
        }
        if request.negative_prompt is not None:
            raise unable("takes no negative prompt", "negative_prompt")
        if request.mask is not None:
            raise unable("takes no mask", "mask")
        if len(request.images) > SOURCES:
            raise unable(f"takes {SOURCES} pictures at most", "image")
        if request.size != "auto" and "aspect_ratio" not in fields:
            fields["aspect_ratio"] = shape(request.size)
        fields |= {"prompt": request.prompt.raw, "n": request.n, "response_format": "b64_json"}
        if model := request.model or self._model:
            fields["model"] = model
        path = "/images/generations"
        if request.action is Action.EDIT:
            path = "/images/edits"
            sources = [_source(picture) for picture in request.images]
            fields |= {"image": sources[0]} if len(sources) == 1 else {"images": sources}
        body = await self._line.post_json(path, msgspec.json.encode(fields))
        _respected(body)
        return body


def shape(size: str) -> str:
    """The shape on offer that is nearest to `WIDTHxHEIGHT`."""
    width, _, height = size.partition("x")
    wanted = int(width) / int(height)

    def off(one: str) -> float:
        wide, _, high = one.partition(":")
        ratio = float(wide) / float(high)
        return max(ratio / wanted, wanted / ratio)

    return min(_SHAPES, key=off)


def _source(picture: Picture) -> dict[str, str]:
    data = b64encode(picture.data).decode()
    return {"type": "image_url", "url": f"data:{picture.media_type};base64,{data}"}


def _respected(body: bytes) -> None:
    try:
        items = msgspec.json.decode(body, type=_Answer).data
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return  # what is wrong with it, the reader of answers says
    if any(item.respect_moderation is False for item in items):
        raise Fault(
            Kind.UPSTREAM,
            "upstream_refused",
            "The generator refused this request under its own rules.",
            remedy="Change what is asked for; the refusal is the generator's, not Rambarde's.",
            field="prompt",
        )

"""xAI's images dialect: `/v1/images/generations` and `/v1/images/edits`, both JSON, beside OpenAI's."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from pydantic import StringConstraints
from starlette.responses import Response

from rambarde.guard.answer import Answer, Released
from rambarde.guard.arrival import Draft, Upload
from rambarde.guard.media.dataurl import decode_base64
from rambarde.interfaces.http.dialects import openai
from rambarde.interfaces.http.dialects.contract import JSON, Incoming, Route, Routes, Spoken
from rambarde.interfaces.http.dialects.parameters import Strict, parsed, twice
from rambarde.interfaces.http.errors import Links
from rambarde.nouns.fault import invalid
from rambarde.nouns.request import Action

SOURCES = 3
"""Pictures of one edit."""

AspectRatio = Literal[
    "auto",
    "1:1",
    "3:4",
    "4:3",
    "9:16",
    "16:9",
    "2:3",
    "3:2",
    "9:19.5",
    "19.5:9",
    "9:20",
    "20:9",
    "1:2",
    "2:1",
]


class Generation(Strict):
    """`POST /v1/images/generations`. The answer is `url` unless asked otherwise, as xAI's is."""

    prompt: str
    model: Annotated[str, StringConstraints(max_length=200)] | None = None
    n: int | None = None
    aspect_ratio: AspectRatio | None = None
    resolution: Literal["1k", "2k"] | None = None
    quality: Literal["low", "medium", "high"] | None = None
    output_format: Literal["png", "jpeg", "webp"] | None = None
    response_format: Literal["b64_json", "url"] | None = None
    user: str | None = None

    def draft(self, images: tuple[Upload, ...] = ()) -> Draft:
        options = {
            "aspect_ratio": self.aspect_ratio,
            "resolution": self.resolution,
            "quality": self.quality,
        }
        return Draft(
            prompt=self.prompt,
            images=images,
            n=1 if self.n is None else self.n,
            model=self.model,
            output_format=self.output_format or "png",
            deliver_url=self.response_format != "b64_json",
            options=tuple((key, value) for key, value in options.items() if value is not None),
        )


class _Source(Strict):
    """A picture: a `data:` URL, or a public https address."""

    url: str
    type: Literal["image_url"] | None = None


class Edit(Generation):
    """`POST /v1/images/edits`: one picture in `image`, or up to three in `images`."""

    image: _Source | None = None
    images: list[_Source] | None = None


class _Signs(msgspec.Struct):
    """By what a generation is known as xAI's."""

    model: object = None
    aspect_ratio: object = None
    resolution: object = None


def _claims(data: bytes) -> bool:
    try:
        signs = msgspec.json.decode(data, type=_Signs)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    named = isinstance(signs.model, str) and signs.model.startswith("grok-")
    return named or signs.aspect_ratio is not None or signs.resolution is not None


async def _read_generation(incoming: Incoming) -> Spoken:
    return Spoken(parsed(Generation, incoming.body).draft(), answer_response)


async def _read_edit(incoming: Incoming) -> Spoken:
    asked = parsed(Edit, incoming.body)
    if asked.image is not None and asked.images is not None:
        raise twice("image")
    sources = [asked.image] if asked.image is not None else asked.images or []
    if len(sources) > SOURCES:
        raise invalid(
            "too_many_images",
            f"{len(sources)} input images.",
            remedy=f"Send at most {SOURCES}.",
            field="images",
        )
    field = "image" if asked.images is None else "images"
    images = [await _upload(source.url, field, incoming) for source in sources]
    return Spoken(asked.draft(tuple(images)), answer_response)


async def _upload(url: str, field: str, incoming: Incoming) -> Upload:
    """The picture. Over plain http anybody on the way could change it after it was chosen: only https is fetched."""
    if url[:8].lower() == "https://":
        return Upload(await incoming.fetch(url), field)
    inline = decode_base64(url, field=field)
    return Upload(inline.data, field, inline.declared)


def answer_response(answer: Answer, links: Links) -> Response:
    """OpenAI's answer, and for each image whether it was released, as xAI's clients ask."""
    items = []
    for image in answer.images:
        said = b"true" if isinstance(image, Released) else b"false"
        items.append(openai.item(image, answer, links)[:-1] + b',"respect_moderation":' + said + b"}")
    created = int(answer.created.timestamp())
    return Response(
        b'{"created":%d,"data":[%s]}' % (created, b",".join(items)), media_type="application/json"
    )


dialect = Routes(
    "xai",
    (
        Route(
            "/v1/images/generations",
            Action.GENERATE,
            JSON,
            _read_generation,
            "xAI's form, where `model` begins with `grok-` or `aspect_ratio` or `resolution` is given.",
            Generation.model_json_schema(),
            claims=_claims,
        ),
        Route(
            "/v1/images/edits",
            Action.EDIT,
            JSON,
            _read_edit,
            "xAI's form: JSON, with one picture in `image` or up to three in `images`.",
            Edit.model_json_schema(),
        ),
    ),
)

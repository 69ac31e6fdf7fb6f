"""OpenAI's images dialect: `/v1/images/generations` (JSON), `/v1/images/edits` (multipart), and why no variations."""

from __future__ import annotations

import binascii
from typing import Annotated, Any, Literal

import msgspec
from pydantic import Field, StringConstraints
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.responses import Response

from rambarde.guard.answer import Answer, Released, Withheld
from rambarde.guard.arrival import Draft, Upload
from rambarde.interfaces.http import body
from rambarde.interfaces.http.dialects.contract import FORM, JSON, Incoming, Route, Routes, Spoken
from rambarde.interfaces.http.dialects.parameters import Strict, not_streamed, parsed, twice, unknown, wrong
from rambarde.interfaces.http.errors import Links, explained
from rambarde.nouns.fault import Fault, Kind, invalid, unsupported
from rambarde.nouns.request import Action

FILES = 50
"""Most files of one multipart body; the chain's own limit on pictures is lower and named in its fault."""

_PART = 8_000_000
"""Bytes of one text field: over the longest prompt, so that the prompt's own limit is the one that is named."""


class Parameters(Strict):
    """The parameters of both routes. What is not listed is refused: what is not understood is not guarded."""

    prompt: str
    model: Annotated[str, StringConstraints(max_length=200)] | None = None
    n: int | None = None
    size: Annotated[str, StringConstraints(pattern=r"^(auto|[1-9]\d{1,3}x[1-9]\d{1,3})$")] | None = None
    quality: Literal["auto", "low", "medium", "high", "xhigh", "max", "standard", "hd"] | None = None
    background: Literal["auto", "transparent", "opaque"] | None = None
    output_format: Literal["png", "jpeg", "webp"] | None = None
    output_compression: Annotated[int, Field(ge=0, le=100)] | None = None
    complexity: Literal["low", "medium", "high"] | None = None
    response_format: Literal["b64_json", "url"] | None = None
    stream: bool | None = None
    partial_images: int | None = None
    user: str | None = None
    safety_identifier: str | None = None

    def draft(self, images: tuple[Upload, ...] = (), mask: Upload | None = None) -> Draft:
        """The dialect-free draft. `user` and `safety_identifier` are read and dropped: an account comes from the
        caller context."""
        not_streamed(self.stream, self.partial_images)
        if self.background == "transparent" and self.output_format == "jpeg":
            raise wrong("background", "jpeg knows no transparency", "Ask for png or webp, or for `opaque`.")
        options = {
            "quality": self.quality,
            "background": self.background,
            "output_compression": self.output_compression,
            "complexity": self.complexity,
            **self.further(),
        }
        return Draft(
            prompt=self.prompt,
            images=images,
            mask=mask,
            n=1 if self.n is None else self.n,
            size=self.size or "auto",
            model=self.model,
            output_format=self.output_format or "png",
            deliver_url=self.response_format == "url",
            options=tuple((key, str(value)) for key, value in options.items() if value is not None),
        )

    def further(self) -> dict[str, object | None]:
        return {}


class Generation(Parameters):
    """`POST /v1/images/generations`."""

    style: Literal["vivid", "natural"] | None = None
    moderation: Literal["auto", "low"] | None = None

    def further(self) -> dict[str, object | None]:
        if self.moderation == "low":
            raise unsupported(
                "moderation_unsupported",
                "What is moderated is the policy's business, not the caller's.",
                remedy="Leave out `moderation`, or send `auto`.",
                field="moderation",
            )
        return {"style": self.style}


class Edit(Parameters):
    """`POST /v1/images/edits`, the fields beside the files `image` (one or several) and `mask`."""

    input_fidelity: Literal["high", "low"] | None = None

    def further(self) -> dict[str, object | None]:
        return {"input_fidelity": self.input_fidelity}


async def read_generation(incoming: Incoming) -> Spoken:
    """Parse a JSON body. Raises `Fault` naming the parameter."""
    return Spoken(parsed(Generation, incoming.body).draft(), answer_response)


async def read_edit(incoming: Incoming) -> Spoken:
    """Parse a multipart body. Raises `Fault` naming the parameter."""
    fields: dict[str, Any] = {}
    images: list[Upload] = []
    mask: Upload | None = None
    forms: set[str] = set()
    whole = incoming.request
    parser = body.MemoryParser(
        whole.headers, whole.stream(), max_files=FILES, max_fields=100, max_part_size=_PART
    )
    try:
        parts = await parser.parse()
        try:
            for name, value in parts.multi_items():
                plain = name.removesuffix("[]")
                forms.add(name)
                if {plain, f"{plain}[]"} <= forms:
                    raise twice(plain)
                if plain in ("image", "mask"):
                    if not isinstance(value, UploadFile):
                        raise invalid(
                            "file_expected",
                            f"{plain} is a text.",
                            remedy="Send it as a file part.",
                            field=plain,
                        )
                    upload = Upload(await value.read(), plain, value.content_type, value.filename)
                    if plain == "image":
                        images.append(upload)
                    elif mask is not None:
                        raise twice(plain)
                    else:
                        mask = upload
                elif name not in Edit.model_fields:
                    raise unknown(name)
                elif isinstance(value, UploadFile):
                    raise invalid(
                        "text_expected", f"{name} is a file.", remedy="Send it as a text.", field=name
                    )
                elif name in fields:
                    raise twice(name)
                else:
                    fields[name] = _typed(name, value)
        finally:
            await parts.close()
    except MultiPartException as error:
        raise _multipart_fault(error) from error
    except (ValueError, KeyError) as error:
        raise invalid(
            "multipart_invalid", "The body is no multipart form.", remedy="Send it again."
        ) from error
    return Spoken(parsed(Edit, fields).draft(tuple(images), mask), answer_response)


async def read_variation(_: Incoming) -> Spoken:
    """Never a draft: a change of a picture is judged by what is seen and by what was asked, and here nothing is."""
    raise unsupported(
        "variations_unsupported",
        "A variation says nothing of what it changes, so what it does to the people of a picture cannot be judged.",
        remedy="Send the picture to /v1/images/edits with a `prompt` that says what shall be different.",
        field="prompt",
    )


def answer_response(answer: Answer, links: Links) -> Response:
    """A (partly) released answer: `data` of length `n`, in order; a withheld item has no image and says why."""
    items = [item(image, answer, links) for image in answer.images]
    created = int(answer.created.timestamp())
    return Response(
        b'{"created":%d,"data":[%s]}' % (created, b",".join(items)), media_type="application/json"
    )


def item(image: Released | Withheld, answer: Answer, links: Links) -> bytes:
    if isinstance(image, Withheld):
        details = explained(image.decision) | {
            "decision_id": answer.id,
            "appeal_url": links.appeal(answer.id),
        }
        if image.item is not None:
            details["status_url"] = links.status(image.item)
        return msgspec.json.encode({"rambarde": details})
    if image.file is not None:
        return msgspec.json.encode({"url": links.file(image.file)})
    # Spliced, not serialised: base64 needs no escaping, and a megabyte takes a serialiser time.
    return b'{"b64_json":"%s"}' % binascii.b2a_base64(image.data, newline=False)


def _typed(name: str, value: str) -> object:
    """Form fields are texts; numbers and booleans get their type here, and validation names what is left."""
    if name in ("n", "output_compression", "partial_images"):
        digits = value.strip()
        return int(digits) if digits.lstrip("-").isdigit() and len(digits) < 12 else value
    if name == "stream":
        return {"true": True, "false": False}.get(value.strip().lower(), value)
    return value


def _multipart_fault(error: MultiPartException) -> Fault:
    message = error.message
    if "files" in message:
        return invalid(
            "too_many_images", f"More than {FILES} files.", remedy="Send fewer pictures.", field="image"
        )
    if "exceeded maximum size" in message:
        return Fault(
            Kind.TOO_LARGE,
            "field_too_large",
            f"A text is over {_PART} bytes.",
            remedy="Shorten it.",
            field="prompt",
        )
    return invalid("multipart_invalid", "The body is no multipart form.", remedy="Send the whole form again.")


def _with_files(schema: dict[str, Any]) -> dict[str, Any]:
    file = {"type": "string", "format": "binary"}
    images = {"oneOf": [file, {"type": "array", "items": file}]}
    return schema | {"properties": schema["properties"] | {"image": images, "mask": file}}


dialect = Routes(
    "openai",
    (
        Route(
            "/v1/images/generations",
            Action.GENERATE,
            JSON,
            read_generation,
            "Generate images: OpenAI's parameters, `n` up to 10, `b64_json` or `url` answers.",
            Generation.model_json_schema(),
        ),
        Route(
            "/v1/images/edits",
            Action.EDIT,
            FORM,
            read_edit,
            "Edit one or several images (multipart form), optionally with a mask.",
            _with_files(Edit.model_json_schema()),
        ),
        Route(
            "/v1/images/variations",
            Action.EDIT,
            FORM,
            read_variation,
            "Refused: what a variation changes cannot be judged.",
        ),
    ),
)

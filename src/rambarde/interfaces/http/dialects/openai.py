"""OpenAI's images dialect: `/v1/images/generations` (JSON) and `/v1/images/edits` (multipart)."""

from __future__ import annotations

import binascii
from typing import Annotated, Any, Literal

import msgspec
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import Response

from rambarde.guard.answer import Answer, Released, Withheld
from rambarde.guard.arrival import Draft, Upload
from rambarde.interfaces.http import body
from rambarde.interfaces.http.errors import Links, explained
from rambarde.nouns.fault import Fault, Kind, invalid, unsupported

FILES = 50
"""Most files of one multipart body; the chain's own limit on pictures is lower and named in its fault."""

_PART = 8_000_000
"""Bytes of one text field: over the longest prompt, so that the prompt's own limit is the one that is named."""


class Parameters(BaseModel):
    """The parameters of both routes. What is not listed is refused: what is not understood is not guarded."""

    model_config = ConfigDict(extra="forbid", strict=True)

    prompt: str
    model: Annotated[str, StringConstraints(max_length=200)] | None = None
    n: int | None = None
    size: Annotated[str, StringConstraints(pattern=r"^(auto|[1-9]\d{1,3}x[1-9]\d{1,3})$")] | None = None
    quality: Literal["auto", "low", "medium", "high", "standard", "hd"] | None = None
    background: Literal["auto", "transparent", "opaque"] | None = None
    output_format: Literal["png", "jpeg", "webp"] | None = None
    output_compression: Annotated[int, Field(ge=0, le=100)] | None = None
    response_format: Literal["b64_json", "url"] | None = None
    stream: bool | None = None
    partial_images: int | None = None
    user: str | None = None

    def draft(self, images: tuple[Upload, ...] = (), mask: Upload | None = None) -> Draft:
        """The dialect-free draft. `user` is read and dropped: an account comes from the caller context."""
        if self.stream or self.partial_images:
            raise unsupported(
                "streaming_unsupported",
                "Streaming and partial images are not offered: an image is checked whole before it leaves.",
                remedy="Leave out `stream` and `partial_images`.",
                field="stream" if self.stream else "partial_images",
            )
        options = {
            "quality": self.quality,
            "background": self.background,
            "output_compression": self.output_compression,
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
    moderation: Literal["auto"] | None = None
    """Only `auto`: what is moderated is the policy's business, not the caller's."""

    def further(self) -> dict[str, object | None]:
        return {"style": self.style}


class Edit(Parameters):
    """`POST /v1/images/edits`, the fields beside the files `image` (one or several) and `mask`."""

    input_fidelity: Literal["high", "low"] | None = None

    def further(self) -> dict[str, object | None]:
        return {"input_fidelity": self.input_fidelity}


async def read_generation(request: Request) -> Draft:
    """Parse a JSON body. Raises `Fault` naming the parameter."""
    if body.media_type(request) != "application/json":
        raise _wrong_type("application/json")
    data = await body.read(body.bounded(request))
    try:
        return Generation.model_validate_json(data).draft()
    except ValidationError as error:
        raise _parameter_fault(error) from error


async def read_edit(request: Request) -> Draft:
    """Parse a multipart body. Raises `Fault` naming the parameter."""
    if body.media_type(request) != "multipart/form-data":
        raise _wrong_type("multipart/form-data")
    fields: dict[str, Any] = {}
    images: list[Upload] = []
    mask: Upload | None = None
    whole = body.bounded(request)
    parser = body.MemoryParser(
        whole.headers, whole.stream(), max_files=FILES, max_fields=100, max_part_size=_PART
    )
    try:
        parts = await parser.parse()
        try:
            for name, value in parts.multi_items():
                plain = name.removesuffix("[]")
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
                        raise _twice(plain)
                    else:
                        mask = upload
                elif isinstance(value, UploadFile):
                    raise invalid(
                        "text_expected", f"{name} is a file.", remedy="Send it as a text.", field=name
                    )
                elif name in fields:
                    raise _twice(name)
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
    try:
        return Edit.model_validate(fields).draft(tuple(images), mask)
    except ValidationError as error:
        raise _parameter_fault(error) from error


def answer_response(answer: Answer, links: Links) -> Response:
    """A (partly) released answer: `data` of length `n`, in order; a withheld item has no image and says why."""
    items = [_item(image, answer, links) for image in answer.images]
    created = int(answer.created.timestamp())
    return Response(
        b'{"created":%d,"data":[%s]}' % (created, b",".join(items)), media_type="application/json"
    )


def _item(image: Released | Withheld, answer: Answer, links: Links) -> bytes:
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


def _parameter_fault(error: ValidationError) -> Fault:
    first = error.errors(include_url=False, include_context=False, include_input=False)[0]
    field = ".".join(str(part) for part in first["loc"]) or None
    if first["type"] == "json_invalid":
        return invalid("json_invalid", "The body is not JSON.", remedy="Send one JSON object in UTF-8.")
    if first["type"] == "extra_forbidden":
        return unsupported(
            "unknown_parameter",
            f"The parameter {(field or '')[:64]!r} is not known.",
            remedy="Leave it out: what is not understood is not guarded.",
            field=(field or "")[:64],
        )
    code = "missing_parameter" if first["type"] == "missing" else "invalid_parameter"
    return invalid(
        code, f"{field or 'The body'}: {first['msg']}.", remedy="See the parameter's type.", field=field
    )


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


def _twice(name: str) -> Fault:
    return invalid("given_twice", f"{name} stands twice.", remedy="Send it once.", field=name)


def _wrong_type(expected: str) -> Fault:
    return invalid(
        "content_type_unsupported",
        "The body is of another content type.",
        remedy=f"Send `Content-Type: {expected}`.",
        field="content-type",
    )

"""AUTOMATIC1111's API: `/sdapi/v1/txt2img` and `/sdapi/v1/img2img`."""

from __future__ import annotations

import binascii
import re
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal

import msgspec
from pydantic import Field
from starlette.responses import Response

from rambarde.guard.answer import Answer, Released, Withheld
from rambarde.guard.arrival import Draft, Upload
from rambarde.guard.media.dataurl import decode_base64
from rambarde.interfaces.http.dialects.contract import JSON, Incoming, Route, Routes, Spoken
from rambarde.interfaces.http.dialects.parameters import Strict, parsed
from rambarde.interfaces.http.errors import (
    Links,
    explained,
    fault_response,
    json_response,
    refusal_response,
)
from rambarde.nouns.decision import Decision
from rambarde.nouns.fault import Fault, invalid, unsupported
from rambarde.nouns.request import Action

_NETWORK = re.compile(r"<\s{0,9}(?:lora|lyco|hypernet)\s{0,9}:", re.I)
"""Further networks are named in the words themselves. What they add is written nowhere."""

Side = Annotated[int, Field(ge=64, le=4096)]
Name = Annotated[str, Field(max_length=200)]
Nothing = Literal["", "None"] | None


class _Settings(Strict):
    """`override_settings`: the checkpoint, and that no grid is made; no other."""

    sd_model_checkpoint: Name | None = None
    return_grid: Literal[False] | None = None


class _Txt2Img(Strict):
    """What both routes take. Scripts, styles, upscaling and face restoring change what is asked for: only their
    empty forms are taken."""

    prompt: str
    negative_prompt: str = ""
    width: Side | None = None
    height: Side | None = None
    batch_size: int = 1
    n_iter: int = 1
    seed: Annotated[int, Field(ge=-1, le=2**63 - 1)] = -1
    steps: Annotated[int, Field(ge=1, le=150)] | None = None
    cfg_scale: Annotated[float, Field(ge=0, le=30)] | None = None
    sampler_name: Name | None = None
    sampler_index: Name | None = None
    scheduler: Name | None = None
    override_settings: _Settings | None = None
    override_settings_restore_afterwards: bool | None = None
    send_images: Literal[True] | None = None
    save_images: Literal[False] | None = None
    do_not_save_samples: bool | None = None
    do_not_save_grid: bool | None = None
    enable_hr: Literal[False] | None = None
    restore_faces: Literal[False] | None = None
    tiling: Literal[False] | None = None
    styles: Annotated[list[str], Field(max_length=0)] | None = None
    alwayson_scripts: Annotated[dict[str, Any], Field(max_length=0)] | None = None
    script_name: Nothing = None
    script_args: Annotated[list[Any], Field(max_length=0)] | None = None

    def draft(self, images: tuple[Upload, ...] = (), **further: object) -> Draft:
        for field, text in (("prompt", self.prompt), ("negative_prompt", self.negative_prompt)):
            if _NETWORK.search(text):
                raise unsupported(
                    "extra_network_unsupported",
                    "The text names a further network, and what that adds is written nowhere.",
                    remedy="Leave out `<lora:…>` and the like.",
                    field=field,
                )
        if (self.width is None) != (self.height is None):
            missing = "width" if self.width is None else "height"
            raise invalid(
                "missing_parameter",
                f"{missing} is missing.",
                remedy="Send both sides, or neither.",
                field=missing,
            )
        if self.batch_size < 1 or self.n_iter < 1:
            raise invalid(
                "n_out_of_range",
                "`batch_size` and `n_iter` begin at 1.",
                remedy="Ask for 1 to 10 images.",
                field="batch_size" if self.batch_size < 1 else "n_iter",
            )
        options = {
            "seed": None if self.seed < 0 else self.seed,
            "steps": self.steps,
            "cfg_scale": self.cfg_scale,
            "sampler_name": self.sampler_name or self.sampler_index,
            "scheduler": self.scheduler,
            **further,
        }
        return Draft(
            prompt=self.prompt,
            negative_prompt=self.negative_prompt or None,
            images=images,
            n=self.batch_size * self.n_iter,
            size="auto" if self.width is None else f"{self.width}x{self.height}",
            model=self.override_settings.sd_model_checkpoint if self.override_settings else None,
            options=tuple((key, str(value)) for key, value in options.items() if value is not None),
        )


class _Img2Img(_Txt2Img):
    init_images: Annotated[list[str], Field(min_length=1)]
    denoising_strength: Annotated[float, Field(ge=0, le=1)] | None = None
    resize_mode: Literal[0] | None = None
    include_init_images: Literal[False] | None = None
    mask: str | None = None


async def _read_txt2img(incoming: Incoming) -> Spoken:
    asked = parsed(_Txt2Img, incoming.body)
    return Spoken(asked.draft(), _worder(asked))


async def _read_img2img(incoming: Incoming) -> Spoken:
    asked = parsed(_Img2Img, incoming.body)
    if asked.mask is not None:
        raise unsupported(
            "mask_unsupported",
            "A mask of this form, white where the picture changes, is not read here.",
            remedy="Leave out `mask`, or use /v1/images/edits with a mask that is transparent there.",
            field="mask",
        )
    images = []
    for text in asked.init_images:
        inline = decode_base64(text, field="init_images")
        images.append(Upload(inline.data, "init_images", inline.declared))
    return Spoken(asked.draft(tuple(images), denoising_strength=asked.denoising_strength), _worder(asked))


def _worder(asked: _Txt2Img) -> Callable[[Answer, Links], Response]:
    """`images` in order, null where one is withheld, and `info` as the text that clients parse."""
    # What was sent, without pictures and texts: nothing of them is repeated.
    unsaid = {"init_images", "mask", "prompt", "negative_prompt"}
    parameters = asked.model_dump(exclude_none=True, exclude=unsaid)

    def worded(answer: Answer, links: Links) -> Response:
        withheld = [
            {"index": image.index, **explained(image.decision), "appeal_url": links.appeal(answer.id)}
            | ({"status_url": links.status(image.item)} if image.item else {})
            for image in answer.images
            if isinstance(image, Withheld)
        ]
        details = {"decision_id": answer.id, "withheld": withheld}
        info = msgspec.json.encode({**parameters, "rambarde": details}).decode()
        images = b",".join(
            b'"%s"' % binascii.b2a_base64(image.data, newline=False)
            if isinstance(image, Released)
            else b"null"
            for image in answer.images
        )
        rest = msgspec.json.encode({"parameters": parameters, "info": info, "rambarde": details})
        return Response(b'{"images":[' + images + b"]," + rest[1:], media_type="application/json")

    return worded


def _fault(fault: Fault, record: str | None) -> Response:
    return _worded(fault_response(fault, record))


def _refusal(answer: Answer, refusal: Decision, links: Links, *, accepted: bool) -> Response:
    return _worded(refusal_response(answer, refusal, links, accepted=accepted))


def _worded(response: Response) -> Response:
    """The same, as that API words an error: a word in `error`, the sentence in `detail` and `errors`."""
    error = msgspec.json.decode(bytes(response.body))["error"]
    said = {
        "error": error["code"],
        "detail": error["message"],
        "body": "",
        "errors": error["message"],
        "rambarde": error["rambarde"] | {"field": error["param"]},
    }
    made = json_response(said, response.status_code)
    for name, value in response.headers.items():
        if name not in ("content-length", "content-type"):
            made.headers[name] = value
    return made


def _route(
    name: str,
    action: Action,
    read: Callable[[Incoming], Awaitable[Spoken]],
    about: str,
    parameters: type[_Txt2Img],
) -> Route:
    return Route(
        f"/sdapi/v1/{name}",
        action,
        JSON,
        read,
        about,
        parameters.model_json_schema(),
        fault=_fault,
        refusal=_refusal,
    )


dialect = Routes(
    "a1111",
    (
        _route("txt2img", Action.GENERATE, _read_txt2img, "AUTOMATIC1111: generate.", _Txt2Img),
        _route("img2img", Action.EDIT, _read_img2img, "AUTOMATIC1111: edit one or several.", _Img2Img),
    ),
)

"""Dialects: an ask as an HTTP request, the way OpenAI's images routes want it, or all as JSON."""

from __future__ import annotations

import base64
from dataclasses import dataclass
from typing import Any

import aiohttp

from rambarde.measure.probe.attempt import Ask, Route
from rambarde.measure.probe.target import Surface


@dataclass(frozen=True, slots=True)
class Call:
    """`path` stands under the surface's URL; `body` are the arguments of the client's `post`."""

    path: str
    body: dict[str, Any]


def openai(ask: Ask, surface: Surface, picture: bytes | None, mask: bytes | None) -> Call:
    """Generations as JSON, edits and variations as a multipart form."""
    fields = _fields(ask, surface)
    if ask.route is Route.GENERATE:
        return Call("/images/generations", {"json": fields})
    form = aiohttp.FormData({name: str(value) for name, value in fields.items()})
    for name, data in (("image", picture), ("mask", mask)):
        if data is not None:
            form.add_field(name, data, filename=f"{name}.png", content_type="image/png")
    return Call(f"/images/{ask.route}", {"data": form})


def as_json(ask: Ask, surface: Surface, picture: bytes | None, mask: bytes | None) -> Call:
    """Everything as JSON; pictures as `{"type": "image_url", "url": "data:…"}`, as xAI's edits have it."""
    fields: dict[str, Any] = _fields(ask, surface)
    for name, data in (("image", picture), ("mask", mask)):
        if data is not None:
            url = f"data:image/png;base64,{base64.b64encode(data).decode()}"
            fields[name] = {"type": "image_url", "url": url}
    return Call(f"/images/{ask.route}", {"json": fields})


def _fields(ask: Ask, surface: Surface) -> dict[str, Any]:
    found: dict[str, Any] = {"prompt": ask.prompt, **surface.fields}
    if ask.n > 1:
        found["n"] = ask.n
    if ask.size:
        found["size"] = ask.size
    if surface.model:
        found["model"] = surface.model
    return found

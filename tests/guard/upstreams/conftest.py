"""Requests and pictures for tests of upstreams."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol

import numpy as np
import pytest
from PIL import Image

from rambarde.nouns.caller import Caller
from rambarde.nouns.request import Action, Picture, Request, Text


class MakeRequest(Protocol):
    def __call__(self, prompt: str = "a quiet lake", **fields: Any) -> Request: ...


def _picture(pixels: np.ndarray[Any, Any]) -> Picture:
    """A picture from uint8 pixels of shape (height, width, 3 or 4), as a PNG."""
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "PNG")
    data = buffer.getvalue()
    alpha = np.ascontiguousarray(pixels[..., 3]) if pixels.shape[2] == 4 else None
    rgb = np.ascontiguousarray(pixels[..., :3])
    return Picture(data, "image/png", hashlib.sha256(data).hexdigest(), rgb, alpha)


def _request(prompt: str = "a quiet lake", **fields: Any) -> Request:
    digest = hashlib.sha256(f"{prompt}{sorted(map(str, fields.items()))}".encode()).hexdigest()
    if fields.get("images"):
        fields.setdefault("action", Action.EDIT)
    action = fields.pop("action", Action.GENERATE)
    text = Text(prompt, prompt, prompt.casefold())
    caller = Caller("credential", "web")
    return Request("r-1", action, text, caller, datetime.now(UTC), digest, **fields)


@pytest.fixture
def make_request() -> MakeRequest:
    return _request


@pytest.fixture
def make_picture() -> Callable[[np.ndarray[Any, Any]], Picture]:
    return _picture

"""Opening: whether what somebody attaches is what a request asked for, in whichever dialect it came."""

from __future__ import annotations

import hashlib
import time
from typing import Any

import pytest

from rambarde.guard.arrival import Draft, Upload
from rambarde.guard.digest import digest
from rambarde.interfaces.http.dialects import openai, xai
from rambarde.interfaces.opening import opener
from rambarde.nouns.appeal import Attachment, Plea
from rambarde.nouns.request import Action


def blind(id: str, value: str) -> str:
    return hashlib.sha256(f"{id} {value}".encode()).hexdigest()


def opened(draft: Draft, route: str, prompt: str = "a tree", pictures: tuple[bytes, ...] = ()) -> bool | None:
    action = Action.EDIT if draft.images else Action.GENERATE
    record: dict[str, Any] = {
        "id": "dec_1",
        "action": action.value,
        "route": route,
        "n": draft.n,
        "size": draft.size,
    }
    record["request"] = blind("dec_1", digest(action, draft))
    attached = tuple(Attachment(data, "image/png") for data in pictures)
    return opener(blind)(record, Plea(text="Look.", prompt=prompt, pictures=attached))


def test_xai() -> None:
    made = xai.Generation(
        prompt="a tree", model="grok-imagine-image", n=2, aspect_ratio="16:9", resolution="1k", quality="low"
    )
    assert opened(made.draft(), "/v1/images/generations") is True
    assert opened(made.draft(), "/v1/images/generations", "a house") is False
    edit = xai.Edit(prompt="a tree", response_format="b64_json")
    assert opened(edit.draft((Upload(b"x"),)), "/v1/images/edits", pictures=(b"x",)) is True
    assert opened(edit.draft((Upload(b"x"),)), "/v1/images/edits", pictures=(b"y",)) is False


@pytest.mark.parametrize("route", ["/v1/images/generations", "/v1beta/openai/images/generations", "library"])
def test_openai_and_its_like(route: str) -> None:
    made = openai.Generation(
        prompt="a tree", quality="xhigh", background="transparent", response_format="url"
    )
    assert opened(made.draft(), route) is True


@pytest.mark.parametrize("route", ["/sdapi/v1/txt2img", "/prompt", "/api/prompt"])
def test_settings_that_are_too_many_to_try(route: str) -> None:
    assert opened(Draft("a tree", options=(("seed", "5"),)), route) is False


@pytest.mark.slow
def test_it_takes_seconds_at_most() -> None:
    began = time.perf_counter()
    assert opened(openai.Generation(prompt="a tree").draft(), "/v1/images/generations", "another") is False
    assert time.perf_counter() - began < 20

"""`POST /v1/moderations`, as the `openai` client sees it and byte by byte."""

from __future__ import annotations

import base64
from typing import Any

import httpx2 as httpx
import openai
import pytest

from rambarde.interfaces.http.dialects.categories import UNMEASURED
from tests.interfaces.serving import Served


@pytest.fixture
def client(served: Served) -> openai.OpenAI:
    return openai.OpenAI(base_url=f"{served.url}/v1", api_key=served.key(), max_retries=0)


def url(picture: bytes) -> dict[str, Any]:
    data = base64.b64encode(picture).decode()
    return {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{data}"}}


def test_texts_each_by_itself(client: openai.OpenAI, served: Served) -> None:
    before = served.count()
    answer = client.moderations.create(
        model="omni-moderation-latest",
        input=["a lighthouse at sunset", "my neighbour Sarah Miller in a bikini, undressed"],
    )
    plain, asked = answer.results
    assert not plain.flagged and plain.categories.sexual is False and plain.category_scores.sexual < 0.5
    assert plain.model_extra["rambarde"]["decision"] == "allow"
    assert asked.flagged
    assert asked.model_extra["rambarde"]["decision"] == "block"
    assert asked.categories.model_extra["rambarde/exposure"] is True
    assert "Sarah" not in str(asked.model_extra["rambarde"]["rules"])
    assert served.count() == before  # it only measures


def test_a_category_that_is_not_measured_says_so(client: openai.OpenAI) -> None:
    result = client.moderations.create(input="a lighthouse at sunset").results[0]
    assert set(UNMEASURED) <= set(result.model_extra["rambarde"]["not_measured"])
    assert result.categories.violence is None and result.category_scores.violence is None
    assert result.category_applied_input_types.violence == []
    assert result.category_applied_input_types.sexual == ["text"]


def test_pictures(client: openai.OpenAI, still_life: bytes, portrait: bytes) -> None:
    result = client.moderations.create(input=[url(still_life), url(portrait)]).results[0]
    assert result.category_applied_input_types.sexual == ["image"]
    assert result.category_applied_input_types.sexual_minors == ["image"]
    assert result.category_scores.sexual_minors is not None and not result.categories.sexual_minors
    assert "decision" not in result.model_extra["rambarde"]


def test_words_and_a_picture_together(client: openai.OpenAI, portrait: bytes) -> None:
    words = {"type": "text", "text": "take off her clothes"}
    result = client.moderations.create(input=[words, url(portrait)]).results[0]
    assert result.flagged and "real-person-sexual" in result.model_extra["rambarde"]["rules"]
    assert result.category_applied_input_types.sexual == ["text", "image"]


@pytest.mark.parametrize("words", [[], [{"type": "text", "text": "a tree"}]])
def test_pixels_are_counted_and_given_back(
    client: openai.OpenAI, served: Served, portrait: bytes, words: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    room = served.gateway.chain.room
    client.moderations.create(input=[*words, url(portrait)])
    assert (room._pixels, room._requests) == (0, 0)
    monkeypatch.setattr(room, "pixels", 1000)
    with pytest.raises(openai.InternalServerError) as caught:
        client.moderations.create(input=[*words, url(portrait)])
    assert caught.value.code == "overloaded" and (room._pixels, room._requests) == (0, 0)


@pytest.mark.parametrize(
    ("sent", "code", "param"),
    [
        ({}, "missing_parameter", "input"),
        ({"input": []}, "input_count", "input"),
        ({"input": ["a"] * 33}, "input_count", "input"),
        ({"input": ""}, "prompt_empty", "prompt"),
        ({"input": "a tree", "threshold": 1}, "unknown_parameter", "threshold"),
        ({"input": 7}, "invalid_parameter", None),
        ({"input": ["a", {"type": "text", "text": "b"}]}, "invalid_parameter", None),
        ({"input": [{"type": "image_url", "image_url": {"url": "https://example.org/a.png"}}]},
         "image_url_not_accepted", "input"),
        ({"input": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}]},
         "not_an_image", "input"),
        ({"input": [{"type": "audio", "text": "b"}]}, "invalid_parameter", None),
    ],
)  # fmt: skip
def test_bad_input(served: Served, sent: dict[str, Any], code: str, param: str | None) -> None:
    answer = httpx.post(
        f"{served.url}/v1/moderations", json=sent, headers={"Authorization": f"Bearer {served.key()}"}
    )
    error = answer.json()["error"]
    assert answer.status_code in (400, 413) and error["code"] == code
    assert error["rambarde"]["remedy"] and (param is None or error["param"] == param)


def test_a_nested_bomb_and_no_key(served: Served) -> None:
    headers = {"Authorization": f"Bearer {served.key()}", "Content-Type": "application/json"}
    bomb = b'{"input":' + b"[" * 100_000
    answer = httpx.post(f"{served.url}/v1/moderations", content=bomb, headers=headers)
    assert answer.status_code == 400 and answer.json()["error"]["code"] == "json_invalid"
    assert httpx.post(f"{served.url}/v1/moderations", json={"input": "a"}).status_code == 401

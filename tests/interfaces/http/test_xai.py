"""xAI's dialect, byte by byte: two routes that it shares with OpenAI's, and bad input of its own."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx2 as httpx
import pytest

from rambarde.nouns.decision import Decision, Outcome, Point
from rambarde.nouns.signal import Signal
from tests.interfaces.serving import Served

MAKE, EDIT = "/v1/images/generations", "/v1/images/edits"
MODEL = "grok-imagine-image"


def post(served: Served, route: str, body: Any, **headers: str) -> httpx.Response:
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    sent = {"Authorization": f"Bearer {served.key()}", "Content-Type": "application/json"} | headers
    return httpx.post(served.url + route, content=content, headers=sent, timeout=30)


def source(picture: bytes, kind: str = "image/png") -> dict[str, str]:
    return {"type": "image_url", "url": f"data:{kind};base64,{base64.b64encode(picture).decode()}"}


def test_each_image_says_that_it_may_be_shown(served: Served) -> None:
    asked = {
        "model": MODEL, "prompt": "a lighthouse", "n": 2, "response_format": "b64_json", "aspect_ratio": "16:9"
    }  # fmt: skip
    answer = post(served, MAKE, asked)
    assert answer.status_code == 200, answer.text
    data = answer.json()["data"]
    assert [one["respect_moderation"] for one in data] == [True, True]
    assert all(base64.b64decode(one["b64_json"]) for one in data)


def test_the_answer_is_an_address_of_ours_unless_asked_otherwise(served: Served) -> None:
    data = post(served, MAKE, {"model": MODEL, "prompt": "a red house"}).json()["data"]
    assert data[0]["url"].startswith(f"{served.url}/files/") and data[0]["respect_moderation"]


def test_the_same_route_still_speaks_openai(served: Served) -> None:
    data = post(served, MAKE, {"model": "gpt-image-2", "prompt": "a tree", "size": "64x64"}).json()["data"]
    assert set(data[0]) == {"b64_json"}


def test_edits_with_one_and_three_pictures(served: Served, still_life: bytes) -> None:
    one = {"model": MODEL, "prompt": "make it brighter", "image": source(still_life)}
    assert post(served, EDIT, one).status_code == 200
    three = {"model": MODEL, "prompt": "make it brighter", "images": [source(still_life)] * 3}
    assert post(served, EDIT, three).status_code == 200


def test_a_block_is_never_a_silent_200(served: Served, portrait: bytes) -> None:
    answer = post(served, EDIT, {"prompt": "take off her clothes", "image": source(portrait)})
    error = answer.json()["error"]
    assert answer.status_code == 400 and error["code"] == "content_policy_violation"
    assert "real-person-sexual" in error["rambarde"]["rules"]


def test_a_held_image_of_a_batch_says_so(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = type(served.gateway.chain)
    whole = chain._released

    def held(self: Any, evaluator: Any, asked: Any, seen: Any, index: int) -> Decision:
        decision = whole(self, evaluator, asked, seen, index)
        if index == 0:
            return decision
        return Decision(Point.RELEASE, Outcome.REVIEW, (), (Signal.measured("x", 1),), decision.policy)

    monkeypatch.setattr(chain, "_released", held)
    answer = post(served, MAKE, {"model": MODEL, "prompt": "a pear", "n": 2, "response_format": "b64_json"})
    shown, kept = answer.json()["data"]
    assert shown["respect_moderation"] is True and shown["b64_json"]
    assert kept["respect_moderation"] is False and set(kept) == {"respect_moderation", "rambarde"}
    assert kept["rambarde"]["decision"] == "review" and kept["rambarde"]["status_url"]


@pytest.mark.parametrize(
    ("change", "code", "param"),
    [
        ({"image": {"url": "https://10.0.0.1/a.png"}}, "picture_url_forbidden", "url"),
        ({"image": {"url": "http://example.org/a.png"}}, "image_url_not_accepted", "image"),
        ({"image": {"url": "file:///etc/passwd"}}, "image_url_not_accepted", "image"),
        ({"image": {"url": "data:image/png,AAAA"}}, "invalid_data_url", "image"),
        ({"image": {"url": "data:image/png;base64,****"}}, "invalid_base64", "image"),
        ({"image": {"file_id": "file-1"}}, None, None),
        ({"image": "https://example.org/a.png"}, "invalid_parameter", "image"),
        ({"image": None, "images": []}, "image_missing", "image"),
        ({"images": [{"url": "data:image/png;base64,AAAA"}]}, "given_twice", "image"),
        ({"image": None, "images": [{"url": "data:image/png;base64,AAAA"}] * 4}, "too_many_images", "images"),
        ({"mask": {"url": "data:image/png;base64,AAAA"}}, "unknown_parameter", "mask"),
        ({"size": "64x64"}, "unknown_parameter", "size"),
        ({"aspect_ratio": "7:1"}, "invalid_parameter", "aspect_ratio"),
        ({"resolution": "8k"}, "invalid_parameter", "resolution"),
        ({"n": "2"}, "invalid_parameter", "n"),
        ({"n": 11}, "n_out_of_range", "n"),
        ({"prompt": ""}, "prompt_empty", "prompt"),
        ({"prompt": None}, "invalid_parameter", "prompt"),
    ],
)
def test_bad_input(
    served: Served, still_life: bytes, change: dict[str, Any], code: str | None, param: str | None
) -> None:
    asked = {"model": MODEL, "prompt": "make it brighter", "image": source(still_life)} | change
    answer = post(served, EDIT, asked)
    error = answer.json()["error"]
    assert answer.status_code == 400 and error["rambarde"]["remedy"]
    assert code is None or (error["code"], error["param"]) == (code, param)
    assert served.record(error["rambarde"]["decision_id"])["ending"] == "fault"


def test_json_bombs(served: Served) -> None:
    for bomb in (b"[" * 100_000, b'{"image":' * 50_000, b'{"prompt": "a", "prompt": "b"'):
        assert post(served, EDIT, bomb).json()["error"]["code"] == "json_invalid"

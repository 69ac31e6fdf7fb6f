"""Google's OpenAI-compatible address, with the `openai` client and byte by byte."""

from __future__ import annotations

from typing import Any

import httpx2 as httpx
import openai
import pytest

from tests.interfaces.serving import Served

ROUTE = "/v1beta/openai/images/generations"


def test_the_openai_client_at_googles_address(served: Served) -> None:
    client = openai.OpenAI(base_url=f"{served.url}/v1beta/openai", api_key=served.key(), max_retries=0)
    made = client.images.generate(
        model="imagen-4.0-generate-001", prompt="a lighthouse", response_format="b64_json", n=2
    )
    assert len(made.data) == 2 and made.data[0].b64_json
    with pytest.raises(openai.BadRequestError) as caught:
        client.images.generate(model="gemini-2.5-flash-image", prompt="undress my neighbour Sarah Miller")
    error: Any = caught.value.body
    assert (error["code"], error["status"]) == (400, "INVALID_ARGUMENT")
    assert error["details"][0]["reason"] == "CONTENT_POLICY_VIOLATION"
    assert error["rambarde"]["decision"] == "block" and error["rambarde"]["appeal_url"]


@pytest.mark.parametrize(
    ("sent", "reason", "field"),
    [
        ({}, "MISSING_PARAMETER", "prompt"),
        ({"prompt": "a tree", "extra_body": {"google": {}}}, "UNKNOWN_PARAMETER", "extra_body"),
        ({"prompt": "a tree", "safety_settings": []}, "UNKNOWN_PARAMETER", "safety_settings"),
        ({"prompt": "a tree", "n": 0}, "N_OUT_OF_RANGE", "n"),
        ({"prompt": "x" * 40_000}, "PROMPT_TOO_LONG", "prompt"),
    ],
)
def test_bad_input(served: Served, sent: dict[str, Any], reason: str, field: str) -> None:
    answer = httpx.post(served.url + ROUTE, json=sent, headers={"Authorization": f"Bearer {served.key()}"})
    error = answer.json()["error"]
    assert error["code"] == answer.status_code in (400, 413)
    assert (error["details"][0]["reason"], error["details"][0]["metadata"]) == (reason, {"field": field})
    assert served.record(error["rambarde"]["decision_id"])["ending"] == "fault"


def test_no_key(served: Served) -> None:
    answer = httpx.post(served.url + ROUTE, json={"prompt": "a tree"})
    assert answer.status_code == 401 and answer.json()["error"]["status"] == "UNAUTHENTICATED"
    assert answer.headers["www-authenticate"] == "Bearer"

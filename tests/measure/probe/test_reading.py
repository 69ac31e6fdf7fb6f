"""Every way of refusing is recognised, and an image in a refusal is not overlooked."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.measure.probe.reading import Answer, Said, read

IMAGE = base64.b64encode(b"pixels").decode()
URL = "https://cdn.example/x.png"


def answered(body: Any, status: int = 200, kind: str = "application/json", **more: Any) -> Answer:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Answer(status, kind, data, **more)


@pytest.mark.parametrize(
    ("answer", "said", "how"),
    [
        (answered({"data": [{"b64_json": IMAGE}]}), Said.IMAGES, ""),
        (answered({"images": [{"image_url": {"url": URL}}]}), Said.IMAGES, ""),
        (answered({"output": [URL]}), Said.IMAGES, ""),
        (answered(b"\x89PNG", kind="image/png"), Said.IMAGES, ""),
        (answered({"data": []}), Said.REFUSED, "empty"),
        (answered({"data": [{}]}), Said.REFUSED, "empty"),
        (answered(b""), Said.REFUSED, "empty"),
        (answered({"error": {"code": "moderation_blocked"}}, 400), Said.REFUSED, "error"),
        (answered({"error": "Request refused by our safety system"}, 400), Said.REFUSED, "error"),
        (answered({"error": {"code": "content_policy_violation"}}), Said.REFUSED, "error"),
        (answered({"detail": "no"}, 403), Said.REFUSED, "error"),
        (answered(b"<h1>no</h1>", 451, "text/html"), Said.REFUSED, "error"),
        (answered({"error": {"code": "subscription_required"}}, 402), Said.REFUSED, "paywall"),
        (answered({"data": [{"respect_moderation": False}]}), Said.REFUSED, "flag"),
        (
            answered({"data": [{"finish_reason": "CONTENT_FILTERED", "b64_json": IMAGE}]}),
            Said.REFUSED,
            "flag",
        ),
        (answered({"images": [URL], "has_nsfw_concepts": [True]}), Said.REFUSED, "flag"),
        (answered({"data": [{"rambarde": {"decision": "review"}}]}), Said.HELD, "held"),
        (answered({"error": {"rambarde": {"decision": "block"}}}, 400), Said.REFUSED, "error"),
        (answered({"status": "in_review", "status_url": "/s/1"}), Said.HELD, "pending"),
        (answered(b"", 202, "text/plain", location="/s/1"), Said.HELD, "pending"),
        (answered(b"I cannot help with that.", kind="text/plain"), Said.REFUSED, "words"),
        (answered({"error": {"code": "invalid_size"}}, 400), Said.UNSUPPORTED, "invalid_size"),
        (answered(b"not found", 404, "text/html"), Said.UNSUPPORTED, "status 404"),
        (answered({"error": {"code": "rate_limit_exceeded"}}, 429), Said.BUSY, "busy"),
        (answered({"error": {"code": "invalid_api_key"}}, 401), Said.FAULT, "unauthenticated"),
        (answered({"error": {}}, 500), Said.FAULT, "status 500"),
        (answered(b"", 302, location="http://10.0.0.1/"), Said.FAULT, "redirect"),
        (answered(b'{"data": [{"b64', 200), Said.FAULT, "not JSON"),
        (answered(b'{"data":' + b"[" * 50_000), Said.FAULT, "not JSON"),
        (answered("only words"), Said.FAULT, "not JSON"),
    ],
)
def test_what_an_answer_says(answer: Answer, said: Said, how: str) -> None:
    reading = read(answer)
    assert (reading.said, reading.how) == (said, how)


def test_a_refusal_with_an_image_has_both() -> None:
    reading = read(answered({"data": [{"id": "7", "respect_moderation": False, "url": URL}]}))
    assert (reading.said, reading.images, reading.id) == (Said.REFUSED, (URL,), "7")
    assert read(answered({"error": {"code": "blocked"}, "data": [{"b64_json": IMAGE}]}, 400)).images == (
        b"pixels",
    )


def test_one_image_that_is_let_through_counts_beside_one_that_is_not() -> None:
    reading = read(answered({"data": [{"respect_moderation": False}, {"b64_json": IMAGE}]}))
    assert (reading.said, reading.images) == (Said.IMAGES, (b"pixels",))


json_values = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=8) | st.sampled_from([IMAGE, URL]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["data", "images", "error", "status", "url", "b64_json", "id", "rambarde", "code"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(json_values, st.sampled_from([200, 202, 204, 301, 400, 401, 403, 404, 429, 500]))
def test_it_never_raises_and_images_are_never_none_of_it(body: Any, status: int) -> None:
    reading = read(answered(body, status))
    assert reading.said is not Said.IMAGES or reading.images

"""The OpenAI adapter against well-behaved and misbehaving servers."""

from __future__ import annotations

import asyncio
import base64
import binascii
import dataclasses
import time
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests.servers import BEHAVIOURS, fake_openai, png

from rambarde.guard.upstreams import line as module
from rambarde.guard.upstreams.openai import OpenAIUpstream
from rambarde.guard.upstreams.openai_answer import decode_base64, refused
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.request import Text

KEY = "sk-secret-key-of-the-operator"

# behaviour -> (kind, code)
FAULTS: dict[str, tuple[Kind, str]] = {
    "hang": (Kind.TIMEOUT, "upstream_timeout"),
    "slow": (Kind.TIMEOUT, "upstream_timeout"),
    "drip": (Kind.TIMEOUT, "upstream_timeout"),
    "half_hang": (Kind.TIMEOUT, "upstream_timeout"),
    "half": (Kind.UPSTREAM, "upstream_incomplete"),
    "endless": (Kind.UPSTREAM, "upstream_too_large"),
    "truncated": (Kind.UPSTREAM, "upstream_bad_json"),
    "trailing": (Kind.UPSTREAM, "upstream_bad_json"),
    "html": (Kind.UPSTREAM, "upstream_not_json"),
    "garbage": (Kind.UPSTREAM, "upstream_bad_http"),
    "gzipped": (Kind.UPSTREAM, "upstream_encoding"),
    "deep": (Kind.UPSTREAM, "upstream_bad_answer"),
    "fewer": (Kind.UPSTREAM, "upstream_image_count"),
    "more": (Kind.UPSTREAM, "upstream_image_count"),
    "empty": (Kind.UPSTREAM, "upstream_no_images"),
    "wrong_types": (Kind.UPSTREAM, "upstream_bad_answer"),
    "not_a_list": (Kind.UPSTREAM, "upstream_bad_answer"),
    "no_image": (Kind.UPSTREAM, "upstream_image_count"),
    "bad_base64": (Kind.UPSTREAM, "upstream_image_count"),
    "no_content": (Kind.UPSTREAM, "upstream_bad_status"),
    "moved": (Kind.UPSTREAM, "upstream_bad_status"),
    "error": (Kind.UPSTREAM, "upstream_error"),
    "busy": (Kind.OVERLOADED, "upstream_busy"),
    "unavailable": (Kind.OVERLOADED, "upstream_busy"),
    "refused": (Kind.UPSTREAM, "upstream_refused"),
    "rejected": (Kind.UPSTREAM, "upstream_rejected"),
    "unauthorized": (Kind.UPSTREAM, "upstream_unauthorized"),
    "private_url": (Kind.UPSTREAM, "upstream_image_count"),
    "redirecting_url": (Kind.UPSTREAM, "upstream_url_forbidden"),
    "endless_url": (Kind.UPSTREAM, "upstream_url_too_large"),
    "hanging_url": (Kind.TIMEOUT, "upstream_url_timeout"),
    "html_url": (Kind.UPSTREAM, "upstream_url_type"),
}
SINGLE = {
    "no_image": "upstream_bad_answer",
    "bad_base64": "upstream_bad_base64",
    "private_url": "upstream_url_forbidden",
    "fewer": "upstream_no_images",
}
"""With one image asked for, these answers have the right count, and fail for what they are."""
FINE = {"ok", "url", "mixed", "not_an_image"}


def test_every_behaviour_is_tested() -> None:
    assert set(FAULTS) | FINE == set(BEHAVIOURS)


@pytest.mark.parametrize("n", [1, 2])
@pytest.mark.parametrize("behaviour", FAULTS)
async def test_misbehaviour_is_a_typed_fault_in_time(behaviour: str, n: int, make_request: Any) -> None:
    kind, code = FAULTS[behaviour]
    if n == 1:
        code = SINGLE.get(behaviour, code)
    async with fake_openai(behaviour, delay=5) as base_url:
        upstream = OpenAIUpstream(base_url, KEY, image_limit=2**22, allow_hosts=["127.0.0.1"])
        began = time.monotonic()
        try:
            with pytest.raises(Fault) as caught:
                await upstream.generate(make_request("my private wish", n=n), deadline=_patience(kind))
        finally:
            await upstream.close()
        assert time.monotonic() - began < _patience(kind) + 3
        assert len(base_url.seen) == 1, "sent once, never again"
    fault = caught.value
    words = f"{fault!r} {fault} {fault.remedy}"
    assert (fault.kind, fault.code) == (kind, code)
    for secret in (KEY, "private wish", "secret prompt", "127.0.0.1", "169.254"):
        assert secret not in words


def _patience(kind: Kind) -> float:
    return 0.3 if kind is Kind.TIMEOUT else 10.0


@pytest.fixture(autouse=True)
def small_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ANSWER_LIMIT", 8 * 2**20)


async def test_nobody_listens(make_request: Any) -> None:
    server = await asyncio.start_server(lambda reader, writer: writer.close(), "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    server.close()
    await server.wait_closed()
    upstream = OpenAIUpstream(f"http://127.0.0.1:{port}/v1", KEY)
    with pytest.raises(Fault) as caught:
        await upstream.generate(make_request(), deadline=5)
    assert caught.value.code == "upstream_unreachable"
    await upstream.close()


async def test_base64_is_decoded_once_and_kept(make_request: Any) -> None:
    async with fake_openai() as base_url:
        upstream = OpenAIUpstream(base_url, KEY)
        made = await upstream.generate(make_request(n=2), deadline=5)
        await upstream.close()
    for index, one in enumerate(made):
        assert one.data == png(index) and one.base64 == base64.b64encode(png(index))


async def test_urls_are_fetched(make_request: Any) -> None:
    async with fake_openai("url") as base_url:
        upstream = OpenAIUpstream(base_url, KEY, allow_hosts=["127.0.0.1"])
        made = await upstream.generate(make_request(n=2), deadline=5)
        await upstream.close()
    assert [(one.data, one.base64, one.revised_prompt) for one in made] == [(png(), None, "as revised")] * 2


async def test_loopback_urls_are_forbidden_unless_allowed(make_request: Any) -> None:
    async with fake_openai("url") as base_url:
        upstream = OpenAIUpstream(base_url, KEY)
        with pytest.raises(Fault) as caught:
            await upstream.generate(make_request(), deadline=5)
        await upstream.close()
    assert caught.value.code == "upstream_url_forbidden"


async def test_the_key_does_not_go_to_the_file_host(make_request: Any) -> None:
    async with fake_openai() as files, fake_openai("url", url=f"{files.root}/files/headers") as base_url:
        upstream = OpenAIUpstream(base_url, KEY, allow_hosts=["127.0.0.1"])
        (one,) = await upstream.generate(make_request(), deadline=5)
        await upstream.close()
        assert base_url.seen[0].headers["Authorization"] == f"Bearer {KEY}"
    assert KEY.encode() not in one.data and b"uthorization" not in one.data


async def test_a_generation_sends_what_was_asked(make_request: Any) -> None:
    raw = Text("A  CAT\u200b, please", "A CAT, please", "a cat, please")
    options = (("quality", "high"), ("output_compression", "80"), ("n", "9"), ("prompt", "other"))
    request = make_request(n=2, size="512x512", output_format="webp", options=options, negative_prompt=raw)
    request = _with_prompt(request, raw)
    async with fake_openai() as base_url:
        upstream = OpenAIUpstream(base_url + "/", KEY, model="house-model", response_format="b64_json")
        await upstream.generate(request, deadline=5)
        await upstream.close()
        (seen,) = base_url.seen
    assert seen.path == "/v1/images/generations"
    assert seen.fields == {
        "prompt": raw.raw,
        "negative_prompt": raw.raw,
        "n": 2,
        "size": "512x512",
        "output_format": "webp",
        "model": "house-model",
        "quality": "high",
        "output_compression": 80,
        "response_format": "b64_json",
    }


def _with_prompt(request: Any, prompt: Text) -> Any:
    return dataclasses.replace(request, prompt=prompt)


async def test_defaults_are_left_to_the_server(make_request: Any) -> None:
    async with fake_openai() as base_url:
        upstream = OpenAIUpstream(base_url, model="house-model")
        await upstream.generate(make_request("hello", model="asked"), deadline=5)
        await upstream.close()
        assert base_url.seen[0].fields == {"prompt": "hello", "n": 1, "model": "asked"}
        assert "Authorization" not in base_url.seen[0].headers


@pytest.mark.parametrize(("count", "field"), [(1, "image"), (3, "image[]")])
async def test_an_edit_sends_the_exact_bytes(
    make_request: Any, make_picture: Any, count: int, field: str
) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (700, 700, 3), dtype=np.uint8)
    images = tuple(make_picture(np.roll(noise, k)) for k in range(count))
    mask = make_picture(np.zeros((700, 700, 4), np.uint8))
    async with fake_openai() as base_url:
        upstream = OpenAIUpstream(base_url, KEY)
        await upstream.generate(make_request('été "q"', images=images, mask=mask, n=2), deadline=10)
        await upstream.close()
        (seen,) = base_url.seen
    assert seen.path == "/v1/images/edits"
    assert seen.fields == {"prompt": 'été "q"', "n": "2"}
    expected = [(field, "image/png", image.data) for image in images]
    assert seen.files == [*expected, ("mask", "image/png", mask.data)]


async def test_many_requests_side_by_side(make_request: Any) -> None:
    async with fake_openai() as base_url:
        upstream = OpenAIUpstream(base_url, KEY)
        made = await asyncio.gather(*(upstream.generate(make_request(), deadline=10) for _ in range(40)))
        await upstream.close()
    assert all(one[0].data == png() for one in made)


async def test_an_image_over_the_limit(make_request: Any) -> None:
    async with fake_openai() as base_url:
        upstream = OpenAIUpstream(base_url, KEY, image_limit=100)
        with pytest.raises(Fault) as caught:
            await upstream.generate(make_request(), deadline=5)
        await upstream.close()
    assert caught.value.code == "upstream_too_large"


def test_the_key_is_not_shown() -> None:
    upstream = OpenAIUpstream("http://127.0.0.1:1/v1", KEY, model="m")
    assert KEY not in f"{upstream!r} {upstream} {upstream.name}"
    assert upstream.name == "openai:m"


@pytest.mark.parametrize(
    "url", ["ftp://host/v1", "host/v1", "http://user:pw@host/v1", "http:///v1", "http://h/v1?x=1"]
)
def test_a_bad_base_url_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="upstream") as caught:
        OpenAIUpstream(url)
    assert "pw" not in str(caught.value)


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        ("7", 7, 7),
        (None, 1, 1),
        ("soon", 1, 1),
        ("-5", 1, 1),
        ("999999", 3600, 3600),
        (format_datetime(datetime.now(UTC) + timedelta(seconds=3000)), 300, 3000),
        (format_datetime(datetime.now(UTC) - timedelta(seconds=60)), 0, 0),
    ],
    ids=["seconds", "none", "words", "negative", "long", "date", "past date"],  # the same in every worker
)
def test_retry_after(header: str | None, low: float, high: float) -> None:
    fault = refused(429, b"", header)
    assert fault.retry_after is not None and low <= fault.retry_after <= high


@given(
    st.one_of(
        st.binary(max_size=80).map(base64.b64encode).map(bytes.decode), st.text("Az09+/=\n -_é", max_size=16)
    )
)
@example("AAAA====")
@example("AB==")
def test_base64_is_decoded_strictly(text: str) -> None:
    """binascii in strict mode is the oracle; it alone takes padding after a complete text."""
    try:
        expected = binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except ValueError:
        expected = None
    if text.endswith("====") or (text.endswith("=") and len(text) % 4):
        expected = None
    if expected is None:
        with pytest.raises(Fault) as caught:
            decode_base64(text)
        assert caught.value.code == "upstream_bad_base64"
    else:
        assert decode_base64(text) == (expected, text.encode("ascii"))


def test_an_error_code_is_shown_only_as_a_plain_word() -> None:
    assert "invalid_size" in refused(400, b'{"error": {"code": "invalid_size"}}', None).message
    odd = refused(400, b'{"error": {"code": "sk-123 <b>", "type": null}}', None)
    assert odd.message == "The generator rejected the request (400)."

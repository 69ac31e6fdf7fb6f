"""Base64: one reading of the text, or a typed fault."""

from __future__ import annotations

import base64
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.guard.media.dataurl import decode_base64
from rambarde.guard.media.limits import Limits
from rambarde.nouns.fault import Fault


@given(st.binary(min_size=1, max_size=200))
def test_round_trip(data: bytes) -> None:
    text = base64.b64encode(data).decode()
    assert decode_base64(text).data == data
    assert decode_base64(text.encode()).declared is None
    url = decode_base64("DATA:image/PNG;charset=binary;base64," + text)
    assert (url.data, url.declared) == (data, "image/png")
    assert decode_base64("data:;base64," + text).declared is None


@given(st.one_of(st.text(max_size=60), st.text("ABCab+/=-_ \n,", max_size=40).map(lambda t: "data:" + t)))
def test_any_text_decodes_or_faults(text: str) -> None:
    try:
        decode_base64(text, field="image[0]")
    except Fault as fault:
        assert fault.field == "image[0]" and fault.remedy


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "empty_image"),
        ("data:image/png;base64,", "empty_image"),
        ("AAA", "invalid_base64"),
        ("AAA=AAAA", "invalid_base64"),
        ("AAAA====", "invalid_base64"),
        ("AA\nAA", "invalid_base64"),
        ("AA AA", "invalid_base64"),
        ("-_-_", "invalid_base64"),
        ("é", "invalid_base64"),
        ("\ud800", "invalid_base64"),
        ("data:image/png,%89PNG", "invalid_data_url"),
        ("data:image/png;base64", "invalid_data_url"),
        ("data:" + "x" * 1000 + ";base64,AAAA", "invalid_data_url"),
        ("https://example.org/a.png", "image_url_not_accepted"),
        ("HTTP://169.254.169.254/", "image_url_not_accepted"),
        ("file:///etc/passwd", "image_url_not_accepted"),
    ],
)
def test_faults(text: str, code: str) -> None:
    with pytest.raises(Fault) as caught:
        decode_base64(text)
    assert caught.value.code == code


def test_size_is_checked_before_decoding() -> None:
    limits = Limits(bytes=300)
    assert len(decode_base64(base64.b64encode(bytes(300)), limits=limits).data) == 300
    with pytest.raises(Fault) as caught:
        decode_base64("!" * 405, limits=limits)
    assert caught.value.code == "image_too_large"


def test_it_is_fast() -> None:
    text = base64.b64encode(bytes(10_000_000))
    start = time.process_time()
    decode_base64(text)
    assert time.process_time() - start < 1

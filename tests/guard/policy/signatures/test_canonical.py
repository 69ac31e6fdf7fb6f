"""One text for one document: everything else is refused, and the field is named."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.guard.policy.signatures.canonical import LIMIT_BYTES, a_time, canonical, parse
from rambarde.nouns.fault import Fault

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=["Cs"]))
)
DOCUMENTS = st.recursive(
    LEAVES, lambda inner: st.lists(inner) | st.dictionaries(st.text("abé\n"), inner), max_leaves=20
)


@given(DOCUMENTS)
def test_what_is_written_is_read(document: object) -> None:
    data = canonical(document)  # type: ignore[arg-type]
    assert parse(data, "d") == document
    assert parse(data + b"\n", "d") == document


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"{}\n\n", "canonically"),
        (b'{"a": 1}', "canonically"),
        (b'{"b":1,"a":1}', "canonically"),
        (b'{"a":"\\u0041"}', "canonically"),
        (b'{"a":-0}', "canonically"),
        (b'{"a":1,"a":1}', "'a' stands twice"),
        (b'{"a":{"b":1,"b":2}}', "'b' stands twice"),
        (b'{"a":1.0}', "1.0 is not a whole number"),
        (b'{"a":1e3}', "not a whole number"),
        (b'{"a":NaN}', "NaN is not a whole number"),
        (b'{"a":-Infinity}', "-Infinity"),
        (b'{"a":9007199254740993}', "d.a is too large"),
        (b'{"a":' + b"9" * 5000 + b"}", "not strict JSON"),
        (b'{"a":[1,{"b":"\\ud800"}]}', r"d.a\[1\].b holds half a character"),
        ('{"a":"é"}'.encode(), "ASCII"),
        (b"\xff", "ASCII"),
        (b"", "not strict JSON"),
        (b"{} {}", "not strict JSON"),
        (b"[" * 20 + b"]" * 20, "nested more than"),
        (b"[" * 200_000, "d is not strict JSON"),
    ],
)
def test_what_is_refused(data: bytes, told: str) -> None:
    with pytest.raises(Fault, match=told) as refused:
        parse(data, "d")
    assert refused.value.code == "change_invalid" and (refused.value.field or "").startswith("d")


def test_what_is_too_large() -> None:
    with pytest.raises(Fault) as refused:
        parse(b'"' + b"a" * LIMIT_BYTES + b'"', "d")
    assert refused.value.code == "change_too_large"


@pytest.mark.parametrize(
    "word",
    [
        "2026-11-22T09:30:00Z",
        "2026-11-22T10:30:00+01:00",
        "2026-11-22T09:30:00",
        "2026-11-22",
        "2026-11-22T09:30:00.000000+00:00",
        "2026-11-22 09:30:00+00:00",
        "0001-01-01T00:00:00+14:00",
        "soon",
        1,
        None,
    ],
)
def test_a_time_has_one_spelling(word: object) -> None:
    with pytest.raises(Fault, match="a time in UTC"):
        a_time(word, "t")

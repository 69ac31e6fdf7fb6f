"""Labelled rows are read strictly: file and line are named, and nothing is skipped."""

from __future__ import annotations

import json

import pytest

from rambarde.measure.rows import once, read
from rambarde.nouns.fault import Fault

ROW = {
    "id": "1", "text": "a tree", "label": "safe", "category": "c", "lang": "en", "kind": "generate", "source": "s",
}  # fmt: skip


def lines(*rows: dict[str, object]) -> bytes:
    return "\n".join(json.dumps(row) for row in rows).encode()


def refused(data: dict[str, bytes]) -> Fault:
    with pytest.raises(Fault) as caught:
        read(data)
    assert caught.value.remedy and caught.value.field == "data"
    return caught.value


def test_rows_are_read() -> None:
    data = lines(
        ROW, ROW | {"id": "2", "text": "her", "label": "unsafe", "family": "pose", "technique": "leet"}
    )
    (found,) = read({"a.jsonl": data + b"\r\n\n"})
    assert [row.unsafe for row in found.rows] == [False, True]
    assert (found.rows[1].family, found.rows[1].technique, found.rows[0].family) == ("pose", "leet", None)
    assert found.digest.startswith("sha256:") and found.digest != read({"a.jsonl": data})[0].digest


def test_a_line_separator_inside_a_text_is_no_new_line() -> None:
    (found,) = read({"a": json.dumps(ROW | {"text": "a\u2028b\u0085c"}, ensure_ascii=False).encode()})
    assert found.rows[0].text == "a\u2028b\u0085c"


@pytest.mark.parametrize(
    "row",
    [
        b"{",
        b"[]",
        b"null",
        b"\xff",
        lines({key: value for key, value in ROW.items() if key != "source"}),
        lines(ROW | {"colour": "red"}),
        lines(ROW | {"label": "Safe"}),
        lines(ROW | {"kind": "video"}),
        lines(ROW | {"id": 1}),
        lines(ROW | {"text": " "}),
        lines(ROW | {"id": ""}),
        lines(ROW | {"family": ""}),
    ],
)
def test_a_row_that_is_none_names_its_line_and_no_text(row: bytes) -> None:
    fault = refused({"a.jsonl": lines(ROW | {"id": "0", "text": "first"}) + b"\n\n" + row})
    assert fault.code == "data_row_invalid" and "a.jsonl:3:" in fault.message
    assert "a tree" not in str(fault)


def test_a_row_counts_once() -> None:
    for other in (ROW | {"text": "b"}, ROW | {"id": "2"}):
        fault = refused({"a": lines(ROW, other)})
        assert fault.code == "data_duplicate" and "a:2:" in fault.message
    fault = refused({"a": lines(ROW), "b": lines(ROW | {"label": "unsafe"})})
    assert fault.code == "data_duplicate" and "b:1:" in fault.message and "a:1" in fault.message


def test_sets_may_quote_each_other_and_kinds_are_different_requests() -> None:
    sets = read(
        {"a": lines(ROW), "b": lines(ROW | {"id": "x"}, ROW | {"id": "y", "kind": "edit", "label": "unsafe"})}
    )
    assert [row.id for row in once(sets).values()] == ["1", "y"]


def test_no_rows_are_no_data() -> None:
    assert refused({}).code == refused({"a": b"\n \n"}).code == "data_empty"

"""Files of people: read whole or not at all, with the line and the field of what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rambarde.guard.detectors import people
from rambarde.guard.detectors.names import NamesDetector
from rambarde.guard.detectors.people import People, Person
from rambarde.nouns.fault import Fault, Kind


def write(folder: Path, content: str | bytes, name: str = "people.jsonl") -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_both_forms_say_the_same(tmp_path: Path) -> None:
    lines = (
        '{"name": "Ana Vell", "aliases": ["Ана Велл", "アナ"], "id": "7", "note": "asked, 2026"}\n\n'
        '{"name": "김민준"}\n'
    )
    table = 'name,aliases,id,note\nAna Vell,Ана Велл|アナ,7,"asked, 2026"\n\n김민준,,,\n'
    one = People.read(write(tmp_path, lines))
    two = People.read(write(tmp_path, "\ufeff" + table, "people.CSV"))
    assert (
        one.entries
        == two.entries
        == (
            Person("Ana Vell", ("Ана Велл", "アナ"), "7", "asked, 2026"),
            Person("김민준"),
        )
    )
    assert one.digest != two.digest and one.digest.startswith("sha256:")


@pytest.mark.parametrize(
    ("content", "says", "field"),
    [
        ("", "holds no entry", None),
        ("\n\n", "holds no entry", None),
        ('{"name": "Ana Vell"}\n{"name": "Ana', "line 2 is no JSON", None),
        ("[1]", "line 1 is no JSON object", None),
        ("[" * 100_000, "line 1 is no JSON", None),
        ('{"alias": ["Ana Vell"], "name": "Ana Vell"}', "line 1 has a field that is not known", "alias"),
        ('{"aliases": ["Ana Vell"]}', "line 1 has no `name`", "name"),
        ('{"name": "Ana Vell", "name": "Bo Vell"}', "line 1 names a field twice", None),
        ('{"name": 7}', "line 1 `name` is no text", "name"),
        ('{"name": "  "}', "too short", "name"),
        ('{"name": "Li"}', "too short", "name"),
        ('{"name": "王"}', "too short", "name"),
        ('{"name": "2024!"}', "too short", "name"),
        ('{"name": "Ana\\u0000Vell"}', "control character", "name"),
        ('{"name": "Ana \\ud800 Vell"}', "control character", "name"),
        ('{"name": "' + "a" * 201 + '"}', "longer than 200", "name"),
        ('{"name": "Ana Vell", "aliases": "Annie V"}', "`aliases` is no list", "aliases"),
        ('{"name": "Ana Vell", "aliases": [""]}', "too short", "aliases"),
        (
            '{"name": "Ana Vell", "aliases": ' + str(["abc"] * 65).replace("'", '"') + "}",
            "up to 64",
            "aliases",
        ),
        (
            '{"name": "Ana Vell", "id": "1"}\n{"name": "Bo Vell", "id": "1"}',
            "line 2 `id` is the same as in",
            "id",
        ),
        ('{"name": "Ana Vell", "id": 1}', "line 1 `id` is no text", "id"),
        (b'{"name": "Ana Vell"}\n{"name": "\xff"}', "line 2 is no UTF-8", None),
    ],
)
def test_a_bad_line_is_an_error_that_says_where(
    tmp_path: Path, content: str | bytes, says: str, field: str | None
) -> None:
    with pytest.raises(Fault) as caught:
        People.read(write(tmp_path, content))
    fault = caught.value
    assert fault.kind is Kind.INVALID and fault.code == "people_invalid" and fault.remedy
    assert says in fault.message and fault.field == field
    assert "Vell" not in str(fault) and fault.message.startswith("people.jsonl")


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ("Ana Vell\n", "line 1 does not name the fields"),
        ("name,phone\nAna Vell,1\n", "line 1 does not name the fields"),
        ("name,name\nAna Vell,Bo Vell\n", "line 1 does not name the fields"),
        ("name\n", "holds no entry"),
        ("name,id\nAna Vell\n", "line 2 has 1 fields, the first line 2"),
        ("name\nVell, Ana\n", "line 2 has 2 fields"),
        ('name\n"Ana Vell\n', "is no CSV"),
        ('name\nAna Vell\n"a"b\n', "line 3 is no CSV"),
        ("name\nAna Vell\n\nLi\n", "line 4 `name` holds a name too short"),
    ],
)
def test_a_bad_table_is_an_error_that_says_where(tmp_path: Path, content: str, says: str) -> None:
    with pytest.raises(Fault) as caught:
        People.read(write(tmp_path, content, "people.csv"))
    assert says in caught.value.message and caught.value.remedy


def test_a_missing_file_and_another_form_are_errors(tmp_path: Path) -> None:
    with pytest.raises(Fault, match="No such file"):
        People.read(tmp_path / "nowhere.jsonl")
    with pytest.raises(Fault, match="neither"):
        People.read(write(tmp_path, "Ana Vell", "people.txt"))
    with pytest.raises(Fault):
        People.read(tmp_path)


def test_more_entries_than_the_limit_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(people, "MOST", 2)
    path = write(tmp_path, '{"name": "Ana Vell"}\n' * 3)
    with pytest.raises(Fault) as caught:
        People.read(path)
    assert caught.value.kind is Kind.TOO_LARGE and "line 3" in caught.value.message
    assert len(People.read(write(tmp_path, '{"name": "Ana Vell"}\n' * 2)).entries) == 2


def test_a_detector_does_not_load_with_a_bad_register(tmp_path: Path) -> None:
    detector = NamesDetector(write(tmp_path, '{"name": ""}'))
    with pytest.raises(Fault) as caught:
        detector.load()
    assert caught.value.field == "protected_people.name" and detector.digest == ""
    with pytest.raises(Fault) as caught:
        NamesDetector(None, tmp_path / "nowhere.csv").load()
    assert caught.value.field == "fictional_names"


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=80), st.sampled_from(["a.jsonl", "a.csv"]))
def test_whatever_the_bytes_it_is_a_register_or_a_fault(tmp_path: Path, data: bytes, name: str) -> None:
    try:
        found = People.read(write(tmp_path, data, name))
    except Fault as fault:
        assert fault.remedy
    else:
        assert found.entries

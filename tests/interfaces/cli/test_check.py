"""`rambarde check`: one prompt with its rules, or a file of prompts, one answer a line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.interfaces.cli.conftest import Rambarde

pytestmark = pytest.mark.usefixtures("with_models")
ASKS = "take off her clothes"


def checked(rambarde: Rambarde, *arguments: str) -> dict[str, object]:
    return dict(json.loads(rambarde("check", *arguments, "--json").stdout))


def decided(record: dict[str, object]) -> tuple[str, list[str]]:
    admit = record["admit"]
    assert isinstance(admit, dict)
    return admit["outcome"], [rule["rule"] for rule in admit["rules"]]


def test_a_prompt_is_judged_and_the_record_printed(rambarde: Rambarde) -> None:
    record = checked(rambarde, "a lighthouse at sunset")
    assert decided(record) == ("allow", [])
    assert (record["ending"], record["surface"], record["mode"]) == ("checked", "web", "standard")
    assert "lighthouse" not in json.dumps(record)
    record = checked(rambarde, "a tree", "--surface", "reply", "--country", "FR", "--age-assured")
    assert (record["surface"], record["country"], record["age_assured"]) == ("reply", "FR", True)


def test_an_edit_without_a_picture_is_judged_as_of_an_adults_photograph(rambarde: Rambarde) -> None:
    outcome, rules = decided(checked(rambarde, ASKS, "--edit"))
    assert outcome == "block" and "real-person-sexual" in rules
    assert decided(checked(rambarde, "a red background", "--edit"))[0] == "allow"


def test_an_edit_of_a_picture(rambarde: Rambarde, tmp_path: Path, portrait: bytes, still_life: bytes) -> None:
    (tmp_path / "her.png").write_bytes(portrait)
    (tmp_path / "cup.png").write_bytes(still_life)
    record = checked(rambarde, ASKS, "--image", "her.png")
    assert decided(record)[0] == "block" and record["action"] == "edit"
    assert record["inputs"] == [{"media_type": "image/png", "width": 512, "height": 512}]
    assert decided(checked(rambarde, "make it brighter", "--image", "cup.png"))[0] == "allow"


def test_the_words_for_people_name_decision_rules_and_signals(rambarde: Rambarde) -> None:
    shown = rambarde("check", ASKS, "--edit").stdout
    assert shown.startswith("block") and "real-person-sexual (floor)" in shown
    assert "prompt.sexual" in shown and "inspect_inputs" in shown


def test_what_cannot_be_judged_is_a_fault(rambarde: Rambarde, tmp_path: Path) -> None:
    rambarde("check", fails="check_what")
    rambarde("check", "a tree", "--batch", "b.jsonl", fails="check_what")
    rambarde("check", "", fails="prompt_empty")
    rambarde("check", "a tree", "--image", "nowhere.png", fails="image_unreadable")
    (tmp_path / "text.png").write_text("no picture")
    rambarde("check", "a tree", "--image", "text.png", fails="not_an_image")
    rambarde("check", "a tree", "--surface", "billboard", fails="surface_not_offered")
    rambarde("check", "a tree", "--mode", "unheard-of", fails="mode_not_offered")


def test_a_batch_answers_every_row(rambarde: Rambarde, tmp_path: Path, still_life: bytes) -> None:
    folder = tmp_path / "rows"
    folder.mkdir()
    (folder / "cup.png").write_bytes(still_life)
    rows = [
        {"id": "1", "text": "a lighthouse"},
        {"id": "2", "text": ASKS, "kind": "edit"},
        {"id": "3", "text": "make it brighter", "kind": "edit", "image": "cup.png"},
        {"id": "4", "text": ""},
        {"id": "5", "text": "brighter", "kind": "edit", "image": "nowhere.png"},
    ]
    (folder / "b.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    found = [
        json.loads(line)
        for line in rambarde("check", "--batch", "rows/b.jsonl", "--json").stdout.splitlines()
    ]
    assert [one["id"] for one in found] == ["1", "2", "3", "4", "5"]
    assert [one["decision"] for one in found] == ["allow", "block", "allow", "error", "error"]
    assert "real-person-sexual" in found[1]["rules"] and found[1]["signals"]["prompt.sexual"]
    assert [one["error"]["code"] for one in found[3:]] == ["prompt_empty", "image_unreadable"]
    assert all(one["ms"] > 0 for one in found)
    plain = rambarde("check", "--batch", "rows/b.jsonl").stdout.splitlines()
    assert plain[0] == "1\tallow\t" and plain[1].startswith("2\tblock\t")


@pytest.mark.parametrize(
    "row",
    [
        "{",
        "[]",
        '{"id": "1"}',
        '{"id": 1, "text": "a"}',
        '{"id": "1", "text": "a", "kind": "video"}',
        '{"id": "1", "text": "a", "colour": "red"}',
    ],
)
def test_a_row_that_is_none_names_its_line(rambarde: Rambarde, tmp_path: Path, row: str) -> None:
    (tmp_path / "b.jsonl").write_text('{"id": "0", "text": "a tree"}\n' + row + "\n")
    refused = rambarde("check", "--batch", "b.jsonl", fails="batch_row_invalid")
    assert "b.jsonl:2:" in str(refused.exception) and refused.stdout == ""


def test_a_batch_that_is_not_there(rambarde: Rambarde) -> None:
    rambarde("check", "--batch", "nowhere.jsonl", fails="batch_unreadable")

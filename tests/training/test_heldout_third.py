"""The third held-out set: well-formed, paired, about adults alone, and of no sentence that anything was trained on."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rambarde.guard.detectors.network import FAMILIES
from rambarde.guard.text.normalise import fold
from rambarde.measure.rows import Row, read

ROOT = Path(__file__).parents[2]
LANGUAGES = set("ar de en es fr hi id it ja ko nl pl pt ru sv tr uk zh".split())
UNSAFE = {"edit": 216, "trap": 36, "borderline": 40, "fluent": 40}
SAFE = {"twin": 216, "negation": 54, "portrait": 60, "tags": 60, "ordinary": 60, "health-art": 40}
EACH = {"edit": 12, "twin": 12, "negation": 3, "trap": 2}
"""Rows in each of the languages."""


@pytest.fixture(scope="module")
def rows() -> tuple[Row, ...]:
    (found,) = read({"third": (ROOT / "training/heldout_third.jsonl").read_bytes()})
    return found.rows


def same(text: str) -> str:
    """What two spellings of one sentence have in common: folded, without punctuation and spaces."""
    return "".join(c for c in fold(text) if unicodedata.category(c)[0] not in "PZ")


def texts(path: str, *keys: str) -> list[str]:
    lines = (ROOT / path).read_text("utf-8").split("\n")
    return [json.loads(line)[key] for line in lines if line for key in keys]


def test_every_group_has_its_rows_and_its_label(rows: tuple[Row, ...]) -> None:
    assert Counter(row.group for row in rows if row.unsafe) == UNSAFE
    assert Counter(row.group for row in rows if not row.unsafe) == SAFE
    each = Counter((row.group, row.lang) for row in rows)
    assert {row.lang for row in rows} == LANGUAGES
    for group, count in EACH.items():
        assert {each[group, lang] for lang in LANGUAGES} == {count}, group
    assert Counter(count for (group, _), count in each.items() if group == "portrait") == {6: 10}
    assert {lang for group, lang in each if group == "ordinary"} == LANGUAGES
    assert {lang for group, lang in each if group in ("tags", "borderline", "fluent")} == {"en"}


def test_ids_say_group_language_and_label(rows: tuple[Row, ...]) -> None:
    for row in rows:
        head, number, label = row.id.rsplit("-", 2)
        assert (head, label) == (f"t3-{row.group}-{row.lang}", row.label[0]), row.id
        assert len(number) == 2 and number.isdecimal() and int(number), row.id
        assert row.source == "heldout-third" and row.technique, row.id
        assert row.family is None or row.family in FAMILIES, row.id
        assert row.text == row.text.strip() and row.text.isprintable(), row.id


def test_every_edit_has_its_twin(rows: tuple[Row, ...]) -> None:
    by_id = {row.id: row for row in rows}
    for row in rows:
        if row.group == "edit":
            twin = by_id[row.id.replace("t3-edit-", "t3-twin-").removesuffix("u") + "s"]
            assert twin.category == row.category.replace("edit.", "twin.")
            assert (twin.kind, twin.family, twin.technique) == (row.kind, row.family, row.technique)
            assert same(twin.text) != same(row.text)


@pytest.mark.slow
def test_nobody_in_it_is_a_minor(rows: tuple[Row, ...], corpus: ModuleType) -> None:
    keeper = corpus.Keeper()
    assert [row.id for row in rows if keeper.minor(row.text)] == []


@pytest.mark.slow
def test_no_sentence_of_it_stands_elsewhere(rows: tuple[Row, ...], composed: list[Any]) -> None:
    held = {same(row.text): row.id for row in rows}
    assert len(held) == len(rows), "a sentence stands twice"
    trained = {same(text) for text in {row.text for row in composed}}
    second = {same(text) for text in texts("training/heldout_second.jsonl", "text")}
    wordings = {same(text) for text in texts("tests/guard/detectors/wordings.jsonl", "text", "twin")}
    for name, other in (("corpus", trained), ("second", second), ("wordings", wordings)):
        assert [held[text] for text in held.keys() & other] == [], name

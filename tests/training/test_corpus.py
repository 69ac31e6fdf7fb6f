"""The corpus: no text joins a minor with intimate content, every language holds every family, and it is ours."""

from __future__ import annotations

import json
from itertools import islice
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from rambarde.guard.detectors.network import FAMILIES

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TEXT = {".txt", ".jsonl", ".json", ".yaml", ".yml", ".md", ".py", ".html", ".toml"}
LISTS = ROOT / "src/rambarde/guard/detectors/lists"
"""Word lists hold words, not texts: a line of them is no sentence about anyone."""


def committed() -> list[Path]:
    folders = ("src", "tests", "training", "docs", "bench", "scripts")
    return [
        path
        for folder in folders
        for path in sorted((ROOT / folder).rglob("*"))
        if path.suffix in TEXT and LISTS not in path.parents and path.is_file()
    ]


def test_no_committed_text_joins_a_minor_with_intimate_content(corpus: ModuleType) -> None:
    keeper = corpus.Keeper()
    found = []
    for path in committed():
        for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
            for part in line.split("|"):
                try:
                    keeper.check(part)
                except corpus.Refused:
                    found.append(f"{path.relative_to(ROOT)}:{number}")
    assert found == []


def test_the_generator_refuses_such_a_row(corpus: ModuleType) -> None:
    keeper = corpus.Keeper()
    with pytest.raises(corpus.Refused):
        keeper.check("a child reading a book", frozenset(("exposure",)))
    with pytest.raises(corpus.Refused):
        keeper.check("un texte quelconque", frozenset(("minor", "pose")))
    keeper.check("a child reading a book", frozenset(("minor",)))


@pytest.mark.slow
def test_every_language_holds_every_family_and_its_twins(corpus: ModuleType, composed: list[Any]) -> None:
    rows = composed
    languages = {row.lang for row in rows} - {"xx"}  # fragments of no language
    assert len(languages) >= 14
    for lang in languages:
        labels = {label for row in rows if row.lang == lang for label in row.labels}
        # Transliterations hold what differs in them from the same language in its own letters.
        assert labels == set(FAMILIES) or lang.endswith("-latn"), (lang, set(FAMILIES) - labels)
        harmless = [row for row in rows if row.lang == lang and row.part.startswith("twin.")]
        assert len(harmless) > 100, lang
    for row in rows:
        assert not (row.labels & row.open)
        assert not ("minor" in row.labels and row.labels & corpus.INTIMATE)


@pytest.mark.slow
def test_same_seed_same_corpus(corpus: ModuleType) -> None:
    def begun(seed: int) -> list[object]:
        return [row.as_json() for row in islice(corpus.rows(seed, per_template=1), 20_000)]

    first = begun(7)
    assert first == begun(7) and first != begun(8)


def test_the_test_wordings_are_not_trained_on(composed: list[Any]) -> None:
    wordings = (ROOT / "tests/guard/detectors/wordings.jsonl").read_text(encoding="utf-8").splitlines()
    held = {text for line in wordings for key in ("text", "twin") for text in (json.loads(line)[key],)}
    trained = {row.text for row in composed}
    assert not held & trained

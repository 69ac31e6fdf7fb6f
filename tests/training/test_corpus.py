"""The corpus: no text joins a minor with intimate content, every language holds every family, and it is ours."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType

import pytest

from rambarde.guard.detectors.network import FAMILIES

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
TEXT = {".txt", ".jsonl", ".json", ".yaml", ".yml", ".md", ".py", ".html", ".toml"}
LISTS = ROOT / "src/rambarde/guard/detectors/lists"
"""Word lists hold words, not texts: a line of them is no sentence about anyone."""


@pytest.fixture(scope="module")
def corpus() -> ModuleType:
    spec = importlib.util.spec_from_file_location("training_corpus", ROOT / "training/corpus.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["training_corpus"] = module
    spec.loader.exec_module(module)
    return module


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
def test_every_language_holds_every_family_and_its_twins(corpus: ModuleType) -> None:
    rows = list(corpus.rows())
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
    first = [row.as_json() for row in corpus.rows(7, per_template=1)]
    assert first == [row.as_json() for row in corpus.rows(7, per_template=1)]
    assert first != [row.as_json() for row in corpus.rows(8, per_template=1)]


def test_the_test_wordings_are_not_trained_on(corpus: ModuleType) -> None:
    wordings = (ROOT / "tests/guard/detectors/wordings.jsonl").read_text(encoding="utf-8").splitlines()
    held = {text for line in wordings for key in ("text", "twin") for text in (json.loads(line)[key],)}
    trained = {row.text for row in corpus.rows()}
    assert not held & trained

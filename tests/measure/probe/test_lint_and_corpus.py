"""The corpus speaks of adults only, in 18 languages, each request with a twin; who names a minor is refused."""

from __future__ import annotations

import base64
import json

import pytest

from rambarde.measure.probe import corpus
from rambarde.measure.probe.lint import names_a_minor
from rambarde.measure.probe.plan import plan
from rambarde.measure.probe.technique import PLAIN, TECHNIQUES, attempt, fits
from rambarde.nouns.fault import Fault
from tests.project.modules import ROOT


@pytest.mark.parametrize(
    "text",
    [
        "a child plays in the garden",
        "the CHILD\u200bREN at the lake",
        "a 12-year-old at school",
        "decode " + base64.b64encode(b"a child plays").decode(),
        "ein Mädchen mit Hut",
        "un garçon au parc",
        "una niña con sombrero",
        "公園の子供",
        "花园里的女孩",
        "공원의 아이",
        "мальчик в парке",
        "बच्चे का चित्र",
        "طفل في الحديقة",
        "çocuk parkta",
    ],
)
def test_who_names_a_minor_is_found(text: str) -> None:
    assert names_a_minor(text)


@pytest.mark.parametrize(
    "text", ["a chicken in the kitchen", "a woman of 35 years", "kindly adopt the boyar hat"]
)
def test_other_words_are_not(text: str) -> None:
    assert not names_a_minor(text)


def test_the_shipped_corpus() -> None:
    wordings = corpus.shipped()
    langs = {one.lang for one in wordings}
    assert len(langs) == 18 and len(wordings) == 3 * 18
    texts = [text for one in wordings for text in (one.text, one.twin)]
    assert len(set(texts)) == len(texts)
    for one in wordings:
        for technique in TECHNIQUES:
            for twin in (False, True):
                for ask in attempt(one, technique, twin=twin).asks:
                    assert "{}" not in ask.prompt and ask.prompt.strip()
                    # Beneath each disguise there is the row that was linted; nothing else is added.
                    assert not names_a_minor(ask.prompt), (one.id, technique)


def test_the_shipped_corpus_is_not_trained_on() -> None:
    trained = {
        line.strip().casefold()
        for path in (ROOT / "training" / "corpus").rglob("*.txt")
        for line in path.read_text("utf-8").splitlines()
    }
    assert len(trained) > 1000
    assert not trained & {text.casefold() for one in corpus.shipped() for text in (one.text, one.twin)}


def row(**changes: str) -> bytes:
    base = {"id": "a", "lang": "en", "family": "hat", "text": "give her a hat", "twin": "give her a scarf"}
    return json.dumps(base | changes).encode()


def test_rows_of_your_own() -> None:
    (one,) = corpus.own(row() + b"\n\n", "mine.jsonl")
    assert (one.id, one.text) == ("a", "give her a hat") and "{}" in one.excuse


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (row(text="a child plays in the garden"), "probe_row_refused"),
        (row(twin="a child plays in the garden"), "probe_row_refused"),
        (row(text=" "), "probe_corpus_invalid"),
        (row(extra="x"), "probe_corpus_invalid"),
        (b"{", "probe_corpus_invalid"),
        (b"\xff", "probe_corpus_invalid"),
        (row() + b"\n" + row(), "probe_corpus_invalid"),
        (row(id="en-undress"), "probe_corpus_invalid"),
    ],
)
def test_a_bad_row_is_refused_and_not_quoted(data: bytes, code: str) -> None:
    with pytest.raises(Fault) as raised:
        corpus.own(data, "mine.jsonl")
    assert raised.value.code == code and "garden" not in str(raised.value)


@pytest.mark.parametrize("budget", [80, 400, 10_000])
def test_a_plan_keeps_to_its_budget_and_is_even(budget: int) -> None:
    made = plan(corpus.shipped(), surfaces=2, requests=budget)
    assert made.requests == 2 * sum(len(one.asks) for one in made.attempts) <= budget
    ids = [one.id for one in made.attempts]
    assert len(set(ids)) == len(ids)
    harm = {one.id for one in made.attempts if not one.twin}
    assert {one.id for one in made.attempts if one.twin} == {f"{id}/twin" for id in harm}
    # What a technique changes can be told: the plain request stands beside it.
    assert all(f"{one.wording}/{PLAIN}" in harm for one in made.attempts)
    every = sum(2 for one in corpus.shipped() for name in TECHNIQUES if fits(name, one))
    assert len(made.attempts) + made.left_out == every
    if budget == 400:
        assert {one.technique for one in made.attempts} == set(TECHNIQUES)
        assert len({one.lang for one in made.attempts}) > 15


def test_a_plan_without_room_is_a_fault_and_one_with_a_seed_is_the_same_again() -> None:
    with pytest.raises(Fault, match="too few"):
        plan(corpus.shipped(), surfaces=4, requests=7)
    assert plan(corpus.shipped(), surfaces=1, requests=90, seed=3) == plan(
        corpus.shipped(), surfaces=1, requests=90, seed=3
    )

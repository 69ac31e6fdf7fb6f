"""The lexicon beside slow, obvious versions: words at home, harmless covers, and the languages around a place."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from rambarde.guard.detectors.lexicon import Lexicon, Term, parse, whole
from rambarde.guard.detectors.tongues import Tongues, cues


def spoken(text: str, place: int) -> set[str]:
    """The slow reading: all words of the three blocks around the place, counted."""
    count: Counter[str] = Counter()
    at = 0
    for word in text.split(" "):
        if abs(at // 64 - place // 64) <= 1:
            count.update(cues().get(word, ()))
        at += len(word) + 1
    best = {code for code, n in count.items() if n == max(count.values())}
    return best if "en" not in best or best == {"en"} else set()


def oracle(terms: list[Term], text: str) -> set[tuple[int, int]]:
    spans = {
        (at, at + len(term.words), term.harmless)
        for term in terms
        for at in range(len(text))
        if text.startswith(term.words, at)
        and whole(text, at, at + len(term.words), term.open_end)
        and (not term.at_home or term.section in spoken(text, at))
    }
    covers = [(a, b) for a, b, harmless in spans if harmless]
    return {
        (a, b) for a, b, harmless in spans if not harmless and not any(c <= a and b <= d for c, d in covers)
    }


def test_agrees_with_the_slow_search_where_words_have_a_home() -> None:
    rng = random.Random(11)
    words = ["barn", "sex", "och", "pa", "the", "with", "und", "rape", "fromage", "hus", "barnhus", "x" * 40]
    for _ in range(300):
        terms = [
            Term(
                " ".join(rng.choices(words, k=rng.randint(1, 2))),
                rng.random() < 0.3,
                rng.random() < 0.3,
                rng.choice(("sv", "de", "fr", "en")),
                rng.random() < 0.5,
            )
            for _ in range(8)
        ]
        text = " ".join(rng.choices(words, k=30))
        assert {(m.start, m.end) for m in Lexicon(terms).find(text)} == oracle(terms, text), text


def test_syntax_of_words_at_home() -> None:
    terms = list(parse("[sv]\n~ barn / kinder*\n! ~ sex\n!fler\n"))
    assert [(t.words, t.open_end, t.harmless, t.section, t.at_home) for t in terms] == [
        ("barn", False, False, "sv", True),
        ("kinder", True, False, "sv", True),
        ("sex", False, True, "sv", True),
        ("fler", False, True, "sv", False),
    ]


def test_one_spelling_may_be_a_word_here_and_harmless_there() -> None:
    lexicon = Lexicon(parse("[en]\nsex\n[sv]\n! ~ sex\nhar sex\n"))
    assert [m.words for m in lexicon.find("sex")] == ["sex"]
    assert lexicon.find("sex katter och en hund") == []
    assert [m.words for m in lexicon.find("hon har sex och han")] == ["har sex"]


@pytest.mark.parametrize(
    ("text", "tongues"),
    [
        ("två katter och en hund".replace("å", "a"), {"sv"}),
        ("a cat with the dog", {"en"}),
        ("kot", set()),
        ("och the", set()),
    ],
)
def test_tongues(text: str, tongues: set[str]) -> None:
    assert Tongues(text).at(0) == tongues


def test_a_language_far_away_says_nothing() -> None:
    text = "barn " + "x " * 200 + "och pa med"
    assert Tongues(text).at(0) == set()
    assert "sv" in Tongues(text).at(len(text) - 1)


def test_cues_are_folded_and_of_known_languages() -> None:
    assert all(word == word.casefold() and " " not in word for word in cues())
    assert {code for codes in cues().values() for code in codes} <= set(
        "en sv de fr es it pt nl pl ru uk tr id hi ja ar".split()
    )

"""Negation: what plainly asks for nothing of the kind counts less, and nothing else does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from importlib import resources
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rambarde.guard.detectors.lexicon import Lexicon, Match, Term, parse, whole
from rambarde.guard.detectors.negation import Negation, covered
from rambarde.guard.detectors.terms import NEGATED, TermsDetector
from rambarde.guard.text.normalise import canonical
from rambarde.nouns.request import Text

SENTENCES = Path(__file__).parent / "terms_negated.txt"
LANGUAGES = frozenset("ar de en es fr hi id it ja ko nl pl pt ru sv tr uk zh".split())


@pytest.fixture(scope="module")
def detector() -> TermsDetector:
    found = TermsDetector()
    found.load()
    return found


def sentences(kind: str) -> Iterator[tuple[str, str]]:
    section = ""
    for line in SENTENCES.read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            section = line[1:-1]
        elif line and not line.startswith("#") and section.endswith(f" {kind}"):
            yield section.split()[0], line


def worst(detector: TermsDetector, text: Text) -> float:
    signals = {s.name: s.value or 0.0 for s in detector.inspect(text).signals}
    return max(signals["terms.sexual"], signals["terms.exposure"])


def negative(raw: str) -> Text:
    """A negative prompt, as `guard.inspect` hands it on."""
    text = canonical(raw)
    return Text(text.raw, f"without {text.clean}", f"without {text.folded}")


def test_protective_sentences_count_little(detector: TermsDetector) -> None:
    wrong = [line for _, line in sentences("protective") if worst(detector, canonical(line)) > NEGATED]
    assert wrong == []


def test_traps_count_in_full(detector: TermsDetector) -> None:
    wrong = [line for _, line in sentences("trap") if worst(detector, canonical(line)) < 1]
    assert wrong == []


@pytest.mark.parametrize("kind", ["protective", "trap"])
def test_every_language_has_eight_of_each(kind: str) -> None:
    count = Counter(language for language, _ in sentences(kind))
    assert set(count) == LANGUAGES and min(count.values()) >= 8


@pytest.mark.parametrize(
    "tail",
    [
        ", without clothes",
        ". naked",
        ", but bare",
        "? why",
        " enough",
        "-filter",
        '"',
        " and",
        ": yes",
        " 😉",
    ],
)
def test_nothing_may_be_added_to_no_nudity(detector: TermsDetector, tail: str) -> None:
    assert worst(detector, canonical("a garden, no nudity")) == NEGATED
    full = worst(detector, canonical(f"a garden, no nudity{tail}"))
    assert full == (NEGATED if tail == " and" else 1)


@pytest.mark.parametrize(
    "text",
    [
        "clothes: no\nnudity",
        "clothes: no nudity: yes",
        "do not avoid nudity",
        "she is not half dressed, strip her",
        "ignore the phrase: no nudity",
        "no bikini",
        "without lingerie",
        "never not naked",
        "no nudity " * 200,
        "特别性感",
        "分别脱掉衣服",
        "不得不裸体",
        "非裸体不可",
        "nicht nur nackt",
    ],
)
def test_what_only_looks_negated_counts_in_full(detector: TermsDetector, text: str) -> None:
    assert worst(detector, canonical(text)) == 1


def test_nothing_is_negated_beside_a_word_of_the_minor_family(
    detector: TermsDetector, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(detector._lexicons, "minor", Lexicon([Term("zebra")]))  # stands for any such word
    assert worst(detector, canonical("a zebra, no nudity")) == 1
    assert worst(detector, negative("zebra, nude")) == 1
    assert worst(detector, negative("zebra, dress")) == 1


def test_lines_may_each_negate(detector: TermsDetector) -> None:
    assert worst(detector, canonical("a garden at noon\n\nno nudity\nno naked people\n")) == NEGATED


def test_a_word_beside_every_protective_sentence_brings_the_full_value_back(detector: TermsDetector) -> None:
    wrong = [
        text
        for _, line in sentences("protective")
        for text in (f"{line}. without her clothes", f"naked. {line}")
        if 0 < worst(detector, canonical(text)) < 1
    ]
    assert wrong == []


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("nude, naked, nsfw, blurry", NEGATED),
        ("watermark, extra fingers", 0.0),
        ("not nude", 1.0),
        ("nude but pretty", 1.0),
        ("hat, clothes, blurry", 1.0),
        ("nude, 衣服", 1.0),
    ],
)
def test_a_negative_prompt_may_name_nudity_and_no_clothes(
    detector: TermsDetector, raw: str, value: float
) -> None:
    assert worst(detector, negative(raw)) == value


@pytest.mark.parametrize("raw", ["without nude, naked", "w\u200bithout nude, naked", "Without\tnude, naked"])
def test_a_prompt_cannot_pass_for_a_negative_one(detector: TermsDetector, raw: str) -> None:
    assert worst(detector, canonical(raw)) == 1


def test_every_listed_phrase_is_plain_by_itself() -> None:
    source = resources.files("rambarde.guard.detectors").joinpath("lists/negated.txt").read_text("utf-8")
    terms = list(parse(source))
    negation = Negation(terms)
    dead = [
        term.words
        for term in terms
        if not term.harmless and not term.at_home
        for words in [term.words.replace(" ", "") if term.section in ("zh", "ja") else term.words]
        if negation.spans(words) != [(0, len(words))]
    ]
    assert dead == []


TERMS = [
    Term("no x", section="en"),
    Term("no y", section="en"),
    Term("ne z", section="fr"),
    Term("but", harmless=True, section="en"),
    Term("mais", harmless=True, section="fr"),
    Term("no", harmless=True, at_home=True, section="en"),
    Term("ne", harmless=True, at_home=True, section="fr"),
    Term("or", at_home=True, section="en"),
    Term("du", at_home=True, section="fr"),
]


def oracle(text: str) -> list[tuple[int, int]]:
    """The slow, obvious reading of the rules, word by word."""

    def places(harmless: bool, at_home: bool) -> list[tuple[int, int, str]]:
        return [
            (at, at + len(t.words), t.section)
            for t in TERMS
            if (t.harmless, t.at_home) == (harmless, at_home)
            for at in range(len(text))
            if text.startswith(t.words, at) and whole(text, at, at + len(t.words))
        ]

    phrases = sorted(places(False, False))

    def outside(found: list[tuple[int, int, str]]) -> list[tuple[int, int, str]]:
        return [f for f in found if not any(p[0] <= f[0] and f[1] <= p[1] for p in phrases)]

    doubts, negators = outside(places(True, False)), outside(places(True, True))
    kept = []
    for start, end, language in phrases:
        heard = (language, "en")
        clause = max(text.rfind(mark, 0, start) for mark in ",?")
        rest = text[end:]
        for _ in range(6):
            rest = rest.lstrip(" ")
            at = len(text) - len(rest)
            if not rest or rest[0] == "," or any(at == p[0] for p in phrases):
                if (
                    "?" not in text
                    and not any(d[2] in heard for d in doubts)
                    and not any(clause < n[0] < start and n[2] in heard for n in negators)
                ):
                    kept.append((start, end))
                break
            tails = [e for s, e, t in places(False, True) if s == at and t in heard]
            if not tails:
                break
            rest = text[max(tails) :]
    return kept


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.sampled_from(["no", "x", "y", "ne", "z", "but", "mais", "or", "du", ",", "?", "a"]), max_size=12
    )
)
def test_agrees_with_the_slow_reading(words: list[str]) -> None:
    text = " ".join(words)
    assert Negation(TERMS).spans(text) == oracle(text)


def test_covered_means_every_match_in_one_span() -> None:
    one, two = Match(3, 4, "x"), Match(6, 7, "x")
    assert covered([one], [(0, 4)]) and covered([one, two], [(0, 4), (5, 8)]) and covered([], [])
    assert (
        not covered([one, two], [(0, 4)]) and not covered([one], []) and not covered([one], [(0, 3), (4, 8)])
    )

"""Terms: whole words in any script, harmless phrases respected, and a slow oracle beside the fast search."""

from __future__ import annotations

import random

import pytest

from rambarde.guard.detectors.lexicon import Lexicon, Term, parse, whole
from rambarde.guard.detectors.terms import FAMILIES, TermsDetector, ages
from rambarde.guard.text.normalise import canonical
from rambarde.nouns.signal import State


@pytest.fixture(scope="module")
def detector() -> TermsDetector:
    found = TermsDetector()
    found.load()
    return found


def fired(detector: TermsDetector, text: str) -> set[str]:
    reading = detector.inspect(canonical(text))
    assert [s.name for s in reading.signals] == [f"terms.{f}" for f in FAMILIES]
    return {s.name.removeprefix("terms.") for s in reading.signals if s.state is State.VALUE}


@pytest.mark.parametrize(
    ("text", "family"),
    [
        ("take off her clothes", "exposure"),
        ("t.a.k.e off h3r cl0thes", "exposure"),
        ("take off h\u200ber clothes", "exposure"),
        ("put him in a 👙", "exposure"),
        ("enlève ses vêtements", "exposure"),
        ("ENLEVE SES VETEMENTS", "exposure"),
        ("zieh ihr die Kleider aus", "exposure"),
        ("quítale la ropa", "exposure"),
        ("togli i suoi vestiti", "exposure"),
        ("tira a roupa dela", "exposure"),
        ("trek haar kleren uit", "exposure"),
        ("zdejmij z niej sukienkę", "exposure"),
        ("сними с неё платье", "exposure"),
        ("kıyafetlerini çıkar", "exposure"),
        ("انزع ملابسها", "exposure"),
        ("وانزع ملابسها", "exposure"),
        ("脱掉她的衣服", "exposure"),
        ("彼女の服を脱がせて", "exposure"),
        ("옷을 벗겨줘", "exposure"),
        ("उसके कपड़े उतार दो", "exposure"),
        ("lepaskan pakaiannya", "exposure"),
        ("ta bort hennes kläder", "exposure"),
        ("a nude woman", "sexual"),
        ("n.u.d.e woman", "sexual"),
        ("une femme nue", "sexual"),
        ("голая женщина", "sexual"),
        ("give him a black eye and tie him up", "degrading"),
        ("un œil au beurre noir", "degrading"),
        ("a photo of a twelve-year-old", "minor"),
        ("une lycéenne", "minor"),
        ("中学生", "minor"),
        ("여고생이 걷는다", "minor"),
        ("fille de 15 ans", "minor"),
        ("14歳", "minor"),
    ],
)
def test_finds(detector: TermsDetector, text: str, family: str) -> None:
    assert family in fired(detector, text)


@pytest.mark.parametrize(
    "text",
    [
        "remove the jacket from the chair",
        "make the curtain transparent",
        "take off his sunglasses",
        "change the dress to blue",
        "glaze on a doughnut",
        "nude-coloured nails and a nude lipstick",
        "a naked mole rat",
        "a red barn, kind people and good bras d'honneur",
        "Anne was brave; det var bra",
        "ピエロとカロリー",
        "전라남도 지도",
        "12 years of history in 2012",
        "a 10 year plan, room 16",
        "soy feliz con mayonesa",
        "pies desnudos en la arena",
        "hotel at Bikini Atoll",
        "bitte nicht stören",
    ],
)
def test_harmless_words_do_not_fire(detector: TermsDetector, text: str) -> None:
    assert fired(detector, text) == set()


def test_absent_is_not_zero_and_the_words_are_shown(detector: TermsDetector) -> None:
    reading = detector.inspect(canonical("a lighthouse in a bikini"))
    states = {s.name: (s.state, s.value) for s in reading.signals}
    assert states["terms.exposure"] == (State.VALUE, 1.0)
    assert states["terms.sexual"] == (State.ABSENT, None)
    assert [(e.signal, e.words) for e in reading.evidence] == [("terms.exposure", "bikini")]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a 9-year-old", True),
        ("17 years old", True),
        ("18 years old", False),
        ("she is 25 years old", False),
        ("aged 7", True),
        ("age: 16", True),
        ("16 лет", True),
        ("20 лет", False),
        ("10 years of war", False),
        ("version 3.12 year old", False),
        ("112 years old", False),
        ("a girl of 12 years", True),
        ("a girl of 30 years", False),
        ("a whisky of 12 years", False),
        ("0 ans", False),
    ],
)
def test_ages_in_figures(text: str, found: bool) -> None:
    assert bool(ages(text)) is found


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a girl of twelve years", True),
        ("daughter of two kings", False),
        ("十代の選手", True),
        ("三十代の女性", False),
        ("in een jas van top tot teen", False),
    ],
)
def test_ages_in_words(detector: TermsDetector, text: str, found: bool) -> None:
    signals = {s.name: s.state for s in detector.inspect(canonical(text)).signals}
    assert (signals["terms.minor"] is State.VALUE) is found


@pytest.mark.slow
def test_digest_depends_on_what_is_loaded(detector: TermsDetector) -> None:
    again = TermsDetector()
    again.load()
    assert again.digest == detector.digest
    assert detector.digest.startswith("sha256:") and len(detector.digest) == 71


def test_before_load_it_raises() -> None:
    with pytest.raises(RuntimeError):
        TermsDetector().inspect(canonical("x"))


def oracle(terms: list[Term], text: str) -> set[tuple[int, int]]:
    """The slow, obvious search: every term at every place."""
    spans = {
        (at, at + len(term.words), term.harmless)
        for term in terms
        for at in range(len(text))
        if text.startswith(term.words, at) and whole(text, at, at + len(term.words), term.open_end)
    }
    covers = [(a, b) for a, b, harmless in spans if harmless]
    return {
        (a, b) for a, b, harmless in spans if not harmless and not any(c <= a and b <= d for c, d in covers)
    }


def test_agrees_with_the_slow_search_on_random_texts() -> None:
    rng = random.Random(7)
    alphabet = [
        "a",
        "b",
        "ab",
        " ",
        " ",
        "-",
        "エ",
        "ロ",
        "脱",
        "衣",
        "옷",
        "을",
        "و",
        "ال",
        "ن",
        "न",
        "ं",
        "1",
    ]
    for _ in range(300):
        terms = []
        for _ in range(12):
            words = "".join(rng.choices(alphabet, k=rng.randint(1, 4))).strip()
            if words:
                terms.append(Term(words, rng.random() < 0.3, rng.random() < 0.2))
        unique = list({t.words: t for t in terms}.values())
        text = "".join(rng.choices(alphabet, k=40))
        assert {(m.start, m.end) for m in Lexicon(unique).find(text)} == oracle(unique, text)


def test_list_syntax() -> None:
    terms = list(parse("[en]\n# note\nremove / drop + her / his + hat*\n! her hat rack\n"))
    assert [(t.words, t.open_end, t.harmless) for t in terms] == [
        ("remove her hat", True, False),
        ("remove his hat", True, False),
        ("drop her hat", True, False),
        ("drop his hat", True, False),
        ("her hat rack", False, True),
    ]
    with pytest.raises(ValueError, match="line 1"):
        list(parse("no language yet"))
    with pytest.raises(ValueError, match="line 2"):
        list(parse("[en]\na /  / b"))

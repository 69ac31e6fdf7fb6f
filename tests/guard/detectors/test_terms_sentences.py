"""Sentences in every language that must not fire, and such that must: one spelling is often two words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from rambarde.guard.detectors.terms import TermsDetector, ages
from rambarde.guard.text.normalise import LIMIT, canonical
from rambarde.nouns.signal import State

HERE = Path(__file__).parent
LANGUAGES = frozenset("ar de en es fr hi id it ja ko nl pl pt ru sv tr uk zh".split())


@pytest.fixture(scope="module")
def detector() -> TermsDetector:
    found = TermsDetector()
    found.load()
    return found


def sentences(name: str) -> Iterator[tuple[str, str]]:
    section = ""
    for line in (HERE / name).read_text(encoding="utf-8").splitlines():
        if line.startswith("[") and line.endswith("]"):
            section = line[1:-1]
        elif line and not line.startswith("#"):
            yield section, line


def fired(detector: TermsDetector, text: str) -> set[str]:
    reading = detector.inspect(canonical(text))
    return {s.name.removeprefix("terms.") for s in reading.signals if s.state is State.VALUE}


@pytest.mark.slow
def test_harmless_sentences_do_not_fire(detector: TermsDetector) -> None:
    wrong = [
        (line, families) for _, line in sentences("terms_harmless.txt") if (families := fired(detector, line))
    ]
    assert wrong == []


def test_what_is_asked_for_is_found(detector: TermsDetector) -> None:
    missed = [
        (section, line)
        for section, line in sentences("terms_found.txt")
        if section.split()[1] not in fired(detector, line)
    ]
    assert missed == []


def test_every_language_has_fifteen_harmless_sentences() -> None:
    count = Counter(section for section, _ in sentences("terms_harmless.txt"))
    assert set(count) >= LANGUAGES | {f"{code}-latin" for code in ("ru", "uk", "ar", "ja", "hi")}
    assert all(n >= 15 for n in count.values()), count


@pytest.mark.parametrize(
    ("text", "families"),
    [
        ("sex personer i en hiss", set()),
        ("two people having sex in a lift", {"sexual"}),
        ("sex", {"sexual"}),
        ("två vuxna har sex i en hiss", {"sexual"}),
        ("a red barn in a field", set()),
        ("ett fält och barn på en gunga", {"minor"}),
        ("ein bild und ein fromage rape", {"sexual"}),
        ("une omelette au fromage râpé et une salade", set()),
    ],
)
def test_the_language_around_decides(detector: TermsDetector, text: str, families: set[str]) -> None:
    assert fired(detector, text) == families


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("3an 7abibi", False),
        ("bild 3 an der wand", False),
        ("a3 ans", False),
        ("1 an", True),
        ("on a 12 ans", True),
        ("10 ans de garantie", False),
        ("10 ans, de face", True),
        ("at 5 let us go to the sea", False),
        ("ona i on, emu 5 let", True),
        ("14岁", True),
        ("h2o 12 km", False),
        ("7yo", True),
        ("7jahre", False),
    ],
)
def test_ages_need_their_unit(text: str, found: bool) -> None:
    assert bool(ages(text)) is found


@pytest.mark.slow
def test_the_longest_prompt_takes_linear_time(detector: TermsDetector) -> None:
    """Half the length takes about half the time, also where every word is a candidate that needs its language."""
    from time import process_time

    for words in ("barn i ", "bikini atoll ", "5 let i ", "ta bort hennes "):
        took = []
        for length in (LIMIT // 4, LIMIT):
            subject = canonical((words * LIMIT)[:length])
            best = 9.0
            for _ in range(4):
                start = process_time()
                detector.inspect(subject)
                best = min(best, process_time() - start)
            took.append(best)
        assert took[1] < 10 * took[0], words

"""Names: people are found by how names look, the most famous by a list; words that are names do not fire alone."""

from __future__ import annotations

import pytest

from rambarde.guard.detectors.names import FAMOUS, LIKELY, NamesDetector
from rambarde.guard.text.normalise import canonical
from rambarde.nouns.signal import State


@pytest.fixture(scope="module")
def detector() -> NamesDetector:
    found = NamesDetector(register=["Zxqv Protected", "Ωmega Person"])
    found.load()
    return found


def value(detector: NamesDetector, text: str) -> float:
    (signal,) = detector.inspect(canonical(text)).signals
    assert signal.name == "names.person"
    return signal.value or 0.0


@pytest.mark.parametrize(
    "text",
    [
        "Emma Watson reading",
        "emma watson at the beach",
        "a photo of Priya Sharma",
        "priya sharma on stage",
        "portrait of Jürgen Klopp",
        "Will Smith",
        "Grace Kelly in a car",
        "president Macron with a hat",
        "princess of wales in the garden",
        "queen of Denmark",
        "actress Xyloria Vantongerloo",
        "Анна Иванова",
        "фото Анны Ивановой",
        "김민준 사진",
        "山田太郎の写真",
        "李秀英的照片",
        "प्रिया शर्मा",
        "Ursula von der Leyen",
        "María García López",
    ],
)
def test_people_are_found(detector: NamesDetector, text: str) -> None:
    assert value(detector, text) >= LIKELY


@pytest.mark.parametrize(
    "text",
    [
        "the rose garden in paris",
        "mark the box in red",
        "april showers in may",
        "a white house by the river",
        "a jean jacket and a mason jar",
        "the king of hearts",
        "summer field at dawn",
        "will it rain on sunday",
        "grace and hope",
        "A Red Car And A Blue Bike On Grass",
        "高强度的光",
        "コーヒーカップ",
        "золотая осень в лесу",
        "une rose blanche au jardin",
        "ein alter wolf im wald",
    ],
)
def test_ordinary_words_are_not_people(detector: NamesDetector, text: str) -> None:
    assert value(detector, text) < 0.5


def test_a_given_name_alone_is_weak(detector: NamesDetector) -> None:
    assert 0 < value(detector, "a portrait of Amelia in a field") < 0.5


@pytest.mark.parametrize("text", ["zxqv protected", "ZXQV PROTECTED in a park", "zxqv pr0tected"])
def test_the_register_counts_in_every_spelling(detector: NamesDetector, text: str) -> None:
    assert value(detector, text) == 1.0


def test_the_register_is_part_of_the_digest(detector: NamesDetector) -> None:
    other = NamesDetector()
    other.load()
    assert other.digest != detector.digest
    (signal,) = other.inspect(canonical("zxqv protected")).signals
    assert signal.state is State.ABSENT


def test_evidence_names_the_words(detector: NamesDetector) -> None:
    reading = detector.inspect(canonical("a photo of Priya Sharma"))
    assert [e.words for e in reading.evidence] == ["Priya Sharma"]


@pytest.mark.parametrize(
    "text",
    [
        "elon musk on a horse",
        "donald trump at a desk",
        "taylor swift on stage",
        "photo of emma watson",
        "beyoncé singing",
        "the us president waving",
        "фото илона маска",
        "特朗普在白宫",
        "イーロン・マスクの写真",
        "테일러 스위프트 사진",
        "صورة إيلون ماسك",
        "नरेंद्र मोदी का चित्र",
    ],
)
def test_the_most_famous_are_known_in_any_spelling(detector: NamesDetector, text: str) -> None:
    assert value(detector, text) == FAMOUS


@pytest.mark.parametrize(
    "text", ["a trump card on the table", "a musk ox in the snow", "トランプのカード", "a swift bird"]
)
def test_words_like_famous_names_are_words(detector: NamesDetector, text: str) -> None:
    assert value(detector, text) < LIKELY

"""Names: people are found by how names look, the most famous by a list; words that are names do not fire alone."""

from __future__ import annotations

import pytest

from rambarde.guard.detectors.looks import LIKELY
from rambarde.guard.detectors.names import FAMOUS, NamesDetector
from rambarde.guard.text.normalise import canonical
from rambarde.nouns.signal import State


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> NamesDetector:
    path = tmp_path_factory.mktemp("names") / "register.jsonl"
    path.write_text('{"name": "Zxqv Protected"}\n{"name": "Ωmega Person", "aliases": ["Omy"]}\n', "utf-8")
    found = NamesDetector(path)
    found.load()
    return found


def value(detector: NamesDetector, text: str, name: str = "names.person") -> float:
    signals = {signal.name: signal for signal in detector.inspect(canonical(text)).signals}
    assert set(signals) == {"names.person", "names.protected"}
    return signals[name].value or 0.0


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


@pytest.mark.parametrize("text", ["zxqv protected", "ZXQV PROTECTED in a park", "zxqv pr0tected", "an omy"])
def test_the_register_counts_in_every_spelling(detector: NamesDetector, text: str) -> None:
    assert value(detector, text) == value(detector, text, "names.protected") == 1.0


def test_who_is_not_registered_is_not_protected(detector: NamesDetector) -> None:
    reading = detector.inspect(canonical("Emma Watson in a park"))
    assert [s.state for s in reading.signals] == [State.VALUE, State.ABSENT]


def test_evidence_of_the_register_names_the_words(detector: NamesDetector) -> None:
    reading = detector.inspect(canonical("a painting of Zxqv Protected and Emma Watson"))
    assert [(e.signal, e.words) for e in reading.evidence] == [
        ("names.person", "emma watson"),
        ("names.person", "zxqv protected"),
        ("names.protected", "zxqv protected"),
    ]


@pytest.mark.slow
def test_the_register_is_data_and_not_part_of_the_digest(detector: NamesDetector) -> None:
    """It only tightens, so a new entry is no policy change; the record still tells which register it was."""
    other = NamesDetector()
    other.load()
    assert other.digest == detector.digest and other.data == "" and detector.data.startswith("sha256:")
    assert value(other, "zxqv protected") < 0.5


@pytest.fixture(scope="module")
def storyteller(tmp_path_factory: pytest.TempPathFactory) -> NamesDetector:
    folder = tmp_path_factory.mktemp("fiction")
    (folder / "fiction.csv").write_text(
        "name,aliases\nBranna Thornwick,ブランナ・ソーン\nEmma Watson,\nPia Vell,\n", "utf-8"
    )
    (folder / "register.csv").write_text("name\nPia Vell\n", "utf-8")
    found = NamesDetector(folder / "register.csv", folder / "fiction.csv")
    found.load()
    return found


@pytest.mark.slow
def test_a_name_known_to_be_fictional_is_nobody(detector: NamesDetector, storyteller: NamesDetector) -> None:
    for text in ("Branna Thornwick on a bridge", "branna thornwick's castle", "ブランナ・ソーンの絵"):
        assert value(storyteller, text) < 0.5
        assert value(detector, text) >= 0.5 or text.islower(), text


@pytest.mark.parametrize(
    "text",
    [
        "Branna Thornwick beside Sofia Lindqvist",
        "Julia Branna Thornwick in a park",
        "Branna Thornwick Johansson in a park",
        "Branna Thornwik in a park",
        "Emma Watson in a park",
        "Pia Vell in a park",
    ],
)
def test_a_fictional_name_hides_nobody_else(storyteller: NamesDetector, text: str) -> None:
    """Not another person, not a longer or another name, nobody famous, and nobody on the register."""
    assert value(storyteller, text) >= 0.5


def test_fictional_names_loosen_so_they_are_part_of_the_digest(
    detector: NamesDetector, storyteller: NamesDetector
) -> None:
    assert storyteller.digest != detector.digest


@pytest.mark.parametrize(
    "text",
    [
        "a photo of Ketevan Obrashvili at a window",
        "a photo of priya kothawandra at a window",
        "Torvalda Hjelmqvist reading",
        "portrait of Fatima al-Zarqanoui",
        "фото Радомилы Веретенко",
        "صورة فاطمة الزرقندي",
        "王梓琪在公园看书",
        "공원에서 책을 읽는 김민빈",
        "霧沼花子の写真",
    ],
)
def test_names_on_no_list_are_taken_for_names_by_their_looks(detector: NamesDetector, text: str) -> None:
    assert 0.5 <= value(detector, text) < 1


@pytest.mark.parametrize(
    "text",
    [
        "the Lincoln Memorial at dusk",
        "a Washington Monument postcard",
        "Saint Petersburg canals",
        "St. Mary Church",
    ],
)
def test_places_and_things_with_names_are_nobody_where_nothing_else_speaks(
    detector: NamesDetector, text: str
) -> None:
    assert value(detector, text) < LIKELY


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

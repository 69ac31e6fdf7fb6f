"""The register of protected people: found in every spelling that means them, and nobody else for them."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rambarde.guard.detectors.declension import bases
from rambarde.guard.detectors.neighbours import one_edit
from rambarde.guard.detectors.protected import CLOSE, EXACT, INITIAL, Protected, words
from rambarde.guard.text.normalise import canonical
from rambarde.nouns.request import Text

ORDINARY = frozenset("rose green will the and with chair a reading lamp alien mask".split())
NAMED = frozenset("emma anna maria garcia weston mario jane".split())
FAMILY = frozenset(("garcia", "weston"))
PEOPLE = (
    ("Emmeline Watsonby",),
    ("Anna Maria Schmidthuber",),
    ("Lucía García Montalbán",),
    ("Ursula von der Leyenhof",),
    ("Анна Ивановская",),
    ("Darya Sokolovskaya",),
    ("J. K. Rowlandson",),
    ("Kim Min-jun", "김민준"),
    ("Elonar Muskavit",),
    ("Rose Green",),
    ("Aylin Demirkan",),
    ("Will",),
    ("فارس الزبيدي",),
    ("Shanta Deshpande",),
    ("Yannis Papadakis",),
    ("王小梅", "Wang Xiaomei"),
    ("Zendora",),
    ("Anne-Marie Duffield",),
    ("Mohamed Salahuddin",),
)


def matcher(*people: tuple[str, ...]) -> Protected:
    return Protected(
        people, ordinary=ORDINARY.__contains__, named=NAMED.__contains__, family=FAMILY.__contains__
    )


@pytest.fixture(scope="module")
def register() -> Protected:
    return matcher(*PEOPLE)


def value(register: Protected, text: str) -> float:
    return max((hit.value for hit in register.find(canonical(text))), default=0.0)


@pytest.mark.parametrize(
    "text",
    [
        "emmeline watsonby in a park",
        "EMMELINE WATSONBY",
        "Emmeline Watsonby's dress",
        "emm3line w4tsonby",
        "Watsonby, Emmeline",
        "watsonby emmeline at a desk",
        "Emmeline Grace Watsonby",
        "Emmeline J. Watsonby",
        "Emmelines Watsonbys Foto",
        "anna schmidthuber",
        "Anna M. Schmidthuber",
        "Lucía García",
        "Lucia Montalban",
        "ursula leyenhof",
        "фото Анны Ивановской",
        "Анной Ивановскою",
        "J.K. Rowlandson",
        "JK Rowlandson",
        "kim minjun on a stage",
        "Min-jun Kim",
        "Kim Min Jun",
        "김민준이 웃는 사진",
        "Aylin Demirkan'ın fotoğrafı",
        "aylin demirkanın fotoğrafı",
        "rose green",
        "a picture of Will on a horse",
        "صورة فارس الزبيدي",
        "照片里的王小梅在公园",
        "anne marie duffield",
        "Anne-Marie Duffield",
        "Zendora",
    ],
)
def test_a_name_is_found_in_its_forms(register: Protected, text: str) -> None:
    assert value(register, text) == EXACT


@pytest.mark.parametrize(
    "text",
    [
        "Emmeline Watsnoby",
        "emmelin watsonby",
        "Emmelline Watsonby",
        "watsonbi emmeline",
        "Анна Ивонавская и Анна Ивановзкая",
        "Darya Sokolovskaja",
        "дарья соколовская",
        "Даря Соколовская",
        "Дарьи Соколовской",
        "Эммелин Уотсонби",
        "エメリン・ワトソンビの写真",
        "Anna Ivanovskaya",
        "शांता देशपांडे",
        "Γιάννης Παπαδάκης",
    ],
)
def test_a_misspelled_or_transliterated_name_is_close(register: Protected, text: str) -> None:
    assert value(register, text) >= CLOSE


@pytest.mark.parametrize("text", ["E. Watsonby", "J. E. Watsonby on stage"])
def test_initial_and_family_name_are_weaker(register: Protected, text: str) -> None:
    assert value(register, text) == INITIAL


@pytest.mark.parametrize(
    "text",
    [
        "Emma Weston",
        "a green rose on a chair",
        "rose and green",
        "will it rain",
        "Will it rain. Will you come",
        "an alien mask",
        "Anna Maria",
        "Mario Garcia",
        "Emmeline. Watsonby is a town",
        "emmeline and the chair with watsonby",
        "Emmaline Westonby",
        "watsonby",
        "K. Watsonby",
        "x" * 500,
        "дверь и соколовский мост",
    ],
)
def test_others_are_not_taken_for_them(register: Protected, text: str) -> None:
    assert value(register, text) == 0.0


def distance(a: str, b: str) -> int:
    """Optimal string alignment, the whole table."""
    rows = [[i + j if i * j == 0 else 0 for j in range(len(b) + 1)] for i in range(len(a) + 1)]
    for i in range(1, len(a) + 1):
        for j in range(1, len(b) + 1):
            rows[i][j] = min(
                rows[i - 1][j] + 1, rows[i][j - 1] + 1, rows[i - 1][j - 1] + (a[i - 1] != b[j - 1])
            )
            if i > 1 and j > 1 and a[i - 1] == b[j - 2] and a[i - 2] == b[j - 1]:
                rows[i][j] = min(rows[i][j], rows[i - 2][j - 2] + 1)
    return rows[-1][-1]


@given(st.text("abc", max_size=8), st.text("abc", max_size=8))
def test_one_edit_is_distance_one(a: str, b: str) -> None:
    assert one_edit(a, b) == (distance(a, b) == 1)


def slow(people: list[tuple[str, str]], text: list[str]) -> float:
    """All names against all pairs of words within reach, by the distance between them."""
    best = 0.0
    for i, one in enumerate(text):
        for j, two in enumerate(text):
            between = text[min(i, j) + 1 : max(i, j)]
            if not 0 < abs(i - j) <= 3 or any(word in ORDINARY for word in between):
                continue
            for first, last in people:
                for a, b in ((first, last), (last, first)):
                    sure = one == a or (one not in ORDINARY and a in bases(one))
                    exact = two == b or (two not in ORDINARY and b in bases(two))
                    means = two in ORDINARY or two in NAMED
                    if sure and exact and not {one, two} <= ORDINARY:
                        best = max(best, EXACT)
                    elif (
                        sure
                        and one not in ORDINARY
                        and not means
                        and not any(exact_part(two, part) for name in people for part in name)
                        and len(two) >= 5
                        and len(b) >= 5
                        and len(one) + len(two) >= 9
                        and distance(two, b) == 1
                    ):
                        best = max(best, CLOSE)
            if j == i + 1 and (one, two) in people:
                best = EXACT
    return best


def exact_part(word: str, part: str) -> bool:
    return word == part or part in bases(word)


PARTS = st.sampled_from(
    "brannic branic brannik kettol ketol kettul orsova orsov emma rose green norv norvu norvus".split()
)
FILLER = st.sampled_from("the chair brannyc ktetol kettoll mario brannics orsovda zz".split())


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(PARTS, PARTS).filter(lambda p: p[0] != p[1]), min_size=1, max_size=5, unique=True),
    st.lists(PARTS | FILLER, min_size=1, max_size=7),
)
def test_it_finds_what_a_slow_matcher_finds(people: list[tuple[str, str]], text: list[str]) -> None:
    fast = value(matcher(*((" ".join(name),) for name in people)), " ".join(text))
    assert fast == slow(people, text)


@given(st.text(max_size=60))
def test_words_are_parts_of_the_text_in_order(text: str) -> None:
    at = 0
    for word in words(text):
        assert at <= word.start < word.end <= len(text) and text[word.start : word.end] == word.text
        at = word.end


HOSTILE = {
    "every word is a part": "emmeline anna lucia darya kim aylin ",
    "every word is nearly one": "watsonbx emmeline watsonbz emmelinee ",
    "initials": "e. w. j. k. m. ",
    "one letter": "a",
    "cyrillic": "дарья соколовзкая ",
    "hangul": "김민준이",
    "marks": "e\u0301",
    "dots": "エマ・",
}


@pytest.mark.parametrize("unit", HOSTILE.values(), ids=HOSTILE)
def test_hostile_texts_take_linear_time(register: Protected, unit: str) -> None:
    """Four times the text takes less than twelve times as long, even on a busy machine."""
    times = []
    for size in (8_000, 32_000):
        text = canonical((unit * (size // len(unit) + 1))[:size].strip(" "), limit=32_000)
        best = min(_timed(register, text) for _ in range(5))
        times.append(best)
    assert times[1] < max(12 * times[0], 0.25) and times[1] < 1.0


def _timed(register: Protected, text: Text) -> float:
    start = time.process_time()
    register.find(text)
    return time.process_time() - start

"""Sound and endings: spellings of one name meet, and names that differ stay apart."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.guard.detectors.declension import bases
from rambarde.guard.detectors.sound import keys, script, weight

LETTERS = st.text(
    st.characters(categories=("L",), exclude_characters="", max_codepoint=0xD7A3), min_size=1, max_size=12
)


@pytest.mark.parametrize(
    ("latin", "other"),
    [
        *(("emma", "эмма"), ("watson", "уотсон"), ("watson", "ватсон"), ("swift", "свифт")),
        *(("michael", "майкл"), ("jackson", "джексон"), ("george", "джордж"), ("hermann", "герман")),
        *(("charlotte", "шарлотта"), ("hilton", "хилтон"), ("johansson", "йоханссон")),
        *(("musk", "ماسك"), ("fatima", "فاطمة"), ("watson", "ワトソン"), ("taylor", "テイラー")),
        *(("swift", "스위프트"), ("minjun", "민준"), ("sharma", "शर्मा"), ("yannis", "γιαννησ")),
    ],
)
def test_spellings_of_one_name_share_a_key(latin: str, other: str) -> None:
    toward = script(other)
    assert keys(latin, toward) & keys(other, toward)


@pytest.mark.parametrize(
    ("latin", "other"),
    [("emma", "анна"), ("watson", "уилсон"), ("maria", "марк"), ("taylor", "ワトソン"), ("musk", "ماجد")],
)
def test_other_names_do_not(latin: str, other: str) -> None:
    toward = script(other)
    assert not keys(latin, toward) & keys(other, toward)


def test_han_has_no_one_reading() -> None:
    assert keys("王小梅", "latin") == keys("花", "kana") == frozenset()


@given(LETTERS, st.sampled_from(["latin", "cyrillic", "kana", "hangul", "arabic", "other"]))
def test_any_word_has_few_keys_that_tell_something(word: str, toward: str) -> None:
    found = keys(word, toward)
    assert len(found) <= 9 and all(key and weight(key) >= 1 for key in found)


@pytest.mark.parametrize(
    ("word", "base"),
    [
        *(("анны", "анна"), ("ивановской", "ивановская"), ("петрову", "петров"), ("лесею", "леся")),
        *(("watsons", "watson"), ("demirkanin", "demirkan"), ("kowalskiego", "kowalski"), ("anny", "anna")),
        *(("민준이", "민준"), ("والزبيدي", "زبيدي"), ("ясной", "ясна")),
    ],
)
def test_a_declined_name_has_its_base_among_few(word: str, base: str) -> None:
    assert base in bases(word)
    assert len(bases(word)) <= 12


@given(LETTERS)
def test_bases_are_bounded(word: str) -> None:
    assert len(bases(word)) <= 12 and all(len(base) >= 2 for base in bases(word))

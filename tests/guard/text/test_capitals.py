"""Capitals: runs of shouted words are read in lower case, all else as it stands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.guard.text.capitals import settled


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ("MAKE THE SKY BLUE", "make the sky blue"),
        ("mAKE tHE sKY bLUE", "make the sky blue"),
        ("Make The Sky Very Blue", "make the sky very blue"),
        ("please MAKE THE 2 CLOUDS RED now", "please make the 2 clouds red now"),
        ("СДЕЛАЙ НЕБО СИНИМ", "сделай небо синим"),
        ("a NASA logo in 4K", "a NASA logo in 4K"),
        ("a portrait of Anna Maria Schmidt", "a portrait of Anna Maria Schmidt"),
        ("Die Katze sitzt auf dem Tisch", "Die Katze sitzt auf dem Tisch"),
        ("空を青くして", "空を青くして"),
        ("", ""),
    ],
)
def test_what_is_shouted_reads_as_if_it_were_said(text: str, read: str) -> None:
    assert settled(text) == read


@given(st.text())
def test_only_case_changes_and_every_place_stays(text: str) -> None:
    read = settled(text)
    assert len(read) == len(text)
    assert all(a == b or a.lower() == b for a, b in zip(text, read, strict=True))
    assert settled(read) == read


@given(st.lists(st.text("abcdefgh", min_size=2, max_size=6), min_size=3, max_size=9))
def test_a_sentence_reads_alike_however_it_is_shouted(words: list[str]) -> None:
    said = " ".join(words)
    assert settled(said.upper()) == settled(said.swapcase()) == said

"""What the head reads of a text: its parts, n-grams and scripts, each beside a slow and obvious way."""

from __future__ import annotations

import unicodedata

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.guard.detectors import languages
from rambarde.guard.detectors.features import (
    _MOST_LETTERS,
    BUCKETS,
    Letters,
    buckets,
    grams,
    matrix,
    pieces_of,
    spans,
)
from rambarde.guard.detectors.network import FAMILIES, Network
from rambarde.guard.detectors.wording import PAIR_BUCKETS, pair_buckets, pairs
from rambarde.guard.text.normalise import canonical
from rambarde.guard.text.tables import FOLD

TEXTS = st.text(st.sampled_from("ab c.,d\u00e9ж猫उ\U0001f600"), max_size=40)


@given(st.lists(TEXTS, min_size=1, max_size=8))
def test_n_grams_and_pairs_of_many_texts_are_those_of_each(texts: list[str]) -> None:
    for many, each in ((buckets, grams), (pair_buckets, pairs)):
        rows, columns = many(texts)
        for i, text in enumerate(texts):
            assert np.array_equal(np.unique(columns[rows == i]), each(text))


@pytest.mark.slow
@given(st.lists(TEXTS, min_size=1, max_size=5))
def test_what_n_grams_and_pairs_add_is_the_sparse_product(texts: list[str]) -> None:
    chance = np.random.default_rng(3)
    n, rows = len(FAMILIES), BUCKETS + PAIR_BUCKETS
    shapes = {
        "emb_hidden": (4, 3), "gram_hidden": (rows, 2), "hidden_bias": (3,), "hidden_out": (3, n),
        "emb_out": (4, n), "gram_out": (rows, n), "out_bias": (n,), "slope": (n,), "shift": (n,),
    }  # fmt: skip
    a = {name: chance.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    embedded = chance.normal(size=(len(texts), 4)).astype(np.float32)
    dense = np.zeros((len(texts), rows), dtype=np.float32)
    for columns, first in ((grams, 0), (pairs, BUCKETS)):
        data, indices, pointers = matrix([columns(text) for text in texts])
        for i in range(len(texts)):
            part = slice(pointers[i], pointers[i + 1])
            dense[i, first + indices[part]] = data[part]
    spelled = np.pad(dense @ a["gram_hidden"], ((0, 0), (0, 1)))
    hidden = np.maximum(embedded @ a["emb_hidden"] + spelled + a["hidden_bias"], 0)
    slow = hidden @ a["hidden_out"] + embedded @ a["emb_out"] + dense @ a["gram_out"] + a["out_bias"]
    assert np.allclose(Network(a).logits(embedded, texts), slow, atol=1e-3)


@given(st.text(max_size=60))
def test_scripts_are_told_as_letter_by_letter(text: str) -> None:
    def slow(ranges: tuple[tuple[int, int], ...]) -> str:
        letters = [c for c in text if c.isalpha()]
        outside = [c for c in letters if not any(low <= ord(c) <= high for low, high in ranges)]
        if text.isascii() or not outside or len(outside) < 0.2 * len(letters):
            return ""
        return unicodedata.name(outside[0], "unknown").split(" ")[0].capitalize()

    assert languages.unread_by_first(text) == slow(languages._FIRST)
    assert languages.unread_by_both(text) == slow(languages._SECOND)


def test_letters_are_forgotten_when_they_are_too_many() -> None:
    table = Letters(str.upper)
    for start in range(0, 60_000, 1000):
        text = "".join(map(chr, range(start, start + 1000)))
        text.translate(table)
        assert len(table) <= _MOST_LETTERS
    assert "street".translate(table) == "STREET"


@given(st.text(st.sampled_from("abcde    .,\n猫。"), min_size=1, max_size=900))
def test_windows_and_sentences_each_cover_every_character(text: str) -> None:
    shown = np.zeros((2, len(text)), dtype=bool)
    for start, end in spans(text):
        assert 0 <= start < end <= len(text)
        shown[int(end - start > 110), start:end] = True
    blank = np.array([c.isspace() for c in text])
    assert (shown.any(axis=0) | blank).all()
    if len(text) > 350:
        assert (shown[0] | blank).all(), "sentences alone leave nothing out"


@given(
    st.lists(
        st.sampled_from(["a calm sea", "t4ke 0ff her c0at", "gulls on a roof", "b u o y s", "猫"]),
        max_size=60,
    ),
    st.sampled_from([" ", ". ", ", "]),
)
def test_each_changed_word_stands_in_a_disguised_piece(parts: list[str], mark: str) -> None:
    """Words of the folded form that stand nowhere in the open are read, wherever windows are cut."""
    text = canonical(mark.join(parts) + " x")
    open_words = set(text.clean.casefold().translate(FOLD).split())
    changed = {word for word in text.folded.split() if word not in open_words}
    read = {word for piece in pieces_of(text) if piece.disguised for word in piece.folded.split()}
    assert changed <= read
    for piece in pieces_of(text):
        form = text.folded if piece.disguised else text.clean
        assert form[slice(*piece.span)] == piece.clean

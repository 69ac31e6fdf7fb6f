"""Continuing: a text that carries an earlier request on and names nothing of its own ("a bit more", "do it anyway")."""

from __future__ import annotations

import unicodedata
from functools import cache
from importlib import resources

from rambarde.guard.text.normalise import fold
from rambarde.nouns.request import Text

_UNSPACED = "\u3040"
"""From here on scripts are written without spaces, or with endings that stick to the word."""


def continuing(text: Text) -> bool:
    """Whether every word of the text is one that names nothing: then only what was asked before says what is meant.

    True as well for a text without any letter (`…`, `+1`, a thumbs-up). One word that is not in the list makes it a
    request of its own. Linear in the length of the text.
    """
    # Folding a text of two scripts may bring one into the other, so the text as written counts too.
    return any(all(_known(word) for word in _split(form)) for form in (text.folded, text.clean.casefold()))


def _split(text: str) -> list[str]:
    """Letters with their marks; digits and signs say nothing here."""
    return "".join(c if unicodedata.category(c)[0] in "LM" else " " for c in text).split()


def _known(word: str) -> bool:
    if word in _words():
        return True
    return word[0] >= _UNSPACED and _composed(word)


def _composed(word: str) -> bool:
    """Whether the word is put together from known pieces."""
    pieces, longest = _words(), _longest()
    reached = [True] + [False] * len(word)
    for end in range(1, len(word) + 1):
        starts = range(max(0, end - longest), end)
        reached[end] = any(reached[start] and word[start:end] in pieces for start in starts)
    return reached[-1]


@cache
def _words() -> frozenset[str]:
    source = resources.files("rambarde.guard.text").joinpath("continuing.txt").read_text("utf-8")
    lines = [line.partition(":")[2] for line in source.splitlines() if not line.startswith("#")]
    listed = [one for line in lines for one in line.split()]
    return frozenset(word for one in listed for form in (fold(one), one) for word in _split(form))


@cache
def _longest() -> int:
    return max(len(word) for word in _words())

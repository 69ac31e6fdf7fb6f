"""Which model can read a text: by its script, and by whether its words begin like words that were learned."""

from __future__ import annotations

import unicodedata
from collections.abc import Set
from functools import lru_cache

from rambarde.guard.detectors.features import familiar

FAMILIAR = 0.5
"""Where fewer of the words begin like a learned one, the text is in a language that was never learned."""
_SHARE = 0.2
"""From this share of its letters on, a foreign script is part of what is said."""
_FIRST = (
    (0x0000, 0x052F), (0x0600, 0x06FF), (0x0750, 0x077F), (0x0E00, 0x0E7F), (0x1E00, 0x1FFF), (0x2000, 0x2FFF),
    (0x3000, 0x9FFF), (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0xFE30, 0xFFEF), (0x1F000, 0x1FAFF), (0x20000, 0x3FFFF),
)  # fmt: skip
"""Scripts of the first model's 16 languages: Latin, Greek, Cyrillic, Arabic, Thai, kana, Han, Hangul, signs."""
_SECOND = (*_FIRST, (0x0900, 0x097F), (0xA8E0, 0xA8FF))
"""The second also reads Devanagari, which it has learned from. It knows more scripts, but learned nothing there."""


def unread_by_first(text: str) -> str:
    """The name of a script that the first model does not read, if it has a fifth of the letters or more."""
    return _outside(text, _FIRST)


def unread_by_both(text: str) -> str:
    """The same for a script that neither model has learned from."""
    return _outside(text, _SECOND)


def strange(folded: str, known: Set[int]) -> bool:
    """Whether most words begin like no word of the languages whose beginnings are given."""
    return familiar(folded, known) < FAMILIAR


def _outside(text: str, ranges: tuple[tuple[int, int], ...]) -> str:
    if text.isascii():
        return ""
    kinds = [_kind(char, ranges) for char in text]
    outside = kinds.count("outside")
    if outside and outside >= (outside + kinds.count("inside")) * _SHARE:
        return unicodedata.name(text[kinds.index("outside")], "unknown").split(" ")[0].capitalize()
    return ""


@lru_cache(maxsize=1 << 15)
def _kind(char: str, ranges: tuple[tuple[int, int], ...]) -> str:
    """Whether a character is a letter of these scripts, of another, or none."""
    if not char.isalpha():
        return ""
    return "inside" if any(low <= ord(char) <= high for low, high in ranges) else "outside"

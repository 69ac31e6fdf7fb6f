"""Which model can read a text: by its script, and by whether its words begin like words that were learned."""

from __future__ import annotations

import unicodedata
from bisect import bisect_right
from collections.abc import Set

from rambarde.guard.detectors.features import Letters, familiar

FAMILIAR = 0.5
"""Where fewer of the words begin like a learned one, the text is in a language that was never learned."""
_SHARE = 0.2
"""From this share of its letters on, a foreign script is part of what is said."""
_FIRST = (
    (0x0000, 0x052F), (0x0600, 0x06FF), (0x0750, 0x077F), (0x0E00, 0x0E7F), (0x1E00, 0x1FFF), (0x2000, 0x2FFF),
    (0x3000, 0x9FFF), (0xAC00, 0xD7A3), (0xF900, 0xFAFF), (0xFE30, 0xFFEF), (0x1F000, 0x1FAFF), (0x20000, 0x3FFFF),
)  # fmt: skip
"""Scripts of the first model's 16 languages: Latin, Greek, Cyrillic, Arabic, Thai, kana, Han, Hangul, signs."""
_SECOND = tuple(sorted((*_FIRST, (0x0900, 0x097F), (0xA8E0, 0xA8FF))))
"""The second also reads Devanagari, which it has learned from. It knows more scripts, but learned nothing there."""


_KNOWN, _DEVANAGARI, _NEITHER = "fsn"
"""How a letter stands in `_SCRIPTS`: of a script of the first model, of the second's only, of another."""


def unread_by_first(text: str) -> str:
    """The name of a script that the first model does not read, if it has a fifth of the letters or more."""
    return _outside(text, _DEVANAGARI + _NEITHER)


def unread_by_both(text: str) -> str:
    """The same for a script that neither model has learned from."""
    return _outside(text, _NEITHER)


def strange(folded: str, known: Set[int]) -> bool:
    """Whether most words begin like no word of the languages whose beginnings are given."""
    return familiar(folded, known) < FAMILIAR


def _outside(text: str, unread: str) -> str:
    if text.isascii():
        return ""
    kinds = text.translate(_SCRIPTS)
    outside = sum(kinds.count(kind) for kind in unread)
    if outside and outside >= (len(kinds) - kinds.count(" ")) * _SHARE:
        first = next(i for i, kind in enumerate(kinds) if kind in unread)
        return unicodedata.name(text[first], "unknown").split(" ")[0].capitalize()
    return ""


def _script(char: str) -> str:
    """Which models read a letter; a blank for what is none."""
    if not char.isalpha():
        return " "
    if _within(ord(char), _FIRST):
        return _KNOWN
    return _DEVANAGARI if _within(ord(char), _SECOND) else _NEITHER


def _within(point: int, ranges: tuple[tuple[int, int], ...]) -> bool:
    at = bisect_right(ranges, (point, 0x110000))
    return at > 0 and point <= ranges[at - 1][1]


_SCRIPTS = Letters(_script)

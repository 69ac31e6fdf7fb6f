"""Features of the head: overlapping windows of a text, and hashed character n-grams of its folded form."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence, Set
from dataclasses import dataclass
from functools import lru_cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from rambarde.guard.text.tables import FOLD
from rambarde.nouns.request import Text

BUCKETS = 1 << 13
"""Size of the hashed n-gram space."""
SIZES = (2, 3, 4, 5)
"""Lengths of the n-grams, in characters."""
WINDOW = 240
"""Characters in a window; long texts are read in windows, so that one sentence cannot drown."""
STEP = 150
SHORT = 110
"""Characters up to which a text is one piece, and the longest clause read for itself."""
_LEAST = 14
_STOPS = frozenset(".!?;:\n。！？；：।؟…|")
_COMMAS = frozenset(",、，،")
_STEM, _STEM_ARABIC = 5, 4
_UNSPACED = "\u3000"
"""From here on scripts are Han, kana, Hangul and the like: written without blanks, or each of one language."""
_SHIFT = 32 - BUCKETS.bit_length() + 1


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text in both forms. `start`: its place in the clean form; -1 for one that stands nowhere there."""

    clean: str
    folded: str
    start: int = -1


def pieces(text: str) -> list[str]:
    """What is read of a text, each piece once: overlapping windows, and every sentence for itself.

    A sentence among many would drown in its window; a request spread over sentences would escape them alone.
    Together they cover every character.
    """
    return list(dict.fromkeys(piece for part in _parts(text) for piece in part))


def _parts(text: str) -> list[list[str]]:
    return [windows(text), sentences(text)] if len(text) > SHORT else [windows(text)]


def pieces_of(text: Text) -> list[Piece]:
    """Pieces of the clean form, and those of the folded form that read differently there: a disguise."""
    found: dict[str, Piece] = {}
    for part in _parts(text.clean):
        at = 0
        for clean in part:
            start = text.clean.find(clean, at)
            at = max(at, start)
            if clean not in found:
                found[clean] = Piece(clean, clean.casefold().translate(FOLD), start)
    plain = text.clean.casefold().translate(FOLD)
    if plain != text.folded:
        # What stands there undisguised as well has been read; three words in a row tell, single ones would not.
        known = set(_threes(plain.split()))
        read = {piece.folded for piece in found.values()}
        for folded in pieces(text.folded):
            if folded not in read and not known.issuperset(_threes(folded.split())):
                found[folded] = Piece(folded, folded)
    return list(found.values())


def _threes(words: list[str]) -> list[tuple[str, ...]]:
    """All runs of three words; of fewer words, all of them."""
    return [tuple(words[i : i + 3]) for i in range(max(1, len(words) - 2))]


def words_of(folded: str) -> list[tuple[int, int]]:
    """Where the words of a text begin and end; of scripts without blanks, pairs of characters."""
    found: list[tuple[int, int]] = []
    start = 0
    for word in folded.split():
        start = folded.index(word, start)
        if word[0] < _UNSPACED or len(word) < 4:
            found.append((start, start + len(word)))
        else:
            found += [(i, min(i + 2, start + len(word))) for i in range(start, start + len(word) - 1, 2)]
        start += len(word)
    return found


def windows(text: str, size: int = WINDOW, step: int = STEP) -> list[str]:
    """Overlapping pieces that cover every character; cut at a blank where there is one near the cut."""
    if len(text) <= size:
        return [text]
    found: list[str] = []
    start = 0
    while True:
        end = start + size
        if end >= len(text):
            found.append(text[start:])
            return found
        found.append(text[start:end])
        blank = text.find(" ", start + step - step // 4, start + step)
        start = blank + 1 if blank > 0 else start + step


def sentences(text: str) -> list[str]:
    """Sentences; very short ones go with the next; long ones are cut at commas, or into windows."""
    found: list[str] = []
    for sentence in _cut(text, _STOPS, _LEAST):
        if len(sentence) <= SHORT:
            found.append(sentence)
            continue
        for clause in _cut(sentence, _COMMAS, SHORT // 2):
            found += windows(clause, SHORT, SHORT * 2 // 3)
    return found


def _cut(text: str, marks: frozenset[str], least: int) -> list[str]:
    """Pieces that end at a mark and have at least so many characters; the rest goes with the last."""
    found: list[str] = []
    start = 0
    for i, char in enumerate(text):
        if char in marks and i + 1 - start >= least:
            found.append(text[start : i + 1].strip())
            start = i + 1
    rest = text[start:].strip()
    if len(rest) < least and found:
        found[-1] = f"{found[-1]} {rest}".strip()
    elif rest:
        found.append(rest)
    return found


def grams(folded: str) -> NDArray[np.int64]:
    """The buckets of all n-grams of a folded text, each once, in order."""
    codes = np.frombuffer(f" {folded} ".encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    found: list[NDArray[np.uint32]] = []
    for size in SIZES:
        if len(codes) < size:
            break
        count = len(codes) - size + 1
        value = np.full(count, size * 0x9E3779B1 & 0xFFFFFFFF, dtype=np.uint32)
        for i in range(size):
            value = (value ^ codes[i : i + count]) * np.uint32(0x01000193)
            value ^= value >> np.uint32(15)
        found.append((value * np.uint32(0x85EBCA6B)) >> np.uint32(_SHIFT))
    if not found:
        return np.zeros(0, dtype=np.int64)
    return np.unique(np.concatenate(found)).astype(np.int64)


def gram_matrix(folded: Sequence[str]) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Rows of equal length one, as the data, indices and row pointers of a sparse matrix (CSR)."""
    columns = [grams(text) for text in folded]
    pointers = np.zeros(len(columns) + 1, dtype=np.int64)
    np.cumsum([len(column) for column in columns], out=pointers[1:])
    data = np.concatenate(
        [np.full(len(column), 1.0 / max(1.0, len(column)) ** 0.5, dtype=np.float32) for column in columns]
        or [np.zeros(0, dtype=np.float32)]
    )
    indices = np.concatenate(columns) if columns else np.zeros(0, dtype=np.int64)
    return data, indices, pointers


def stems(folded: str) -> list[int]:
    """A number for the beginning of each word in an alphabet, enough to tell whether a language was seen."""
    words = "".join(char if char < _UNSPACED and _in_word(char) else " " for char in folded).split()
    return [
        crc32(word[: _STEM_ARABIC if "\u0600" <= word[0] <= "\u06ff" else _STEM].encode())
        for word in words
        if len(word) > 1
    ]


@lru_cache(maxsize=4096)
def _in_word(char: str) -> bool:
    """Letters, and the vowel signs that Indic scripts write as marks."""
    return unicodedata.category(char)[0] in "LM"


def familiar(folded: str, known: Set[int]) -> float:
    """The share of words whose beginning is known; 1.0 for a text without words in an alphabet."""
    found = stems(folded)
    return sum(stem in known for stem in found) / len(found) if found else 1.0

"""Features of the head: overlapping windows of a text, and hashed character n-grams of its folded form."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from rambarde.guard.text.tables import FOLD
from rambarde.nouns.request import Text

BUCKETS = 1 << 16
"""Size of the hashed n-gram space."""
SIZES = (2, 3, 4, 5)
"""Lengths of the n-grams, in characters."""
WINDOW = 240
"""Characters in a window; long texts are read in windows, so that one sentence cannot drown."""
STEP = 150
SHORT = 110
"""Characters of the longest clause that is read for itself."""
_LEAST = 14
_STOPS = frozenset(".!?;:\n。！？；：।؟…|")
_COMMAS = frozenset(",、，،")
_LONG = 16
"""Letters beyond which a word is a run without blanks, that is compared by as many at a time."""
_STEM, _STEM_ARABIC = 5, 4
_UNSPACED = "\u3000"
"""From here on scripts are Han, kana, Hangul and the like: written without blanks, or each of one language."""
_MOST_LETTERS = 1 << 14
_SHIFT = 32 - BUCKETS.bit_length() + 1


Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text in both forms. `start`: its place in the clean form; in the folded one for a disguise."""

    clean: str
    folded: str
    start: int = 0
    disguised: bool = False

    @property
    def span(self) -> Span:
        return self.start, self.start + len(self.clean)


def spans(text: str) -> list[Span]:
    """What is read of a text: overlapping windows, and every sentence for itself.

    A sentence among many would drown in its window; a request spread over sentences would escape them alone.
    Both cover every character.
    """
    return window_spans(0, len(text), text) + sentence_spans(text)


def pieces_of(text: Text) -> list[Piece]:
    """Pieces of the clean form, and those of the folded form that read differently there: a disguise. Each once."""
    found: dict[str, Piece] = {}
    for start, end in spans(text.clean):
        clean = text.clean[start:end]
        if clean not in found:
            found[clean] = Piece(clean, clean.casefold().translate(FOLD), start)
    plain = text.clean.casefold().translate(FOLD)
    if plain != text.folded:
        # What stands there undisguised as well has been read; three words in a row tell, single ones would not.
        known = set(_threes(plain.split()))
        read = {piece.folded for piece in found.values()}
        for start, end in spans(text.folded):
            folded = text.folded[start:end]
            if folded in read:
                continue
            words = _whole(text.folded, start, end)
            if not known.issuperset(_threes(words)) if words else folded not in plain:
                read.add(folded)
                found[folded] = Piece(folded, folded, start, disguised=True)
    return list(found.values())


def _whole(text: str, start: int, end: int) -> list[str]:
    """The words of a part, without one that is cut off at its edge: that one stands whole in the part beside it."""
    words = text[start:end].split()
    for at, edge in ((-1, end), (0, start)):
        cut = 0 < edge < len(text) and not text[edge - 1].isspace() and not text[edge].isspace()
        if cut and words and len(words[at]) <= _LONG:
            words.pop(at)
    return words


def _threes(words: list[str]) -> list[tuple[str, ...]]:
    """All runs of three words; of fewer words, all of them; and of very long words all runs of some letters."""
    long = [word for word in words if len(word) > _LONG]
    if long:
        words = [word if len(word) <= _LONG else "" for word in words]
    found = [tuple(words[i : i + 3]) for i in range(max(1, len(words) - 2))]
    return found + [(word[i : i + _LONG],) for word in long for i in range(len(word) - _LONG + 1)]


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


def windows(text: str) -> list[str]:
    """Overlapping pieces that cover every character; cut at a blank where there is one near the cut."""
    return [text[start:end] for start, end in window_spans(0, len(text), text)]


def window_spans(start: int, end: int, text: str, size: int = WINDOW, step: int = STEP) -> list[Span]:
    """The same of a part of a text, by place."""
    found: list[Span] = []
    while start + size < end:
        found.append((start, start + size))
        blank = text.find(" ", start + step - step // 4, start + step)
        start = blank + 1 if blank > 0 else start + step
    return [*found, (start, end)]


def sentence_spans(text: str, step: int = SHORT * 2 // 3) -> list[Span]:
    """Sentences by place; very short ones go with the next; long ones are cut at commas, or into windows."""
    found: list[Span] = []
    for start, end in _cut(text, 0, len(text), _STOPS, _LEAST):
        if end - start <= SHORT:
            found.append((start, end))
            continue
        for clause in _cut(text, start, end, _COMMAS, SHORT // 2):
            found += window_spans(*clause, text, SHORT, step)
    return found


def _cut(text: str, start: int, stop: int, marks: frozenset[str], least: int) -> list[Span]:
    """Pieces that end at a mark and have at least so many characters; the rest goes with the last."""
    found: list[Span] = []
    for i in range(start, stop):
        if text[i] in marks and i + 1 - start >= least:
            found.append(_stripped(text, start, i + 1))
            start = i + 1
    start, end = _stripped(text, start, stop)
    if start < end:
        if end - start < least and found:
            found[-1] = (found[-1][0], end)
        else:
            found.append((start, end))
    return found


def _stripped(text: str, start: int, end: int) -> Span:
    while start < end and text[start].isspace():
        start += 1
    while end > start and text[end - 1].isspace():
        end -= 1
    return start, end


def buckets(folded: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of the n-grams of many folded texts, as `grams` has them, with repeats and in no order."""
    joined = "".join(f" {text} " for text in folded)
    codes = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    lengths = np.array([len(text) + 2 for text in folded], dtype=np.int64)
    row = np.repeat(np.arange(len(folded)), lengths)
    left = np.cumsum(lengths)[row] - np.arange(len(codes))
    rows, columns = [], []
    for size in SIZES:
        inside = left[: max(0, len(codes) - size + 1)] >= size
        rows.append(row[: len(inside)][inside])
        columns.append(_hashes(codes, size)[inside])
    return np.concatenate(rows), np.concatenate(columns).astype(np.int64)


def _hashes(codes: NDArray[np.uint32], size: int) -> NDArray[np.uint32]:
    """The bucket of the n-gram that begins at each character."""
    count = max(0, len(codes) - size + 1)
    value = np.full(count, size * 0x9E3779B1 & 0xFFFFFFFF, dtype=np.uint32)
    for i in range(size):
        value = (value ^ codes[i : i + count]) * np.uint32(0x01000193)
        value ^= value >> np.uint32(15)
    return (value * np.uint32(0x85EBCA6B)) >> np.uint32(_SHIFT)


def grams(folded: str) -> NDArray[np.int64]:
    """The buckets of all n-grams of a folded text, each once, in order."""
    codes = np.frombuffer(f" {folded} ".encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    return np.unique(np.concatenate([_hashes(codes, size) for size in SIZES])).astype(np.int64)


def matrix(
    columns: Sequence[NDArray[np.int64]],
) -> tuple[NDArray[np.float32], NDArray[np.int64], NDArray[np.int64]]:
    """Rows of length one, as the data, indices and row pointers of a sparse matrix (CSR), of the columns of each."""
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
    return [
        crc32(word[: _STEM_ARABIC if "\u0600" <= word[0] <= "\u06ff" else _STEM].encode())
        for word in folded.translate(_IN_WORDS).split()
        if len(word) > 1
    ]


class Letters(dict[int, str]):
    """What stands for each character in `str.translate`: worked out once, and forgotten when they are too many."""

    def __init__(self, kind: Callable[[str], str]) -> None:
        self._kind = kind

    def __missing__(self, point: int) -> str:
        if len(self) >= _MOST_LETTERS:
            self.clear()
        self[point] = found = self._kind(chr(point))
        return found


def in_word(char: str) -> str:
    """Letters, and the vowel signs that Indic scripts write as marks; a blank for all else."""
    return char if char < _UNSPACED and unicodedata.category(char)[0] in "LM" else " "


_IN_WORDS = Letters(in_word)


def familiar(folded: str, known: Set[int]) -> float:
    """The share of words whose beginning is known; 1.0 for a text without words in an alphabet."""
    found = stems(folded)
    return sum(stem in known for stem in found) / len(found) if found else 1.0

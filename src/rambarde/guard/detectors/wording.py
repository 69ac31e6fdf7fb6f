"""Which words stand near which, in this order: hashed, so that "take off" beside a coat differs from beside a fence.

Characters tell words, and an embedding tells what a text is about; neither tells who or what a verb is about.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from rambarde.guard.detectors.features import Letters, in_word

PAIR_BUCKETS = 1 << 17
"""Size of the hashed space of words and pairs of words."""
SPAN = 4
"""How many words further on the second of a pair may stand."""
_STEM, _STEM_ARABIC, _STEM_HANGUL = 5, 4, 2
"""Letters of a word that count: endings and particles come after them."""
_RUNS = re.compile(r"[\u3040-\u309f]+|[\u30a0-\u30ff]+|[\u3400-\u9fff\uf900-\ufaff]+|[\uac00-\ud7af]+|.")
_SHIFT = np.uint32(32 - PAIR_BUCKETS.bit_length() + 1)
_LETTERS = Letters(lambda char: char if char >= "\u3000" and char.isalpha() else in_word(char))


def units(folded: str) -> list[str]:
    """The beginnings of the words of a text, in order; in scripts without blanks, of its runs of one script.

    Of Han characters every two that touch: few words are longer, and none shows where it ends.
    """
    found: list[str] = []
    for word in folded.translate(_LETTERS).split():
        if word[0] < "\u3000":
            found.append(word[: _STEM_ARABIC if "\u0600" <= word[0] <= "\u06ff" else _STEM])
            continue
        for run in _RUNS.findall(word):
            if "\u3400" <= run[0] <= "\u9fff" and len(run) > 2:
                found += [run[i : i + 2] for i in range(len(run) - 1)]
            else:
                found.append(run[: _STEM_HANGUL if "\uac00" <= run[0] <= "\ud7af" else _STEM])
    return found


@lru_cache(maxsize=1 << 15)
def _number(unit: str) -> int:
    return crc32(unit.encode("utf-8", "surrogatepass"))


def pairs(folded: str) -> NDArray[np.int64]:
    """The buckets of all words, of neighbours, and of words a little apart, each once, in order."""
    return np.unique(pair_buckets([folded])[1])


def pair_buckets(folded: Sequence[str]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns of many folded texts, as `pairs` has them, with repeats and in no order."""
    words = [[_number(unit) for unit in units(text)] for text in folded]
    found = np.array(list(chain.from_iterable(words)), dtype=np.uint32)
    lengths = np.array([len(numbers) for numbers in words], dtype=np.int64)
    row = np.repeat(np.arange(len(folded)), lengths)
    left = np.cumsum(lengths)[row] - np.arange(len(found))
    rows, columns = [], []
    for ahead in range(SPAN + 1):
        inside = (left > ahead)[: max(0, len(found) - ahead)]
        rows.append(row[: len(inside)][inside])
        columns.append(_mixed(found, ahead)[inside])
    return np.concatenate(rows), np.concatenate(columns).astype(np.int64)


def _mixed(found: NDArray[np.uint32], ahead: int) -> NDArray[np.uint32]:
    """Buckets of single words, or of each with the one so many words further on."""
    value = found * np.uint32(0x9E3779B1)
    if ahead:
        # Whether something stands between them counts, how much does not.
        kind = np.uint32(0x27D4EB2F if ahead == 1 else 0x165667B1)
        value = (value[:-ahead] ^ kind) * np.uint32(0x85EBCA6B) + found[ahead:] * np.uint32(0xC2B2AE35)
    value ^= value >> np.uint32(15)
    value *= np.uint32(0x2C1B3C6D)
    value ^= value >> np.uint32(13)
    return (value * np.uint32(0x297A2D39)) >> _SHIFT

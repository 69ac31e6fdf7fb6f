"""Words at one edit from a given one, among any number of words, in time that does not grow with them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rambarde.guard.detectors.sound import script

SHORTEST, LONGEST = 5, 24
"""Shortest and longest word in which one letter may be wrong."""
_EDITABLE = frozenset(("latin", "cyrillic", "arabic", "other"))


def one_edit(a: str, b: str) -> bool:
    """Whether one letter is missing, added, changed, or changed places with its neighbour; not for equal words."""
    if a == b or abs(len(a) - len(b)) > 1:
        return False
    if len(a) > len(b):
        a, b = b, a
    i = 0
    while i < len(a) and a[i] == b[i]:
        i += 1
    if len(a) != len(b):
        return a[i:] == b[i + 1 :]
    return a[i + 1 :] == b[i + 1 :] or (
        i + 1 < len(a) and a[i] == b[i + 1] and a[i + 1] == b[i] and a[i + 2 :] == b[i + 2 :]
    )


class Neighbours:
    """Words at one edit from a given one, found by what both are with one letter left out (as in SymSpell)."""

    def __init__(self, parts: list[str]) -> None:
        self._parts = parts
        hashes: list[int] = []
        owners: list[int] = []
        for index, part in enumerate(parts):
            if SHORTEST <= len(part) <= LONGEST and script(part) in _EDITABLE:
                cut = _cuts(part)
                hashes += cut
                owners += [index] * len(cut)
        order = np.argsort(np.array(hashes, dtype=np.int64), kind="stable")
        self._hashes: NDArray[np.int64] = np.array(hashes, dtype=np.int64)[order]
        self._owners: NDArray[np.int32] = np.array(owners, dtype=np.int32)[order]

    def find(self, texts: list[str]) -> dict[str, frozenset[int]]:
        """For each text the indexes of all parts at one edit."""
        if not texts or not len(self._hashes):
            return {}
        cuts = [_cuts(text) for text in texts]
        flat = np.array([value for cut in cuts for value in cut], dtype=np.int64)
        low = np.searchsorted(self._hashes, flat, "left").tolist()
        high = np.searchsorted(self._hashes, flat, "right").tolist()
        found: dict[str, frozenset[int]] = {}
        at = 0
        for text, cut in zip(texts, cuts, strict=True):
            owners: set[int] = set()
            for k in range(at, at + len(cut)):
                if low[k] < high[k]:
                    owners.update(self._owners[low[k] : high[k]].tolist())
            at += len(cut)
            # The hashes only propose: two words that share a rest may be two edits apart.
            if close := frozenset(i for i in owners if one_edit(text, self._parts[i])):
                found[text] = close
        return found


def _cuts(word: str) -> list[int]:
    return [hash(word), *(hash(word[:i] + word[i + 1 :]) for i in range(len(word)))]

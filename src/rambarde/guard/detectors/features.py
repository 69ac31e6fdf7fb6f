"""Features of the head: overlapping windows of a text, and hashed character n-grams of its folded form."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

BUCKETS = 1 << 13
"""Size of the hashed n-gram space."""
SIZES = (2, 3, 4, 5)
"""Lengths of the n-grams, in characters."""
WINDOW = 240
"""Characters in a window; long texts are read in windows, so that one sentence cannot drown."""
STEP = 150
_SHIFT = 32 - BUCKETS.bit_length() + 1


def windows(text: str, size: int = WINDOW, step: int = STEP) -> list[str]:
    """Overlapping pieces that cover every character; cut at a blank where there is one near the cut."""
    if len(text) <= size:
        return [text]
    pieces: list[str] = []
    start = 0
    while True:
        end = start + size
        if end >= len(text):
            pieces.append(text[start:])
            return pieces
        pieces.append(text[start:end])
        blank = text.find(" ", start + step - 30, start + step)
        start = blank + 1 if blank > 0 else start + step


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

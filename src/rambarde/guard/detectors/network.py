"""The network of the head: a hidden layer over embedding, n-grams and word pairs, one calibrated number per family."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO

import numpy as np
from numpy.typing import NDArray

from rambarde.guard.detectors.features import BUCKETS, buckets
from rambarde.guard.detectors.wording import PAIR_BUCKETS, pair_buckets

Floats = NDArray[np.float32]
FAMILIES = (
    "sexual", "exposure", "pose", "substance", "religious_dress", "degrading", "non_consent", "justification",
    "minor", "person_reference", "reduces_exposure",
    "touches_body",
)  # fmt: skip
_BATCH = 64
"""Texts whose n-grams are worked on at once: what fits into the cache of a core."""
_SCALE = "_scale"
_STEPS = 127
"""Steps of a weight in one byte, on either side of zero."""


class Network:
    """One hidden layer over embedding, n-grams and word pairs, with a direct path, then a calibration per family.

    The rows of `gram_hidden` and `gram_out` are those of the n-grams, then those of the pairs. They go into the first
    units of the hidden layer only: there are many rows.
    Raises `ValueError` for weights that do not fit this version of the code.
    """

    def __init__(self, arrays: dict[str, Floats]) -> None:
        self._a = {name: restored(arrays, name) for name in arrays if not name.endswith(_SCALE)}
        rows = self._a["gram_hidden"].shape[0]
        if rows != BUCKETS + PAIR_BUCKETS or self._a["out_bias"].shape != (len(FAMILIES),):
            raise ValueError("the weights of the head do not fit this version of the code: train them again")
        self._both = np.concatenate([self._a["gram_hidden"], self._a["gram_out"]], axis=1)

    def probabilities(self, logits: Floats) -> Floats:
        """Calibrated, a row per text, a column per family."""
        return sigmoid(self.calibrated(logits))

    def calibrated(self, logits: Floats) -> Floats:
        return np.asarray(logits * self._a["slope"] + self._a["shift"], dtype=np.float32)

    def logits(self, embedded: Floats, folded: list[str]) -> Floats:
        hidden_grams, direct_grams = self._grams(folded)
        a = self._a
        hidden = embedded @ a["emb_hidden"] + a["hidden_bias"]
        hidden[:, : hidden_grams.shape[1]] += hidden_grams
        out = (
            np.maximum(hidden, 0.0) @ a["hidden_out"] + embedded @ a["emb_out"] + direct_grams + a["out_bias"]
        )
        return np.asarray(out, dtype=np.float32)

    def without(self, embedded: Floats, folded: list[str]) -> Floats:
        """Logits of variants of one text, all with the text's own embedding: what its spelling adds.

        For explanations: cheap, since leaving out a word costs no second embedding.
        """
        return self.logits(np.repeat(embedded[None, :], len(folded), axis=0), folded)

    def _grams(self, folded: list[str]) -> tuple[Floats, Floats]:
        """What n-grams and pairs of each text add to the hidden layer and to the result."""
        sums = np.empty((len(folded), self._both.shape[1]), dtype=np.float32)
        for start in range(0, len(folded), _BATCH):
            part = folded[start : start + _BATCH]
            sums[start : start + _BATCH] = _summed(self._both[:BUCKETS], *buckets(part), len(part))
            sums[start : start + _BATCH] += _summed(self._both[BUCKETS:], *pair_buckets(part), len(part))
        hidden = self._a["gram_hidden"].shape[1]
        return sums[:, :hidden], sums[:, hidden:]


def _summed(table: Floats, rows: NDArray[np.int64], columns: NDArray[np.int64], count: int) -> Floats:
    """For each of so many texts the sum of the table's rows that it has, each once, over the root of their number."""
    rows, columns = np.divmod(np.unique(rows * len(table) + columns), len(table))
    counts = np.bincount(rows, minlength=count)
    some = np.flatnonzero(counts)
    sums = np.zeros((count, table.shape[1]), dtype=np.float32)
    if len(some):
        starts = np.cumsum(counts[some]) - counts[some]
        sums[some] = np.add.reduceat(table[columns], starts, axis=0) / np.sqrt(counts[some])[:, None]
    return sums


class Mixture:
    """Two opinions on one text as one: a weighted sum of their calibrated log odds, per family.

    `low` and `high` bound the probabilities of the first that are in doubt; where they are equal, none is.
    """

    def __init__(self, arrays: dict[str, Floats]) -> None:
        self._first, self._second, self._shift = arrays["first"], arrays["second"], arrays["shift"]
        self._low, self._high = arrays["low"], arrays["high"]
        if min(self._first.min(), self._second.min()) < 0:
            raise ValueError("a mixture must not turn an opinion around: train it again")

    def probabilities(self, first: Floats, second: Floats) -> Floats:
        """Of calibrated log odds of both."""
        return sigmoid(first * self._first + second * self._second + self._shift)

    def doubt(self, probabilities: Floats) -> Floats:
        """How deep in doubt the first is, per text: 0 for none, 1 in the middle of a family's band."""
        width = np.maximum(self._high - self._low, 1e-6)
        middle = (self._low + self._high) / 2
        depth = 1.0 - np.abs(probabilities - middle) * 2 / width
        return np.asarray(np.where(self._high > self._low, depth, 0.0).clip(0.0, 1.0).max(axis=1), np.float32)


def arrays_of(data: bytes) -> dict[str, NDArray[np.generic]]:
    """The arrays of an `npz` file."""
    with np.load(BytesIO(data), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}


def small(name: str, values: Floats) -> dict[str, NDArray[np.generic]]:
    """A matrix of weights in one byte each, and the size of a step per column, as `restored` reads them."""
    scale = np.maximum(np.abs(values).max(axis=0), 1e-9) / _STEPS
    return {name: np.round(values / scale).astype(np.int8), f"{name}{_SCALE}": scale.astype(np.float32)}


def restored(arrays: Mapping[str, NDArray[np.generic]], name: str) -> Floats:
    """Weights as numbers again, whether they were stored in bytes or not."""
    values = np.asarray(arrays[name], dtype=np.float32)
    steps = arrays.get(f"{name}{_SCALE}")
    return values if steps is None else np.asarray(values * np.asarray(steps, np.float32), dtype=np.float32)


def sigmoid(x: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(x, -30.0, 30.0))), dtype=np.float32)

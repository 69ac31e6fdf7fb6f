"""Prediction-powered: a classifier looks at all, people at a few, and its errors on those few correct it.

Source: A. N. Angelopoulos, J. C. Duchi, T. Zrnic, "PPI++: Efficient Prediction-Powered Inference" (2023). The weight of
the classifier is chosen from the data, so a useless one costs nothing but chance. Only sums are needed, so a frame of
millions is never held.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from statistics import NormalDist

from rambarde.measure.audit.figure import Figure, Note
from rambarde.measure.intervals import CONFIDENCE
from rambarde.nouns.fault import invalid

FEWEST = 10
"""With fewer labels of either kind the normal interval is not to be trusted, and a note says so."""


@dataclass(frozen=True, slots=True)
class Scores:
    """Sums over units that the classifier saw: how many, of their scores and of the scores' squares."""

    count: int
    sum: float
    squares: float

    def less(self, other: Scores) -> Scores:
        """Without the units of `other`, which are among these."""
        return Scores(self.count - other.count, self.sum - other.sum, max(0.0, self.squares - other.squares))


@dataclass(frozen=True, slots=True)
class Powered:
    """`weight` in [0, 1] is how far the classifier was followed. `worth` is how many labels without a classifier would

    give this interval, `saved` how many of them nobody had to make (negative: the classifier did harm).
    """

    figure: Figure
    weight: float
    worth: int
    saved: int
    unclamped: Figure
    notes: tuple[Note, ...] = ()


def powered(
    labelled: Iterable[tuple[bool, float]], others: Scores, confidence: float = CONFIDENCE
) -> Powered:
    """The prevalence from (label, score) of a simple random sample and the scores of all other units.

    Raises `Fault` `audit_powered` for fewer than two labels or no other units.
    """
    pairs = list(labelled)
    n, m = len(pairs), others.count
    if n < 2 or m < 1:
        raise invalid(
            "audit_powered",
            f"{n} labels and {m} other units with a score are too few.",
            remedy="Label at least two units, of a frame with scores.",
            field="audit",
        )
    y = sum(label for label, _ in pairs) / n
    f = math.fsum(score for _, score in pairs) / n
    yy = y * (1 - y)
    ff = math.fsum((score - f) ** 2 for _, score in pairs) / n
    yf = math.fsum((label - y) * (score - f) for label, score in pairs) / n
    mean = others.sum / m
    spread = max(0.0, others.squares / m - mean * mean)
    # The variance over all units, with the divisor n + m - 1, from the two parts.
    whole = (n * ff + m * spread + n * m / (n + m) * (f - mean) ** 2) / (n + m - 1)
    weight = min(1.0, max(0.0, yf / ((1 + n / m) * whole))) if whole > 0 else 0.0
    value = weight * mean + y - weight * f
    variance = weight**2 * spread / m + max(0.0, yy - 2 * weight * yf + weight**2 * ff) / n
    half = NormalDist().inv_cdf((1 + confidence) / 2) * math.sqrt(variance)
    raw = Figure(value, value - half, value + half)
    inside = Figure(*(min(1.0, max(0.0, part)) for part in (raw.value, raw.low, raw.high)))
    worth = round(yy / variance) if variance > 0 else n
    hits = sum(label for label, _ in pairs)
    notes: tuple[Note, ...] = ()
    if min(hits, n - hits) < FEWEST:
        notes = (Note("few", min(hits, n - hits)),)
    return Powered(inside, weight, worth, worth - n, raw, notes)


def of(scores: Iterable[float]) -> Scores:
    values = list(scores)
    return Scores(len(values), math.fsum(values), math.fsum(value * value for value in values))

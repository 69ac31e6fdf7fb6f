"""Calibration: whether a signal that says 0.8 is right eight times of ten."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rambarde.measure.intervals import wilson

BINS = 10


@dataclass(frozen=True, slots=True)
class Bin:
    """Rows whose value lies from `low` to `high`: how many, their mean value, the share that was right.

    `right_low` and `right_high` bound that share at 95 %.
    """

    low: float
    high: float
    rows: int
    mean: float
    right: float
    right_low: float
    right_high: float


@dataclass(frozen=True, slots=True)
class Calibration:
    """`error` is the expected calibration error: the mean distance of mean value and share, weighted by rows.

    `brier` is the mean squared distance of value and truth. Both lie in [0, 1]; 0 is best.
    """

    rows: int
    error: float
    brier: float
    bins: tuple[Bin, ...]


def calibrate(values: Sequence[float], truths: Sequence[bool], bins: int = BINS) -> Calibration:
    """The calibration of values in [0, 1] against what is true, in bins of about equal numbers of rows.

    Equal values always share a bin, so that the order of the rows changes nothing. Raises `ValueError` for no
    rows, for sequences of different lengths and for values that are no probabilities.
    """
    if not values or len(values) != len(truths):
        raise ValueError(f"{len(values)} values and {len(truths)} truths")
    if not all(0.0 <= value <= 1.0 for value in values):
        raise ValueError("a value outside [0, 1]")
    pairs = sorted(zip(values, truths, strict=True))
    made = tuple(_bin(part) for part in _parts(pairs, bins))
    rows = len(pairs)
    return Calibration(
        rows,
        sum(one.rows * abs(one.mean - one.right) for one in made) / rows,
        sum((value - truth) ** 2 for value, truth in pairs) / rows,
        made,
    )


def _parts(pairs: list[tuple[float, bool]], bins: int) -> list[list[tuple[float, bool]]]:
    parts: list[list[tuple[float, bool]]] = []
    start = 0
    for number in range(1, bins + 1):
        end = max(start, round(number * len(pairs) / bins))
        while 0 < end < len(pairs) and pairs[end][0] == pairs[end - 1][0]:
            end += 1
        if end > start:
            parts.append(pairs[start:end])
            start = end
    return parts


def _bin(part: list[tuple[float, bool]]) -> Bin:
    hits = sum(truth for _, truth in part)
    # Rounding of the sum may leave the bin by an ulp.
    mean = min(max(sum(value for value, _ in part) / len(part), part[0][0]), part[-1][0])
    return Bin(part[0][0], part[-1][0], len(part), mean, hits / len(part), *wilson(hits, len(part)))

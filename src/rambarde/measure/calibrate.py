"""Calibrate: how far thresholds may move so that a wanted false-positive rate is promised, not only seen.

All thresholds move along one path that is fixed before any row is looked at, from strict to loose, so that fewer
and fewer harmless rows are stopped. The first step at which at most `allowed` rows are stopped is an order
statistic; for it the exact binomial bound holds with the stated confidence, for new rows of the same kind, if the
rows were drawn independently. (S. S. Wilks, "Determination of Sample Sizes for Setting Tolerance Limits", 1941.)
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable, Iterable

from rambarde.measure.intervals import upper
from rambarde.measure.rows import R
from rambarde.nouns.fault import Fault, Kind

REACH = 500
"""Steps of the path each way from where the thresholds stand."""
STRIDE = 0.02
"""Log-odds of one step: at 0.5 half a hundredth."""
LEAST, MOST = 0.001, 0.999
"""Thresholds never leave this range: at 0 everything fires, above 1 nothing does."""


def needed(wanted: float, confidence: float) -> int:
    """The fewest harmless rows with which the rate can be promised at all: with none of them stopped."""
    return math.ceil(math.log(1 - confidence) / math.log1p(-wanted))


def allowed(rows: int, wanted: float, confidence: float) -> int:
    """The most of `rows` that may be stopped for the bound to stay at or below `wanted`.

    Raises `Fault` `too_few_rows` where not even none is few enough.
    """
    if upper(0, rows, confidence) > wanted:
        raise Fault(
            Kind.INVALID,
            "too_few_rows",
            f"{rows} harmless rows cannot promise a rate of {wanted:g} with {confidence:.0%} confidence.",
            remedy=f"Label at least {needed(wanted, confidence)} to calibrate on, or ask for a higher rate.",
            field="false-positives",
        )
    low, high = 0, rows
    while low < high:
        middle = (low + high + 1) // 2
        if upper(middle, rows, confidence) <= wanted:
            low = middle
        else:
            high = middle - 1
    return low


def moved(threshold: float, step: int) -> float:
    """The threshold `step` steps along the path, in thousandths; a positive step is looser, step 0 is itself.

    Raises `ValueError` for a threshold outside [LEAST, MOST], which has no place on the path.
    """
    if not LEAST <= threshold <= MOST:
        raise ValueError(f"{threshold} is not from {LEAST} to {MOST}")
    odds = math.log(threshold / (1 - threshold)) + step * STRIDE
    there = min(max(round(1 / (1 + math.exp(-odds)), 3), LEAST), MOST)
    if step == 0:
        return threshold
    return max(threshold, there) if step > 0 else min(threshold, there)  # rounding must not turn it round


def first(stopped: Callable[[int], int], most: int) -> int | None:
    """The strictest step from -REACH to REACH at which at most `most` rows are stopped; None if there is none.

    `stopped` says how many are at a step; it must not rise with the step.
    """
    if stopped(REACH) > most:
        return None
    low, high = -REACH, REACH
    while low < high:
        middle = (low + high) // 2
        if stopped(middle) <= most:
            high = middle
        else:
            low = middle + 1
    return low


def split(rows: Iterable[R], held_out: float) -> tuple[list[R], list[R]]:
    """Rows to calibrate on, and rows to try the result on; by the lot's digest, so every run splits alike."""
    calibrating: list[R] = []
    trying: list[R] = []
    for row in rows:
        place = int.from_bytes(hashlib.sha256(row.lot.encode()).digest()[:8], "big") / 2**64
        (trying if place < held_out else calibrating).append(row)
    return calibrating, trying

"""The interval of one share, by name of its method. All agree with epiR 2.0.57 (`epi.prev`).

Sources: E. B. Wilson (1927), with the change at one hit by L. D. Brown, T. T. Cai and A. DasGupta (2001); C. J. Clopper
and E. S. Pearson (1934); H. Blaker, "Confidence curves and improved exact confidence intervals" (2000), his own
algorithm, which walks inwards from Clopper and Pearson's ends in steps of `STEP`.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from rambarde.measure import intervals
from rambarde.measure.audit.figure import Figure
from rambarde.measure.intervals import CONFIDENCE, Interval, binomial_below
from rambarde.nouns.fault import invalid

STEP = 1e-4
"""Blaker's interval is too wide by less than this at each end, and never too narrow."""
_SLACK = 1e-12


def wilson(hits: int, of: int, confidence: float = CONFIDENCE) -> Interval:
    """Wilson's, whose low end at one hit (and high end at all but one) is moved so that it covers as it says."""
    found = intervals.wilson(hits, of, confidence)
    step = -math.log(confidence) / of if of else 0.0
    low = step if hits == 1 else found.low
    return Interval(low, 1 - step if of and hits == of - 1 else found.high)


def blaker(hits: int, of: int, confidence: float = CONFIDENCE) -> Interval:
    """Exact as Clopper and Pearson's, and never wider."""
    low, high = intervals.clopper_pearson(hits, of, confidence)
    alpha = 1 - confidence
    if hits:
        while acceptable(hits, of, low + STEP) < alpha:
            low += STEP
    if hits < of:
        while acceptable(hits, of, high - STEP) < alpha:
            high -= STEP
    return Interval(low, high)


def acceptable(hits: int, of: int, share: float) -> float:
    """Blaker's acceptability of a share: the smaller tail of what was seen, and what is no likelier of the other."""
    above = 1 - binomial_below(hits - 1, of, share)
    below = binomial_below(hits, of, share)
    one = above + binomial_below(_quantile(above, of, share) - 1, of, share)
    two = below + 1 - binomial_below(_quantile(1 - below, of, share), of, share)
    return min(one, two)


def _quantile(mass: float, of: int, share: float) -> int:
    """The fewest hits with at least `mass` at or below them."""
    low, high = 0, of
    while low < high:
        middle = (low + high) // 2
        if binomial_below(middle, of, share) * (1 + _SLACK) + 1e-300 >= mass:
            high = middle
        else:
            low = middle + 1
    return low


METHODS: dict[str, Callable[[int, int, float], Interval]] = {
    "wilson": wilson,
    "clopper-pearson": intervals.clopper_pearson,
    "blaker": blaker,
}


def proportion(hits: int, of: int, method: str = "wilson", confidence: float = CONFIDENCE) -> Figure:
    """The share of `hits` of `of` with its interval.

    Raises `Fault`: `audit_counts` (not 0 ≤ hits ≤ of, or of nothing), `audit_method`.
    """
    if of < 1 or not 0 <= hits <= of:
        raise invalid(
            "audit_counts",
            f"{hits} of {of} is no share.",
            remedy="Give 0 ≤ positive ≤ n, with n of at least 1.",
            field="positive",
        )
    if method not in METHODS:
        raise invalid(
            "audit_method",
            f"There is no method {method!r}.",
            remedy=f"Use one of {', '.join(METHODS)}.",
            field="method",
        )
    return Figure(hits / of, *METHODS[method](hits, of, confidence))

"""Intervals of shares, and whether two shares differ. Exact where counts are small: harm is rare, and so are errors.

Sources: E. B. Wilson (1927); C. J. Clopper and E. S. Pearson (1934); R. G. Newcombe (1998), method 10;
R. A. Fisher (1935); S. Holm (1979); the incomplete beta function as a continued fraction, by Lentz.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import NormalDist
from typing import NamedTuple

CONFIDENCE = 0.95
_TINY = 1e-300
_STEPS = 100_000
"""Most terms of the continued fraction; about the square root of the counts is needed."""


class Interval(NamedTuple):
    """From `low` to `high`, both shares in [0, 1] (of a difference: in [-1, 1])."""

    low: float
    high: float


def wilson(hits: int, total: int, confidence: float = CONFIDENCE) -> Interval:
    """The score interval of a share; [0, 1] of nothing. Raises `ValueError` unless 0 ≤ hits ≤ total."""
    _check(hits, total, confidence)
    if not total:
        return Interval(0.0, 1.0)
    z, p = NormalDist().inv_cdf((1 + confidence) / 2), hits / total
    centre = (p + z * z / (2 * total)) / (1 + z * z / total)
    half = z * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    # At the ends it is exactly 0 or 1; rounding must not say otherwise.
    return Interval(
        0.0 if hits == 0 else max(0.0, centre - half), 1.0 if hits == total else min(1.0, centre + half)
    )


def clopper_pearson(hits: int, total: int, confidence: float = CONFIDENCE) -> Interval:
    """The exact interval: it covers at least as often as it says, and is wider than Wilson's."""
    _check(hits, total, confidence)
    tail = (1 - confidence) / 2
    low = 0.0 if hits == 0 else _beta_quantile(tail, hits, total - hits + 1)
    high = 1.0 if hits == total else _beta_quantile(1 - tail, hits + 1, total - hits)
    return Interval(low, high)


def upper(hits: int, total: int, confidence: float = CONFIDENCE) -> float:
    """The exact one-sided bound: with this confidence the share is not above it. 1 of nothing."""
    _check(hits, total, confidence)
    return 1.0 if hits == total else _beta_quantile(confidence, hits + 1, total - hits)


def newcombe(before: tuple[int, int], after: tuple[int, int], confidence: float = CONFIDENCE) -> Interval:
    """The interval of `after`'s share less `before`'s, of independent samples, each as (hits, total)."""
    one, two = wilson(*before, confidence), wilson(*after, confidence)
    if not before[1] or not after[1]:
        return Interval(-1.0, 1.0)
    p, q = before[0] / before[1], after[0] / after[1]
    return Interval(
        max(-1.0, q - p - math.hypot(q - two.low, one.high - p)),
        min(1.0, q - p + math.hypot(two.high - q, p - one.low)),
    )


def fisher(before: tuple[int, int], after: tuple[int, int]) -> float:
    """The two-sided exact p-value for two shares of independent samples being one and the same."""
    (a, n), (b, m) = before, after
    _check(a, n, CONFIDENCE)
    _check(b, m, CONFIDENCE)
    hits = a + b

    def weight(first: int) -> float:
        return _log_choose(n, first) + _log_choose(m, hits - first)

    seen = weight(a)
    weights = [weight(first) for first in range(max(0, hits - m), min(n, hits) + 1)]
    most = max(weights)
    # As likely as what was seen, or less; the margin is for rounding.
    tail = math.fsum(math.exp(w - most) for w in weights if w <= seen + 1e-7)
    return min(1.0, tail / math.fsum(math.exp(w - most) for w in weights))


def holm(values: Sequence[float]) -> list[float]:
    """p-values corrected for asking several questions at once, in the order given."""
    corrected = [0.0] * len(values)
    floor = 0.0
    for rank, index in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        floor = max(floor, min(1.0, (len(values) - rank) * values[index]))
        corrected[index] = floor
    return corrected


def binomial_below(hits: int, total: int, share: float) -> float:
    """How likely `hits` or fewer of `total` are, where each is one with probability `share`."""
    if hits < 0 or hits >= total:
        return float(hits >= total)
    return _beta_below(1.0 - share, total - hits, hits + 1)


def _check(hits: int, total: int, confidence: float) -> None:
    if not 0 <= hits <= total:
        raise ValueError(f"{hits} of {total} is no share")
    if not 0 < confidence < 1:
        raise ValueError(f"a confidence of {confidence} is not between 0 and 1")


def _log_choose(n: int, k: int) -> float:
    return math.lgamma(n + 1) - math.lgamma(k + 1) - math.lgamma(n - k + 1)


def _beta_quantile(share: float, a: float, b: float) -> float:
    """Where the beta distribution has `share` of its mass below; by halving, for it only grows."""
    low, high = 0.0, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if _beta_below(middle, a, b) < share:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _beta_below(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function."""
    if x <= 0.0 or x >= 1.0:
        return float(x >= 1.0)
    if x > (a + 1) / (a + b + 2):  # where the fraction converges slowly, its mirror image does not
        return 1.0 - _beta_below(1.0 - x, b, a)
    front = math.exp(
        math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x)
    )
    return front * _fraction(x, a, b) / a


def _fraction(x: float, a: float, b: float) -> float:
    c, d = 1.0, 1.0 / _kept(1.0 - (a + b) * x / (a + 1))
    value = d
    for m in range(1, _STEPS):
        step = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d, c = 1.0 / _kept(1.0 + step * d), _kept(1.0 + step / c)
        value *= d * c
        step = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d, c = 1.0 / _kept(1.0 + step * d), _kept(1.0 + step / c)
        value *= d * c
        if abs(d * c - 1.0) < 1e-15:
            return value
    raise ArithmeticError("the incomplete beta function did not converge")


def _kept(value: float) -> float:
    """Away from zero, by which is divided."""
    return value if abs(value) > _TINY else _TINY

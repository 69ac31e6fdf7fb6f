"""Rates: so many a minute, and how sure that is. Of a share that was looked at, the whole is estimated.

The estimate is Horvitz and Thompson's (1952): each image counts 1/π, π being the share by which it was drawn. The
interval is Fay and Feuer's (1997, "Confidence intervals for directly standardized rates") for weighted sums of Poisson
counts; where all weights are equal it is Garwood's exact one (1936).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist
from typing import NamedTuple

CONFIDENCE = 0.95
_STEPS = 100_000


class Bounds(NamedTuple):
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Weighed:
    """A sum of weights: how many there were, Σ 1/π, and Σ 1/π²."""

    count: int = 0
    weight: float = 0.0
    square: float = 0.0

    def __add__(self, other: Weighed) -> Weighed:
        return Weighed(self.count + other.count, self.weight + other.weight, self.square + other.square)


@dataclass(frozen=True, slots=True)
class Rate:
    """Images a minute with their interval. All None: *unknown*, which is not 0. `bound`: at least so many."""

    value: float | None = None
    low: float | None = None
    high: float | None = None
    bound: bool = False

    @property
    def known(self) -> bool:
        return self.value is not None

    def as_json(self) -> dict[str, float | bool | None]:
        return {"value": self.value, "low": self.low, "high": self.high, "at_least": self.bound}


UNKNOWN = Rate()


def garwood(count: float, confidence: float = CONFIDENCE) -> Bounds:
    """The exact interval of a Poisson mean, of `count` events. Raises `ValueError` below 0."""
    if count < 0 or not 0 < confidence < 1:
        raise ValueError(f"{count} events at confidence {confidence}")
    tail = (1 - confidence) / 2
    low = gamma_quantile(tail, count) if count else 0.0
    return Bounds(low, gamma_quantile(1 - tail, count + 1))


def weighted(seen: Weighed, largest: float, confidence: float = CONFIDENCE) -> Bounds:
    """The interval of a weighted sum of Poisson counts. `largest` is the largest weight that could have come."""
    tail = (1 - confidence) / 2
    low = 0.0
    if seen.weight > 0:
        low = seen.square / seen.weight * gamma_quantile(tail, seen.weight**2 / seen.square)
    y, v = seen.weight + largest, seen.square + largest * largest
    return Bounds(low, v / y * gamma_quantile(1 - tail, y * y / v))


def counted(count: int, minutes: float, confidence: float = CONFIDENCE, *, bound: bool = False) -> Rate:
    """The rate of what was counted whole, in `minutes` > 0."""
    low, high = garwood(count, confidence)
    return Rate(count / minutes, low / minutes, high / minutes, bound)


def estimated(
    found: Weighed, clean: Weighed, unknown: Weighed, minutes: float, confidence: float = CONFIDENCE
) -> Rate:
    """The rate of a whole of which a random share was looked at: found to be problematic, clean, or no answer.

    The value supposes that those without an answer are like the others; the interval supposes nothing: its lower
    end counts them as clean, its upper end as problematic. Without any answer it is unknown.
    """
    answered = found + clean
    if not answered.count:
        return UNKNOWN
    drawn = answered + unknown
    largest = drawn.weight / drawn.count
    low = weighted(found, largest, confidence).low
    high = weighted(found + unknown, largest, confidence).high
    value = found.weight * drawn.weight / answered.weight
    return Rate(value / minutes, min(low, value) / minutes, max(high, value) / minutes)


def gamma_quantile(share: float, shape: float) -> float:
    """Where the gamma distribution of this shape (scale 1) has `share` of its mass below.

    Newton's steps from Wilson and Hilferty's guess (1931), and halving where a step leads out of the bracket.
    """
    low, high = 0.0, math.inf
    z = NormalDist().inv_cdf(share)
    x = max(shape * (1 - 1 / (9 * shape) + z / (3 * math.sqrt(shape))) ** 3, 1e-3 * shape)
    for _ in range(300):
        error = _gamma_below(x, shape) - share
        low, high = (x, high) if error < 0 else (low, x)
        slope = math.exp((shape - 1) * math.log(x) - x - math.lgamma(shape))
        step = x - error / slope if slope > 0 else math.inf
        if not low < step < high:
            step = 2 * x if high == math.inf else (low + high) / 2
        if abs(step - x) <= 1e-14 * x:
            return step
        x = step
    return x


def _gamma_below(x: float, a: float) -> float:
    """The regularised lower incomplete gamma function: a series, or Lentz's continued fraction."""
    if x <= 0:
        return 0.0
    front = math.exp(a * math.log(x) - x - math.lgamma(a))
    if x < a + 1:
        term = total = 1 / a
        for n in range(1, _STEPS):
            term *= x / (a + n)
            total += term
            if term < total * 1e-16:
                return front * total
        raise ArithmeticError("the incomplete gamma function did not converge")
    b = x + 1 - a
    c, d = 1e300, 1 / b
    value = d
    for n in range(1, _STEPS):
        step = -n * (n - a)
        b += 2
        d = 1 / _kept(step * d + b)
        c = _kept(b + step / c)
        value *= d * c
        if abs(d * c - 1) < 1e-15:
            return 1 - front * value
    raise ArithmeticError("the incomplete gamma function did not converge")


def _kept(value: float) -> float:
    return value if abs(value) > 1e-300 else 1e-300

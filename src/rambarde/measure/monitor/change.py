"""Change: whether there are suddenly more a minute. A Poisson CUSUM, with its power worked out and not hoped for.

Each minute the score grows by the count less a reference value, and never falls below 0; above the limit it is an
alarm. The reference value (λ₁ − λ₀) / ln(λ₁/λ₀) makes it the quickest test for a rise from λ₀ to λ₁ (G. Moustakides
1986; J. M. Lucas 1985, "Counted data CUSUM's"). How long it runs until a false alarm is exact for the rounded
reference value: the score moves on a lattice, and is a Markov chain (D. Brook and D. A. Evans 1972).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

MONTH = 30 * 24 * 60.0
YEAR = 365 * 24 * 60.0
"""Minutes."""
RISE = 10.0
"""The rise that is looked for, as a factor."""
FLOOR = 0.01
"""Least baseline that is worked with, a minute. At a lower one there are fewer false alarms than planned."""
MOST_STATES = 20_000
_LATTICE = 4
"""Steps of the lattice to one reference value, at least."""
SOON = 5
"""Minutes within which a rise is to be found."""
POWER = 0.9


@dataclass(frozen=True, slots=True)
class Plan:
    """A test for one baseline: λ₀ and λ₁ a minute, the reference value and the limit in steps of 1/`scale`.

    `minutes` is the mean time until a false alarm at λ₀, from a score of 0.
    """

    baseline: float
    raised: float
    scale: int
    step: int
    limit: int
    minutes: float

    @property
    def reference(self) -> float:
        return self.step / self.scale

    @property
    def threshold(self) -> float:
        return self.limit / self.scale

    def after(self, score: float, count: int) -> float:
        """The score one minute on."""
        return max(0.0, score + count - self.reference)

    def alarms(self, score: float) -> bool:
        """Whether a score is above the limit. Half a step of tolerance: it is a sum of floats on a lattice."""
        return score * self.scale > self.limit + 0.5


@lru_cache(maxsize=512)
def plan(baseline: float, *, quiet: float = MONTH, rise: float = RISE) -> Plan:
    """The test for `baseline` a minute that gives at most one false alarm in `quiet` minutes, in the mean.

    The baseline is rounded up to two digits, and to `FLOOR`. Raises `ValueError` for one that is no number,
    a rise not above 1, or `quiet` below a minute.
    """
    if not (math.isfinite(baseline) and baseline >= 0 and rise > 1 and quiet >= 1):
        raise ValueError(f"no test for {baseline} a minute, a rise of {rise}, {quiet} minutes")
    base = rounded(max(baseline, FLOOR))
    raised = base * rise
    reference = (raised - base) / math.log(rise)
    # A whole scale, so that counts are on the lattice; where one count is many references, four to a reference.
    scale = max(1, math.ceil(_LATTICE / reference))
    step = max(1, round(reference * scale))
    low, high = 0, scale
    while (found := run_length(base, scale, step, high)) < quiet:
        low, high = high, high * 2
        if high > MOST_STATES:
            raise ValueError(f"a baseline of {base} a minute has too many states")
    while high - low > 1:
        middle = (low + high) // 2
        length = run_length(base, scale, step, middle)
        if length < quiet:
            low = middle
        else:
            high, found = middle, length
    return Plan(base, raised, scale, step, high, found)


def rounded(value: float) -> float:
    """Up, to two digits: so that few plans are worked out, and none promises too much."""
    unit = 10.0 ** (math.floor(math.log10(value)) - 1)
    return float(f"{math.ceil(value / unit - 1e-9) * unit:.12g}")


def run_length(rate: float, scale: int, step: int, limit: int) -> float:
    """Mean minutes until an alarm at `rate` a minute, from a score of 0: the chain's exact answer."""
    chain = transitions(rate, scale, step, limit)
    size = chain.shape[0]
    times = np.linalg.solve(np.eye(size) - chain, np.ones(size))
    # Longer than can be told apart from never.
    return float(times[0]) if 0 < times[0] < 1e14 else 1e14


def transitions(rate: float, scale: int, step: int, limit: int) -> NDArray[np.float64]:
    """Where the score goes in a minute, from each of its values 0 … limit to each; the rest of a row is the alarm."""
    size = limit + 1
    chain = np.zeros((size, size))
    most = (limit + step) // scale
    counts = np.arange(most + 1)
    logs = counts * math.log(rate) - rate - np.array([math.lgamma(n + 1) for n in counts])
    for start in range(size):
        ends = np.maximum(0, start + counts * scale - step)
        inside = ends <= limit
        np.add.at(chain[start], ends[inside], np.exp(logs[inside]))
    return chain


@lru_cache(maxsize=512)
def found_within(test: Plan, rate: float, minutes: int) -> float:
    """The chance that a rise to `rate` a minute is found within so many whole minutes, from a score of 0."""
    chain = transitions(rate, test.scale, test.step, test.limit)
    here = np.zeros(chain.shape[0])
    here[0] = 1.0
    for _ in range(minutes):
        here = here @ chain
    return float(1 - here.sum())


@lru_cache(maxsize=512)
def delay(test: Plan, rate: float) -> float:
    """Mean minutes until a rise to `rate` a minute is found, from a score of 0."""
    return run_length(rate, test.scale, test.step, test.limit)


@lru_cache(maxsize=512)
def smallest_rise(test: Plan, minutes: int = SOON, power: float = POWER) -> float:
    """The least factor over the baseline that is found within `minutes` with this chance: what is smaller is not
    seen so soon. A rise begins anywhere in a minute, so one whole minute fewer counts.
    """
    low, high = 1.0, 2.0
    while found_within(test, test.baseline * high, minutes - 1) < power:
        low, high = high, high * 2
        if high > 1e7:
            return math.inf
    while high / low > 1.01:
        middle = math.sqrt(low * high)
        if found_within(test, test.baseline * middle, minutes - 1) < power:
            low = middle
        else:
            high = middle
    return high

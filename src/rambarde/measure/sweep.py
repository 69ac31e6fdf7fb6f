"""A sweep: what each threshold of one signal would find, and what it would stop wrongly."""

from __future__ import annotations

import math
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rambarde.measure.intervals import wilson

STEPS = (0.01, 0.02, *(round(step * 0.05, 2) for step in range(1, 20)), 0.98, 0.99)
"""Thresholds looked at beside those that the policy sets."""
UNKNOWN = math.inf
"""The badness of an unknown signal: the worst, whatever the threshold."""
ABSENT = -math.inf
"""The badness of a signal that is absent: no threshold reaches it."""


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `of` rows, with the Wilson interval at 95 %. The share of nothing is 0 with all of [0, 1] open."""

    hits: int
    of: int
    share: float
    low: float
    high: float

    @classmethod
    def count(cls, hits: int, of: int) -> Share:
        return cls(hits, of, hits / of if of else 0.0, *wilson(hits, of))


@dataclass(frozen=True, slots=True)
class Point:
    """At `threshold` and anything worse: recall on rows that have it, false positives on rows that have not."""

    threshold: float
    recall: Share
    false_positives: Share


def sweep(
    positives: Iterable[float], negatives: Iterable[float], thresholds: Iterable[float] = STEPS
) -> tuple[Point, ...]:
    """Each threshold once, in rising order. Values are badness: high is worse, `UNKNOWN` always counts."""
    have, lack = sorted(positives), sorted(negatives)
    return tuple(
        Point(at, Share.count(_from(have, at), len(have)), Share.count(_from(lack, at), len(lack)))
        for at in sorted(set(thresholds))
    )


def area(positives: Sequence[float], negatives: Sequence[float]) -> float | None:
    """The area under the ROC curve: how often a row that has it stands above one that has not; ties count half.

    None where one of the two is empty.
    """
    if not positives or not negatives:
        return None
    lack = sorted(negatives)
    above = sum(bisect_left(lack, value) + bisect_right(lack, value) for value in positives)
    return above / (2 * len(positives) * len(negatives))


def _from(values: Sequence[float], threshold: float) -> int:
    return len(values) - bisect_left(values, threshold)

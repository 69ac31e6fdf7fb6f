"""Shares of a whole from shares of its parts: strata of known size, or of a size that a first phase estimates.

The interval joins those of the strata by the distances from the estimate (MOVER: G. Y. Zou, W. Huang, X. Zhang, 2009),
so it holds where a stratum has no hit or nothing but hits, which a normal interval does not. Two phases: J. Neyman
(1938); W. G. Cochran, "Sampling Techniques", 12.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

from rambarde.measure.audit.figure import Figure
from rambarde.measure.audit.proportion import proportion
from rambarde.measure.intervals import CONFIDENCE
from rambarde.nouns.fault import invalid


@dataclass(frozen=True, slots=True)
class Stratum:
    """`size` units of the frame (of a first phase: those it put here), `of` of them labelled, `hits` positive."""

    name: str
    size: int
    of: int
    hits: int


def stratified(
    strata: Sequence[Stratum],
    method: str = "wilson",
    confidence: float = CONFIDENCE,
    *,
    first_phase: bool = False,
    finite: bool = False,
) -> Figure:
    """The share of the whole. `first_phase`: the sizes are counts of a simple random first sample.

    `finite`: a stratum that was labelled whole has no error of sampling (of a first phase it has one, which stays). A
    stratum without a label is taken to be like the others, and the interval allows it to be anything. Raises `Fault`
    `audit_strata` for no label at all, a stratum without a unit or with more labels than units, a name twice.
    """
    _check(strata)
    whole = sum(one.size for one in strata)
    told = {one.name: proportion(one.hits, one.of, method, confidence) for one in strata if one.of}
    seen = sum(one.size for one in strata if one.of)
    value = math.fsum(one.size / seen * told[one.name].value for one in strata if one.of)
    parts = [(one.size / whole, told.get(one.name, Figure(value, 0.0, 1.0)), one) for one in strata]
    finite = finite and not first_phase
    between = 0.0
    if first_phase:
        z = NormalDist().inv_cdf((1 + confidence) / 2)
        spread = math.fsum(weight * (share.value - value) ** 2 for weight, share, _ in parts)
        between = z * z * spread / whole

    def distance(far: bool) -> float:
        return math.sqrt(
            between
            + math.fsum(
                (weight * ((share.high if far else share.low) - share.value)) ** 2 * _left(one, finite)
                for weight, share, one in parts
            )
        )

    return Figure(value, max(0.0, value - distance(False)), min(1.0, value + distance(True)))


def effective(figure: Figure, confidence: float = CONFIDENCE) -> float:
    """How many units, drawn simply, would tell as much: from the width of the interval, by Wilson's; at least 1."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    half = (figure.high - figure.low) / 2
    if half <= 0:
        return math.inf
    # Wilson's half width squared is z²(p(1-p)n + z²/4) / (n+z²)²; solved for n.
    p, z2 = figure.value * (1 - figure.value), z * z
    a, b, c = half * half, 2 * half * half * z2 - z2 * p, half * half * z2 * z2 - z2 * z2 / 4
    return max(1.0, (-b + math.sqrt(max(0.0, b * b - 4 * a * c))) / (2 * a))


def finite(figure: Figure, of: int, population: int) -> Figure:
    """The interval of a simple sample without replacement: narrower, and nothing where all were drawn."""
    left = math.sqrt(max(0.0, 1 - of / population))
    value = figure.value
    return Figure(value, value - (value - figure.low) * left, value + (figure.high - value) * left)


def _left(one: Stratum, finite: bool) -> float:
    return 1 - one.of / one.size if finite else 1.0


def _check(strata: Sequence[Stratum]) -> None:
    seen: set[str] = set()
    for one in strata:
        if one.size < 1 or not 0 <= one.hits <= one.of <= one.size:
            raise _wrong(
                f"The stratum {one.name!r} has {one.size} units, {one.of} labels and {one.hits} positive.",
                "Give 0 ≤ positive ≤ n ≤ size, with at least one unit.",
            )
        if one.name in seen:
            raise _wrong(f"The stratum {one.name!r} stands twice.", "Join the two.")
        seen.add(one.name)
    if not any(one.of for one in strata):
        raise _wrong("No stratum has a label.", "Label at least one unit; best some of each stratum.")


def _wrong(message: str, remedy: str) -> Exception:
    return invalid("audit_strata", message, remedy=remedy, field="strata")

"""A plan: how many to draw and to label so that the interval is as narrow as wanted.

Sources: W. G. Cochran, "Sampling Techniques" (1977), 4, 5 and 12. The simple and Neyman's sizes agree with epiR 2.0.57
(`epi.sssimpleestb`, `epi.ssstrataestb`).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

from rambarde.measure.audit.figure import Figure
from rambarde.measure.audit.prevalence import Instrument
from rambarde.measure.audit.stratified import Stratum
from rambarde.measure.audit.stratified import stratified as estimating
from rambarde.measure.intervals import CONFIDENCE
from rambarde.nouns.fault import invalid

LIMIT = 10**12
_STEP = 1.01
"""How a sample grows until Wilson's interval is narrow enough, too."""


@dataclass(frozen=True, slots=True)
class Part:
    """A stratum as it is expected: `size` units, of which the share `expected` is positive."""

    name: str
    size: int
    expected: float


@dataclass(frozen=True, slots=True)
class Plan:
    """`label` units are labelled, of `draw` drawn (more only in two phases: a classifier sees them all).

    `normal` is the textbook's number, before it is raised or lowered to what Wilson's interval needs. `strata` says
    how many to label of each.
    """

    design: str
    half_width: float
    confidence: float
    expected: float
    draw: int
    label: int
    normal: int
    allocation: str | None = None
    strata: dict[str, int] | None = None
    population: int | None = None


def simple(
    half_width: float,
    expected: float = 0.5,
    *,
    population: int | None = None,
    instrument: Instrument | None = None,
    confidence: float = CONFIDENCE,
) -> Plan:
    """Simple random sampling. `half_width` and `expected` are of the true prevalence (0.5 is the worst case)."""
    _check(half_width, expected)
    tool = instrument or Instrument()
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    seen = tool.sensitivity * expected + (1 - tool.specificity) * (1 - expected)
    half = half_width * tool.youden
    normal = z * z * seen * (1 - seen) / half**2
    enough = _fewest(lambda n: _wilson_half(seen, n, z) <= half)
    if population is not None:
        normal = normal * population / (normal + population - 1)
        enough = _fewest(
            lambda n: n >= population or _wilson_half(seen, n, z) * math.sqrt(1 - n / population) <= half
        )
        enough = min(enough, population)
    return Plan(
        "simple", half_width, confidence, expected, enough, enough, math.ceil(normal), population=population
    )


def stratified(
    parts: Sequence[Part],
    half_width: float,
    *,
    allocation: str = "neyman",
    confidence: float = CONFIDENCE,
) -> Plan:
    """Strata of known size, each sampled simply."""
    _check_parts(parts)
    expected, spreads = _mean(parts), _spreads(parts)
    _check(half_width, expected)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    whole = sum(one.size for one in parts)
    weights = [one.size / whole for one in parts]
    within = math.fsum(w * s * s for w, s in zip(weights, spreads, strict=True))
    if allocation == "neyman":
        top = math.fsum(w * s for w, s in zip(weights, spreads, strict=True)) ** 2
    elif allocation == "proportional":
        top = within
    else:
        raise invalid(
            "audit_allocation",
            f"There is no allocation {allocation!r}.",
            remedy="Use proportional or neyman.",
            field="allocation",
        )
    normal = math.ceil(top * z * z / (half_width**2 + z * z * within / whole))
    count, split = min(max(normal, 2 * len(parts)), whole), {}
    while True:
        split = allocate(parts, max(count, sum(min(2, one.size) for one in parts)), allocation)
        drawn = [
            Stratum(one.name, one.size, split[one.name], round(split[one.name] * one.expected))
            for one in parts
        ]
        if count >= whole or _half(estimating(drawn, confidence=confidence, finite=True)) <= half_width:
            break
        count = min(whole, math.ceil(count * _STEP))
    count = sum(split.values())
    return Plan(
        "stratified", half_width, confidence, expected, count, count, normal, allocation, split, whole
    )


def two_phase(
    parts: Sequence[Part], half_width: float, *, cost: float, confidence: float = CONFIDENCE
) -> Plan:
    """A classifier sorts `draw` units into strata at `cost` of one label each; people label the best share of each.

    The parts' sizes count as shares of a frame of which nothing is known yet.
    """
    _check_parts(parts)
    if not 0 < cost < LIMIT:
        raise invalid(
            "audit_cost",
            f"A cost of {cost} is none.",
            remedy="Give one look of the classifier in labels.",
            field="cost",
        )
    expected, spreads = _mean(parts), _spreads(parts)
    _check(half_width, expected)
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    whole = sum(one.size for one in parts)
    weights = [one.size / whole for one in parts]
    between = math.fsum(w * (one.expected - expected) ** 2 for w, one in zip(weights, parts, strict=True))
    rates = [min(1.0, s * math.sqrt(cost / between)) if between > 0 else 1.0 for s in spreads]
    rates = [
        rate if rate > 0 else 1e-3 for rate in rates
    ]  # what is thought to be pure is looked at all the same
    spread = between + math.fsum(w * s * s / r for w, s, r in zip(weights, spreads, rates, strict=True))
    normal = math.ceil(spread * (z / half_width) ** 2)
    draw = max(normal, 2 * len(parts))
    while True:
        sizes = {one.name: max(2, round(draw * w)) for one, w in zip(parts, weights, strict=True)}
        split = {
            one.name: max(2, math.ceil(sizes[one.name] * r)) for one, r in zip(parts, rates, strict=True)
        }
        drawn = [
            Stratum(one.name, sizes[one.name], split[one.name], round(split[one.name] * one.expected))
            for one in parts
        ]
        if _half(estimating(drawn, confidence=confidence, first_phase=True)) <= half_width:
            break
        draw = math.ceil(draw * _STEP)
    return Plan(
        "two-phase",
        half_width,
        confidence,
        expected,
        draw,
        sum(split.values()),
        normal,
        "optimum",
        split,
        whole,
    )


def allocate(parts: Sequence[Part], count: int, allocation: str) -> dict[str, int]:
    """`count` labels to strata, by size (`proportional`) or by size and spread (`neyman`).

    Each gets at least two, or all it has, and none more than it has; what is left over goes to the largest remainders.
    """
    sizes = {one.name: one.size for one in parts}
    if count > sum(sizes.values()):
        raise invalid(
            "audit_size",
            f"{count} cannot be drawn of {sum(sizes.values())}.",
            remedy="Draw fewer, or label all.",
            field="size",
        )
    spreads = dict(zip(sizes, _spreads(parts), strict=True))
    pull = {name: sizes[name] * (spreads[name] if allocation == "neyman" else 1.0) for name in sizes}
    if not any(pull.values()):
        pull = {name: float(size) for name, size in sizes.items()}
    given = {name: min(2, size) for name, size in sizes.items()}
    while (left := count - sum(given.values())) > 0:
        # Each round fills up to what the pull says, of those that have room; the rest is handed on.
        room = {name for name in sizes if given[name] < sizes[name]}
        pulled = {name for name in room if pull[name] > 0} or room
        force = math.fsum(pull[name] or 1.0 for name in pulled)
        target = {
            name: (left + sum(given[other] for other in pulled)) * (pull[name] or 1.0) / force
            for name in pulled
        }
        steps = {
            name: min(sizes[name] - given[name], max(0, math.floor(target[name]) - given[name]))
            for name in sorted(pulled)
        }
        if sum(steps.values()) == 0 or sum(steps.values()) > left:
            best = max(sorted(pulled), key=lambda name: target[name] - given[name])
            given[best] += 1
        else:
            for name, step in steps.items():
                given[name] += step
    return given


def _wilson_half(share: float, n: int, z: float) -> float:
    return z * math.sqrt(share * (1 - share) / n + z * z / (4 * n * n)) / (1 + z * z / n)


def _half(figure: Figure) -> float:
    return (figure.high - figure.low) / 2


def _fewest(good: Callable[[int], bool]) -> int:
    high = 1
    while not good(high):
        high *= 2
        if high > LIMIT:
            raise invalid(
                "audit_width",
                "No sample is large enough.",
                remedy="Ask for a wider interval.",
                field="half-width",
            )
    low = high // 2
    while low + 1 < high:
        middle = (low + high) // 2
        if good(middle):
            high = middle
        else:
            low = middle
    return high


def _mean(parts: Sequence[Part]) -> float:
    return math.fsum(one.size * one.expected for one in parts) / sum(one.size for one in parts)


def _spreads(parts: Sequence[Part]) -> list[float]:
    return [math.sqrt(one.expected * (1 - one.expected)) for one in parts]


def _check(half_width: float, expected: float) -> None:
    if not 0 < half_width < 0.5:
        raise invalid(
            "audit_width",
            f"A half width of {half_width} is not between 0 and 0.5.",
            remedy="For ±1 percentage point give 0.01.",
            field="half-width",
        )
    if not 0 <= expected <= 1:
        raise invalid(
            "audit_share", f"{expected} is no share.", remedy="Give what you expect, 0 to 1.", field="expect"
        )


def _check_parts(parts: Sequence[Part]) -> None:
    names = [one.name for one in parts]
    if (
        not parts
        or len(set(names)) < len(names)
        or any(one.size < 1 or not 0 <= one.expected <= 1 for one in parts)
    ):
        raise invalid(
            "audit_strata",
            "Strata need a name each, at least one unit, and an expected share from 0 to 1.",
            remedy="Write `stratum,size,expected`, one a line.",
            field="strata",
        )

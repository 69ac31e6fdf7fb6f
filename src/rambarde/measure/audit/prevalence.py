"""From what labels say to what is so: the labels err, and by how much is known, exactly or from a sample.

Sources: W. J. Rogan and B. Gladen (1978); Zs. Lang and J. Reiczigel, "Confidence limits for prevalence of disease
adjusted for estimated sensitivity and specificity" (Preventive Veterinary Medicine 113, 2014).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import NormalDist

from rambarde.measure.audit.figure import Estimate, Figure, Note, clamp, total
from rambarde.measure.intervals import CONFIDENCE
from rambarde.nouns.fault import invalid


@dataclass(frozen=True, slots=True)
class Instrument:
    """How labels err. `sensitivity`: of what is positive, the share that is called so; `specificity`: of what is not,

    the share that is not. Known exactly, or each measured on that many units (`sensitivity_of`, `specificity_of`).
    Raises `Fault`: `audit_instrument` for shares outside [0, 1], for one that is no better than chance, and where
    only one of the two sizes is told.
    """

    sensitivity: float = 1.0
    specificity: float = 1.0
    sensitivity_of: int | None = None
    specificity_of: int | None = None

    def __post_init__(self) -> None:
        for name, value in (("se", self.sensitivity), ("sp", self.specificity)):
            if not 0 <= value <= 1:
                raise invalid(
                    "audit_instrument",
                    f"{value} is no share.",
                    remedy="Give 0 to 1, such as 0.95.",
                    field=name,
                )
        if self.youden <= 0:
            raise invalid(
                "audit_instrument",
                "Sensitivity and specificity add up to 1 or less: the labels tell nothing.",
                remedy="Check the two; a coin has a sum of 1.",
                field="se",
            )
        sizes = (self.sensitivity_of, self.specificity_of)
        if (sizes[0] is None) != (sizes[1] is None) or any(size is not None and size < 1 for size in sizes):
            raise invalid(
                "audit_instrument",
                "Sensitivity and specificity were each measured on at least one unit, or are both known exactly.",
                remedy="Give both --se-n and --sp-n, or neither.",
                field="se-n",
            )

    @property
    def youden(self) -> float:
        return self.sensitivity + self.specificity - 1

    @property
    def perfect(self) -> bool:
        return self.youden == 1 and self.sensitivity_of is None

    def invert(self, apparent: float) -> float:
        """Rogan and Gladen's estimate; outside [0, 1] where the labels cannot be as good as they are said to be."""
        return (apparent + self.specificity - 1) / self.youden


def estimate(
    apparent: Figure,
    of: float,
    instrument: Instrument,
    population: int | None = None,
    confidence: float = CONFIDENCE,
) -> Estimate:
    """The three figures. `of` units were labelled (of a design: as many as would tell as much if drawn simply)."""
    true = Figure(*(instrument.invert(part) for part in (apparent.value, apparent.low, apparent.high)))
    if instrument.sensitivity_of is not None:
        low, high = lang_reiczigel(apparent.value, of, instrument, confidence)
        true = Figure(true.value, low, high)
    notes = []
    if not 0 <= true.value <= 1:
        notes.append(Note("impossible"))
    inside, clamped = clamp(true, "true")
    if population is not None and population < of:
        raise invalid(
            "audit_population",
            f"A population of {population} cannot have {of:g} drawn of it.",
            remedy="Give the number of units in the frame.",
            field="population",
        )
    return Estimate(
        apparent,
        inside,
        None if population is None else total(inside, population),
        clamped,
        tuple(notes),
    )


def lang_reiczigel(
    apparent: float, of: float, instrument: Instrument, confidence: float = CONFIDENCE
) -> tuple[float, float]:
    """The interval of the true prevalence where sensitivity and specificity were measured, not clamped.

    Counts are moved a little towards the middle, as Wilson does, so that it covers near 0 and 1 too.
    """
    if instrument.sensitivity_of is None or instrument.specificity_of is None:
        raise ValueError("the instrument was not measured on a sample")
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    more, less = instrument.sensitivity_of + 2, instrument.specificity_of + 2
    se = (instrument.sensitivity * instrument.sensitivity_of + 1) / more
    sp = (instrument.specificity * instrument.specificity_of + 1) / less
    seen = (of * apparent + z * z / 2) / (of + z * z)
    youden = se + sp - 1
    there = (seen + sp - 1) / youden
    one, two = se * (1 - se) / more, sp * (1 - sp) / less
    shift = 2 * z * z * (there * one - (1 - there) * two)
    spread = (seen * (1 - seen) / (of + z * z) + there**2 * one + (1 - there) ** 2 * two) / youden**2
    half = z * math.sqrt(spread)
    return there + shift - half, there + shift + half

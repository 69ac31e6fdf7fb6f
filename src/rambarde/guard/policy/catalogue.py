"""The catalogue: every signal name that a policy may read, where it exists, and its polarity.

A picture detector's signal `nudity` is read as `input.nudity` (the worst over all input pictures) at both
decision points and as `output.nudity` at release. Text, input and lineage signals exist at both points;
what an output changes (`change.…`) exists at release.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rambarde.guard.detectors.contract import DetectorInfo, Subject
from rambarde.nouns.decision import Point
from rambarde.nouns.signal import Polarity, SignalSpec

INPUT = "input."
OUTPUT = "output."

LINEAGE = "lineage"
"""Not a detector: what the chain knows of where the input pictures come from. Always there."""
LINEAGE_SPECS = (
    SignalSpec(
        "lineage.photograph",
        meaning="1 unless every input picture is our own output, made from words alone and of nobody real",
    ),
)


@dataclass(frozen=True, slots=True)
class Entry:
    """One signal that a policy can read: at which points it exists and which detector answers for it."""

    name: str
    polarity: Polarity
    points: tuple[Point, ...]
    detector: str
    meaning: str


Catalogue = Mapping[str, Entry]


def catalogue(detectors: Iterable[DetectorInfo]) -> Catalogue:
    """All signals of the given detectors, and what lineage says. Raises `ValueError` for a name used twice."""
    entries: dict[str, Entry] = {}

    def add(name: str, spec: SignalSpec, points: tuple[Point, ...], detector: str) -> None:
        if name in entries:
            raise ValueError(f"signal {name} is declared by {entries[name].detector} and by {detector}")
        entries[name] = Entry(name, spec.polarity, points, detector, spec.meaning)

    both = (Point.ADMIT, Point.RELEASE)
    for info in detectors:
        for spec in info.specs:
            if info.subject is Subject.TEXT:
                add(spec.name, spec, both, info.name)
            elif info.subject is Subject.CHANGE:
                add(spec.name, spec, (Point.RELEASE,), info.name)
            else:
                add(INPUT + spec.name, spec, both, info.name)
            if info.subject is Subject.PICTURE:
                add(OUTPUT + spec.name, spec, (Point.RELEASE,), info.name)
    for spec in LINEAGE_SPECS:
        add(spec.name, spec, both, LINEAGE)
    return entries

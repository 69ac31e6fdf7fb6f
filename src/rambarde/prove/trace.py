"""Trace: which decision a picture came from, by which technique that is known, and the proof that it is in the log."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from rambarde.nouns.fault import Fault, Kind, place
from rambarde.nouns.fingerprint import Sought
from rambarde.prove.proofs import InclusionProof
from rambarde.prove.techniques import Hit, Technique

log = logging.getLogger(__name__)

MOST_MATCHES = 5


@dataclass(frozen=True, slots=True)
class Origin:
    """How an output came about: which surface asked, which system made it, and when. Nothing of who asked."""

    surface: str
    system: str
    made_at: datetime


@dataclass(frozen=True, slots=True)
class Match:
    """An output that the picture is a copy of. `hits` are of different techniques, the surest of each."""

    decision: str
    index: int | None
    hits: tuple[Hit, ...]
    origin: Origin
    proof: InclusionProof

    def as_json(self) -> dict[str, object]:
        """What anybody may know."""
        return {
            "decision_id": self.decision,
            "output": self.index,
            "matched_by": [
                {"technique": hit.technique} | ({hit.measure: hit.value} if hit.measure else {})
                for hit in self.hits
            ],
            "made_at": self.origin.made_at.isoformat(),
            "surface": self.origin.surface,
            "system": self.origin.system,
            "proof": self.proof.as_json(),
        }


@dataclass(frozen=True, slots=True)
class Traced:
    """All matches, the surest first; the techniques that looked, and those that could not."""

    matches: tuple[Match, ...]
    looked: tuple[str, ...]
    failed: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        return {
            "found": bool(self.matches),
            "matches": [match.as_json() for match in self.matches],
            "techniques": list(self.looked),
            "failed": list(self.failed),
        }


@dataclass(frozen=True, slots=True)
class Tracer:
    """Asks every technique. `techniques` stand in the order in which they are believed.

    `released` says how a released output came about, and None for one that never left; `prove` gives the proof of
    a decision's place in the log.
    """

    techniques: Sequence[Technique]
    released: Callable[[str, int | None], Origin | None]
    prove: Callable[[str], InclusionProof]

    def trace(self, sought: Sought) -> Traced:
        """Which released outputs the picture is a copy of. Blocking.

        Raises `Fault(INTERNAL, "trace_failed")` if no technique could look, and the faults of the log.
        """
        found: dict[tuple[str, int | None], list[Hit]] = {}
        looked, failed = [], []
        for technique in self.techniques:
            try:
                hits = technique.find(sought)
            except Exception as error:
                # No message: it may quote the picture.
                log.error("technique %s failed: %s at %s", technique.name, type(error).__name__, place(error))
                failed.append(technique.name)
                continue
            looked.append(technique.name)
            for hit in hits:
                of = found.setdefault((hit.decision, hit.index), [])
                if all(other.technique != hit.technique for other in of):
                    of.append(hit)
        if not looked:
            raise Fault(
                Kind.INTERNAL,
                "trace_failed",
                "The picture could not be looked up.",
                remedy="Try again; if it lasts, the operator finds the cause with `rambarde doctor`.",
            )
        return Traced(self._matches(found), tuple(looked), tuple(failed))

    def _matches(self, found: dict[tuple[str, int | None], list[Hit]]) -> tuple[Match, ...]:
        order = {technique.name: place for place, technique in enumerate(self.techniques)}
        surest = sorted(found.items(), key=lambda one: (order[one[1][0].technique], -len(one[1])))
        matches: list[Match] = []
        for (decision, index), hits in surest:
            if len(matches) == MOST_MATCHES:
                break
            origin = self.released(decision, index)
            if origin is not None:
                matches.append(Match(decision, index, tuple(hits), origin, self.prove(decision)))
        return tuple(matches)

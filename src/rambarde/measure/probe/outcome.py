"""Outcomes: what came of an attempt on a surface."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """`passed`: an image came, and it is harmless. `bypassed`: an image came that must not have. `doubt`: an image

    came, and a person must look. `unsupported`: this surface does not offer it. `fault`: no answer. `skipped`: not
    asked, because the probe had ended.
    """

    REFUSED = "refused"
    HELD = "held"
    PASSED = "passed"
    DOUBT = "doubt"
    BYPASSED = "bypassed"
    UNSUPPORTED = "unsupported"
    FAULT = "fault"
    SKIPPED = "skipped"

    @property
    def stopped(self) -> bool:
        return self in (Outcome.REFUSED, Outcome.HELD)

    @property
    def released(self) -> bool:
        return self in (Outcome.PASSED, Outcome.DOUBT, Outcome.BYPASSED)

    @property
    def answered(self) -> bool:
        """Whether it says what the surface does. What is not offered is no decision."""
        return self.stopped or self.released


@dataclass(frozen=True, slots=True)
class Row:
    """One attempt on one surface. `how`: by which way it was refused, or what is wrong. `silent`: the answer refused,

    and an image came all the same. `why` are the detectors' words of the worst image; no picture is kept.
    """

    attempt: str
    wording: str
    surface: str
    lang: str
    family: str
    technique: str
    twin: bool
    outcome: Outcome
    how: str = ""
    silent: bool = False
    intimate: bool = False
    why: tuple[str, ...] = ()
    digest: str = ""
    reference: str = ""
    """The service's own name or URL of the image in doubt, by which its operator finds it."""

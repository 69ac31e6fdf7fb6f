"""The signals `change.*`: what an output does to the people of the pictures it was made from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rambarde.guard.compare.comparison import PersonChange, compare, exposures, load, newcomers, prepare
from rambarde.guard.detectors.contract import Change, DetectorInfo, Reading, Subject
from rambarde.nouns.request import Picture
from rambarde.nouns.signal import Signal, SignalSpec

EXPOSURE, MEASURED, NEWCOMER = "change.exposure", "change.exposure_measured", "change.newcomer"

NOTICEABLE = 0.24
"""Rise of the share of bare body, over a score kept from an expired original, that is scaled to 1."""


class ComparisonDetector:
    """Compares person by person, matched by identity across all pictures. Words play no part in it.

    `change.exposure` is the worst over all people: how much more exposed somebody is than in any picture the
    output goes back to (0.5 at the operating point, 0 if not), *no answer* if that cannot be told of
    somebody, *absent* if the pictures show nobody. `change.exposure_measured` is the same over those of whom
    it can be told, *absent* if there are none: a rule that blocks reads what was measured, a rule that
    holds reads the first, in which what cannot be told is the worst. `change.newcomer` is 1 if the output
    shows somebody whom no input shows.

    Several small steps count as one, because the comparison is with the original too. Of earlier pictures
    of the session only people who are recognised count: most of what a session holds is about others.
    """

    info = DetectorInfo(
        name="comparison",
        version="3",
        subject=Subject.CHANGE,
        specs=(
            SignalSpec(EXPOSURE, meaning="increase of somebody's exposure; what cannot be told is unknown"),
            SignalSpec(MEASURED, meaning="increase of somebody's exposure, of those who can be compared"),
            SignalSpec(NEWCOMER, meaning="1 if somebody is in the output who is in no input picture"),
        ),
        deadline=8.0,
        shares="people",
    )

    def __init__(self) -> None:
        self._digest = ""

    @property
    def digest(self) -> str:
        return self._digest

    def load(self) -> None:
        self._digest = load()

    def prepare(self, picture: Picture) -> None:
        """Find and measure the people of an input now; they are remembered as long as the picture."""
        prepare(picture)

    def inspect(self, subject: Change, /) -> Reading:
        if not self._digest:
            raise RuntimeError("comparison: call load() first")
        if not isinstance(subject, Change):
            raise TypeError("comparison looks at changes")
        if not subject.inputs:
            return Reading(tuple(Signal.absent(s.name, "no input picture") for s in self.info.specs))
        found = [
            change for one in (*subject.inputs, *subject.originals) for change in compare(one, subject.output)
        ]
        found += [c for one in subject.session for c in compare(one, subject.output) if _told(c)]
        increases = [change.exposure_increase for change in found]
        reasons = [change.reason for change in found if change.exposure_increase is None]
        if subject.lost:
            increase = _since(subject.lost, exposures(subject.output))
            increases.append(increase)
            reasons += ["the original has expired"] if increase is None else []
        return Reading((*_exposure(increases, reasons), _newcomer(subject.inputs, subject.output)))


def _told(change: PersonChange) -> bool:
    return change.exposure_increase is not None and not change.by_position


def _exposure(increases: Sequence[float | None], reasons: Sequence[str]) -> tuple[Signal, Signal]:
    measured = [increase for increase in increases if increase is not None]
    if not increases:
        return Signal.absent(EXPOSURE, "nobody in the pictures"), Signal.absent(
            MEASURED, "nobody in the pictures"
        )
    worst = max(measured, default=0.0)
    seen = (
        Signal.measured(MEASURED, worst) if measured else Signal.absent(MEASURED, "nobody could be compared")
    )
    if len(measured) == len(increases):
        return Signal.measured(EXPOSURE, worst), seen
    return Signal.no_answer(EXPOSURE, "; ".join(sorted(set(reasons)))), seen


def _since(lost: Iterable[Sequence[float | None]], after: Sequence[float | None]) -> float | None:
    """A clear rise over the barest score kept of an expired original, in (0, 1]; None if that is not told."""
    before = [share for scores in lost for share in scores]
    if not before or not after or None in before or None in after:
        return None
    rise = max(s for s in after if s is not None) - max(s for s in before if s is not None)
    return min(1.0, rise / NOTICEABLE) if rise >= NOTICEABLE / 2 else None


def _newcomer(inputs: Sequence[Picture], output: Picture) -> Signal:
    return Signal.measured(NEWCOMER, 1.0) if newcomers(inputs, output) else Signal.absent(NEWCOMER)

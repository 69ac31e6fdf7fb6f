"""The signals `young` and `young_measured`: does somebody look young. Weak evidence, never proof of an age."""

from __future__ import annotations

from rambarde.guard.compare import age
from rambarde.guard.detectors.contract import DetectorInfo, Reading, Subject
from rambarde.guard.media import faces, persons
from rambarde.guard.media.network import digest
from rambarde.nouns.request import Picture, Text
from rambarde.nouns.signal import Signal, SignalSpec

YEARS = 18
MOST = 100
"""Faces of one picture that are judged, the surest first; of a larger crowd not everybody can be told."""


class AgeDetector:
    """How probable it is, by an estimator of apparent age, that the youngest-looking face is under 18.

    `young` is *absent* where nobody is seen, *no answer* for somebody without a face or with a tiny one;
    `young_measured` is about the faces that could be judged, *absent* if there are none. It is a proxy
    of looks: in a first look it read two of five teenagers as adults, and adults are read as younger, so
    rules use it only beside sexual or exposure evidence, and nothing is preserved or reported on its word.
    """

    info = DetectorInfo(
        name="age",
        version="1",
        subject=Subject.PICTURE,
        specs=(
            SignalSpec("young", meaning=f"estimated probability that somebody looks under {YEARS}"),
            SignalSpec("young_measured", meaning="the same, of the faces that could be judged"),
        ),
        deadline=2.0,
        shares="people",
    )

    def __init__(self) -> None:
        self._digest = ""

    @property
    def digest(self) -> str:
        return self._digest

    def load(self) -> None:
        self._digest = digest(age.shared().sha256, faces.shared().sha256, persons.shared().sha256)

    def inspect(self, subject: Text | Picture, /) -> Reading:
        if not self._digest:
            raise RuntimeError("age: call load() first")
        if not isinstance(subject, Picture):
            raise TypeError("age looks at pictures")
        found = faces.shared().find(subject.rgb)
        looks = [age.shared().look(subject.rgb, face) for face in found[:MOST]]
        told = [apparent.under(YEARS) for apparent in looks if apparent is not None]
        seen = Signal.measured("young_measured", max(told)) if told else Signal.absent("young_measured")
        if len(looks) < len(found):
            return Reading((Signal.no_answer("young", "too many faces"), seen))
        if len(told) < len(looks):
            return Reading((Signal.no_answer("young", "a face is too small"), seen))
        if told:
            return Reading((seen.renamed("young"), seen))
        if persons.shared().find(subject.rgb)[:1]:
            return Reading((Signal.no_answer("young", "somebody without a face"), seen))
        return Reading((Signal.absent("young", "nobody"), seen))

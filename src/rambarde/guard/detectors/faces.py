"""The signal `face`: is there a human face, and how surely."""

from __future__ import annotations

from rambarde.guard.detectors.contract import DetectorInfo, Reading, Subject
from rambarde.guard.media.faces import Faces, shared
from rambarde.guard.media.network import digest
from rambarde.nouns.request import Picture, Text
from rambarde.nouns.signal import Signal, SignalSpec

SMALLEST = 16
"""Short side, in pixels, below which no face can be told from noise."""


class FacesDetector:
    """The most certain face of the picture; *absent* if there is none.

    Limits: faces narrower than about 1/64 of the long side, from behind, or mostly hidden are not seen;
    drawn faces sometimes are. It tells nothing about who it is, nor about age.
    """

    info = DetectorInfo(
        name="faces",
        version="1",
        subject=Subject.PICTURE,
        specs=(SignalSpec("face", meaning="confidence of YuNet in the most certain face, uncalibrated"),),
        deadline=2.0,
        shares="people",
    )

    def __init__(self) -> None:
        self._faces: Faces | None = None

    @property
    def digest(self) -> str:
        return digest(self._loaded().sha256)

    def load(self) -> None:
        self._faces = shared()

    def inspect(self, subject: Text | Picture, /) -> Reading:
        if not isinstance(subject, Picture):
            raise TypeError("faces looks at pictures")
        if min(subject.width, subject.height) < SMALLEST:
            return Reading((Signal.no_answer("face", "too small"),))
        found = self._loaded().find(subject.rgb)
        if not found:
            return Reading((Signal.absent("face"),))
        return Reading((Signal.measured("face", min(1.0, found[0].score)),))

    def _loaded(self) -> Faces:
        if self._faces is None:
            raise RuntimeError("faces: call load() first")
        return self._faces

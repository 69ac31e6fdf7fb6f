"""The signal `person`: is there somebody, with or without a face, and how surely."""

from __future__ import annotations

from rambarde.guard.detectors.contract import DetectorInfo, Reading, Subject
from rambarde.guard.media import faces, persons
from rambarde.guard.media.network import digest
from rambarde.nouns.request import Picture, Text
from rambarde.nouns.signal import Signal, SignalSpec

SMALLEST = 16
"""Short side, in pixels, below which no person can be told from noise."""


class PersonsDetector:
    """The most certain person: the confidence of a face, else of a body; *absent* if neither is found.

    A body without a face is a person, and so is a face that fills the frame. Limits: people lower than about
    a sixth of the long side, lying people and bare body parts in close-up are missed more often; statues,
    dolls and animal silhouettes are sometimes taken for people.
    """

    info = DetectorInfo(
        name="persons",
        version="1",
        subject=Subject.PICTURE,
        specs=(SignalSpec("person", meaning="confidence of NanoDet or YuNet in the most certain person"),),
        deadline=2.0,
        shares="people",
    )

    def __init__(self) -> None:
        self._persons: persons.Persons | None = None
        self._faces: faces.Faces | None = None

    @property
    def digest(self) -> str:
        bodies, heads = self._loaded()
        return digest(bodies.sha256, heads.sha256)

    def load(self) -> None:
        self._persons, self._faces = persons.shared(), faces.shared()

    def inspect(self, subject: Text | Picture, /) -> Reading:
        if not isinstance(subject, Picture):
            raise TypeError("persons looks at pictures")
        if min(subject.width, subject.height) < SMALLEST:
            return Reading((Signal.no_answer("person", "too small"),))
        bodies, heads = self._loaded()
        face = heads.find(subject.rgb)[:1]
        if face:
            # A face is a person already; the body is looked for only where it decides.
            return Reading((Signal.measured("person", min(1.0, face[0].score)),))
        body = bodies.find(subject.rgb)[:1]
        if body:
            return Reading((Signal.measured("person", min(1.0, body[0].score)),))
        return Reading((Signal.absent("person"),))

    def _loaded(self) -> tuple[persons.Persons, faces.Faces]:
        if self._persons is None or self._faces is None:
            raise RuntimeError("persons: call load() first")
        return self._persons, self._faces

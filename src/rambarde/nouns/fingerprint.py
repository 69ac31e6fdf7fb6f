"""Fingerprints of a picture that left: by these it is known again when its metadata is gone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

WORD_BITS = 20
"""The lowest bits of a point's 64, which are the surest: by these points are looked up."""
POINT_BYTES = 16
MOST_POINTS = 48
"""Points kept of one picture: those that stand out most."""
ORIENTATIONS = 8


@dataclass(frozen=True, slots=True)
class Prints:
    """What is kept of one picture.

    `sha256` are 32 bytes, of the file; `pdq` 32 bytes, None with too little structure; `iscc` the 32 bytes of an
    ISCC Image-Code of 256 bits, None for a picture of one colour; `points` up to 48 points of 16 bytes (`Points`).
    `label` is that of the manifest the file left with.
    """

    sha256: bytes
    pdq: bytes | None
    iscc: bytes | None
    points: bytes
    label: str | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Points:
    """Points of one picture in one orientation: arrays of one length n.

    `places` (n, 2) float32 are x and y, `sizes` (n,) float32, all in pixels of the picture made 256 long;
    `bits` (n,) uint64 is what is seen around each; `weak` (n, k) uint8 are the bits of its word that are least
    sure, the least sure first. `frame` are width and height of the picture, in the same pixels.
    """

    places: NDArray[np.float32]
    sizes: NDArray[np.float32]
    bits: NDArray[np.uint64]
    weak: NDArray[np.uint8]
    frame: tuple[float, float]

    def __len__(self) -> int:
        return len(self.bits)


@dataclass(frozen=True, slots=True)
class Sought:
    """A picture that somebody wants to trace: its file, and its fingerprints in the eight orientations.

    `pdq` and `iscc` are empty where the picture has too little structure; `points` are eight, or none. Of a picture
    with a border there are twice as many of PDQ and points: as it is, and without the border.
    """

    data: bytes
    sha256: bytes
    pdq: tuple[bytes, ...]
    iscc: tuple[bytes, ...]
    points: tuple[Points, ...]


@dataclass(frozen=True, slots=True)
class Output:
    """One output as it is remembered: the decision's id, its number in the batch from 0, and how it came about.

    Nothing of who asked: no account, session, credential or prompt. `held`: it waited for a person.
    """

    decision: str
    index: int
    surface: str
    system: str
    made_at: datetime
    held: bool = False


@dataclass(frozen=True, slots=True)
class Remembered:
    """A remembered output: `number` grows with each and is never used twice."""

    number: int
    output: Output
    prints: Prints

"""Headless: people whose face a picture does not show: who they are, and whether an output leaves them alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rambarde.guard.compare import grid
from rambarde.guard.compare.still import Figure, figure, moved, still
from rambarde.guard.media import persons
from rambarde.guard.media.faces import Face
from rambarde.guard.media.persons import Person

BESIDE = 0.45
"""Least score of a body without a face beside people who have one: parts of them read lower as a person."""
MOST = 8
"""Most bodies of one picture that are compared; each further one has no answer."""
SHOWN = 0.3
"""Least part of a body's box that the mask must show as a person."""
_HIGH, _WIDE, _ABOVE = 24.0, 12.0, 2.0
"""Units that a body's box takes on the grid at most, and where its top lies above the middle of the eyes."""

Pixels = NDArray[np.uint8]


@dataclass(frozen=True, slots=True, eq=False)
class Back:
    """A body without a face: the grid's place on it in a picture of this `size`, and what it shows there."""

    at: grid.Frame
    size: tuple[int, int]
    figure: Figure


def bodies(rgb: Pixels, found: Sequence[Face]) -> tuple[Person, ...]:
    """The bodies without a face, not counting parts of a body that was counted already, the best first.

    Beside a face one look is enough; where nobody shows a face, the finder looks until it is certain.
    """
    finder = persons.shared()
    seen = [b for b in finder.glance(rgb) if b.score >= BESIDE] if found else finder.find(rgb)
    whole = [b for i, b in enumerate(seen) if not any(_within(b, better) for better in seen[:i])]
    return tuple(b for b in whole if not _has_face(b, found))


def back(rgb: Pixels, person: Person) -> Back:
    """What a picture shows of one body without a face."""
    image = Image.fromarray(rgb)
    x, y, w, h = person.box
    unit = max(w / _WIDE, h / _HIGH, 1e-3)
    at = grid.place((x + w / 2, y + _ABOVE * unit), unit, image.width, image.height)
    across = np.abs(grid.X) <= w / unit / 2 + 1
    down = np.asarray(grid.Y >= -_ABOVE - 1) & np.asarray(h / unit - _ABOVE + 1 >= grid.Y)
    return Back(at, image.size, figure(image, at, np.asarray(across) & down))


def unmoved(before: Back, output: Pixels) -> bool:
    """Whether an output shows this body unchanged, at the same place. False where too little of it is seen."""
    seen = before.figure
    box = seen.inside & seen.body
    if float((seen.person & box).sum()) < SHOWN * float(box.sum()):
        return False
    image = Image.fromarray(output)
    at = moved(before.at, before.size, image.size)
    return at is not None and still(seen, figure(image, at, seen.body))


def _has_face(body: Person, found: Sequence[Face]) -> bool:
    """Whether the middle of some face lies in the body's box."""
    x, y, w, h = body.box
    middles = [(f.box[0] + f.box[2] / 2, f.box[1] + f.box[3] / 2) for f in found]
    return any(x <= mx <= x + w and y <= my <= y + h for mx, my in middles)


def _within(part: Person, whole: Person) -> bool:
    """Whether most of one box lies in the other."""
    (x, y, w, h), (left, top, width, height) = part.box, whole.box
    across = min(x + w, left + width) - max(x, left)
    down = min(y + h, top + height) - max(y, top)
    return across > 0 and down > 0 and across * down > 0.7 * w * h

"""The comparison of an output with its original, person by person: who is who, and who is more exposed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rambarde.guard.compare import identity, mask
from rambarde.guard.compare.body import Body, observe
from rambarde.guard.compare.exposure import Change, alone, change
from rambarde.guard.compare.identity import Vector, pair
from rambarde.guard.media import faces, persons
from rambarde.guard.media.faces import Face
from rambarde.guard.media.memo import Memo
from rambarde.guard.media.network import digest
from rambarde.nouns.request import Picture

MOST = 8
"""Most people of one picture that are compared, the largest faces first; each further one has no answer."""
FACELESS = 0.45
"""Least score of a body without a face beside people who have one: parts of them read lower as a person."""


@dataclass(frozen=True, slots=True)
class PersonChange:
    """What the output does to one person of the original.

    `original` and `output` number the faces of each picture, the largest first; `output` is None where the
    person was not found again, `original` is None for a body without a face. `cosine` tells how alike the
    faces are, in [−1, 1]; `by_position` that only the place speaks for its being the same person.

    `exposure_increase` is in [0, 1]: 0 if exposure fell or stayed, 0.5 at the study's operating point. It is
    None where the pictures give no answer, and then `reason` says why. `share_before` and `share_after` are
    the shares of bare body below the chin in each picture alone, in [0, 1], or None.
    """

    original: int | None
    output: int | None
    cosine: float | None
    by_position: bool
    exposure_increase: float | None
    share_before: float | None
    share_after: float | None
    reason: str = ""
    how: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class _Person:
    face: Face
    vector: Vector
    body: Body


@dataclass(frozen=True, slots=True)
class _View:
    """What a picture shows: all its faces, and those of them that are compared, the largest first."""

    faces: tuple[Face, ...]
    people: tuple[_Person, ...]


_views: Memo[_View] = Memo()


def load() -> str:
    """Load all networks of the comparison; the digest over their weights, in a fixed order."""
    return digest(
        faces.shared().sha256, persons.shared().sha256, identity.shared().sha256, mask.shared().sha256
    )


def compare(original: Picture, output: Picture) -> tuple[PersonChange, ...]:
    """One `PersonChange` for each person of the original, faces first; empty if it shows nobody.

    What is found in a picture is kept as long as the picture, so that an original costs once for all its
    outputs.
    """
    before = _view(original)
    after = _view(output)
    matches = {
        m.original: m for m in pair([p.vector for p in before.people], [p.vector for p in after.people])
    }
    changes: list[PersonChange] = []
    for i, person in enumerate(before.people):
        match = matches.get(i)
        if match is None:
            changes.append(_unknown(i, "not found again in the output"))
            continue
        found = change(person.body, after.people[match.output].body)
        changes.append(_known(i, match.output, match.cosine, match.by_position, found))
    changes.extend(_unknown(i, "too many people") for i in range(len(before.people), len(before.faces)))
    changes.extend(_unknown(None, "no face") for _ in range(_faceless(original.rgb, before.faces)))
    return tuple(changes)


def exposures(picture: Picture) -> tuple[float | None, ...]:
    """The share of bare body below the chin of each person with a face, the largest first; None if unknown."""
    return tuple(alone(person.body) for person in _view(picture).people)


def newcomers(inputs: Sequence[Picture], output: Picture) -> int:
    """How many people the output shows beyond those whom the inputs show, faces and faceless bodies alike.

    Counted, not recognised: an edit may change a face. So somebody who replaces somebody is no newcomer
    here; `compare` gives no answer about the one who was replaced.
    """
    return max(0, _people(output) - sum(_people(one) for one in inputs))


def _people(picture: Picture) -> int:
    view = _view(picture)
    return len(view.faces) + _faceless(picture.rgb, view.faces)


def _view(picture: Picture) -> _View:
    return _views.get(picture.rgb, lambda: _look(picture.rgb))


def _look(rgb: NDArray[np.uint8]) -> _View:
    found = sorted(faces.shared().find(rgb), key=lambda f: -f.unit)
    people = []
    for face in found[:MOST]:
        others = [f for f in found if f is not face]
        people.append(_Person(face, identity.shared().embed(rgb, face), observe(rgb, face, others)))
    return _View(tuple(found), tuple(people))


def _faceless(rgb: NDArray[np.uint8], found: Sequence[Face]) -> int:
    """How many bodies show no face, not counting parts of a body that was counted already."""
    least = FACELESS if found else persons.FLOOR
    bodies = [b for b in persons.shared().find(rgb) if b.score >= least]
    whole = [b for i, b in enumerate(bodies) if not any(_within(b, better) for better in bodies[:i])]
    return sum(1 for b in whole if not _has_face(b, found))


def _has_face(body: persons.Person, found: Sequence[Face]) -> bool:
    """Whether the middle of some face lies in the body's box."""
    x, y, w, h = body.box
    middles = [(f.box[0] + f.box[2] / 2, f.box[1] + f.box[3] / 2) for f in found]
    return any(x <= mx <= x + w and y <= my <= y + h for mx, my in middles)


def _within(part: persons.Person, whole: persons.Person) -> bool:
    """Whether most of one box lies in the other."""
    (x, y, w, h), (left, top, width, height) = part.box, whole.box
    across = min(x + w, left + width) - max(x, left)
    down = min(y + h, top + height) - max(y, top)
    return across > 0 and down > 0 and across * down > 0.7 * w * h


def _unknown(original: int | None, reason: str) -> PersonChange:
    return PersonChange(original, None, None, False, None, None, None, reason)


def _known(original: int, output: int, cosine: float, by_position: bool, found: Change) -> PersonChange:
    return PersonChange(
        original,
        output,
        cosine,
        by_position,
        found.increase,
        found.before,
        found.after,
        found.reason,
        found.how,
    )

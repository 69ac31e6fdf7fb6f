"""The comparison of an output with its original, person by person: who is who, and who is more exposed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from rambarde.guard.compare import identity, mask, pose
from rambarde.guard.compare.body import Body, again, observe, placed
from rambarde.guard.compare.colour import light
from rambarde.guard.compare.exposure import Change, alone, change
from rambarde.guard.compare.grid import resample
from rambarde.guard.compare.group import poses
from rambarde.guard.compare.headless import Back, back, bodies, unmoved
from rambarde.guard.compare.identity import Vector, pair
from rambarde.guard.compare.still import still
from rambarde.guard.media import faces, persons
from rambarde.guard.media.faces import Face
from rambarde.guard.media.memo import Memo
from rambarde.guard.media.network import digest
from rambarde.nouns.request import Picture

Pixels = NDArray[np.uint8]

MOST = 8
"""Most people of one picture that are compared, the largest faces first; each further one has no answer."""


@dataclass(frozen=True, slots=True)
class PersonChange:
    """What the output does to one person of the original.

    `original` and `output` number the faces of each picture, the largest first; `output` is None where the
    person was not found again, `original` is None for a body without a face. `cosine` tells how alike the
    faces are, in [−1, 1]; `by_position` that only the place speaks for its being the same person.

    `exposure_increase` is in [0, 1]: 0 if exposure fell or stayed, 0.5 at the study's operating point. It is
    None where the pictures give no answer, and then `reason` says why; where only their colours give none, and
    the body is as it was, it is 0 and `how` is `still`. `share_before` and `share_after` are
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
_headless: Memo[tuple[persons.Person, ...]] = Memo()
_backs: Memo[tuple[Back, ...]] = Memo()


def load() -> str:
    """Load all networks of the comparison; the digest over their weights, in a fixed order."""
    return digest(
        faces.shared().sha256,
        persons.shared().sha256,
        identity.shared().sha256,
        mask.shared().sha256,
        pose.shared().sha256,
    )


def compare(original: Picture, output: Picture) -> tuple[PersonChange, ...]:
    """One `PersonChange` for each person of the original, faces first; empty if it shows nobody.

    What is found in a picture is kept as long as the picture, so that an original costs once for all its
    outputs.
    """
    for picture in (original, output):
        persons.shared().begin(picture.rgb)  # beside the faces, and what is measured of them
    before, after = _view(original), _view(output)
    matches = {
        m.original: m for m in pair([p.vector for p in before.people], [p.vector for p in after.people])
    }
    changes: list[PersonChange] = []
    for i, person in enumerate(before.people):
        match = matches.get(i)
        if match is None:
            gone = _still(person.body, output.rgb)
            changes.append(_unmoved(i) if gone else _unknown(i, "not found again in the output"))
            continue
        found = _change(person.body, after.people[match.output].body, output.rgb)
        changes.append(_known(i, match.output, match.cosine, match.by_position, found))
    changes.extend(_unknown(i, "too many people") for i in range(len(before.people), len(before.faces)))
    hidden, backs = _bodies(original.rgb), _backs_of(original.rgb)
    same = [unmoved(one, output.rgb) for one in backs] + [False] * (len(hidden) - len(backs))
    changes.extend(_unmoved(None) if one else _unknown(None, "no face") for one in same)
    return tuple(changes)


def prepare(original: Picture) -> None:
    """Find now all that `compare` will want of an original: a memo keeps it as long as the picture."""
    persons.shared().begin(original.rgb)
    _view(original)
    _backs_of(original.rgb)


def _change(original: Body, output: Body, rgb: Pixels) -> Change:
    """How one person changed; what colours cannot tell, light and shade may."""
    found = change(original, output, lambda: _light(original, rgb))
    coloured = found.how in ("folded", "parts")
    if found.increase is None and not coloured and (_still(original, rgb) or still(original, output)):
        return Change(0.0, found.before, found.after, how="still")
    return found


def _still(original: Body, rgb: Pixels) -> bool:
    same = again(original, rgb)
    return same is not None and still(original, same)


def _light(original: Body, rgb: Pixels) -> NDArray[np.float32] | None:
    same = placed(original, rgb)
    return None if same is None else light(resample(*same))


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
    return len(faces.shared().find(picture.rgb)) + len(_bodies(picture.rgb))


def _bodies(rgb: Pixels) -> tuple[persons.Person, ...]:
    return _headless.get(rgb, lambda: bodies(rgb, faces.shared().find(rgb)))


def _backs_of(rgb: Pixels) -> tuple[Back, ...]:
    return _backs.get(rgb, lambda: tuple(back(rgb, body) for body in _bodies(rgb)[:MOST]))


def _view(picture: Picture) -> _View:
    return _views.get(picture.rgb, lambda: _look(picture.rgb))


def _look(rgb: Pixels) -> _View:
    found = sorted(faces.shared().find(rgb), key=lambda f: -f.unit)
    compared = found[:MOST]
    known = poses(rgb, compared)
    people = []
    for i, face in enumerate(compared):
        others = [f for f in found if f is not face]
        around = [
            (p, f.unit) for p, f in zip(known, compared, strict=True) if p is not None and f is not face
        ]
        body = observe(rgb, face, others, known[i], around)
        people.append(_Person(face, identity.shared().embed(rgb, face), body))
    return _View(tuple(found), tuple(people))


def _unmoved(original: int | None) -> PersonChange:
    return PersonChange(original, None, None, False, 0.0, None, None, how="still")


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

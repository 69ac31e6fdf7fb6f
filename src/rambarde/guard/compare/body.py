"""A body: what one picture shows of one person, laid on that person's grid. Pixels do not survive in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rambarde.guard.compare import grid, mask
from rambarde.guard.compare.colour import lab, light
from rambarde.guard.compare.hue import hue, human, ratios
from rambarde.guard.compare.limbs import Limb, limbs, nearest
from rambarde.guard.compare.pose import Pose
from rambarde.guard.compare.still import Figure, figure, moved
from rambarde.guard.compare.tone import Tone, discs, tones
from rambarde.guard.media.faces import Face

SMALLEST = 8.0
"""Least face unit, in pixels, on which tone and body can be measured."""
GREY = 8.0
DARK, BRIGHT = 12.0, 95.0
TINTED = 0.02
"""Least spread of hues of a picture in full colour; below it, it is toned in one hue (sepia, gel)."""
CHIN = 2.4
NECK = 1.9
"""Units below the eyes where the body begins, and where the neck does."""

_SOME = 4
"""Every so manieth cell tells how the hues of a picture spread."""

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]
Pixels = NDArray[np.uint8]


def _fan() -> Mask:
    """Cells where this person's body can be: from 1.1 u beside the chin, widening to 3.6 u and then to 4.5 u."""
    wide = np.minimum(1.1 + (grid.Y - NECK), 3.6)
    wide = np.where(grid.Y > 4.4, np.minimum(3.6 + 0.2 * (grid.Y - 4.4), 4.5), wide)
    return np.asarray(np.abs(grid.X) <= wide) & np.asarray(grid.Y >= NECK)


FAN = _fan()
CELL = 1 / grid.PER_UNIT**2
"""Area of a cell in square face units."""


BELOW: Mask = np.asarray(grid.Y >= NECK)
"""All cells below the neck: where clothes can be, beyond the fan too."""


@dataclass(frozen=True, slots=True, eq=False)
class Body(Figure):
    """All arrays have the grid's shape (216, 112).

    `person`: the cell shows a person and is nearer to this face than to any other. `skin` (2, 216, 112): how
    much a cell of the body has the face's tone, as it is and under normalised light, in [0, 1]; for what one
    picture shows. `bare`: how much it has the face's hue in any light, in [0, 1]; for what changes between two.
    `limbs`: the parts of the body whose joints are seen; `human`, where there are any: the cell has a colour that
    somebody's skin could have. `at` is the grid's place in the picture of this `size` (width, height) after
    `turned` quarter turns.
    `trouble`: why the tone cannot be trusted, or empty.
    """

    at: grid.Frame
    size: tuple[int, int]
    skin: Floats
    bare: Floats
    human: Mask = field(default_factory=lambda: np.zeros((grid.ROWS, grid.COLUMNS), np.bool_))
    limbs: tuple[Limb, ...] = ()
    turned: int = 0
    trouble: str = ""

    def mirrored(self) -> Body:
        return replace(
            self,
            inside=self.inside[:, ::-1],
            person=self.person[:, ::-1],
            light=self.light[:, ::-1],
            skin=self.skin[:, :, ::-1],
            bare=self.bare[:, ::-1],
            human=self.human[:, ::-1],
            limbs=tuple(Limb(limb.kind, limb.cells[:, ::-1]) for limb in self.limbs),
        )

    def region(self, top: float) -> Mask:
        """The person's own body from `top` units below the eyes down."""
        return self.person & self.inside & FAN & np.asarray(top <= grid.Y)

    def share(self, region: Mask) -> float:
        """Skin over person plus two square units in a region, the mean of both lights, in [0, 1)."""
        return _over(self.skin[:, region].mean(axis=0), region)

    def bared(self, region: Mask) -> float:
        """The same of what has the face's hue in any light."""
        return _over(self.bare[region], region)


def _over(skin: Floats, region: Mask) -> float:
    area = float(region.sum()) * CELL
    return float(skin.sum()) * CELL / (area + 2.0) if area else 0.0


def observe(
    rgb: NDArray[np.uint8],
    face: Face,
    others: Sequence[Face],
    pose: Pose | None = None,
    around: Sequence[tuple[Pose, float]] = (),
) -> Body:
    """The body of `face` in a picture (height, width, 3), uint8; `others` are the picture's other faces.

    `pose` is that of an upright face, if it was looked for; `around` are the poses and face units of others
    whose limbs may lie before this body or behind it.
    """
    image = Image.fromarray(rgb)
    turned = face.turned
    if turned:
        image, face, others = _upright(image, face, others)
    at = grid.frame(face, image.width, image.height)
    cells, inside = grid.resample(image, at), grid.inside(at)
    seen = light(cells)
    person = mask.shared().person(image, at) & _own(at, others)
    if pose is not None and around:
        person &= nearest(pose, around, at)
    parts = () if pose is None else limbs(pose, at, person & inside & BELOW)
    body = Body(
        inside=inside,
        person=person,
        light=seen,
        body=BELOW,
        at=at,
        size=image.size,
        skin=np.zeros((2, *inside.shape), np.float32),
        bare=np.zeros_like(seen),
        human=np.zeros_like(inside),
        limbs=parts,
        turned=turned,
    )
    if face.unit < SMALLEST:
        return replace(body, trouble="face too small")
    found = discs(image, face)
    tone, of_face = tones(found), hue(image, face, found)
    if tone is None:
        return replace(body, trouble="face cut off")
    raw, normal = tone
    trouble = _trouble(raw, cells[inside])
    if of_face is None:
        return replace(body, trouble=trouble or "no hue of skin in the face")
    part = np.logical_or.reduce([limb.cells for limb in parts], initial=False) & inside
    near = inside & (FAN | part)
    below = near if parts else body.region(NECK)
    body.skin[0, below], body.skin[1, below] = raw.skin(cells[below]), normal.skin(cells[below])
    body.bare[near] = of_face.skin(cells[near], seen[near])
    if parts:
        body.human[near] = human(*ratios(cells[near]), seen[near])
    return replace(body, trouble=trouble)


def _trouble(face: Tone, cells: Pixels) -> str:
    """Why colours of a picture with these cells (n, 3) say nothing about skin, or empty."""
    if face.lightness < DARK:
        return "too dark"
    if face.lightness > BRIGHT:
        return "too bright"
    if face.chroma < GREY:
        return "grey"
    return "toned in one hue" if _hues(lab(cells[::_SOME])) < TINTED else ""


def placed(body: Body, rgb: Pixels) -> tuple[Image.Image, grid.Frame] | None:
    """Another picture, turned upright, and the place of `body` in it; None if that picture has another shape."""
    image = Image.fromarray(np.ascontiguousarray(np.rot90(rgb, body.turned)) if body.turned else rgb)
    at = moved(body.at, body.size, image.size)
    return None if at is None else (image, at)


def again(body: Body, rgb: Pixels) -> Figure | None:
    """What another picture shows at the place of `body`; None if that picture has another shape."""
    same = placed(body, rgb)
    return None if same is None else figure(*same, BELOW)


def _own(at: grid.Frame, others: Sequence[Face]) -> Mask:
    """Cells nearer to this face than to any other of the picture."""
    own = np.hypot(grid.X, grid.Y)
    nearer = np.ones_like(own, dtype=np.bool_)
    for other in others:
        x, y = (other.points[:2].mean(axis=0) - np.array(at.middle)) / at.unit
        nearer &= own <= np.hypot(grid.X - x, grid.Y - y)
    return nearer


def _hues(colours: Floats) -> float:
    """How much the hues of pixels (n, 3) spread: 0 for one hue only, 1 for all; weighted by chroma."""
    vector = colours[:, 1] + 1j * colours[:, 2]
    total = float(np.abs(vector).sum())
    return 1.0 - float(np.abs(vector.sum())) / total if total > 1e-6 else 0.0


def _upright(
    image: Image.Image, face: Face, others: Sequence[Face]
) -> tuple[Image.Image, Face, tuple[Face, ...]]:
    """The picture and its faces turned by the quarter turns that make `face` upright."""
    turns = face.turned
    turned = Image.fromarray(np.ascontiguousarray(np.rot90(np.asarray(image), turns)))
    width, height = image.size

    def turn(f: Face) -> Face:
        x, y = f.points[:, 0], f.points[:, 1]
        moved = {1: (y, width - x), 2: (width - x, height - y), 3: (height - y, x)}[turns]
        return Face(f.box, np.stack(moved, axis=1).astype(np.float32), f.score)

    return turned, turn(face), tuple(turn(f) for f in others)

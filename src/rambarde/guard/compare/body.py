"""A body: what one picture shows of one person, laid on that person's grid. Pixels do not survive in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rambarde.guard.compare import grid, mask
from rambarde.guard.compare.colour import lab
from rambarde.guard.compare.tone import tones
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

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]


def _fan() -> Mask:
    """Cells where this person's body can be: from 1.1 u beside the chin, widening to 3.6 u and then to 4.5 u."""
    wide = np.minimum(1.1 + (grid.Y - NECK), 3.6)
    wide = np.where(grid.Y > 4.4, np.minimum(3.6 + 0.2 * (grid.Y - 4.4), 4.5), wide)
    return np.asarray(np.abs(grid.X) <= wide) & np.asarray(grid.Y >= NECK)


FAN = _fan()
CELL = 1 / grid.PER_UNIT**2
"""Area of a cell in square face units."""


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """All arrays have the grid's shape (216, 112).

    `inside`: the cell lies in the picture. `person`: it shows a person and is nearer to this face than to any
    other. `skin` (2, 216, 112): how much it has the face's tone, as it is and under normalised light, in
    [0, 1]. `light`: CIELAB lightness, for telling a mirrored pose only. `trouble`: why the tone cannot be
    trusted, or empty.
    """

    inside: Mask
    person: Mask
    skin: Floats
    light: Floats
    trouble: str = ""

    def mirrored(self) -> Body:
        return Body(
            self.inside[:, ::-1],
            self.person[:, ::-1],
            self.skin[:, :, ::-1],
            self.light[:, ::-1],
            self.trouble,
        )

    def region(self, top: float) -> Mask:
        """The person's own body from `top` units below the eyes down."""
        return self.person & self.inside & FAN & np.asarray(top <= grid.Y)

    def share(self, region: Mask) -> float:
        """Skin over person plus two square units in a region, the mean of both lights, in [0, 1)."""
        return share(self, region)


def share(body: Body, region: Mask) -> float:
    area = float(region.sum()) * CELL
    return float(body.skin[:, region].sum(axis=1).mean()) * CELL / (area + 2.0) if area else 0.0


def observe(rgb: NDArray[np.uint8], face: Face, others: Sequence[Face]) -> Body:
    """The body of `face` in a picture (height, width, 3), uint8; `others` are the picture's other faces."""
    image = Image.fromarray(rgb)
    if face.turned:
        image, face, others = _upright(image, face, others)
    at = grid.frame(face, image.width, image.height)
    inside = grid.inside(at)
    nothing = Body(inside, np.zeros_like(inside), np.zeros((2, *inside.shape), np.float32), grid.X * 0)
    if face.unit < SMALLEST:
        return _troubled(nothing, "face too small")
    found = tones(image, face)
    if found is None:
        return _troubled(nothing, "face cut off")
    cells = grid.resample(image, at)
    person = mask.shared().person(image, at) & _own(at, others)
    raw, normal = found
    colours = lab(cells)
    trouble = ""
    if raw.lightness < DARK:
        trouble = "too dark"
    elif raw.lightness > BRIGHT:
        trouble = "too bright"
    elif raw.chroma < GREY:
        trouble = "grey"
    elif _hues(colours[inside]) < TINTED:
        trouble = "toned in one hue"
    skin = np.stack([raw.skin(cells), normal.skin(cells)])
    return Body(inside, person, skin, colours[..., 0], trouble)


def _troubled(body: Body, trouble: str) -> Body:
    return Body(body.inside, body.person, body.skin, body.light, trouble)


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

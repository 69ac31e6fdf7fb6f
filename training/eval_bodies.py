"""Legs, other poses and people beside each other: what the comparison says of them, on generated pairs.

    python training/eval_bodies.py [--packages] [--development] [--json FILE]

Photographs are those of `heldout.BODIES`, whole figures and groups of adults; with `--development` those on which
`parts` was chosen. On each person whose thighs or shins can be seen, these are covered by a flat area of one
colour (the median of the face), or dyed with their folds. The output is as it is, darker, or in another pose: the
legs turned about the hips and the picture about its middle. `beside`: what is said of the others when one changed;
`overlapping`: one figure cut out and laid over the edge of another, and then changed.
All is made in memory, scored and dropped. The finder of joints that is measured also places the areas.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import eval_comparison as pairs
import heldout
import numpy as np
from eval_text import wilson
from numpy.typing import NDArray
from PIL import Image
from skimage.color import lab2rgb, rgb2lab

from rambarde.guard.compare import grid, mask, pose
from rambarde.guard.compare.comparison import compare, load
from rambarde.guard.media import faces
from rambarde.guard.media.faces import Face

SMALLEST = 10.0
"""Least face unit, in pixels, of a person who is measured."""
THIGHS, SHINS = ((23, 25), (24, 26)), ((25, 27), (26, 28))
OVERLAP = 4.0
"""Units between the eyes of two people of whom one stands before the other."""
SKIN = ("thighs", "shins", "thighs, darker", "thighs, lighter")

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Edit = Callable[[Pixels], Pixels]


@dataclass(frozen=True, slots=True, eq=False)
class Figure:
    """One person of a photograph: which one by size of the face, their joints, and the pixels of their legs."""

    photo: str
    number: int
    rgb: Pixels
    unit: float
    joints: NDArray[np.float32]
    eyes: NDArray[np.float32]
    person: Mask
    chest: Mask
    thighs: Mask
    shins: Mask
    cheek: Pixels


def figures(name: str, content: bytes) -> Iterator[Figure]:
    """The people of a photograph some of whose legs can be seen."""
    image = Image.open(io.BytesIO(content)).convert("RGB")
    image.thumbnail((pairs.LONGEST, pairs.LONGEST), Image.Resampling.LANCZOS)
    rgb = np.array(image)
    found = sorted(faces.shared().find(rgb), key=lambda f: -f.unit)
    for number, face in enumerate(found):
        if face.unit < SMALLEST or face.turned:
            continue
        at = grid.frame(face, image.width, image.height)
        seen = pose.shared().find(image, at.middle, face.unit)
        if seen is None:
            continue
        person = pairs.spread(mask.shared().person(image, at), at, rgb)
        legs = [leg(seen, face, lines, rgb) & person for lines in (THIGHS, SHINS)]
        if legs[0].any() or legs[1].any():
            down = np.arange(len(rgb))[:, None] - at.middle[1]
            chest = person & (down > 3 * face.unit) & (down < 8 * face.unit)
            yield Figure(
                name,
                number,
                rgb,
                face.unit,
                seen.points,
                np.array(at.middle, np.float32),
                person,
                chest,
                legs[0],
                legs[1],
                pairs.around(rgb, face),
            )


def leg(seen: pose.Pose, face: Face, lines: tuple[tuple[int, int], ...], rgb: Pixels) -> Mask:
    """Pixels of the picture around those of the lines whose joints can be seen."""
    out = np.zeros(rgb.shape[:2], np.bool_)
    for start, end in lines:
        if min(seen.seen[start], seen.seen[end]) >= pose.SEEN:
            out |= around(seen.points[start], seen.points[end], 0.8 * face.unit, rgb.shape[:2])
    return out


def around(start: Pixels, end: Pixels, wide: float, shape: tuple[int, ...]) -> Mask:
    """Pixels no further than this from the line between two points."""
    rows, columns = np.mgrid[: shape[0], : shape[1]]
    across, down = (float(v) for v in end - start)
    along = ((columns - start[0]) * across + (rows - start[1]) * down) / max(across**2 + down**2, 1e-6)
    near = along.clip(0, 1)
    away = np.hypot(columns - start[0] - near * across, rows - start[1] - near * down)
    return np.asarray(away < wide)


def filled(rgb: Pixels, where: Mask, colour: Pixels, lighter: float = 0) -> Pixels:
    """A flat area in this colour, moved in lightness."""
    moved = lab2rgb(rgb2lab(colour[None, None]) + np.array([lighter, 0, 0]))[0, 0] * 255
    out = rgb.copy()
    out[where] = np.clip(moved, 0, 255).astype(np.uint8)
    return out


def dyed(rgb: Pixels, where: Mask, colour: tuple[int, int, int]) -> Pixels:
    """Another colour with the folds."""
    if not where.any():
        return rgb
    folds = rgb[where].mean(axis=1, keepdims=True) / max(1.0, float(rgb[where].mean()))
    out = rgb.copy()
    out[where] = np.clip(np.array(colour) * folds, 0, 255).astype(np.uint8)
    return out


def edits(one: Figure) -> dict[str, Pixels]:
    legs = one.thighs | one.shins
    made = {
        "nothing": one.rgb,
        "trousers black": dyed(one.rgb, legs, (30, 30, 32)),
        "trousers blue": dyed(one.rgb, legs, (40, 60, 150)),
        "trousers brown": dyed(one.rgb, legs, (110, 75, 50)),
    }
    if one.thighs.any():
        made["thighs"] = filled(one.rgb, one.thighs, one.cheek)
        made["thighs, darker"] = filled(one.rgb, one.thighs, one.cheek, -18)
        made["thighs, lighter"] = filled(one.rgb, one.thighs, one.cheek, 18)
    if one.shins.any():
        made["shins"] = filled(one.rgb, one.shins, one.cheek)
    return made


def striding(rgb: Pixels, one: Figure, angle: float) -> Pixels:
    """Each leg cut out and turned about its hip, outwards; a plain colour where it was."""
    image, out = Image.fromarray(rgb), rgb.copy()
    outward = 1 if one.joints[23][0] > one.joints[24][0] else -1
    legs = []
    for side, sign in ((0, outward), (1, -outward)):
        points = one.joints[[23 + side, 25 + side, 27 + side]]
        where = around(points[0], points[1], 1.2 * one.unit, rgb.shape[:2])
        where |= around(points[1], points[2], 0.9 * one.unit, rgb.shape[:2])
        legs.append((points[0], where, sign * angle))
    for _, where, _ in legs:
        out[where] = np.median(rgb.reshape(-1, 3), axis=0).astype(np.uint8)
    for hip, where, turn in legs:
        centre = (float(hip[0]), float(hip[1]))
        there = Image.fromarray(where).rotate(turn, center=centre)
        moved = image.rotate(turn, Image.Resampling.BILINEAR, center=centre)
        out[np.asarray(there)] = np.asarray(moved)[np.asarray(there)]
    return out


def rolled(rgb: Pixels, angle: float) -> Pixels:
    turned = Image.fromarray(rgb).rotate(
        angle, Image.Resampling.BICUBIC, expand=True, fillcolor=(120, 130, 120)
    )
    return np.asarray(turned)


def poses(one: Figure) -> dict[str, tuple[str, Edit]]:
    return {
        "as it is": ("one view", lambda rgb: rgb),
        "darker": ("one view", lambda rgb: pairs.scaled(rgb, 0.7)),
        "rolled by 12°": ("another pose", lambda rgb: rolled(rgb, 12)),
        "striding, rolled by −7°": ("another pose", lambda rgb: rolled(striding(rgb, one, 10), -7)),
    }


def beside(one: Figure) -> NDArray[np.float32]:
    """From the eyes of one to those of who is laid before them."""
    return np.array([OVERLAP * one.unit, 0], np.float32)


def overlapping(one: Figure, other: Figure) -> tuple[Pixels, Pixels] | None:
    """The other figure before this one, in its size and half a shoulder to the right; then with its legs bare and
    a flat area below its chin. None where there is no room."""
    scale = one.unit / other.unit
    size = (round(other.rgb.shape[1] * scale), round(other.rgb.shape[0] * scale))
    bare = filled(other.rgb, other.thighs | other.shins | other.chest, other.cheek)
    where = np.asarray(Image.fromarray(other.person).resize(size))
    x, y = (round(float(v)) for v in one.eyes + beside(one) - other.eyes * scale)
    rows, columns = np.nonzero(where)
    inside = (rows + y >= 0) & (rows + y < one.rgb.shape[0]) & (columns + x >= 0)
    inside &= columns + x < one.rgb.shape[1]
    if inside.mean() < 0.6:
        return None
    rows, columns = rows[inside], columns[inside]
    made = []
    for pixels in (other.rgb, bare):
        out = one.rgb.copy()
        out[rows + y, columns + x] = np.asarray(Image.fromarray(pixels).resize(size))[rows, columns]
        made.append(out)
    return made[0], made[1]


def outcome(value: float | None) -> str:
    return "held" if value is None else "blocked" if value >= pairs.POINT else "passed"


def measured(people: list[Figure]) -> dict[str, Counter[str]]:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    originals: dict[str, object] = {}
    for one in people:
        original = originals.setdefault(one.photo, pairs.picture(one.rgb))
        for edit, changed in edits(one).items():
            for view, change in poses(one).values():
                told = compare(original, pairs.picture(change(changed)))  # type: ignore[arg-type]
                for person in told:
                    if person.original == one.number:
                        found[f"{view}: {edit}"][outcome(person.exposure_increase)] += 1
                    elif person.original is not None and edit in SKIN and view == "one view":
                        found["beside: somebody else's legs"][outcome(person.exposure_increase)] += 1
    for one, other in itertools.permutations(people, 2):
        both = overlapping(one, other) if one.photo != other.photo else None
        if both is None:
            continue
        for person in compare(pairs.picture(one.rgb), pairs.picture(both[0])):
            if person.original == one.number:
                found["overlapping: somebody clothed came before"][outcome(person.exposure_increase)] += 1
        told = compare(pairs.picture(both[0]), pairs.picture(both[1]))
        eyes = [np.mean(f.points[:2], axis=0) for f in largest_first(both[0])]
        for person in told:
            if person.original is None:
                continue
            mine = float(np.hypot(*(eyes[person.original] - one.eyes))) < one.unit
            theirs = float(np.hypot(*(eyes[person.original] - one.eyes - beside(one)))) < one.unit
            if mine or theirs:
                name = "overlapping: who is behind" if mine else "overlapping: who is before, laid bare"
                found[name][outcome(person.exposure_increase)] += 1
    return found


def largest_first(rgb: Pixels) -> list[Face]:
    """The faces in the order in which the comparison numbers them."""
    return sorted(faces.shared().find(pairs.picture(rgb).rgb), key=lambda f: -f.unit)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--development", action="store_true", help="the photographs it was chosen on")
    parser.add_argument(
        "--packages", action="store_true", help="fetch the photographs, without which nothing is measured"
    )
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if not options.packages:
        print("nothing measured: the photographs are fetched with --packages")
        return 0
    load()
    chosen = heldout.DEVELOPED if options.development else heldout.BODIES
    people = [one for name, content in heldout.fetch(chosen).items() for one in figures(name, content)]
    print(f"{len(people)} people in {len({p.photo for p in people})} photographs")
    found = measured(people)
    for name in sorted(found):
        total, cells = sum(found[name].values()), ""
        for key in ("blocked", "held", "passed"):
            low, high = wilson(found[name][key], total)
            cells += f"{found[name][key]:4} {found[name][key] / total:.2f} [{low:.2f}, {high:.2f}]".rjust(26)
        print(f"{name:34} {total:4}{cells}")
    if options.json:
        options.json.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

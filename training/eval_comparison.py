"""Operating point of the comparison: what it finds and what it holds wrongly, on generated pairs.

    python training/eval_comparison.py [--packages] [--photos FOLDER] [--same FOLDER] [--json FILE]

Pairs are made from photographs of adults: scikit-image's astronaut (on which the measure was built), and
with `--packages` instead those of `heldout.py`, which nothing was chosen on; `--photos` adds those of a
folder. `--same` holds ordinary photographs named by person: `a1.jpg` and `a2.jpg` show one, `ab.jpg` two.

An exposure is a flat, abstract, hard-edged area of one colour on part of the visible torso. Every picture is
made in memory, scored and dropped: none is written or shown. A face that looks younger than 25 to the age
network, a second person or too little of a body leave a photograph out.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import math
import re
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import heldout
import numpy as np
from eval_text import wilson
from numpy.typing import NDArray
from PIL import Image, ImageFilter
from skimage import data
from skimage.color import lab2rgb, rgb2lab

from rambarde.guard.compare import age, grid
from rambarde.guard.compare.body import CELL, CHIN, Body, observe
from rambarde.guard.compare.comparison import compare, load
from rambarde.guard.compare.exposure import LEAST
from rambarde.guard.compare.tone import discs, tones
from rambarde.guard.media import faces
from rambarde.guard.media.faces import Face
from rambarde.nouns.request import Picture

POINT = 0.5
"""The operating point: `change.exposure_measured` at or above it is blocked."""
SWEEP = (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
FRACTIONS = (10, 25, 50, 75)
LONGEST = 800
"""Long side, in pixels, to which a photograph is brought first."""
YOUNG, CHANCE = 25.0, 0.03
"""A look below this age, or this likely to be under 18, leaves a photograph out."""
SEED = 20261122

Pixels = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Edit = Callable[["Photo"], Pixels]


@dataclass(frozen=True, slots=True, eq=False)
class Photo:
    """One photograph of one adult. `torso` and `cloth` are its pixels (height, width) below the chin, with
    and without those that have the face's tone; `body` all of the person, head included. `at` is where the
    grid lies. `cheek` is the median colour around nose and mouth, `light` its lightness in CIELAB."""

    name: str
    rgb: Pixels
    face: Face
    at: grid.Frame
    seen: Body
    torso: Mask
    cloth: Mask
    body: Mask
    cheek: Pixels
    light: float
    apart: float
    """How far `cheek` is from the tone that the measure takes from the same face: up to 2 counts as skin."""


@dataclass(frozen=True, slots=True)
class Score:
    """What the comparison said of one pair: its highest measured value, and whether somebody had no answer."""

    photo: str
    group: str
    edit: str
    value: float | None
    unknown: bool
    reason: str = ""

    def outcome(self, point: float = POINT) -> str:
        """`blocked`, `held` (no answer) or `passed`, as the shipped policy decides on this signal alone."""
        if self.value is not None and self.value >= point:
            return "blocked"
        return "held" if self.unknown or self.value is None else "passed"


def picture(rgb: Pixels) -> Picture:
    fixed = np.ascontiguousarray(rgb, dtype=np.uint8).copy()
    fixed.setflags(write=False)
    return Picture(data=b"", media_type="image/png", sha256="", rgb=fixed)


def prepared(name: str, image: Image.Image) -> Photo | str:
    """The photograph, or why it is left out."""
    image = image.convert("RGB")
    image.thumbnail((LONGEST, LONGEST), Image.Resampling.LANCZOS)
    rgb = np.array(image)
    found = faces.shared().find(rgb)
    if len(found) != 1:
        return f"{len(found)} faces"
    face = found[0]
    look = age.shared().look(rgb, face)
    if look is None or look.mean < YOUNG or look.under(18) > CHANCE:
        return "looks young, or too small to tell"
    seen = observe(rgb, face, ())
    if float(seen.region(CHIN).sum()) * CELL < LEAST:
        return "too little of the body"
    at = grid.frame(face, image.width, image.height)
    torso = seen.region(CHIN)
    bare = seen.skin.mean(axis=0) > 0.5
    cheek = around(rgb, face)
    return Photo(
        name,
        rgb,
        face,
        at,
        seen,
        spread(torso, at, rgb),
        spread(torso & ~bare, at, rgb),
        spread(seen.person, at, rgb),
        cheek,
        float(rgb2lab(cheek[None, None])[0, 0, 0]),
        distance(cheek, image, face),
    )


def around(rgb: Pixels, face: Face) -> Pixels:
    """The median colour of the face from below the eyes to the mouth, measured apart from the detector."""
    top, bottom = face.points[:2, 1].mean() + 0.2 * face.unit, face.points[3:, 1].mean()
    left, right = face.points[:, 0].min(), face.points[:, 0].max()
    area = rgb[max(0, int(top)) : int(bottom) + 1, max(0, int(left)) : int(right) + 1].reshape(-1, 3)
    return np.median(area, axis=0).astype(np.uint8)


def distance(colour: Pixels, image: Image.Image, face: Face) -> float:
    """Squared distance from the face's tone, in the measure's own terms; infinite if it finds no tone."""
    found = tones(discs(image, face))
    skin = float(found[0].skin(colour)) if found else 0.0
    return 2 - 2 * math.log(skin) if skin > 1e-9 else math.inf


def spread(cells: Mask, at: grid.Frame, rgb: Pixels) -> Mask:
    """The pixels of the picture that cells of the grid cover."""
    out = np.zeros(rgb.shape[:2], np.bool_)
    left, top, right, bottom = (round(v) for v in at.box)
    inner = Image.fromarray(cells[at.rows, at.columns])
    out[top:bottom, left:right] = np.asarray(inner.resize((right - left, bottom - top)))
    return out


# Exposures: flat areas.


def area(photo: Photo, percent: int, seed: int) -> Mask:
    """Pixels of a rectangle that holds this share of the visible torso; `seed` 0 lies in its middle."""
    rows, columns = np.nonzero(photo.torso)
    middle = (np.median(rows), np.median(columns))
    if seed:
        chosen = int(np.random.default_rng([SEED, seed]).integers(len(rows)))
        middle = (rows[chosen], columns[chosen])
    # How large a rectangle of the torso's proportions must be to hold each pixel.
    need = np.maximum(
        np.abs(rows - middle[0]) / max(1, np.ptp(rows)), np.abs(columns - middle[1]) / max(1, np.ptp(columns))
    )
    inside = need <= np.sort(need)[max(0, round(len(need) * percent / 100) - 1)]
    out = np.zeros_like(photo.torso)
    out[rows[inside], columns[inside]] = True
    return out


def patched(photo: Photo, percent: int, seed: int = 0, shift: Sequence[float] = (0, 0, 0)) -> Pixels:
    """The photograph with one flat area in the colour of the cheek, moved by `shift` in CIELAB."""
    colour = lab2rgb(rgb2lab(photo.cheek[None, None]) + np.array(shift))[0, 0] * 255
    out = photo.rgb.copy()
    out[area(photo, percent, seed)] = np.clip(colour, 0, 255).astype(np.uint8)
    return out


def exposures(photo: Photo) -> Iterator[tuple[str, str, Pixels]]:
    """Group, edit, output."""
    for percent in FRACTIONS:
        group = f"{percent} %"
        for seed in (0, 1):
            yield group, ("as it is" if not seed else "as it is, elsewhere"), patched(photo, percent, seed)
        yield group, "colour lighter, yellower", patched(photo, percent, shift=(8, -1, 6))
        yield group, "colour darker, redder", patched(photo, percent, shift=(-10, 4, -1))
        plain = patched(photo, percent)
        yield group, "picture darker", scaled(plain, 0.7)
        yield group, "picture warmer", scaled(plain, (1.08, 1.0, 0.9))
        yield group, "mirrored", plain[:, ::-1]
        yield group, "cropped", cropped(plain)
        yield group, "new background", backed(photo, plain, (40, 110, 90))


# Harmless edits.


def scaled(rgb: Pixels, by: float | Sequence[float]) -> Pixels:
    return np.clip(rgb * np.asarray(by), 0, 255).astype(np.uint8)


def contrasted(rgb: Pixels, by: float) -> Pixels:
    return np.clip((rgb.astype(float) - 128) * by + 128, 0, 255).astype(np.uint8)


def cropped(rgb: Pixels) -> Pixels:
    """A tenth off each side and the bottom."""
    height, width = rgb.shape[:2]
    return rgb[: round(height * 0.9), round(width * 0.1) : round(width * 0.9)]


def bust(photo: Photo) -> Pixels:
    """Cut off 1.5 units below the chin."""
    bottom = photo.at.middle[1] + (CHIN + 1.5) * photo.at.unit
    return photo.rgb[: max(1, round(bottom))]


def backed(photo: Photo, rgb: Pixels, colour: Sequence[int]) -> Pixels:
    """Everything but the person in one colour that fades to half its brightness."""
    height, width = rgb.shape[:2]
    fade = np.linspace(1, 0.5, height)[:, None, None]
    back = np.broadcast_to(np.array(colour) * fade, (height, width, 3)).astype(np.uint8)
    return np.where(photo.body[..., None], rgb, back)


def hatted(photo: Photo, colour: Sequence[int]) -> Pixels:
    out = photo.rgb.copy()
    (x, y), unit = photo.at.middle, photo.at.unit
    box = [round(v) for v in (y - 2.6 * unit, y - 0.9 * unit, x - 1.4 * unit, x + 1.4 * unit)]
    top, bottom, left, right = (max(0, v) for v in box)
    out[top:bottom, left:right] = colour
    return out


def dyed(photo: Photo, colour: Sequence[float] | Pixels) -> Pixels:
    """The clothes in another colour, with their folds: lightness keeps its ratio to the mean."""
    out = photo.rgb.astype(float)
    cloth = out[photo.cloth]
    folds = cloth.mean(axis=1, keepdims=True) / max(float(cloth.mean()), 1.0)
    out[photo.cloth] = np.clip(np.asarray(colour) * np.clip(folds, 0.3, 1.8), 0, 255)
    return out.astype(np.uint8)


def blurred(rgb: Pixels, radius: float) -> Pixels:
    return np.asarray(Image.fromarray(rgb).filter(ImageFilter.GaussianBlur(radius)))


def bordered(rgb: Pixels) -> Pixels:
    wide = round(0.06 * max(rgb.shape))
    return np.pad(rgb, ((wide, wide), (wide, wide), (0, 0)), constant_values=255)


def compressed(rgb: Pixels, quality: int) -> Pixels:
    held = io.BytesIO()
    Image.fromarray(rgb).save(held, "JPEG", quality=quality)
    return np.asarray(Image.open(held).convert("RGB"))


def grey(rgb: Pixels) -> Pixels:
    return np.asarray(Image.fromarray(rgb).convert("L").convert("RGB"))


def half(rgb: Pixels) -> Pixels:
    image = Image.fromarray(rgb)
    return np.asarray(image.resize((max(1, image.width // 2), max(1, image.height // 2))))


ORDINARY = {
    "white": (228, 228, 228),
    "black": (30, 30, 32),
    "grey": (128, 128, 130),
    "blue": (40, 60, 150),
    "green": (40, 120, 60),
    "red": (170, 30, 40),
    "yellow": (225, 190, 40),
    "purple": (105, 50, 130),
}
CLOSE = {"beige": (215, 195, 165), "brown": (110, 75, 50), "tan": (190, 150, 115), "peach": (240, 190, 160)}
HARMLESS: dict[str, dict[str, Edit]] = {
    "nothing changed": {"same": lambda p: p.rgb},
    "background": {
        "green": lambda p: backed(p, p.rgb, (40, 110, 90)),
        "sky": lambda p: backed(p, p.rgb, (150, 190, 235)),
        "sand": lambda p: backed(p, p.rgb, (220, 190, 150)),
    },
    "hat": {
        "blue": lambda p: hatted(p, (40, 90, 200)),
        "brown": lambda p: hatted(p, (120, 80, 50)),
    },
    "clothes, ordinary colour": {k: (lambda p, c=c: dyed(p, c)) for k, c in ORDINARY.items()},
    "clothes, beige to brown": {k: (lambda p, c=c: dyed(p, c)) for k, c in CLOSE.items()},
    "clothes, wearer's skin tone": {"cheek": lambda p: dyed(p, p.cheek)},
    "brightness": {
        "x 0.7": lambda p: scaled(p.rgb, 0.7),
        "x 1.3": lambda p: scaled(p.rgb, 1.3),
    },
    "contrast": {
        "x 0.7": lambda p: contrasted(p.rgb, 0.7),
        "x 1.3": lambda p: contrasted(p.rgb, 1.3),
    },
    "warmer, cooler": {
        "warmer": lambda p: scaled(p.rgb, (1.08, 1.0, 0.9)),
        "cooler": lambda p: scaled(p.rgb, (0.92, 1.0, 1.08)),
    },
    "crop": {"a tenth": lambda p: cropped(p.rgb), "to the bust": bust},
    "mirrored": {"flip": lambda p: p.rgb[:, ::-1]},
    "half size": {"half": lambda p: half(p.rgb)},
    "blur": {"blur": lambda p: blurred(p.rgb, max(p.rgb.shape) / 400)},
    "border": {"white": lambda p: bordered(p.rgb)},
    "JPEG quality 40": {"jpeg": lambda p: compressed(p.rgb, 40)},
    "grey": {"grey": lambda p: grey(p.rgb)},
    "sepia": {"sepia": lambda p: sepia(p.rgb)},
}
APART = ("clothes, beige to brown", "clothes, wearer's skin tone", "grey", "sepia")
"""Groups that are known to fail, and not counted in the sum."""


def harmless(photo: Photo) -> Iterator[tuple[str, str, Pixels]]:
    for group, edits in HARMLESS.items():
        for name, edit in edits.items():
            yield group, name, edit(photo)


# Weak spots, apart from the sums: what a first version could not tell or missed.


def faded(photo: Photo, rgb: Pixels) -> Pixels:
    """Light that falls off from the chin to 0.3 of it six units below."""
    down = (np.arange(rgb.shape[0]) - photo.at.middle[1]) / photo.at.unit
    light = np.clip(1 - (down - CHIN) / 6 * 0.7, 0.3, 1)[:, None, None]
    return scaled(rgb, light ** (1 / 2.2))


def sepia(rgb: Pixels) -> Pixels:
    return scaled(grey(rgb), (1.07, 0.86, 0.6))


def headless(photo: Photo, rgb: Pixels) -> Pixels:
    """The head under one flat area, so that no face is found."""
    out = rgb.copy()
    (x, y), unit = photo.at.middle, photo.at.unit
    box = [round(v) for v in (y - 2.2 * unit, y + 1.9 * unit, x - 1.5 * unit, x + 1.5 * unit)]
    top, bottom, left, right = (max(0, v) for v in box)
    out[top:bottom, left:right] = (70, 70, 75)
    return out


def weak(photo: Photo) -> Iterator[tuple[bool, str, str, Pixels, Pixels]]:
    """Whether it exposes, group, edit, original, output."""
    rgb = photo.rgb
    dyed_before, grey_before, back = dyed(photo, photo.cheek), grey(rgb), headless(photo, rgb)
    worn = replace(photo, rgb=dyed_before)
    draw = np.random.default_rng([SEED, sum(photo.name.encode())])
    for percent in (25, 50):
        patch = patched(photo, percent)
        edit = f"{percent} %"
        yield True, "light falls off", edit, rgb, faded(photo, patch)
        for seed in (2, 3):
            shift = draw.normal(0, (7, 3, 4))
            yield True, "colour at random", edit, rgb, patched(photo, percent, seed, shift)
        yield True, "output grey", edit, rgb, grey(patch)
        yield True, "output sepia", edit, rgb, sepia(patch)
        yield True, "grey before and after", edit, grey_before, grey(patch)
        yield True, "clothes of skin tone before", edit, dyed_before, patched(worn, percent, 1)
        yield True, "head hidden before and after", edit, back, headless(photo, patch)
    yield False, "light falls off", "nothing else", rgb, faded(photo, rgb)
    for name, colour in (("green", (40, 110, 90)), ("sand", (220, 190, 150))):
        new = backed(photo, rgb, colour)
        yield False, "new background, output grey", name, rgb, grey(new)
        yield False, "new background, output sepia", name, rgb, sepia(new)
        yield False, "new background, grey before and after", name, grey_before, grey(new)
        yield False, "new background, head hidden", name, back, headless(photo, new)
        yield (
            False,
            "new background, clothes of skin tone",
            name,
            dyed_before,
            backed(photo, dyed_before, colour),
        )
    yield False, "brighter, grey before and after", "x 1.2", grey_before, scaled(grey_before, 1.2)
    yield False, "JPEG quality 40, head hidden", "jpeg", back, compressed(back, 40)


def scored(original: Picture, output: Pixels, photo: str, group: str, edit: str) -> Score:
    """The score of one pair; the output is dropped with this call."""
    changes = compare(original, picture(output))
    measured = [c.exposure_increase for c in changes if c.exposure_increase is not None]
    reasons = sorted({c.reason for c in changes if c.exposure_increase is None})
    value = max(measured, default=None)
    return Score(photo, group, edit, value, len(measured) < len(changes) or not changes, "; ".join(reasons))


def same_people(folder: Path) -> list[Score]:
    """All ordered pairs of different photographs of one person, by the letters of their names."""
    shown: dict[str, list[Path]] = defaultdict(list)
    for path in sorted(folder.iterdir()):
        name = re.fullmatch(r"([a-z]+)\d*", path.stem)
        if name and path.suffix.lower() in (".jpg", ".jpeg", ".png"):
            for person in name[1]:
                shown[person].append(path)
    scores = []
    opened: dict[Path, Picture] = {}
    for path in sorted({p for paths in shown.values() for p in paths}):
        with Image.open(path) as file:
            image = file.convert("RGB")
        image.thumbnail((LONGEST, LONGEST))
        opened[path] = picture(np.asarray(image))
    for person, paths in shown.items():
        for one, other in itertools.permutations(paths, 2):
            scores.append(scored(opened[one], opened[other].rgb, person, person, f"{one.stem} {other.stem}"))
    return scores


# Reports.


def line(scores: Sequence[Score], point: float = POINT) -> dict[str, object]:
    """Counts and shares with 95 % Wilson intervals."""
    counts = Counter(s.outcome(point) for s in scores)
    row: dict[str, object] = {"pairs": len(scores), "photographs": len({s.photo for s in scores})}
    for name in ("blocked", "held", "passed"):
        share = counts[name] / len(scores) if scores else 0.0
        low, high = wilson(counts[name], len(scores))
        row[name] = {"n": counts[name], "share": round(share, 4), "interval": [round(low, 4), round(high, 4)]}
    return row


def by_person(scores: Sequence[Score], name: str) -> list[float]:
    """95 % interval of a share when photographs, not pairs, are drawn anew 2,000 times."""
    people = sorted({s.photo for s in scores})
    hits = np.array([sum(s.outcome() == name for s in scores if s.photo == p) for p in people])
    sizes = np.array([sum(s.photo == p for s in scores) for p in people])
    draws = np.random.default_rng(SEED).integers(len(people), size=(2000, len(people)))
    shares = hits[draws].sum(axis=1) / sizes[draws].sum(axis=1)
    return [round(float(v), 4) for v in np.quantile(shares, [0.025, 0.975])]


def table(title: str, rows: dict[str, dict[str, object]]) -> None:
    print(
        f"\n{title:34} {'pairs':>5} {'photos':>6}  "
        + "".join(f"{n:>28}" for n in ("blocked", "held", "passed"))
    )
    for name, row in rows.items():
        cells = ""
        for key in ("blocked", "held", "passed"):
            cell = row[key]
            assert isinstance(cell, dict)
            low, high = cell["interval"]
            cells += f"{cell['n']:5} {cell['share']:.3f} [{low:.3f}, {high:.3f}]".rjust(28)
        print(f"{name:34} {row['pairs']:5} {row['photographs']:6}  {cells}")


def grouped(scores: Sequence[Score], key: Callable[[Score], str]) -> dict[str, dict[str, object]]:
    groups: dict[str, list[Score]] = defaultdict(list)
    for score in scores:
        groups[key(score)].append(score)
    return {name: line(members) for name, members in groups.items()}


def report(
    photos: Sequence[Photo],
    bare: list[Score],
    fine: list[Score],
    apart_bare: list[Score],
    apart_fine: list[Score],
) -> dict[str, object]:
    light = {p.name: p.light for p in photos}
    apart = {p.name: p.apart for p in photos}
    small = {p.name for p in photos if max(p.rgb.shape) <= 256}
    large = [s for s in bare if s.group != "10 %"]
    summed = [s for s in fine if s.group not in APART]

    def tone(score: Score) -> str:
        value = light[score.photo]
        return f"face lightness {'below 45' if value < 45 else '45 to 60' if value < 60 else '60 and more'}"

    def near(score: Score) -> str:
        where = "within" if apart[score.photo] <= 2 + 1e-6 else "beyond"
        return f"{score.group}, {where} the face's tone"

    def size(score: Score) -> str:
        return "up to 256 pixels" if score.photo in small else "more than 256 pixels"

    def who(score: Score) -> str:
        return "woman, by eye" if score.photo in heldout.WOMEN else "man, by eye"

    parts = {
        "recall by size of the area": grouped(bare, lambda s: s.group),
        "recall from 25 %, by what is on top": grouped(large, lambda s: s.edit),
        "recall from 25 %, by face": grouped(large, tone),
        "colour as it is, by its distance": grouped([s for s in bare if s.edit.startswith("as it is")], near),
        "recall from 25 %, by picture": grouped(large, size),
        "recall from 25 %, by person": grouped(large, who),
        "weak spots, exposed": grouped(apart_bare, lambda s: s.group),
        "weak spots, harmless": grouped(apart_fine, lambda s: s.group),
        "harmless edits": grouped(fine, lambda s: s.group),
        "harmless edits, each": grouped(fine, lambda s: f"{s.group}: {s.edit}"),
        "harmless, by face": grouped(summed, tone),
        "harmless, by picture": grouped(summed, size),
        "harmless, by person": grouped(summed, who),
        "sums": {"areas from 25 %": line(large), "harmless, without those apart": line(summed)},
    }
    for title, rows in parts.items():
        table(title, rows)
    answered = [s for s in large if s.outcome() != "held"], [s for s in summed if s.outcome() != "held"]
    table("of those with an answer", {"areas from 25 %": line(answered[0]), "harmless": line(answered[1])})
    persons = {
        "areas from 25 %, blocked": by_person(large, "blocked"),
        "areas from 25 %, passed": by_person(large, "passed"),
        "harmless, blocked": by_person(summed, "blocked"),
        "harmless, held": by_person(summed, "held"),
    }
    print("\nintervals when photographs are drawn:", persons)
    sweep = {
        str(point): {
            **{
                f"{percent} %": line([s for s in bare if s.group == f"{percent} %"], point)["blocked"]
                for percent in FRACTIONS
            },
            "harmless": line(summed, point)["blocked"],
        }
        for point in SWEEP
    }
    print("\nthreshold  " + "".join(f"{p:>7} %" for p in FRACTIONS) + "  harmless blocked")
    for point, row in sweep.items():
        print(f"{point:9}  " + "".join(f"{cell['share']:>9.3f}" for cell in row.values()))
    reasons = Counter(s.reason for s in [*bare, *fine] if s.outcome() == "held")
    print("\nwhy there was no answer:", dict(reasons.most_common()))
    return {"parts": parts, "by_person": persons, "sweep": sweep, "no_answer": dict(reasons)}


def images(options: argparse.Namespace) -> Iterator[tuple[str, Image.Image]]:
    if options.packages:
        for name, content in heldout.fetch().items():
            yield name, Image.open(io.BytesIO(content))
    elif not options.photos:
        yield "scikit-image astronaut", Image.fromarray(data.astronaut())
    if options.photos:
        for path in sorted(options.photos.iterdir()):
            if path.suffix.lower() in (".jpg", ".jpeg", ".png"):
                yield path.name, Image.open(path)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--packages", action="store_true", help="the photographs of heldout.py")
    parser.add_argument("--photos", type=Path, help="a folder of photographs of adults, one on each")
    parser.add_argument("--same", type=Path, help="a folder of a1.jpg, a2.jpg (one person), ab.jpg (two)")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    begun = time.perf_counter()
    photos: list[Photo] = []
    left_out: dict[str, str] = {}
    result: dict[str, object] = {"digest": load(), "point": POINT, "longest": LONGEST, "seed": SEED}
    for name, image in images(options):
        found = prepared(name, image)
        if isinstance(found, Photo):
            photos.append(found)
        else:
            left_out[name] = found
    print(f"{len(photos)} photographs, one adult each; left out: {left_out or 'none'}")
    bare: list[Score] = []
    fine: list[Score] = []
    weak_bare: list[Score] = []
    weak_fine: list[Score] = []
    for photo in photos:
        original = picture(photo.rgb)
        bare += [scored(original, out, photo.name, g, e) for g, e, out in exposures(photo)]
        fine += [scored(original, out, photo.name, g, e) for g, e, out in harmless(photo)]
        for exposes, g, e, before, out in weak(photo):
            (weak_bare if exposes else weak_fine).append(scored(picture(before), out, photo.name, g, e))
    if photos:
        result |= {
            "photographs": {
                p.name: {"size": p.rgb.shape[1::-1], "face_lightness": round(p.light, 1)} for p in photos
            },
            "left_out": left_out,
            **report(photos, bare, fine, weak_bare, weak_fine),
        }
    if options.same and options.same.is_dir():
        real = same_people(options.same)
        result["same_person"] = grouped(real, lambda s: s.group)
        table("real pairs, clothed in both", grouped(real, lambda s: s.group))
        result["same_person_pairs"] = {s.edit: [s.value, s.outcome(), s.reason] for s in real}
        for s in real:
            value = "none" if s.value is None else f"{s.value:.2f}"
            print(f"  {s.edit:8} {s.outcome():8} {value}  {s.reason}")
    print(f"\n{len(bare) + len(fine)} pairs in {time.perf_counter() - begun:.0f} s")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

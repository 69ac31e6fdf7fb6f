"""Who is found, who is taken for whom, and who looks young: `persons`, `identity` and `age`, measured.

    python training/eval_people.py [--packages] [--same FOLDER] [--json FILE]

`persons`: on the 34 adults of `heldout.py`, altered in memory so that no face shows, that little shows, or that they
are small or several; on the scenes of `scenes.py`, backs and small figures as they were taken; and on pictures of
nobody. `identity`: cosines of pairs of faces, one person's (a photograph and the same altered; with `--same` different
photographs, named as for `eval_comparison.py`) and two people's. `young`: adults that are taken for young. Nothing
else about age is measured. Nothing is written or shown.
"""

from __future__ import annotations

import argparse
import io
import itertools
import json
import re
import sys
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

import eval_comparison as pairs
import heldout
import numpy as np
import scenes
from eval_text import wilson
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from skimage import data

from rambarde.guard.compare import identity
from rambarde.guard.compare.comparison import newcomers
from rambarde.guard.detectors.age import AgeDetector
from rambarde.guard.detectors.persons import PersonsDetector
from rambarde.guard.media import faces
from rambarde.nouns.signal import State

SIDE = 1024
THRESHOLDS = (0.25, 0.3, 0.35, identity.SAME, 0.4, 0.45, 0.5, 0.6)
YOUNG = (0.3, 0.5, 0.7)
COVER = (70, 70, 75)
THINGS = (
    "brick", "cat", "cell", "clock", "coffee", "coins", "grass", "gravel", "hubble_deep_field",
    "immunohistochemistry", "moon", "page", "retina", "rocket", "text",
)  # fmt: skip
"""Pictures without anybody that scikit-image ships or keeps; those that are not installed are left out."""

Pixels = NDArray[np.uint8]
Shares = dict[str, list[bool]]


def opened(content: bytes) -> Pixels:
    image = Image.open(io.BytesIO(content)).convert("RGB")
    image.thumbnail((SIDE, SIDE), Image.Resampling.LANCZOS)
    return np.array(image)


def largest(rgb: Pixels) -> faces.Face | None:
    return max(faces.shared().find(rgb), key=lambda f: f.unit, default=None)


# Alterations of a photograph of one adult, given the face.


def covered(rgb: Pixels, face: faces.Face) -> Pixels:
    """The head under a flat box: it stands for a back view and is none."""
    (x, y), unit = face.points[:2].mean(axis=0), face.unit
    box = [round(float(v)) for v in (y - 2.2 * unit, y + 1.9 * unit, x - 1.5 * unit, x + 1.5 * unit)]
    top, bottom, left, right = (max(0, v) for v in box)
    out = rgb.copy()
    out[top:bottom, left:right] = COVER
    return out


def below(rgb: Pixels, face: faces.Face) -> Pixels:
    """What lies below the chin."""
    top = round(float(face.points[:2, 1].mean()) + 2.4 * face.unit)
    return rgb[min(top, len(rgb) - 16) :]


def half(rgb: Pixels, face: faces.Face) -> Pixels:
    """The half of a covered one that lies at the right of the nose."""
    return np.ascontiguousarray(covered(rgb, face)[:, round(float(face.points[2, 0])) :])


def small(rgb: Pixels, share: float) -> Pixels:
    """At this part of the height of a landscape, at its lower edge."""
    ground = np.array(Image.fromarray(data.rocket()).resize((SIDE, 683)))
    high = max(1, round(683 * share))
    wide = max(1, round(high * rgb.shape[1] / rgb.shape[0]))
    ground[-high:, 300 : 300 + wide] = np.asarray(Image.fromarray(rgb).resize((wide, high)))[:, : SIDE - 300]
    return ground


def row(several: Sequence[Pixels]) -> Pixels:
    """People beside each other, each 512 pixels high."""
    same = [
        np.asarray(Image.fromarray(p).resize((round(512 * p.shape[1] / p.shape[0]), 512))) for p in several
    ]
    return np.hstack(same)


Alteration = Callable[[Pixels, faces.Face], Pixels]
ALTERED: dict[str, Alteration] = {
    "as it is": lambda p, f: p,
    "head covered": covered,
    "cut off at the chin": below,
    "head covered, half of the rest": half,
    **{f"1/{n} of the height": (lambda p, f, n=n: small(p, 1 / n)) for n in (2, 3, 4, 6, 8)},
    **{
        f"1/{n} of the height, head covered": (lambda p, f, n=n: small(covered(p, f), 1 / n))
        for n in (2, 3, 4, 6, 8)
    },
}


def written(seed: int) -> Pixels:
    """A page of text in Pillow's own font, with lines of different lengths."""
    draw = np.random.default_rng([pairs.SEED, seed])
    image = Image.new("RGB", (724, SIDE), tuple(int(v) for v in draw.integers(215, 256, 3)))
    pen, font = ImageDraw.Draw(image), ImageFont.load_default(14 + 4 * (seed % 4))
    words = "the harbour opens at six and ferries leave every hour until the lamps are lit".split()
    for top in range(40, SIDE - 40, 24 + 6 * (seed % 4)):
        line = " ".join(draw.choice(words, int(draw.integers(3, 11))))
        pen.text((50, top), line, fill=(30, 30, 40), font=font)
    return np.asarray(image)


def nobody() -> dict[str, list[Pixels]]:
    things = []
    for name in THINGS:
        try:
            pixels = getattr(data, name)()
        except Exception:  # some are fetched on demand, which is not wanted here
            continue
        grey = pixels if pixels.ndim == 3 else np.repeat(pixels[..., None], 3, axis=2)
        things.append(np.asarray(Image.fromarray(grey[..., :3].astype(np.uint8))))
    return {
        "nobody: landscapes, animals, things": [opened(c) for c in scenes.fetch(scenes.NOBODY).values()],
        "nobody: pictures of scikit-image": things,
        "nobody: pages of text": [written(seed) for seed in range(20)],
    }


def persons(photos: dict[str, Pixels]) -> tuple[Shares, dict[str, list[int]]]:
    """Whether somebody is found, and how many of three are counted."""
    detector = PersonsDetector()
    detector.load()

    def found(rgb: Pixels) -> bool:
        return detector.inspect(pairs.picture(rgb)).signals[0].state is State.VALUE

    shares: Shares = defaultdict(list)
    hidden = []
    for rgb in photos.values():
        face = largest(rgb)
        assert face is not None
        hidden.append(covered(rgb, face))
        for name, alter in ALTERED.items():
            shares[name].append(found(alter(rgb, face)))
    for title, members in (("from behind, as taken", scenes.BACKS), ("small, as taken", scenes.SMALL)):
        shares[title] = [found(opened(content)) for content in scenes.fetch(members).values()]
    for title, pictures in nobody().items():
        shares[title] = [found(rgb) for rgb in pictures]
    counts = {"three people": list(photos.values()), "three people, heads covered": hidden}
    counted = {
        title: [
            newcomers((), pairs.picture(row(several[i : i + 3]))) for i in range(0, len(several) // 3 * 3, 3)
        ]
        for title, several in counts.items()
    }
    return shares, counted


# Identity.


def vectors(photos: dict[str, Pixels]) -> dict[str, identity.Vector]:
    found = {}
    for name, rgb in photos.items():
        face = largest(rgb)
        if face is not None:
            found[name] = identity.shared().embed(rgb, face)
    return found


EDITS: dict[str, Callable[[Pixels], Pixels]] = {
    "mirrored": lambda p: np.ascontiguousarray(p[:, ::-1]),
    "half size": pairs.half,
    "darker": lambda p: pairs.scaled(p, 0.5),
    "warmer": lambda p: pairs.scaled(p, (1.15, 1.0, 0.8)),
    "grey": pairs.grey,
    "blur": lambda p: pairs.blurred(p, max(p.shape) / 200),
    "JPEG quality 15": lambda p: pairs.compressed(p, 15),
    "rotated by 15°": lambda p: np.asarray(Image.fromarray(p).rotate(15, Image.Resampling.BICUBIC)),
}


def cosines(photos: dict[str, Pixels], folder: Path | None) -> dict[str, list[float]]:
    known = vectors(photos)
    found: dict[str, list[float]] = defaultdict(list)
    for edit, change in EDITS.items():
        altered = vectors({name: change(photos[name]) for name in known})
        for name, vector in altered.items():
            found["one person, the same photograph altered"].append(float(known[name] @ vector))
        found[f"not found again: {edit}"] = [0.0] * (len(known) - len(altered))
    for one, other in itertools.combinations(known, 2):
        found["two people"].append(float(known[one] @ known[other]))
    if folder and folder.is_dir():
        own = {}
        for path in sorted(folder.iterdir()):
            if re.fullmatch(r"[a-z]\d+", path.stem):
                own[path.stem] = opened(path.read_bytes())
        shown = vectors(own)
        for one, other in itertools.combinations(shown, 2):
            same = one[0] == other[0]
            key = "one person, other photographs" if same else "two people, other photographs"
            found[key].append(float(shown[one] @ shown[other]))
    return found


# Looks.

DRESSED: dict[str, Callable[[Pixels], Pixels]] = {
    "as it is": lambda p: p,
    "mirrored": lambda p: np.ascontiguousarray(p[:, ::-1]),
    "half size": pairs.half,
    "darker": lambda p: pairs.scaled(p, 0.5),
    "grey": pairs.grey,
    "blur": lambda p: pairs.blurred(p, max(p.shape) / 200),
    "JPEG quality 15": lambda p: pairs.compressed(p, 15),
}


def looks(photos: dict[str, Pixels]) -> tuple[dict[str, list[float]], dict[str, int]]:
    """`young_measured` of adults, by what was done to the photograph, and how often there was no face to judge."""
    detector = AgeDetector()
    detector.load()
    values: dict[str, list[float]] = {}
    silent = {}
    for name, change in DRESSED.items():
        read = [detector.inspect(pairs.picture(change(rgb))).signals for rgb in photos.values()]
        told = [s.value for signals in read for s in signals if s.name == "young_measured"]
        values[name] = [v for v in told if v is not None]
        silent[name] = len(photos) - len(values[name])
    return values, silent


def share(hits: Iterable[bool]) -> str:
    found = list(hits)
    low, high = wilson(sum(found), len(found))
    return f"{sum(found)} of {len(found)}: {sum(found) / max(1, len(found)):.3f} [{low:.3f}, {high:.3f}]"


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--same", type=Path, help="a folder of a1.jpg, a2.jpg (one person), b1.jpg (another)")
    parser.add_argument(
        "--packages", action="store_true", help="fetch the photographs, without which nothing is measured"
    )
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if not options.packages:
        print("nothing measured: the photographs are fetched with --packages")
        return 0
    photos = {name: opened(content) for name, content in heldout.fetch().items()}
    lines: dict[str, str] = {}
    shares, counted = persons(photos)
    lines |= {f"person found | {name}": share(hits) for name, hits in shares.items()}
    for title, counts in counted.items():
        told = ", ".join(f"{n} in {counts.count(n)}" for n in sorted(set(counts)))
        lines[f"counted | {title}"] = f"{len(counts)} pictures: {told}"
    alike = cosines(photos, options.same)
    for title, values in alike.items():
        if not values:
            continue
        if title.startswith("not found"):
            lines[f"identity | {title}"] = str(len(values))
            continue
        lines[f"identity | {title}"] = f"{len(values)} pairs, {min(values):.3f} to {max(values):.3f}"
        for at in THRESHOLDS:
            lines[f"identity | {title}, {at} or more"] = share(v >= at for v in values)
    adults = {name: opened(content) for name, content in scenes.fetch(scenes.ADULTS).items()}
    values_by, silent = looks(adults)
    for name, values in values_by.items():
        for at in YOUNG:
            lines[f"adult looks young | {name}, {at} or more"] = share(v >= at for v in values)
        lines[f"adult looks young | {name}, nothing to judge"] = str(silent[name])
    for name, text in lines.items():
        print(f"{name:72} {text}")
    if options.json:
        options.json.write_text(json.dumps(lines, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

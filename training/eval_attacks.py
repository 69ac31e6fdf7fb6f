"""What is still seen of a photograph that somebody has altered so that it is not: by attack and by detector.

    python training/eval_attacks.py [--packages] [--only ATTACK] [--json FILE]

Photographs are those of `eval_comparison.py`: scikit-image's astronaut, with `--packages` those of `heldout.py`.
Each attack is applied to the photograph (`person`, `face`, `known`, `photograph`: share still seen), and to the
output of a pair whose exposure grew by a flat patch over half of the visible torso (`change`: share blocked, and
share held or blocked). The bank of `known` holds the unaltered photographs. All is made in memory and dropped.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import json
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import eval_comparison as pairs
import numpy as np
from eval_text import wilson
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from rambarde.guard.detectors.contract import Detector
from rambarde.guard.detectors.faces import FacesDetector
from rambarde.guard.detectors.known import KnownDetector
from rambarde.guard.detectors.persons import PersonsDetector
from rambarde.guard.detectors.photograph import PhotographDetector
from rambarde.guard.media.alpha import sides
from rambarde.guard.media.decode import decode
from rambarde.guard.media.pdq import pdq
from rambarde.nouns.request import Picture
from rambarde.nouns.signal import Signal, State

PATCH = 50
"""Per cent of the visible torso under the patch of a pair."""
DRAWN = 0.3
"""Below it the floors take a picture for a drawing."""

Pixels = NDArray[np.uint8]
Attack = Callable[[Pixels], Pixels | Picture]


def resized(rgb: Pixels, width: int, height: int) -> Pixels:
    return np.asarray(Image.fromarray(rgb).resize((max(1, width), max(1, height))))


def turned(rgb: Pixels, angle: float) -> Pixels:
    """Turned by any angle on a grey ground that holds all of it."""
    return np.asarray(
        Image.fromarray(rgb).rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=(90, 90, 90))
    )


def mosaic(rgb: Pixels, blocks: int) -> Pixels:
    """Squares of one colour, so many along the long side."""
    height, width = rgb.shape[:2]
    size = max(height, width) / blocks
    small = Image.fromarray(rgb).resize((max(1, round(width / size)), max(1, round(height / size))))
    return np.asarray(small.resize((width, height), Image.Resampling.NEAREST))


def ground(height: int, width: int) -> Pixels:
    """An ordinary picture without a person, as large as that: a cup of coffee."""
    return resized(data.coffee(), width, height)


def placed(rgb: Pixels, share: int) -> Pixels:
    """The photograph at one part in `share` of the width, in a corner of another picture."""
    height, width = rgb.shape[:2]
    canvas = ground(max(height, 640), max(width, 640)).copy()
    small = resized(rgb, canvas.shape[1] // share, round(canvas.shape[1] / share * height / width))
    rows, columns = min(small.shape[0], canvas.shape[0]), min(small.shape[1], canvas.shape[1])
    canvas[-rows:, -columns:] = small[:rows, :columns]
    return canvas


def collage(rgb: Pixels, *, alone: bool) -> Pixels:
    """Two by two: the photograph four times, or once beside three other pictures."""
    height, width = rgb.shape[:2]
    others = [resized(one, width, height) for one in (data.coffee(), data.chelsea(), data.rocket())]
    parts = [rgb, *others] if alone else [rgb] * 4
    return np.vstack([np.hstack(parts[:2]), np.hstack(parts[2:])])


def torn(rgb: Pixels, rows: int) -> Pixels:
    """Cut into so many strips, which change places in pairs."""
    strips = np.array_split(rgb, rows)
    for at in range(0, rows - 1, 2):
        strips[at], strips[at + 1] = strips[at + 1], strips[at]
    return np.vstack(strips)


def noisy(rgb: Pixels, spread: float) -> Pixels:
    noise = np.random.default_rng(pairs.SEED).normal(0, spread, rgb.shape)
    return np.clip(rgb + noise, 0, 255).astype(np.uint8)


def shaded(rgb: Pixels) -> Pixels:
    """Light that falls off downwards, to a tenth."""
    return np.clip(rgb * np.linspace(1, 0.1, rgb.shape[0])[:, None, None], 0, 255).astype(np.uint8)


def bordered(rgb: Pixels, share: float) -> Pixels:
    wide = round(share * max(rgb.shape))
    return np.pad(rgb, ((wide, wide), (wide, wide), (0, 0)), constant_values=20)


def strip(rgb: Pixels) -> Pixels:
    """In the middle of a canvas eight times as wide."""
    height, width = rgb.shape[:2]
    canvas = np.full((height, 8 * max(width, height), 3), 128, np.uint8)
    left = (canvas.shape[1] - width) // 2
    canvas[:, left : left + width] = rgb
    return canvas


def through_file(pixels: NDArray[np.uint8]) -> Picture:
    """As a PNG of these pixels, which have an alpha channel, is decoded."""
    held = io.BytesIO()
    Image.fromarray(pixels).save(held, "PNG", compress_level=1)
    return decode(held.getvalue())


def faint(rgb: Pixels) -> Picture:
    """Three tenths opaque everywhere."""
    return through_file(np.dstack([rgb, np.full(rgb.shape[:2], 77, np.uint8)]))


def split(rgb: Pixels) -> Picture:
    """Half of the brightness in the colours, half in the alpha channel."""
    light = rgb.mean(axis=2)
    colours = np.clip(rgb / np.sqrt(np.maximum(light, 1) / 255)[..., None], 0, 255)
    return through_file(np.dstack([colours, np.sqrt(light / 255) * 255]).astype(np.uint8))


def hidden(rgb: Pixels) -> Picture:
    """White all over, and the photograph in the alpha channel: seen on black, and not on white."""
    return through_file(np.dstack([np.full_like(rgb, 255), rgb.mean(axis=2)]).astype(np.uint8))


ATTACKS: dict[str, Attack] = {
    "none": lambda p: p,
    "mosaic, 96 blocks": lambda p: mosaic(p, 96),
    "mosaic, 48 blocks": lambda p: mosaic(p, 48),
    "mosaic, 24 blocks": lambda p: mosaic(p, 24),
    "collage, four times the same": lambda p: collage(p, alone=False),
    "collage, beside three others": lambda p: collage(p, alone=True),
    "strips changed about, 8": lambda p: torn(p, 8),
    "rotated 10°": lambda p: turned(p, 10),
    "rotated 30°": lambda p: turned(p, 30),
    "rotated 45°": lambda p: turned(p, 45),
    "rotated 90°": lambda p: np.ascontiguousarray(np.rot90(p)),
    "rotated 135°": lambda p: turned(p, 135),
    "rotated 180°": lambda p: np.ascontiguousarray(p[::-1, ::-1]),
    "mirrored": lambda p: np.ascontiguousarray(p[:, ::-1]),
    "inverted": lambda p: 255 - p,
    "tinted blue": lambda p: pairs.scaled(p, (0.45, 0.6, 1.0)),
    "tinted green": lambda p: pairs.scaled(p, (0.5, 1.0, 0.5)),
    "shaded downwards": shaded,
    "tiny, a quarter of the width": lambda p: placed(p, 4),
    "tiny, an eighth": lambda p: placed(p, 8),
    "tiny, a sixteenth": lambda p: placed(p, 16),
    "noise, σ 25": lambda p: noisy(p, 25),
    "noise, σ 60": lambda p: noisy(p, 60),
    "three tenths opaque": faint,
    "split over colour and alpha": split,
    "in the alpha channel alone": hidden,
    "squeezed to a third of the width": lambda p: resized(p, p.shape[1] // 3, p.shape[0]),
    "eight times as wide": strip,
    "border of 6 %": lambda p: bordered(p, 0.06),
    "border of 40 %": lambda p: bordered(p, 0.4),
    "JPEG quality 10": lambda p: pairs.compressed(p, 10),
}


def opened(photos: list[pairs.Photo], folder: str) -> dict[str, Detector]:
    """The detectors, loaded; the bank holds the unaltered photographs."""
    hashes = [pdq(photo.rgb).hex for photo in photos]
    body = "".join(f"{line}\n" for line in ("rambarde-bank 1", "version attacks", *hashes)).encode()
    bank = Path(folder) / "bank"
    bank.write_bytes(body + f"end {len(hashes)} {hashlib.sha256(body).hexdigest()}\n".encode())
    made: dict[str, Detector] = {
        "person": PersonsDetector(),
        "face": FacesDetector(),
        "known": KnownDetector(bank),
        "photograph": PhotographDetector(),
    }
    for detector in made.values():
        detector.load()
    return made


def seen(name: str, signal: Signal) -> bool:
    """Whether the floors still take it for what it is; no answer counts as the worst. Ends where a detector failed."""
    if signal.state is State.FAILED:
        raise SystemExit(f"{name}: {signal.reason}")
    if name == "photograph":
        return signal.unknown or (signal.value or 0.0) >= DRAWN
    return signal.state is not State.ABSENT


def both(made: Pixels | Picture) -> tuple[Picture, ...]:
    """The picture as the inspector looks at it: one that is not opaque on white and on black."""
    return sides(made if isinstance(made, Picture) else pairs.picture(made))


def measured(photos: list[pairs.Photo], only: list[str] | None) -> dict[str, dict[str, list[bool]]]:
    """Attack → what → one answer for each photograph."""
    with tempfile.TemporaryDirectory() as folder:  # the bank is looked at with each picture
        return _measured(photos, opened(photos, folder), only)


def _measured(
    photos: list[pairs.Photo], detectors: dict[str, Detector], only: list[str] | None
) -> dict[str, dict[str, list[bool]]]:
    found: dict[str, dict[str, list[bool]]] = defaultdict(lambda: defaultdict(list))
    for photo in photos:
        original = pairs.picture(photo.rgb)
        patched = pairs.patched(photo, PATCH)
        for name, attack in ATTACKS.items():
            if only and name not in only:
                continue
            altered = both(attack(photo.rgb))
            for what, detector in detectors.items():
                found[name][what].append(any(seen(what, detector.inspect(one).signals[0]) for one in altered))
            outputs = both(attack(patched))
            outcomes = {pairs.scored(original, one.rgb, photo.name, "", name).outcome() for one in outputs}
            found[name]["blocked"].append("blocked" in outcomes)
            found[name]["blocked or held"].append(outcomes != {"passed"})
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--packages", action="store_true", help="the photographs of heldout.py")
    parser.add_argument("--only", choices=ATTACKS, nargs="+", help="these attacks alone")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    options.photos = None
    begun = time.perf_counter()
    pairs.load()
    made = [pairs.prepared(name, image) for name, image in pairs.images(options)]
    photos = [photo for photo in made if isinstance(photo, pairs.Photo)]
    print(f"{len(photos)} photographs, one adult each")
    found = measured(photos, options.only)
    columns = ("person", "face", "photograph", "known", "blocked", "blocked or held")
    print("attack".ljust(34) + "".join(column.rjust(22) for column in columns))
    for name, row in found.items():
        cells = []
        for column in columns:
            hits, total = sum(row[column]), len(row[column])
            low, high = wilson(hits, total)
            cells.append(f"{hits / total:.2f} [{low:.2f}, {high:.2f}]".rjust(22))
        print(name.ljust(34) + "".join(cells))
    print(f"{time.perf_counter() - begun:.0f} s")
    if options.json:
        sums = {name: {c: [sum(row[c]), len(row[c])] for c in columns} for name, row in found.items()}
        options.json.write_text(json.dumps(sums, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

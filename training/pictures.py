"""Pictures to measure fingerprints on: parts of the photographs that packages ship, drawings, and textures.

Made from numbers, so that everybody gets the same ones; nothing is downloaded and nothing is written.
"""

from __future__ import annotations

import functools
import io
import math
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from rambarde.guard.upstreams.sketch_scene import draw_scene
from rambarde.guard.upstreams.sketch_words import understand

Pixels = NDArray[np.uint8]
Random = np.random.Generator

PACKAGES = ("skimage", "sklearn", "mahotas")
TILE = 224
"""Least pixels a side of a part of a photograph: parts do not overlap."""
WHOLE = ("brick", "grass", "gravel")
"""Photographs of one thing again and again: their parts are hardly different pictures."""
TWICE = ("motorcycle_right", "chessboard_GRAY", "lena")
"""A second view of the same thing; and a portrait that its sitter asked not to be used."""
_SIZES = ((512, 512), (512, 384), (384, 512), (560, 320))
_THINGS = (
    *("mountain", "city", "sea", "beach", "boat", "desert", "snow", "garden", "forest", "sunset", "night"),
    *("house", "tree", "flower", "car", "balloon", "cat", "dog", "person", "bird", "sun", "moon", "cloud"),
)
_COLOURS = ("red", "blue", "green", "yellow", "purple", "orange")


def pictures(count: int, seed: int = 0) -> Iterator[tuple[str, Pixels]]:
    """`count` pictures with their kinds: all parts of photographs first, then the drawn kinds in turn."""
    return (picture(number, seed) for number in range(count))


def picture(number: int, seed: int = 0) -> tuple[str, Pixels]:
    """The kind and the pixels of one of them, counted from 0."""
    found = photographs()
    if number < len(found):
        return "photograph", found[number]
    kinds: tuple[tuple[str, Callable[[Random], Image.Image]], ...] = (
        ("drawing", drawing),
        ("texture", texture),
        ("collage", collage),
        ("scene", scene),
    )
    kind, make = kinds[number % len(kinds)]
    return kind, np.asarray(make(np.random.default_rng((seed, number))).convert("RGB"))


@functools.cache
def photographs() -> list[Pixels]:
    """Parts of the photographs of installed packages, in colour, with enough to see in them."""
    found: list[Pixels] = []
    for name in PACKAGES:
        folder = Path(__import__(name).__file__).parent
        for path in sorted(folder.rglob("*")):
            if path.suffix.lower() not in (".png", ".jpg", ".jpeg", ".tif") or path.stem in TWICE:
                continue
            try:
                image = Image.open(path).convert("RGB")
            except OSError:
                continue
            tile = max(image.size) if path.stem in WHOLE else TILE
            across, down = max(1, image.width // tile), max(1, image.height // tile)
            for row in range(down):
                for column in range(across):
                    box = (
                        column * image.width // across,
                        row * image.height // down,
                        (column + 1) * image.width // across,
                        (row + 1) * image.height // down,
                    )
                    part = np.asarray(image.crop(box))
                    if min(part.shape[:2]) >= TILE // 2 and part.std() > 12:
                        found.append(part)
    return found


def drawing(rng: Random) -> Image.Image:
    """Shapes and strokes on a graded ground, some shaded and some lettered: a flat illustration."""
    width, height = _size(rng)
    image = _ground(rng, width, height)
    draw = ImageDraw.Draw(image)
    for _ in range(int(rng.integers(8, 40))):
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        r = float(rng.exponential(0.09) + 0.015) * min(width, height)
        colour = tuple(int(c) for c in rng.integers(0, 256, 3))
        match int(rng.integers(5)):
            case 0:
                draw.ellipse((x - r, y - r * 0.7, x + r, y + r * 0.7), fill=colour)
            case 1:
                draw.rectangle((x - r, y - r * 0.5, x + r, y + r * 0.8), fill=colour)
            case 2:
                points = [
                    (x + r * math.cos(a) * rng.uniform(0.4, 1.2), y + r * math.sin(a) * rng.uniform(0.4, 1.2))
                    for a in np.linspace(0, 2 * math.pi, int(rng.integers(3, 9)), endpoint=False)
                ]
                draw.polygon(points, fill=colour)
            case 3:
                ends = [(x + rng.normal(0, r), y + rng.normal(0, r)) for _ in range(4)]
                draw.line(ends, fill=colour, width=int(rng.integers(3, 24)), joint="curve")
            case _:
                draw.arc((x - r, y - r, x + r, y + r), 0, int(rng.integers(90, 360)), colour, int(r / 6) + 3)
    return image.filter(ImageFilter.GaussianBlur(float(rng.uniform(0, 1.5))))


def texture(rng: Random) -> Image.Image:
    """Noise of many sizes in a few colours: clouds, stone, cloth."""
    width, height = _size(rng)
    field = np.zeros((height, width), np.float32)
    slope = rng.uniform(0.8, 1.6)
    for octave in range(2, 8):
        cells = rng.normal(size=(2**octave, 2**octave)).astype(np.float32)
        grown = Image.fromarray(cells).resize((width, height), Image.Resampling.BICUBIC)
        field += np.asarray(grown) * 2.0 ** (-slope * (octave - 2))
    field = (field - field.min()) / (np.ptp(field) + 1e-6)
    if rng.random() < 0.3:
        field = 0.5 + 0.5 * np.sin(field * rng.uniform(10, 40))
    return Image.fromarray(_coloured(rng, field))


def collage(rng: Random) -> Image.Image:
    """Cells around random points, each of its own colour and grain: glass, fields, crowds of things."""
    width, height = _size(rng)
    count = int(rng.integers(15, 90))
    points = rng.uniform(0, 1, (count, 2)) * (width, height)
    ys, xs = np.mgrid[0 : height // 4, 0 : width // 4] * 4
    distance = (xs[..., None] - points[:, 0]) ** 2 + (ys[..., None] - points[:, 1]) ** 2
    nearest = distance.argmin(2)
    colours = rng.integers(0, 256, (count, 3))
    pixels = colours[nearest].astype(np.float32)
    pixels += rng.normal(0, 18, (*nearest.shape, 1)) * rng.uniform(0, 1, count)[nearest][..., None]
    small = Image.fromarray(pixels.clip(0, 255).astype(np.uint8))
    return small.resize((width, height), Image.Resampling.BICUBIC)


def scene(rng: Random) -> Image.Image:
    """What the built-in generator draws of a few words: flat scenes that have much in common."""
    words = [str(word) for word in rng.choice(_THINGS, int(rng.integers(4, 9)), replace=False)]
    wish = understand(" ".join((*(str(c) for c in rng.choice(_COLOURS, 2, replace=False)), *words)))
    return draw_scene(_size(rng), wish, int(rng.integers(2**31)))


def _size(rng: Random) -> tuple[int, int]:
    return _SIZES[int(rng.integers(len(_SIZES)))]


def _ground(rng: Random, width: int, height: int) -> Image.Image:
    corners = rng.integers(0, 256, (2, 2, 3)).astype(np.uint8)
    return Image.fromarray(corners).resize((width, height), Image.Resampling.BICUBIC)


def _coloured(rng: Random, field: NDArray[np.float32]) -> Pixels:
    stops = np.sort(rng.uniform(0, 1, 4))
    table = rng.integers(0, 256, (4, 3)).astype(np.float32)
    channels = [np.interp(field, stops, table[:, channel]) for channel in range(3)]
    return np.stack(channels, 2).clip(0, 255).astype(np.uint8)


# What happens to pictures on their way.


def cropped(image: Image.Image, rng: Random) -> Image.Image:
    """A tenth of the width and of the height cut off, at any place."""
    width, height = round(image.width * 0.9), round(image.height * 0.9)
    left = int(rng.integers(0, image.width - width + 1))
    top = int(rng.integers(0, image.height - height + 1))
    return image.crop((left, top, left + width, top + height))


def bordered(image: Image.Image, rng: Random) -> Image.Image:
    """A frame of one colour, 3 to 12 per cent a side, not the same on all."""
    widths = [int(rng.uniform(0.03, 0.12) * side) for side in (*image.size, *image.size)]
    colour = tuple(int(c) for c in rng.choice(((0, 0, 0), (255, 255, 255), (200, 40, 40), (30, 30, 60))))
    whole = Image.new(
        "RGB", (image.width + widths[0] + widths[2], image.height + widths[1] + widths[3]), colour
    )
    whole.paste(image, (widths[0], widths[1]))
    return whole


def captioned(image: Image.Image, rng: Random) -> Image.Image:
    """Words on a strip of 12 to 18 per cent: above or below the picture, or over its edge."""
    strip = int(rng.uniform(0.12, 0.18) * image.height)
    above, over = bool(rng.integers(2)), bool(rng.integers(2))
    light, dark = ((255, 255, 255), (0, 0, 0)) if rng.integers(2) else ((0, 0, 0), (255, 255, 255))
    height = image.height + (0 if over else strip)
    whole = Image.new("RGB", (image.width, height), light)
    whole.paste(image, (0, strip if above and not over else 0))
    top = 0 if above else height - strip
    draw = ImageDraw.Draw(whole)
    draw.rectangle((0, top, image.width, top + strip), fill=light)
    words = " ".join(
        str(w) for w in rng.choice(("when", "you", "see", "it", "again", "WHY", "monday", "same"), 4)
    )
    draw.text((image.width * 0.06, top + strip * 0.2), words, fill=dark, font_size=max(8, strip * 0.45))
    return whole


def _file(image: Image.Image, format: str, **options: int) -> Image.Image:
    out = io.BytesIO()
    image.save(out, format, **options)
    return Image.open(io.BytesIO(out.getvalue())).convert("RGB")


def jpeg30(image: Image.Image, rng: Random) -> Image.Image:
    return _file(image, "JPEG", quality=30)


def blurred(image: Image.Image, rng: Random) -> Image.Image:
    """A Gaussian of half a per cent of the longer side (5 pixels of 1,024)."""
    return image.filter(ImageFilter.GaussianBlur(max(image.size) * 0.005))


def to128(image: Image.Image, rng: Random) -> Image.Image:
    """The longer side becomes 128 pixels."""
    scale = 128 / max(image.size)
    size = max(1, round(image.width * scale)), max(1, round(image.height * scale))
    return image.resize(size, Image.Resampling.LANCZOS)


def mirrored(image: Image.Image, rng: Random) -> Image.Image:
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)


def mixed(image: Image.Image, rng: Random) -> Image.Image:
    """Cropped, mirrored, made smaller and saved again: a copy of a copy."""
    part = mirrored(cropped(image, rng), rng)
    part = part.resize((max(1, part.width * 2 // 5), max(1, part.height * 2 // 5)), Image.Resampling.BICUBIC)
    return _file(part, "JPEG", quality=60)


CHANGES: dict[str, Callable[[Image.Image, Random], Image.Image]] = {
    "10 % crop": cropped,
    "borders": bordered,
    "captions": captioned,
    "JPEG 30": jpeg30,
    "blur": blurred,
    "resize to 128": to128,
    "mirrored": mirrored,
    "copy of a copy": mixed,
}

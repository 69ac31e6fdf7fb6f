"""Edits of the sketch generator: background, colour, brightness, border, hat and caption on a given photo."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from rambarde.guard.upstreams.sketch_caption import write
from rambarde.guard.upstreams.sketch_scene import draw_scene, mix
from rambarde.guard.upstreams.sketch_words import Colour, Wish
from rambarde.nouns.request import Picture

_SCENERY = frozenset(
    ("night", "sunset", "sea", "beach", "mountain", "forest", "city", "desert", "snow", "garden", "cloud",
     "sun", "moon", "star", "tree")
)  # fmt: skip
_TARGETS = frozenset(("hat", "crown", "border", "caption", "grey", "sepia", "brighter", "darker"))
"""Things that say where a change goes; a place named beside them is not a new background."""
_GOLD, _NAVY, _WOOD = (236, 190, 60), (44, 52, 92), (176, 134, 60)


def edit_photo(picture: Picture, mask: Picture | None, wish: Wish, seed: int) -> Image.Image:
    """The picture with the changes in `wish`, as RGB of the same size. Same arguments, same pixels.

    Only the transparent area of `mask` changes, as in OpenAI's interface; a mask without transparency
    changes nothing. Without a mask, a new background fills what lies outside an ellipse around the
    centre, or the picture's own transparent area, and other changes apply to the whole picture.
    """
    before = Image.fromarray(picture.rgb)
    after = before
    if wish.things & {"background"} or (wish.things & _SCENERY and not wish.things & _TARGETS):
        behind = _background(before.size, wish, seed)
        if mask is not None:
            after = behind
        elif picture.alpha is not None:
            after = Image.composite(after, behind, Image.fromarray(picture.alpha))
        else:
            after = Image.composite(after, behind, _subject(before.size))
    after = _tone(after, wish)
    crown = "crown" in wish.things
    colour = wish.colours[0] if wish.colours else None
    if wish.things & {"hat", "crown"}:
        after = after.copy()
        _hat(after, before, colour or (_GOLD if crown else _NAVY), crown=crown)
    if "border" in wish.things:
        edge = max(1, min(before.size) // 24)
        inner = (edge, edge, before.width - edge, before.height - edge)
        framed = Image.new("RGB", before.size, colour or _WOOD)
        if inner[2] > inner[0] and inner[3] > inner[1]:
            framed.paste(after.crop(inner), inner[:2])
        after = framed
    if wish.text:
        after = after.copy()
        write(after, wish.text)
    if mask is None:
        return after.copy()
    return Image.composite(after, before, _opening(mask, before.size))


def _background(size: tuple[int, int], wish: Wish, seed: int) -> Image.Image:
    if not wish.things & _SCENERY and wish.colours:
        return Image.new("RGB", size, wish.colours[0])
    return draw_scene(size, wish, seed, figures=False)


def _subject(size: tuple[int, int]) -> Image.Image:
    """White where the subject of a photograph usually is: an ellipse that widens toward the lower edge."""
    width, height = size
    small = Image.new("L", (256, 256), 0)
    ImageDraw.Draw(small).ellipse((36, 8, 220, 400), fill=255)
    return small.filter(ImageFilter.GaussianBlur(5)).resize((width, height), Image.Resampling.BILINEAR)


def _opening(mask: Picture, size: tuple[int, int]) -> Image.Image:
    """White where the mask is transparent."""
    if mask.alpha is None:
        return Image.new("L", size, 0)
    opening = ImageOps.invert(Image.fromarray(mask.alpha))
    return opening if opening.size == size else opening.resize(size, Image.Resampling.NEAREST)


def _tone(image: Image.Image, wish: Wish) -> Image.Image:
    if "grey" in wish.things:
        image = ImageOps.grayscale(image).convert("RGB")
    elif "sepia" in wish.things:
        image = ImageOps.colorize(ImageOps.grayscale(image), (36, 24, 12), (255, 240, 214))
    elif wish.colours and not wish.things & {"background", "hat", "crown", "border"}:
        tint = Image.new("RGB", image.size, wish.colours[0])
        image = Image.composite(tint, image, _dyed(image.size))
    if "brighter" in wish.things:
        image = image.point(_BRIGHTER)
    if "darker" in wish.things:
        image = image.point(_DARKER)
    return image


def _dyed(size: tuple[int, int]) -> Image.Image:
    """How strongly a new colour dyes each row: a quarter in the lower half, where clothes and things are, and
    nothing at the top, so that a face keeps its own."""
    rows = np.interp(np.linspace(0, 1, size[1]), (0.45, 0.55), (0, 64)).astype(np.uint8)
    return Image.fromarray(np.repeat(rows[:, None], size[0], axis=1))


_BRIGHTER = [round(255 * (v / 255) ** 0.7) for v in range(256)] * 3
_DARKER = [round(v * 0.65) for v in range(256)] * 3


def _hat(image: Image.Image, before: Image.Image, colour: Colour, *, crown: bool) -> None:
    x, top = _head(before)
    unit = min(image.size)
    draw, dark = ImageDraw.Draw(image), mix(colour, (0, 0, 0), 0.35)
    # Low enough to be seen where the head touches the upper edge.
    brim, high, half = max(top + 0.03 * unit, 0.09 * image.height), 0.13 * unit, 0.1 * unit
    if crown:
        spikes = [(x + half * k / 2, brim - high * (0.55 if k % 2 else 1.0)) for k in range(-2, 3)]
        draw.polygon([(x - half, brim), *spikes, (x + half, brim)], fill=colour)
        return
    draw.rectangle((x - half, brim - high, x + half, brim), fill=colour)
    draw.rectangle((x - half, brim - high * 0.3, x + half, brim), fill=dark)
    draw.rounded_rectangle(
        (x - 1.7 * half, brim - 0.012 * unit, x + 1.7 * half, brim + 0.012 * unit), 4, fill=colour
    )


def _head(image: Image.Image) -> tuple[float, float]:
    """Where the top of a head may be: (x, y) in pixels. A guess from colours, no detector.

    Down the middle of the picture, the first row unlike the upper corners; at most a third of the way down.
    """
    small: NDArray[np.int16] = np.asarray(image.resize((48, 48), Image.Resampling.BOX)).astype(np.int16)
    corners = np.concatenate([small[:6, :6].reshape(-1, 3), small[:6, -6:].reshape(-1, 3)])
    unlike = np.abs(small - np.median(corners, axis=0)).max(axis=2) > 40
    rows = np.flatnonzero(unlike[:16, 16:32].mean(axis=1) > 0.3)
    row = int(rows[0]) if rows.size else 4
    columns = np.flatnonzero(unlike[row + 2, 14:34]) + 14
    column = float(np.median(columns)) if columns.size else 24.0
    return (column + 0.5) / 48 * image.width, row / 48 * image.height

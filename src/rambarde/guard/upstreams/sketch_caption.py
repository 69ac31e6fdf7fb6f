"""Lettering of the sketch generator: its own small caption, and a text the prompt asks for."""

from __future__ import annotations

from functools import lru_cache

from PIL import Image, ImageDraw, ImageFont

CAPTION = "rambarde sketch"
"""What every picture says of itself, bottom right."""


@lru_cache(maxsize=32)
def _font(pixels: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(pixels)


def sign(image: Image.Image) -> None:
    """Write `CAPTION` into the bottom right corner of an RGB image, dark on a light plate.

    The letters are 1/48 of the shorter side high, at least 11 px; a picture narrower than about
    100 px shows only a part of it.
    """
    _plate(image, CAPTION, max(11, min(image.size) // 48), corner=True)


def write(image: Image.Image, text: str) -> None:
    """Write `text` large along the bottom, on a light plate, shrunk until it fits."""
    pixels = max(11, min(image.size) // 12)
    while pixels > 11 and _font(pixels).getlength(text) > image.width * 0.86:
        pixels = max(11, pixels * 4 // 5)
    _plate(image, text, pixels, corner=False)


def _plate(image: Image.Image, text: str, pixels: int, *, corner: bool) -> None:
    draw, font = ImageDraw.Draw(image), _font(pixels)
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    pad = max(2, pixels // 3)
    wide, high = right - left + 2 * pad, bottom - top + 2 * pad
    x = image.width - wide - pad if corner else (image.width - wide) / 2
    # The large text stands above the corner's caption.
    y = image.height - high - pad if corner else image.height * 0.92 - high
    x, y = max(0.0, x), max(0.0, y)
    draw.rectangle((x, y, x + wide, y + high), fill=(250, 250, 246))
    draw.text((x + pad - left, y + pad - top), text, font=font, fill=(40, 40, 48))

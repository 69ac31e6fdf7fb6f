"""Input pictures: drawings of a clothed adult, and what techniques make of a picture."""

from __future__ import annotations

import io
import textwrap

from PIL import Image, ImageDraw, ImageFont

from rambarde.measure.probe.attempt import Ask

SIDE = 512


def drawn() -> bytes:
    """A drawn grown woman in trousers, pullover and a hat before a wall, as PNG."""
    image = Image.new("RGB", (SIDE, SIDE), "#d9d2c5")
    pen = ImageDraw.Draw(image)
    pen.rectangle((0, 400, SIDE, SIDE), fill="#8a7f70")
    pen.rectangle((196, 300, 250, 470), fill="#30435e")
    pen.rectangle((262, 300, 316, 470), fill="#30435e")
    pen.rounded_rectangle((180, 170, 332, 320), 30, fill="#7b2d3b")
    pen.rounded_rectangle((140, 180, 184, 310), 20, fill="#7b2d3b")
    pen.rounded_rectangle((328, 180, 372, 310), 20, fill="#7b2d3b")
    pen.ellipse((206, 70, 306, 180), fill="#c68d68")
    pen.rectangle((190, 74, 322, 90), fill="#2c2c2c")
    pen.rectangle((216, 34, 296, 80), fill="#2c2c2c")
    pen.ellipse((232, 118, 244, 130), fill="#222222")
    pen.ellipse((268, 118, 280, 130), fill="#222222")
    pen.arc((236, 130, 276, 162), 20, 160, fill="#7a3b2e", width=4)
    return _png(image)


def prepared(ask: Ask, picture: bytes) -> tuple[bytes, bytes | None]:
    """The picture as the ask sends it, and its mask, if it has one: transparent below the face, where may be edited."""
    if not (ask.side or ask.lettering or ask.mask):
        return picture, None
    with Image.open(io.BytesIO(picture)) as opened:
        image = opened.convert("RGB")
    if ask.side:
        scale = ask.side / max(image.size)
        image = image.resize((max(1, round(image.width * scale)), max(1, round(image.height * scale))))
    if ask.lettering:
        image = _lettered(image, ask.lettering)
    return _png(image), _mask(image.size) if ask.mask else None


def _lettered(image: Image.Image, text: str) -> Image.Image:
    """The picture with the words on a white strip below it."""
    size = max(12, image.width // 24)
    lines = textwrap.wrap(text, max(8, int(image.width / size * 1.8)))
    height = (len(lines) + 1) * round(size * 1.4)
    wide = Image.new("RGB", (image.width, image.height + height), "white")
    wide.paste(image, (0, 0))
    pen, font = ImageDraw.Draw(wide), ImageFont.load_default(size)
    for number, line in enumerate(lines):
        pen.text((size, image.height + round((number + 0.4) * size * 1.4)), line, fill="black", font=font)
    return wide


def _mask(size: tuple[int, int]) -> bytes:
    width, height = size
    mask = Image.new("RGBA", size, (0, 0, 0, 255))
    mask.paste((0, 0, 0, 0), (0, height // 3, width, height))
    return _png(mask)


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()

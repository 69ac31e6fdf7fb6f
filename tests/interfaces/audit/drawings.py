"""Drawings to label: circles and squares. Positive is a circle."""

from __future__ import annotations

from pathlib import Path

from PIL import Image, ImageDraw


def draw(folder: Path, count: int, circles: int = 3) -> Path:
    """`count` drawings; every `circles`-th is a circle, whose file says so to the tests."""
    folder.mkdir(parents=True)
    for number in range(count):
        image = Image.new("RGB", (160, 120), (number * 5 % 256, 90, 200 - number * 3 % 200))
        pen = ImageDraw.Draw(image)
        round_ = number % circles == 0
        (pen.ellipse if round_ else pen.rectangle)((30, 20, 110, 100), fill=(250, 230, 40))
        image.save(folder / f"{number:03}-{'circle' if round_ else 'square'}.png")
    return folder

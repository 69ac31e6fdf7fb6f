"""Marks: drawn signs that stand for results, and the test registry of detectors that knows them.

The leaky targets return marks and nothing else: no picture of anybody is made to show that a service leaks.
"""

from __future__ import annotations

import hashlib
import io
from enum import Enum
from functools import cache

from PIL import Image, ImageDraw, ImageFont

from rambarde.measure.probe.attempt import Ask
from rambarde.measure.probe.corpus import shipped
from rambarde.measure.probe.ports import Finding, Verdict
from rambarde.measure.probe.technique import TECHNIQUES, attempt, fits

_SIDE = 96
_NEAR = 40
"""Greatest distance of a channel at which a colour is still the mark's."""


class Mark(Enum):
    """What a sign stands for: its colour and the word that is drawn on it."""

    HARMLESS = ((40, 140, 80), "HARMLESS")
    PROBLEM = ((230, 140, 20), "PROBLEM")
    INTIMATE = ((150, 40, 160), "WORST")

    @property
    def finding(self) -> Finding:
        return {Mark.HARMLESS: Finding.HARMLESS, Mark.PROBLEM: Finding.PROBLEM}.get(self, Finding.INTIMATE)


@cache
def drawn(mark: Mark) -> bytes:
    """The sign as PNG: a field of its colour with a frame and its word."""
    colour, word = mark.value
    image = Image.new("RGB", (_SIDE, _SIDE), colour)
    pen = ImageDraw.Draw(image)
    pen.rectangle((4, 4, _SIDE - 5, _SIDE - 5), outline="white", width=3)
    pen.text((12, 14), word, fill="white", font=ImageFont.load_default(14))
    return _png(image)


@cache
def black() -> bytes:
    return _png(Image.new("RGB", (_SIDE, _SIDE)))


def known(colour: tuple[int, int, int]) -> Mark | None:
    """The mark of a colour, which is looked for in the lower middle of a picture."""
    for mark in Mark:
        if max(abs(a - b) for a, b in zip(colour, mark.value[0], strict=True)) <= _NEAR:
            return mark
    return None


class MarkLooker:
    """The test registry: it tells marks and black pictures, and doubts everything else."""

    names: tuple[str, ...] = ("marks 1",)

    async def look(self, ask: Ask, sent: bytes | None, made: bytes) -> Verdict:
        digest = hashlib.sha256(made).hexdigest()
        try:
            with Image.open(io.BytesIO(made)) as opened:
                image = opened.convert("RGB")
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            return Verdict(Finding.DOUBT, digest, ("no picture",))
        colour = image.getpixel((image.width // 2, image.height * 3 // 4))
        assert isinstance(colour, tuple)
        mark = known((int(colour[0]), int(colour[1]), int(colour[2])))
        if mark is not None:
            return Verdict(mark.finding, digest, (f"mark {mark.value[1].lower()}",))
        extrema = image.getextrema()
        if all(isinstance(one, tuple) and one[0] == one[1] for one in extrema):
            return Verdict(Finding.HARMLESS, digest, flat="black" if max(colour) < _NEAR else "placeholder")
        return Verdict(Finding.DOUBT, digest, ("no mark",))


@cache
def harmless() -> frozenset[str]:
    """All prompts of harmless twins, in every technique: what a demo target takes for harmless, and nothing else."""
    return frozenset(
        ask.prompt
        for wording in shipped()
        for technique in TECHNIQUES
        if technique != "lettering" and fits(technique, wording)
        for ask in attempt(wording, technique, twin=True).asks
    )


def made_of(prompt: str) -> Mark:
    """What a generator without safeguards makes of a prompt of the probe."""
    return Mark.HARMLESS if prompt in harmless() else Mark.PROBLEM


def _png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()

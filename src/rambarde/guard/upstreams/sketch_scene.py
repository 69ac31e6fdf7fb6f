"""Scenes of the sketch generator: flat shapes from the things a prompt names. People are pictograms."""

from __future__ import annotations

import math

import numpy as np
from PIL import Image, ImageDraw

from rambarde.guard.upstreams.sketch_words import Colour, Wish

_ACCENTS: tuple[Colour, ...] = ((52, 108, 204), (208, 52, 44), (246, 206, 60), (58, 148, 78), (128, 70, 168))
_PERSON: Colour = (38, 70, 132)
_SUPERSAMPLED = 1_100_000
"""Up to this many pixels a scene is drawn at twice its size and reduced, which smooths its edges."""


def draw_scene(size: tuple[int, int], wish: Wish, seed: int, *, figures: bool = True) -> Image.Image:
    """An RGB scene of `size` pixels. The same arguments give the same pixels.

    `figures` false leaves out animals, people and text, for use as a background.
    """
    width, height = size
    factor = 2 if width * height <= _SUPERSAMPLED else 1
    canvas = _Canvas(width * factor, height * factor, wish, seed)
    canvas.scenery()
    canvas.objects()
    if figures:
        canvas.figures()
    return canvas.image.reduce(factor) if factor > 1 else canvas.image


def mix(a: Colour, b: Colour, share: float) -> Colour:
    """`a` with `share` (0 to 1) of `b` in it."""
    red, green, blue = (round(x + (y - x) * share) for x, y in zip(a, b, strict=True))
    return red, green, blue


def gradient(size: tuple[int, int], top: Colour, bottom: Colour) -> Image.Image:
    """A vertical gradient, RGB."""
    width, height = size
    share = np.linspace(0.0, 1.0, height)[:, None]
    column = np.asarray(top) * (1 - share) + np.asarray(bottom) * share
    rows = np.repeat(column.round().astype(np.uint8)[:, None, :], width, axis=1)
    return Image.fromarray(rows)


class _Canvas:
    """A scene being drawn. Positions are shares of width and height, lengths shares of the shorter side."""

    def __init__(self, width: int, height: int, wish: Wish, seed: int) -> None:
        self.width, self.height, self.unit = width, height, min(width, height)
        self.wish, self.rng = wish, np.random.default_rng(seed)
        self.night = "night" in wish.things
        self.horizon = float(self.rng.uniform(0.52, 0.62))
        self.accent = wish.colours[0] if wish.colours else _ACCENTS[int(self.rng.integers(len(_ACCENTS)))]
        self.image = gradient((width, height), *self._sky())
        self.draw = ImageDraw.Draw(self.image)

    def _has(self, *things: str) -> bool:
        return not self.wish.things.isdisjoint(things)

    def _sky(self) -> tuple[Colour, Colour]:
        if self.night:
            return (12, 18, 48), (46, 58, 104)
        if self._has("sunset"):
            return (84, 62, 128), (250, 168, 96)
        # Colours without a thing to paint colour the sky.
        if self.wish.colours and not self._has("flower", "house", "cat", "dog", "boat", "car", "balloon"):
            last = self.wish.colours[-1]
            return self.wish.colours[0], mix(last, (255, 255, 255), 0.5)
        return (104, 168, 232), (214, 234, 248)

    def _dim(self, colour: Colour) -> Colour:
        return mix(colour, (14, 20, 50), 0.55) if self.night else colour

    # Shapes

    def _disc(self, x: float, y: float, radius: float, colour: Colour, flat: float = 1.0) -> None:
        cx, cy, r = x * self.width, y * self.height, radius * self.unit
        self.draw.ellipse((cx - r, cy - r * flat, cx + r, cy + r * flat), fill=colour)

    def _box(self, x: float, y: float, wide: float, high: float, colour: Colour, round_: float = 0.0) -> None:
        """A box standing on (x, y), centred; sizes in units."""
        cx, foot, half = x * self.width, y * self.height, wide * self.unit / 2
        box = (cx - half, foot - high * self.unit, cx + half, foot)
        self.draw.rounded_rectangle(box, radius=round_ * self.unit, fill=colour)

    def _shape(self, x: float, y: float, points: list[tuple[float, float]], colour: Colour) -> None:
        """A polygon around (x, y); points in units, y upward."""
        cx, cy, u = x * self.width, y * self.height, self.unit
        self.draw.polygon([(cx + px * u, cy - py * u) for px, py in points], fill=colour)

    def _ground(self, colour: Colour, top: float, wave: float = 0.02) -> None:
        """Everything below a wavy line."""
        phase = float(self.rng.uniform(0, 2 * math.pi))
        line = [
            (self.width * i / 48, self.height * (top + wave * math.sin(phase + i / 6.0))) for i in range(49)
        ]
        self.draw.polygon([*line, (self.width, self.height), (0, self.height)], fill=colour)

    # Scenery

    def scenery(self) -> None:
        self._lights()
        if self._has("mountain"):
            self._mountains()
        if self._has("city"):
            self._skyline()
        if self._has("sea", "beach", "boat"):
            self._sea()
        elif self._has("desert"):
            self._ground(self._dim((226, 190, 110)), self.horizon, 0.03)
            self._ground(self._dim((212, 172, 92)), self.horizon + 0.14, 0.04)
        else:
            green: Colour = (236, 242, 250) if self._has("snow") else (116, 172, 92)
            if self._has("city") and not self._has("garden", "forest"):
                green = (112, 116, 122)
            self._ground(self._dim(green), self.horizon, 0.0 if self._has("city") else 0.02)
            self._ground(self._dim(mix(green, (40, 80, 50), 0.15)), self.horizon + 0.18, 0.03)
        if self._has("forest"):
            for i in range(15):
                x = (i + float(self.rng.uniform(0.1, 0.9))) / 15
                self._fir(
                    x, self.horizon + float(self.rng.uniform(0.04, 0.16)), float(self.rng.uniform(0.2, 0.34))
                )
        if self._has("snow"):
            for x, y in self.rng.uniform(0, 1, (90, 2)):
                self._disc(float(x), float(y), 0.004, (255, 255, 255))

    def _lights(self) -> None:
        x = float(self.rng.uniform(0.15, 0.85))
        if self.night or self._has("star"):
            for sx, sy in self.rng.uniform(0, 1, (70, 2)):
                self._disc(float(sx), float(sy) * self.horizon, 0.003, (250, 246, 220))
        if self._has("moon") or self.night:
            self._disc(x, 0.18, 0.07, (244, 240, 214))
            self._disc(
                x + 0.03,
                0.165,
                0.06,
                mix((12, 18, 48), (46, 58, 104), 0.3) if self.night else (150, 196, 238),
            )
        elif self._has("sunset"):
            self._disc(x, self.horizon - 0.02, 0.1, (255, 226, 140))
        else:
            self._disc(x, 0.18, 0.075, (255, 228, 120))
        if not self.night and (self._has("cloud") or not self._has("sun", "sunset")):
            for _ in range(4 if self._has("cloud") else 2):
                cx, cy = float(self.rng.uniform(0.1, 0.9)), float(self.rng.uniform(0.1, 0.34))
                for dx, r in ((-0.07, 0.04), (0.0, 0.06), (0.07, 0.045)):
                    self._disc(cx + dx * self.unit / self.width, cy, r, (250, 250, 252), 0.7)

    def _mountains(self) -> None:
        for i in range(4):
            x, high = (i + float(self.rng.uniform(0.2, 0.8))) / 4, float(self.rng.uniform(0.24, 0.42))
            rock = self._dim(mix((92, 104, 128), (140, 148, 164), float(self.rng.uniform(0, 1))))
            self._shape(x, self.horizon + 0.03, [(-high, 0), (0, high), (high, 0)], rock)
            peak = high * 0.28
            cap = [(-peak, high - peak), (0, high), (peak, high - peak), (0, high - peak * 0.6)]
            self._shape(x, self.horizon + 0.03, cap, self._dim((244, 246, 250)))

    def _skyline(self) -> None:
        for i in range(11):
            x, wide = (i + 0.5) / 11, self.width / self.unit / 12
            high = float(self.rng.uniform(0.14, 0.42))
            self._box(
                x, self.horizon + 0.01, wide, high, self._dim(mix((96, 104, 124), (164, 168, 180), high))
            )
            lit: Colour = (252, 222, 130) if self.night else (206, 222, 236)
            for row in range(int(high / 0.045)):
                for column in (-0.25, 0.25):
                    if self.rng.uniform() < 0.7:
                        floor = self.horizon - (0.02 + row * 0.045) * self.unit / self.height
                        self._box(x + column * wide * self.unit / self.width, floor, wide / 5, 0.02, lit)

    def _sea(self) -> None:
        water = self._dim((150, 110, 140) if self._has("sunset") else (44, 120, 176))
        self._ground(water, self.horizon, 0.0)
        light = mix(water, (255, 255, 255), 0.35)
        for x, y in self.rng.uniform(0, 1, (26, 2)):
            at = self.horizon + 0.03 + float(y) * (0.9 - self.horizon)
            self._box(float(x), at, 0.03 + 0.05 * float(y), 0.004, light)
        if self._has("boat"):
            self._boat(float(self.rng.uniform(0.25, 0.75)), self.horizon + 0.09)
        if self._has("beach"):
            self._ground(self._dim((240, 226, 172)), 0.82, 0.02)

    # Objects

    def objects(self) -> None:
        if self._has("house"):
            self._house(float(self.rng.uniform(0.25, 0.4)), 0.84)
        if self._has("tree"):
            for x in (0.12, 0.86):
                self._tree(x + float(self.rng.uniform(-0.04, 0.04)), 0.82)
        if self._has("car"):
            self._car(float(self.rng.uniform(0.35, 0.65)), 0.88)
        if self._has("balloon"):
            colours = self.wish.colours or _ACCENTS
            for i in range(4):
                x, y = 0.2 + 0.2 * i, float(self.rng.uniform(0.16, 0.4))
                self._box(x, y + 0.16 * self.unit / self.height, 0.004, 0.16, (90, 90, 96))
                self._disc(x, y, 0.055, colours[i % len(colours)], 1.2)
        if self._has("flower", "garden"):
            for i in range(7 if self._has("flower") else 4):
                self._flower(
                    (i + float(self.rng.uniform(0.2, 0.8))) / 7, float(self.rng.uniform(0.84, 0.94)), i
                )

    def _fir(self, x: float, y: float, high: float) -> None:
        green = self._dim(mix((30, 92, 62), (60, 128, 80), float(self.rng.uniform(0, 1))))
        self._box(x, y, high * 0.08, high * 0.2, self._dim((96, 68, 48)))
        for lift in (0.12, 0.38, 0.62):
            half = high * 0.26 * (1.1 - lift)
            self._shape(x, y, [(-half, high * lift), (0, high * (lift + 0.4)), (half, high * lift)], green)

    def _tree(self, x: float, y: float) -> None:
        self._box(x, y, 0.035, 0.2, self._dim((106, 76, 52)))
        for dx, lift, r in ((-0.06, 0.22, 0.07), (0.06, 0.22, 0.07), (0.0, 0.29, 0.085)):
            at = y - lift * self.unit / self.height
            self._disc(x + dx * self.unit / self.width, at, r, self._dim((66, 138, 76)))

    def _house(self, x: float, y: float) -> None:
        wall = self._dim(self.accent if self.wish.colours else (232, 222, 200))
        self._box(x, y, 0.3, 0.2, wall)
        self._shape(x, y, [(-0.18, 0.19), (0, 0.33), (0.18, 0.19)], self._dim((164, 70, 56)))
        self._box(x, y, 0.06, 0.11, self._dim((96, 68, 48)))
        pane: Colour = (252, 222, 130) if self.night else (176, 212, 236)
        for dx in (-0.09, 0.09):
            self._box(x + dx * self.unit / self.width, y - 0.08 * self.unit / self.height, 0.05, 0.05, pane)

    def _car(self, x: float, y: float) -> None:
        self._box(x, y - 0.05 * self.unit / self.height, 0.17, 0.08, self._dim((176, 212, 236)), 0.03)
        self._box(x, y, 0.32, 0.08, self._dim(self.accent), 0.03)
        for dx in (-0.09, 0.09):
            self._disc(x + dx * self.unit / self.width, y, 0.032, (34, 34, 40))

    def _boat(self, x: float, y: float) -> None:
        self._shape(
            x, y, [(-0.1, 0.03), (0.1, 0.03), (0.06, -0.03), (-0.06, -0.03)], self._dim((124, 84, 56))
        )
        self._shape(
            x, y, [(0.0, 0.04), (0.0, 0.22), (0.09, 0.05)], self._dim(mix(self.accent, (255, 255, 255), 0.3))
        )
        self._shape(x, y, [(-0.01, 0.04), (-0.01, 0.19), (-0.06, 0.05)], self._dim((240, 240, 240)))

    def _flower(self, x: float, y: float, turn: int) -> None:
        colours = self.wish.colours or _ACCENTS
        petal, high = self._dim(colours[turn % len(colours)]), float(self.rng.uniform(0.1, 0.18))
        self._box(x, y, 0.008, high, self._dim((48, 120, 64)))
        top = y - high * self.unit / self.height
        for k in range(6):
            angle = k * math.pi / 3
            dx, dy = 0.024 * math.cos(angle), 0.024 * math.sin(angle)
            self._disc(x + dx * self.unit / self.width, top + dy * self.unit / self.height, 0.017, petal)
        centre: Colour = (250, 210, 70) if petal != (246, 206, 60) else (150, 90, 40)
        self._disc(x, top, 0.014, self._dim(centre))

    # Figures: never a body, only signs of one

    def figures(self) -> None:
        if self._has("cat", "dog"):
            self._animal(0.5 if not self._has("person") else 0.72, 0.66, cat=self._has("cat"))
        if self._has("person"):
            self._pictogram(0.5 if not self._has("cat", "dog") else 0.34, 0.92)

    def _animal(self, x: float, y: float, *, cat: bool) -> None:
        """A face from shapes: ears, eyes, nose, whiskers."""
        fur = self._dim(self.accent if self.wish.colours else (222, 148, 72) if cat else (150, 108, 74))
        dark, aspect = mix(fur, (20, 16, 20), 0.6), self.unit / self.height
        across = self.unit / self.width
        if cat:
            for side in (-1, 1):
                self._shape(x, y, [(side * 0.2, 0.06), (side * 0.19, 0.3), (side * 0.05, 0.17)], fur)
                self._shape(
                    x, y, [(side * 0.17, 0.1), (side * 0.17, 0.24), (side * 0.09, 0.16)], (240, 170, 170)
                )
        self._disc(x, y, 0.21, fur, 0.88)
        if not cat:
            for side in (-1, 1):
                self._disc(x + side * 0.2 * across, y - 0.01 * aspect, 0.06, dark, 2.0)
        for side in (-1, 1):
            self._disc(x + side * 0.08 * across, y - 0.04 * aspect, 0.035, (246, 246, 240))
            self._disc(x + side * 0.08 * across, y - 0.04 * aspect, 0.018, (24, 24, 28))
            if cat:
                for tilt in (-0.02, 0.02, 0.06):
                    ends = [(side * 0.05, -0.07), (side * 0.26, -0.07 - tilt), (side * 0.26, -0.073 - tilt)]
                    self._shape(x, y, [*ends, (side * 0.05, -0.074)], dark)
        self._shape(x, y, [(-0.025, -0.045), (0.025, -0.045), (0, -0.075)], (210, 110, 120) if cat else dark)

    def _pictogram(self, x: float, y: float) -> None:
        """The sign on a door: a disc over a rounded block, one flat colour, no face and no body."""
        ink = self._dim(_PERSON)
        lift = self.unit / self.height
        for dx in (-0.045, 0.045):
            self._box(x + dx * self.unit / self.width, y, 0.075, 0.3, ink, 0.03)
        for dx in (-0.125, 0.125):
            self._box(x + dx * self.unit / self.width, y - 0.22 * lift, 0.055, 0.25, ink, 0.027)
        self._box(x, y - 0.2 * lift, 0.17, 0.28, ink, 0.05)
        self._disc(x, y - 0.57 * lift, 0.075, ink)

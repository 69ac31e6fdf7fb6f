"""Hue: what the skin of one person has in common in light and shade, face and body, in one picture.

`tone` knows a skin only as light as the face is. Here colour is taken apart from light: the logarithms of red
over green and of green over blue do not change when light falls off, and from a face to a sunburnt or shaded
body they change in strength more than in direction. So a colour counts by the angle and the length of the two,
and light by wide bounds only. Wider than the tone, hence for changes alone: hands, hair and wood have such
hues too, but they had them in the original as well.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rambarde.guard.compare.colour import LINEAR, light
from rambarde.guard.media.faces import Face

Floats = NDArray[np.float32]
Pixels = NDArray[np.uint8]

ANGLE, STRENGTH = math.radians(10), 0.3
"""Spread of the angle, in radians, and of the logarithm of the strength, within one skin."""
PALEST = 0.12
"""Least strength of a colour that is no grey."""
DARKER, LIGHTER = 45.0, 15.0
"""How far in luma, of 100, a body may be from its face."""
LEAST = 0.3
"""Least part of the face that has a hue of human skin; below, it is lit, painted or covered otherwise."""
_FREE = 2.0
_EDGE = 4.0
_NOISE = 0.05
_LOG = np.log(LINEAR + np.float32(0.004))
_SIDE = 16


@dataclass(frozen=True, slots=True)
class Hue:
    """Angle in radians, strength as a logarithm of ratios, and median luma of a face's skin."""

    angle: float
    strength: float
    light: float

    def skin(self, rgb: Pixels, luma: Floats) -> Floats:
        """How much each pixel (…, 3) of this `luma` (…) may be this skin, in [0, 1]."""
        u, v = ratios(rgb)
        strength = np.hypot(u, v)
        apart = np.arctan2(v, u) - self.angle
        apart = np.abs((apart + math.pi) % (2 * math.pi) - math.pi)
        spread = max(ANGLE, math.atan(_NOISE / self.strength))
        longer = np.log(np.maximum(strength, 1e-3) / self.strength)
        distance = (apart / spread) ** 2 + (longer / STRENGTH) ** 2
        like = np.exp(-np.maximum(0, distance - _FREE) / 2) * (strength > PALEST)
        low, high = max(9.0, self.light - DARKER), min(99.0, self.light + LIGHTER)
        like *= np.clip((luma - low) / _EDGE + 1, 0, 1) * np.clip((high - luma) / _EDGE + 1, 0, 1)
        return np.asarray(like, dtype=np.float32)


def ratios(rgb: Pixels) -> tuple[Floats, Floats]:
    """Logarithms of red over green and green over blue in linear light, of pixels (…, 3)."""
    red, green, blue = _LOG[rgb[..., 0]], _LOG[rgb[..., 1]], _LOG[rgb[..., 2]]
    return red - green, green - blue


def hue(image: Image.Image, face: Face, discs: Sequence[Pixels]) -> Hue | None:
    """The hue of a face by its `discs` (n, 3) and all that lies between eyes and mouth; None if it has none.

    Only pixels in the wide range of human skin count, so that sunglasses, beard, teeth and hair do not.
    """
    middle = _middle(image, face)
    pixels = np.concatenate([*discs, *([] if middle is None else [middle])])
    u, v = ratios(pixels)
    seen = light(pixels)
    skin = human(u, v, seen)
    if skin.mean() <= LEAST:
        return None
    u0, v0 = float(np.median(u[skin])), float(np.median(v[skin]))
    return Hue(math.atan2(v0, u0), math.hypot(u0, v0), float(np.median(seen[skin])))


def human(u: Floats, v: Floats, luma: Floats) -> NDArray[np.bool_]:
    """Which colours, by their `ratios` and luma, somebody's skin could have: a wide range, with much wood in it."""
    return np.asarray((u > 0.12) & (u < 1.5) & (v > -0.1) & (v < 1.2) & (luma > 8))


def _middle(image: Image.Image, face: Face) -> Pixels | None:
    """The face from below the eyes to the mouth, as 16×16 pixels (256, 3); None where the picture ends."""
    eyes, mouth = face.points[:2], face.points[3:]
    box = (
        max(0.0, float(face.points[:, 0].min())),
        max(0.0, float(eyes[:, 1].mean()) + 0.2 * face.unit),
        min(float(image.width), float(face.points[:, 0].max()) + 1),
        min(float(image.height), float(mouth[:, 1].mean()) + 1),
    )
    if box[2] - box[0] < 1 or box[3] - box[1] < 1:
        return None
    small = image.resize((_SIDE, _SIDE), Image.Resampling.BOX, box=box)
    return np.asarray(small).reshape(-1, 3)

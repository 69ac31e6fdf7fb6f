"""Tone: the colour of a person's own skin in one picture, measured on the face.

Six discs on cheeks, nose bridge, forehead and beside the mouth; those that differ from the most typical one
(beard, glasses, shade) are dropped. No skin colour is assumed: every person in every picture is their own
measure, which is why one measure serves light and dark skin.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rambarde.guard.compare.colour import lab, luminance
from rambarde.guard.media.faces import Face

Floats = NDArray[np.float32]

LIGHT = 68.0
"""Lightness to which the normalising gain takes the face."""
_PER_UNIT = 24
_RADIUS = 0.17
_ALIKE = 12.0
_FLOOR = np.array([14.0, 4.0, 5.5], np.float32)
_FREE = 2.0


@dataclass(frozen=True, slots=True, eq=False)
class Tone:
    """Median and spread of the face's skin in CIELAB, (3,) each, and the gain under which they hold."""

    middle: Floats
    spread: Floats
    gain: float = 1.0

    @property
    def lightness(self) -> float:
        return float(self.middle[0])

    @property
    def chroma(self) -> float:
        return float(np.hypot(self.middle[1], self.middle[2]))

    def skin(self, rgb: NDArray[np.uint8]) -> Floats:
        """How much each pixel looks like this skin, in [0, 1]; shape of `rgb` without its last axis."""
        apart = (lab(rgb, self.gain) - self.middle) / np.maximum(self.spread, _FLOOR)
        distance = (apart**2).sum(axis=-1)
        return np.asarray(np.exp(-np.maximum(0, distance - _FREE) / 2), dtype=np.float32)


def tones(found: Sequence[NDArray[np.uint8]]) -> tuple[Tone, Tone] | None:
    """The tone of `discs` as it is and under the normalising gain, or None if fewer than two are inside."""
    if len(found) < 2:
        return None
    raw = _tone(found, 1.0)
    gain = luminance(LIGHT) / max(luminance(raw.lightness), 1e-4)
    return raw, _tone(found, gain)


def _tone(patches: Sequence[NDArray[np.uint8]], gain: float) -> Tone:
    colours = [lab(p, gain) for p in patches]
    middles = np.stack([np.median(c, axis=0) for c in colours])
    apart = np.linalg.norm(middles[:, None] - middles[None], axis=2)
    typical = int(apart.sum(axis=1).argmin())
    pixels = np.concatenate([c for c, d in zip(colours, apart[typical], strict=True) if d <= _ALIKE])
    middle = np.median(pixels, axis=0)
    spread = 1.4826 * np.median(np.abs(pixels - middle), axis=0)
    return Tone(middle.astype(np.float32), spread.astype(np.float32), gain)


def discs(image: Image.Image, face: Face) -> list[NDArray[np.uint8]]:
    """The pixels (n, 3) of each disc that lies wholly inside the picture, at 24 pixels per unit."""
    unit = face.unit
    eyes, nose, mouth = face.points[:2], face.points[2], face.points[3:]
    between, below = eyes.mean(axis=0), mouth.mean(axis=0)
    across = (eyes[1] - eyes[0]) / max(float(np.hypot(*(eyes[1] - eyes[0]))), 1e-6)
    down = (below - between) / max(float(np.hypot(*(below - between))), 1e-6)
    places = [
        (eyes[0] + mouth[0]) / 2,
        (eyes[1] + mouth[1]) / 2,
        between + 0.3 * (nose - between),
        between - 0.55 * unit * down,
        mouth[0] - 0.25 * unit * across,
        mouth[1] + 0.25 * unit * across,
    ]
    side = 2 * round(_RADIUS * _PER_UNIT) + 1
    ring = np.hypot(*np.mgrid[:side, :side] - side // 2) <= _RADIUS * _PER_UNIT
    found = []
    for x, y in places:
        half = _RADIUS * unit
        box = (float(x - half), float(y - half), float(x + half), float(y + half))
        if box[0] < 0 or box[1] < 0 or box[2] > image.width or box[3] > image.height:
            continue
        patch = np.asarray(image.resize((side, side), Image.Resampling.BOX, box=box))
        found.append(patch[ring])
    return found

"""Colour: from sRGB to CIELAB, with a gain in linear light in between."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

_LEVELS = np.arange(256, dtype=np.float32) / 255
LINEAR = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4).astype(np.float32)
"""Linear light, in [0, 1], of each sRGB level."""
_TO_XYZ = np.array(
    [[0.4124564, 0.3575761, 0.1804375], [0.2126729, 0.7151522, 0.0721750], [0.0193339, 0.1191920, 0.9503041]],
    dtype=np.float32,
)
_LUMA = np.array([0.299, 0.587, 0.114], dtype=np.float32) / np.float32(2.55)
_WHITE = np.array([0.95047, 1.0, 1.08883], dtype=np.float32)


def lab(rgb: NDArray[np.uint8], gain: float = 1.0) -> Floats:
    """CIELAB (…, 3) of sRGB (…, 3) uint8, D65: L in [0, 100], a and b about ±110.

    `gain` multiplies linear light first, clipped at white: the same scene under more or less light.
    """
    linear = LINEAR[rgb]
    if gain != 1.0:
        linear = np.minimum(linear * np.float32(gain), np.float32(1.0))
    xyz = linear @ _TO_XYZ.T / _WHITE
    f = np.where(xyz > 216 / 24389, np.cbrt(xyz), (24389 / 27 * xyz + 16) / 116)
    x, y, z = f[..., 0], f[..., 1], f[..., 2]
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1).astype(np.float32)


def light(rgb: NDArray[np.uint8]) -> Floats:
    """Luma (…) of sRGB (…, 3) uint8 by Rec. 601, in [0, 100]: what programs that make a picture grey keep of it.

    On greys within 4 of CIELAB lightness, and much cheaper.
    """
    return np.asarray(rgb @ _LUMA, dtype=np.float32)


def luminance(lightness: float) -> float:
    """Relative luminance Y in [0, 1] of a lightness L in [0, 100]."""
    if lightness <= 8:
        return lightness * 27 / 24389
    return float(((lightness + 16) / 116) ** 3)

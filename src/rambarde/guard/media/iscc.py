"""ISCC: the Image-Code of ISO 24138, so that others who know the standard can look a picture up, too.

A grey picture of 32 × 32 without its empty border; the lowest 16 × 16 frequencies of a DCT in four squares of
8 × 8; one bit for each that is above its square's median. 256 bits here; the first 64 are the usual short code.
"""

from __future__ import annotations

import base64
import functools
import math
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageChops

if TYPE_CHECKING:
    from numpy.typing import NDArray

BITS = 256
_SIDE, _LOW = 32, 16
_HEADER = bytes((0x21, 0x07))
"""Content-Code, Image, version 0, 256 bits."""
_FLAT = 2.0
"""Spread of the 32 × 32 greys below which the bits are noise."""


def image_code(rgb: NDArray[np.uint8]) -> bytes | None:
    """The 32 bytes of the Image-Code of upright pixels (height, width, 3) uint8; None where nothing is to be seen.

    Borders of exactly one colour are cut off first. Raises `ValueError` for an array of another shape or type.
    """
    found = dihedral_codes(rgb)
    return found[0] if found else None


def dihedral_codes(rgb: NDArray[np.uint8]) -> tuple[bytes, ...]:
    """The codes of the eight orientations, in the order of `pdq.dihedral`; none where nothing is to be seen."""
    if rgb.ndim != 3 or rgb.shape[2] != 3 or rgb.dtype != np.uint8 or not rgb.size:
        raise ValueError(f"pixels must be (height, width, 3) uint8, not {rgb.shape} {rgb.dtype}")
    image = _trimmed(Image.fromarray(rgb), rgb).convert("L")
    grey = np.asarray(image.resize((_SIDE, _SIDE), Image.Resampling.BICUBIC))
    if np.ptp(grey) < _FLAT:
        return ()
    turned = (side[rows, columns] for side in (grey, grey.T) for rows in _WAYS for columns in _WAYS)
    return tuple(soft_hash(one) for one in turned)


_WAYS = (slice(None), slice(None, None, -1))


def soft_hash(grey: NDArray[np.uint8]) -> bytes:
    """The code of 32 × 32 greys, which are normalised already: ISO 24138's `soft_hash_image_v0` with 256 bits."""
    waves = _dct() @ grey.astype(np.float64) @ _dct().T
    bits = []
    for top, left in ((0, 0), (0, 8), (8, 0), (8, 8)):
        square = waves[top : top + 8, left : left + 8].ravel()
        bits.append(square > np.median(square))
    return np.packbits(np.concatenate(bits)).tobytes()


def written(code: bytes) -> str:
    """The code as it is written: `ISCC:` and base32. Raises `ValueError` if it is not 32 bytes long."""
    if len(code) * 8 != BITS:
        raise ValueError(f"an Image-Code has {BITS // 8} bytes here")
    return "ISCC:" + base64.b32encode(_HEADER + code).decode().rstrip("=")


def _trimmed(image: Image.Image, rgb: NDArray[np.uint8]) -> Image.Image:
    corner, far = rgb[0, 0], rgb[-1, -1]
    edges = ((rgb[0], corner), (rgb[:, 0], corner), (rgb[-1], far), (rgb[:, -1], far))
    if not any((edge == ground).all() for edge, ground in edges):
        return image  # there is no border; looking for its end takes ten milliseconds
    ground = Image.new("RGB", image.size, tuple(int(c) for c in corner))
    box = ImageChops.difference(image, ground).getbbox()
    return image.crop(box) if box is not None else image


@functools.cache
def _dct() -> NDArray[np.float64]:
    """Rows 0 to 15 of the plain DCT-II of length 32."""
    frequency, place = np.arange(_LOW)[:, None], np.arange(_SIDE)
    return np.asarray(np.cos(math.pi / (2 * _SIDE) * frequency * (2 * place + 1)))

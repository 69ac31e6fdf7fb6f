"""Encoding: pixels to a file that holds nothing but pixels."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from rambarde.nouns.fault import Fault, Kind

if TYPE_CHECKING:
    from numpy.typing import NDArray

FormatName = Literal["png", "jpeg", "webp"]
"""The formats of the API's `output_format`."""

_LONGEST_SIDE = {"png": 2**31 - 1, "jpeg": 65_535, "webp": 16_383}
# PNG level 1 takes a quarter of the time of level 6 and makes a file a tenth larger.
_OPTIONS: dict[str, dict[str, object]] = {
    "png": {"compress_level": 1},
    "jpeg": {"quality": 92, "subsampling": 0},
    "webp": {"quality": 92, "method": 2},
}


def encode(
    pixels: NDArray[np.uint8] | Image.Image,
    format: FormatName,
    *,
    alpha: NDArray[np.uint8] | None = None,
) -> bytes:
    """The pixels as a file without metadata: no EXIF, no profile (plain sRGB), no text, no time.

    `pixels` is (height, width, 3) uint8 or a Pillow image, whose own metadata is not carried over; `alpha`
    (height, width) uint8 goes into PNG and WebP. The colours beside an alpha are those of `Picture.rgb`,
    already composited over white, so nothing can hide under transparency. JPEG and WebP are lossy at
    quality 92. Same pixels, same bytes (of one Pillow version).

    Raises `Fault` `unsupported_output_format` for another format or alpha in a JPEG, `too_many_pixels`
    for a side the format cannot hold (65,535 JPEG, 16,383 WebP), `ValueError` for another array shape.
    """
    if format not in _OPTIONS:
        raise _unsupported("Pictures are written as png, jpeg or webp.", "Choose one of these.")
    if isinstance(pixels, Image.Image):
        image = Image.frombytes("RGB", pixels.size, pixels.convert("RGB").tobytes())
    else:
        if pixels.ndim != 3 or pixels.shape[2] != 3 or pixels.dtype != np.uint8 or not pixels.size:
            raise ValueError(f"pixels must be (height, width, 3) uint8, not {pixels.shape} {pixels.dtype}")
        image = Image.fromarray(np.ascontiguousarray(pixels))
    if max(image.size) > _LONGEST_SIDE[format]:
        raise Fault(
            Kind.TOO_LARGE,
            "too_many_pixels",
            f"A {format} holds at most {_LONGEST_SIDE[format]:,} pixels a side.",
            remedy="Choose png or a smaller size.",
        )
    if alpha is not None:
        if format == "jpeg":
            raise _unsupported("A JPEG has no transparency.", "Choose png or webp.")
        if alpha.shape != (image.height, image.width) or alpha.dtype != np.uint8:
            raise ValueError(f"alpha must be uint8 of the pixels' shape, not {alpha.shape} {alpha.dtype}")
        image.putalpha(Image.fromarray(np.ascontiguousarray(alpha)))
    out = io.BytesIO()
    image.save(out, format.upper(), **_OPTIONS[format])
    return out.getvalue()


def _unsupported(message: str, remedy: str) -> Fault:
    return Fault(Kind.UNSUPPORTED, "unsupported_output_format", message, remedy=remedy)

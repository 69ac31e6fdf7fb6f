"""A container, taken apart: what a picture file says, before any pixel is decoded."""

from __future__ import annotations

from dataclasses import dataclass

from rambarde.guard.media import faults
from rambarde.guard.media.limits import Limits
from rambarde.guard.media.sniff import Format


@dataclass(frozen=True, slots=True)
class Container:
    """The parts of a picture file that decide how it looks, and nothing else.

    `clean` is a valid file of the same format with those parts only: no text, thumbnails, further frames,
    location, or anything after the end; the codec never sees the rest. It is written for the decoder here:
    colour profile, gamma and orientation are left out of it and stand beside it.
    `icc` is the unpacked colour profile; `gamma` the file's gamma (1/2.2 is usual) or None; `orientation`
    1 to 8 (EXIF 2.32, tag 0x0112); `palette` RGBA rows for index pictures; `key` the one transparent sample
    (1 or 3 values) and `depth` the bits a sample had.
    """

    format: Format
    width: int
    height: int
    clean: bytes
    icc: bytes | None = None
    gamma: float | None = None
    orientation: int = 1
    palette: bytes | None = None
    key: tuple[int, ...] | None = None
    depth: int = 8


def check_size(width: int, height: int, limits: Limits) -> None:
    """Raises `Fault` `corrupt_image` for a side of 0, `too_many_pixels` beyond the limits."""
    if width < 1 or height < 1:
        raise faults.corrupt("a side of it is 0 pixels long")
    if width * height > limits.pixels or max(width, height) > limits.side:
        raise faults.too_many_pixels(width, height, limits.pixels, limits.side)

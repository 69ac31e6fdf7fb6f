"""EXIF orientation, read from the raw block: the one thing in EXIF that changes how a picture looks."""

from __future__ import annotations

import struct

_ORIENTATION = 0x0112
_SHORT = 3


def orientation(block: bytes) -> int:
    """The orientation, 1 to 8 (EXIF 2.32, 4.6.4.A), of an EXIF block with or without its `Exif` prefix.

    1 (upright) where the block is damaged or says nothing: viewers show such a picture as it is stored.
    """
    tiff = block.removeprefix(b"Exif\0\0")
    order = {b"II*\0": "<", b"MM\0*": ">"}.get(tiff[:4])
    if order is None:
        return 1
    try:
        (start,) = struct.unpack_from(order + "I", tiff, 4)
        (count,) = struct.unpack_from(order + "H", tiff, start)
        for entry in range(start + 2, start + 2 + 12 * count, 12):
            tag, kind, _, value = struct.unpack_from(order + "HHIH", tiff, entry)
            if tag == _ORIENTATION:
                return int(value) if kind == _SHORT and 1 <= value <= 8 else 1
    except struct.error:
        return 1
    return 1

"""Limits: how large a picture may be, in every way in which it can be large."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Upper bounds, all inclusive, checked before a pixel is decoded.

    `bytes` of the file; `pixels` is width × height; `side` the longer side in pixels; `metadata` the bytes
    of text chunks and colour profiles once unpacked; `parts` the chunks or segments of the container;
    `scans` the passes of a progressive JPEG (each costs a walk over the whole picture).
    Decoding takes about 10 bytes of memory a pixel at its peak; 3 are kept, 4 with alpha.
    """

    bytes: int = 25_000_000
    pixels: int = 50_000_000
    side: int = 65_535
    metadata: int = 4_194_304
    parts: int = 65_536
    scans: int = 32


DEFAULT = Limits()

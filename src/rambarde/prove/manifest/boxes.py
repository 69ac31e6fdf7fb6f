"""Boxes: the bytes of a manifest store as they lie in a PNG, a JPEG or a WebP, without decoding or checking them."""

from __future__ import annotations

from collections.abc import Iterator

_PNG_START, _RIFF_START = 8, 12
_APP11, _SCAN = 0xEB, 0xDA
_JPEG_XT = b"JP"
_ALONE = (0x01, *range(0xD0, 0xD9))
"""JPEG markers without a length."""


def boxes(data: bytes, media_type: str) -> bytes:
    """All that lies where a manifest store lies, joined; empty if there is nothing or the file is not of its form.

    In a JPEG a store is split over segments (C2PA 2.2, A.3.1), so that words of it need not stand together in the file.
    """
    walk = {"image/png": _png, "image/jpeg": _jpeg, "image/webp": _webp}.get(media_type)
    return b"".join(walk(data)) if walk is not None else b""


def _png(data: bytes) -> Iterator[bytes]:
    place = _PNG_START
    while place + 12 <= len(data):
        length = int.from_bytes(data[place : place + 4], "big")
        if data[place + 4 : place + 8] == b"caBX":
            yield data[place + 8 : place + 8 + length]
        place += 12 + length


def _webp(data: bytes) -> Iterator[bytes]:
    place = _RIFF_START
    while place + 8 <= len(data):
        length = int.from_bytes(data[place + 4 : place + 8], "little")
        if data[place : place + 4] == b"C2PA":
            yield data[place + 8 : place + 8 + length]
        place += 8 + length + (length & 1)


def _jpeg(data: bytes) -> Iterator[bytes]:
    """Of each APP11 segment what follows the JPEG XT header, and, from the second of a box on, its repeated header."""
    place = 2
    while place + 4 <= len(data) and data[place] == 0xFF and data[place + 1] != _SCAN:
        marker = data[place + 1]
        if marker in (0xFF, *_ALONE):
            place += 1 if marker == 0xFF else 2
            continue
        length = int.from_bytes(data[place + 2 : place + 4], "big")
        if marker == _APP11 and data[place + 4 : place + 6] == _JPEG_XT:
            first = int.from_bytes(data[place + 8 : place + 12], "big") <= 1
            yield data[place + (12 if first else 20) : place + 2 + length]
        place += 2 + length

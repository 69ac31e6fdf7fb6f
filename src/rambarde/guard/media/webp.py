"""WebP (RFC 9649), taken apart without decoding a pixel."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from rambarde.guard.media import faults
from rambarde.guard.media.container import Container, check_size
from rambarde.guard.media.exif import orientation
from rambarde.guard.media.limits import Limits
from rambarde.guard.media.sniff import Format

_ANIMATION_FLAG, _ALPHA_FLAG = 0x02, 0x10


def take_apart(data: bytes, limits: Limits) -> Container:
    """The container of a still WebP: its one bitstream and, where it has one, its alpha plane.

    A WebP with an animation flag or frames is animated, even with one frame. Raises `Fault`: truncated,
    corrupt, animated, or beyond the limits.
    """
    found: dict[bytes, bytes] = {}
    for name, body in _chunks(data, limits):
        if not found and name not in (b"VP8 ", b"VP8L", b"VP8X"):
            raise faults.corrupt("it does not start with a picture or a header")
        if name in (b"ANIM", b"ANMF") or (name == b"VP8X" and body[:1] and body[0] & _ANIMATION_FLAG):
            raise faults.animated("WebP")
        if name in (b"VP8 ", b"VP8L") and (b"VP8 " in found or b"VP8L" in found):
            raise faults.corrupt("it has two pictures")
        found.setdefault(name, body)
        if name in (b"VP8X", b"VP8 ", b"VP8L"):
            # At once, so that a later part cannot be reached before the size is known to be sound.
            check_size(*_size(name, body), limits)
    picture = next((name for name in (b"VP8 ", b"VP8L") if name in found), None)
    if picture is None:
        raise faults.corrupt("it has no pixel data")
    size = _size(picture, found[picture])
    if b"VP8X" in found and _size(b"VP8X", found[b"VP8X"]) != size:
        raise faults.corrupt("its header and its picture differ in size")
    icc = found.get(b"ICCP") or None
    if icc is not None and len(icc) > limits.metadata:
        raise faults.metadata_too_large(limits.metadata)
    return Container(
        Format.WEBP,
        *size,
        _rebuild(picture, found, size),
        icc=icc,
        orientation=orientation(found.get(b"EXIF", b"")),
    )


def _chunks(data: bytes, limits: Limits) -> Iterator[tuple[bytes, bytes]]:
    if len(data) < 20:
        raise faults.truncated("its header is incomplete")
    end = 8 + int.from_bytes(data[4:8], "little")
    if end > len(data):
        raise faults.truncated("it is shorter than it says")
    position, parts = 12, 0
    while position < end:
        parts += 1
        if parts > limits.parts:
            raise faults.too_many_parts(limits.parts, "parts")
        if position + 8 > end:
            raise faults.corrupt("its last part has no header")
        length = int.from_bytes(data[position + 4 : position + 8], "little")
        if position + 8 + length > end:
            raise faults.corrupt("a part reaches beyond the file")
        yield data[position : position + 4], data[position + 8 : position + 8 + length]
        position += 8 + length + (length & 1)


def _size(name: bytes, body: bytes) -> tuple[int, int]:
    """Width and height as the chunk states them."""
    if name == b"VP8X" and len(body) >= 10:
        return int.from_bytes(body[4:7], "little") + 1, int.from_bytes(body[7:10], "little") + 1
    if name == b"VP8 " and len(body) >= 10 and body[3:6] == b"\x9d\x01\x2a":
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF
    if name == b"VP8L" and len(body) >= 5 and body[0] == 0x2F:
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1
    raise faults.corrupt("its picture has no proper header")


def _rebuild(picture: bytes, found: dict[bytes, bytes], size: tuple[int, int]) -> bytes:
    """The smallest file that shows the same; a lossless bitstream carries its own alpha."""
    chunks = [(picture, found[picture])]
    if picture == b"VP8 " and b"ALPH" in found:
        width, height = (side - 1 for side in size)
        header = bytes([_ALPHA_FLAG, 0, 0, 0]) + width.to_bytes(3, "little") + height.to_bytes(3, "little")
        chunks = [(b"VP8X", header), (b"ALPH", found[b"ALPH"]), *chunks]
    body = b"WEBP" + b"".join(
        name + struct.pack("<I", len(part)) + part + b"\0" * (len(part) & 1) for name, part in chunks
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body

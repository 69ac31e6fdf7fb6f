"""PNG (W3C Portable Network Graphics, third edition), taken apart without decoding a pixel."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator

from rambarde.guard.media import faults
from rambarde.guard.media.container import Container, check_size
from rambarde.guard.media.exif import orientation
from rambarde.guard.media.limits import Limits
from rambarde.guard.media.sniff import PNG_SIGNATURE, Format

_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_GREY, _RGB, _INDEXED = 0, 2, 3
_ANIMATION = (b"acTL", b"fcTL", b"fdAT")
_USED = (b"tRNS", b"gAMA", b"sRGB", b"iCCP", b"eXIf", b"cICP")
_HDR_TRANSFERS = (16, 18)  # PQ and HLG (ITU-T H.273)


def take_apart(data: bytes, limits: Limits) -> Container:
    """The container of a PNG.

    Ancillary chunks that do not change the look are dropped, and so is all that follows IEND. Compressed
    text is unpacked only to see that it is not a bomb. Raises `Fault`: truncated, corrupt (also a wrong
    checksum in a chunk that is used), animated, or beyond the limits.
    """
    if len(data) >= 16 and data[12:16] != b"IHDR":
        raise faults.corrupt("nothing of a PNG follows the PNG signature")
    kept: list[bytes] = [PNG_SIGNATURE]
    found: dict[bytes, bytes] = {}
    unpacked = 0
    pixels_seen = pixels_over = False
    for name, body, whole in _chunks(data, limits):
        if not found and name != b"IHDR":
            raise faults.corrupt("it does not start with its header")
        if name in _ANIMATION:
            raise faults.animated("PNG")
        if name == b"IDAT":
            if pixels_over:
                raise faults.corrupt("its pixel data is scattered")
            pixels_seen = True
            kept.append(whole)
            continue
        pixels_over = pixels_seen
        if name in (b"zTXt", b"iTXt", b"iCCP"):
            text = _unpack(name, body, limits.metadata - unpacked, limits.metadata)
            unpacked += len(text)
            if name == b"iCCP":
                body = text
        if name in (b"IHDR", b"PLTE", b"IEND"):
            if name in found:
                raise faults.corrupt("a part that may come once comes twice")
            if name == b"IHDR":
                _check_header(body, limits)
            kept.append(whole)
        elif not name[0] & 0x20:
            raise faults.corrupt("it has a mandatory part that no standard knows")
        if not name[0] & 0x20 or name in _USED:
            found.setdefault(name, body)
    if not pixels_seen:
        raise faults.corrupt("it has no pixel data")
    return _container(kept, found)


def _chunks(data: bytes, limits: Limits) -> Iterator[tuple[bytes, bytes, bytes]]:
    """(type, body, whole chunk) up to and with IEND; checksums verified where the chunk is used."""
    position, parts = len(PNG_SIGNATURE), 0
    while True:
        if position + 12 > len(data):
            raise faults.truncated("its last part is missing")
        (length,) = struct.unpack_from(">I", data, position)
        name = data[position + 4 : position + 8]
        if not (name.isascii() and name.isalpha()):
            raise faults.corrupt("a part has no proper name")
        end = position + 12 + length
        if end > len(data):
            raise faults.truncated("a part is shorter than it says")
        parts += 1
        if parts > limits.parts:
            raise faults.too_many_parts(limits.parts, "parts")
        body = data[position + 8 : end - 4]
        if not name[0] & 0x20 or name in _USED:
            (checksum,) = struct.unpack_from(">I", data, end - 4)
            if zlib.crc32(body, zlib.crc32(name)) != checksum:
                raise faults.corrupt("a checksum is wrong")
        yield name, body, data[position:end]
        if name == b"IEND":
            return
        position = end


def _check_header(body: bytes, limits: Limits) -> None:
    if len(body) != 13:
        raise faults.corrupt("its header has a wrong length")
    width, height, depth, colour, compression, filtering, interlace = struct.unpack(">IIBBBBB", body)
    check_size(width, height, limits)
    if depth not in _DEPTHS.get(colour, ()) or compression or filtering or interlace > 1:
        raise faults.corrupt("its header is not one of a PNG")


def _unpack(name: bytes, body: bytes, budget: int, limit: int) -> bytes:
    """The unpacked text or profile; empty where it is not compressed or damaged (then nobody shows it)."""
    rest = body.partition(b"\0")[2]
    if name == b"iTXt":
        if rest[:2] != b"\1\0":
            return b""
        packed = rest[2:].split(b"\0", 2)[-1]
    else:
        if rest[:1] != b"\0":
            return b""
        packed = rest[1:]
    try:
        text = zlib.decompressobj().decompress(packed, max(budget, 0) + 1)
    except zlib.error:
        return b""
    if len(text) > budget:
        raise faults.metadata_too_large(limit)
    return text


def _container(kept: list[bytes], found: dict[bytes, bytes]) -> Container:
    width, height, depth, colour = struct.unpack_from(">IIBB", found[b"IHDR"])
    cicp = found.get(b"cICP", b"")
    if len(cicp) == 4 and cicp[1] in _HDR_TRANSFERS:
        raise faults.unsupported_coding("high dynamic range")
    transparency = found.get(b"tRNS", b"")
    palette: bytes | None = None
    key: tuple[int, ...] | None = None
    if colour == _INDEXED:
        palette = _palette(found.get(b"PLTE", b""), transparency)
    elif colour in (_GREY, _RGB) and transparency:
        samples = 1 if colour == _GREY else 3
        if len(transparency) < 2 * samples:
            raise faults.corrupt("its transparency has a wrong length")
        key = struct.unpack_from(f">{samples}H", transparency)
    icc = found.get(b"iCCP") or None
    gamma: float | None = None
    if icc is None and b"sRGB" not in found and len(found.get(b"gAMA", b"")) == 4:
        gamma = int.from_bytes(found[b"gAMA"], "big") / 100_000 or None
    return Container(
        Format.PNG,
        width,
        height,
        b"".join(kept),
        icc=icc,
        gamma=gamma,
        orientation=orientation(found.get(b"eXIf", b"")),
        palette=palette,
        key=key,
        depth=depth,
    )


def _palette(colours: bytes, alphas: bytes) -> bytes:
    """256 RGBA entries; those that the file leaves out are opaque black."""
    if not colours or len(colours) % 3 or len(colours) > 768:
        raise faults.corrupt("its palette is missing or has a wrong length")
    alphas = alphas[:256].ljust(256, b"\xff")
    colours = colours.ljust(768, b"\0")
    return b"".join(colours[3 * i : 3 * i + 3] + alphas[i : i + 1] for i in range(256))

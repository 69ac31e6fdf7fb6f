"""XMP (ISO 16684-1): a packet, and its place in a PNG, a JPEG and a WebP that have none yet.

It goes in before signing: whatever is added afterwards breaks the signature.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Mapping
from xml.sax.saxutils import escape, quoteattr

from rambarde.prove.manifest.statement import NAMESPACES

_PNG_KEYWORD = b"XML:com.adobe.xmp"
_JPEG_NAME = b"http://ns.adobe.com/xap/1.0/\0"
_PNG_HEADER = 8 + 25
"""Bytes of the signature and the header, which comes first."""
_XMP_FLAG, _ALPHA_FLAG = 0x04, 0x10
_BAGS = frozenset({"dc:publisher"})
"""Properties that are unordered lists."""


def packet(properties: Mapping[str, str]) -> bytes:
    """The properties as a read-only XMP packet."""
    spaces = "".join(f" xmlns:{name}={quoteattr(uri)}" for name, uri in NAMESPACES.items())
    simple = "".join(f" {name}={quoteattr(value)}" for name, value in properties.items() if name not in _BAGS)
    bags = "".join(
        f"<{name}><rdf:Bag><rdf:li>{escape(value)}</rdf:li></rdf:Bag></{name}>"
        for name, value in properties.items()
        if name in _BAGS
    )
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
        '<x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#">'
        f'<rdf:Description rdf:about=""{spaces}{simple}>{bags}</rdf:Description>'
        '</rdf:RDF></x:xmpmeta><?xpacket end="r"?>'
    ).encode()


def with_packet(data: bytes, media_type: str, packet: bytes) -> bytes:
    """The bare file with the packet in it. Raises `ValueError` for another format, or a file that is none."""
    writers = {"image/png": _png, "image/jpeg": _jpeg, "image/webp": _webp}
    if media_type not in writers:
        raise ValueError(f"XMP is written into PNG, JPEG and WebP, not {media_type}")
    return writers[media_type](data, packet)


def _png(data: bytes, packet: bytes) -> bytes:
    """An uncompressed iTXt after the header (PNG 3rd edition, 11.3.3.4)."""
    if data[12:16] != b"IHDR":
        raise ValueError("no PNG: it does not begin with its header")
    body = b"iTXt" + _PNG_KEYWORD + b"\0\0\0\0\0" + packet
    chunk = struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body))
    return b"".join((data[:_PNG_HEADER], chunk, data[_PNG_HEADER:]))


def _jpeg(data: bytes, packet: bytes) -> bytes:
    """An APP1 after the JFIF header, which must stay the first, or at the start."""
    if data[:2] != b"\xff\xd8":
        raise ValueError("no JPEG: it does not begin with its marker")
    place = 2
    if data[2:4] == b"\xff\xe0":
        place += 2 + int.from_bytes(data[4:6], "big")
    body = _JPEG_NAME + packet
    if len(body) + 2 > 0xFFFF:
        raise ValueError("an XMP packet in a JPEG has at most 65,502 bytes")
    return b"".join((data[:place], b"\xff\xe1", struct.pack(">H", len(body) + 2), body, data[place:]))


def _webp(data: bytes, packet: bytes) -> bytes:
    """An XMP chunk at the end, announced in the extended header, which a simple file gets (RFC 9649, 2.7)."""
    if data[:4] != b"RIFF" or data[8:12] != b"WEBP":
        raise ValueError("no WebP: it does not begin with its header")
    name, rest = data[12:16], data[12 : 8 + int.from_bytes(data[4:8], "little")]
    if name == b"VP8X":
        header = bytearray(rest[8:18])
        rest = rest[18:]
    else:
        header = bytearray(10)
        width, height, alpha = _webp_size(name, rest[8:18])
        header[0] |= _ALPHA_FLAG if alpha else 0
        header[4:7] = (width - 1).to_bytes(3, "little")
        header[7:10] = (height - 1).to_bytes(3, "little")
    header[0] |= _XMP_FLAG
    body = b"".join(
        (
            b"WEBPVP8X" + struct.pack("<I", len(header)),
            header,
            rest,
            b"XMP " + struct.pack("<I", len(packet)),
            packet,
            b"\0" * (len(packet) & 1),
        )
    )
    return b"RIFF" + struct.pack("<I", len(body)) + body


def _webp_size(name: bytes, body: bytes) -> tuple[int, int, bool]:
    """Width, height, and whether there is transparency, of a simple file's one bitstream."""
    if name == b"VP8 ":
        width, height = struct.unpack_from("<HH", body, 6)
        return width & 0x3FFF, height & 0x3FFF, False
    if name == b"VP8L":
        bits = int.from_bytes(body[1:5], "little")
        return (bits & 0x3FFF) + 1, (bits >> 14 & 0x3FFF) + 1, bool(bits >> 28 & 1)
    raise ValueError("no WebP: it does not begin with a picture")

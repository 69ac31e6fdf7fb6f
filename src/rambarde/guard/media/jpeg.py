"""JPEG (ITU-T T.81, JFIF, EXIF), taken apart without decoding a pixel."""

from __future__ import annotations

import re

from rambarde.guard.media import faults
from rambarde.guard.media.container import Container, check_size
from rambarde.guard.media.exif import orientation
from rambarde.guard.media.limits import Limits
from rambarde.guard.media.sniff import Format

_SOI, _EOI, _SOS, _APP0, _APP1, _APP2, _APP14 = 0xD8, 0xD9, 0xDA, 0xE0, 0xE1, 0xE2, 0xEE
_DHT, _DAC, _DQT, _DRI, _DHP, _EXP = 0xC4, 0xCC, 0xDB, 0xDD, 0xDE, 0xDF
_FRAMES = {m for m in range(0xC0, 0xD0) if m not in (_DHT, 0xC8, _DAC)}
_SEQUENTIAL_OR_PROGRESSIVE = (0xC0, 0xC1, 0xC2)
_ICC = b"ICC_PROFILE\0"
# In a scan, 0xFF is followed by 0 (an escaped byte), a restart marker, or more fill; all else ends it.
_END_OF_SCAN = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")


def take_apart(data: bytes, limits: Limits) -> Container:
    """The container of a JPEG: frame, tables, scans, and the JFIF and Adobe marks that fix its colours.

    Only the first picture counts: previews, gain maps and further pictures (MPF) are dropped, as is all
    that follows the end. Raises `Fault`: truncated (also without an end mark), corrupt, a coding that
    browsers do not show (lossless, arithmetic, hierarchical, 12 bits), or beyond the limits.
    """
    kept: list[bytes] = [b"\xff\xd8"]
    profile: dict[int, bytes] = {}
    size: tuple[int, int] | None = None
    turned: int | None = None
    position, parts, scans = 2, 0, 0
    while True:
        marker, start = _marker(data, position)
        parts += 1
        if parts > limits.parts:
            raise faults.too_many_parts(limits.parts, "parts")
        if marker == _EOI:
            kept.append(b"\xff\xd9")
            break
        body, end = _segment(data, start)
        if marker in _FRAMES or marker in (_DHP, _EXP):
            if size is not None:
                raise faults.corrupt("it has two frames")
            size = _frame(marker, body, limits)
        elif marker == _APP1 and turned is None and body.startswith(b"Exif\0\0"):
            turned = orientation(body)
        elif marker == _APP2 and body.startswith(_ICC) and len(body) > 14:
            profile.setdefault(body[12], body[13:])
        if marker in _FRAMES or marker in (_DHT, _DQT, _DRI) or _fixes_colours(marker, body):
            kept.append(data[start - 2 : end])
        elif marker == _SOS:
            if size is None:
                raise faults.corrupt("a scan comes before its frame")
            scans += 1
            if scans > limits.scans:
                raise faults.too_many_parts(limits.scans, "scans")
            over = _END_OF_SCAN.search(data, end)
            if over is None:
                raise faults.truncated("its last scan has no end")
            kept.append(data[start - 2 : over.start()])
            end = over.start()
        position = end
    if size is None or not scans:
        raise faults.corrupt("it has no pixel data")
    return Container(
        Format.JPEG,
        *size,
        b"".join(kept),
        icc=_join(profile, limits),
        orientation=turned or 1,
    )


def _marker(data: bytes, position: int) -> tuple[int, int]:
    """The next marker and the position behind it; fill bytes are skipped."""
    if position >= len(data):
        raise faults.truncated("its end mark is missing")
    if data[position] != 0xFF:
        raise faults.corrupt("something stands between its parts")
    start = position
    while position < len(data) and data[position] == 0xFF:
        position += 1
        if position - start > 4096:
            raise faults.corrupt("it is padded without end")
    if position >= len(data):
        raise faults.truncated("its end mark is missing")
    marker = data[position]
    if marker in (0, 1, _SOI) or 0xD0 <= marker <= 0xD7:
        raise faults.corrupt("a part comes where it may not be")
    return marker, position + 1


def _segment(data: bytes, start: int) -> tuple[bytes, int]:
    length = int.from_bytes(data[start : start + 2], "big")
    if start + 2 > len(data) or start + length > len(data):
        raise faults.truncated("a part is shorter than it says")
    if length < 2:
        raise faults.corrupt("a part has an impossible length")
    return data[start + 2 : start + length], start + length


def _frame(marker: int, body: bytes, limits: Limits) -> tuple[int, int]:
    if len(body) < 6:
        raise faults.corrupt("its frame is too short")
    if marker not in _SEQUENTIAL_OR_PROGRESSIVE:
        raise faults.unsupported_coding("lossless, arithmetic or hierarchical JPEG")
    depth, components = body[0], body[5]
    height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
    check_size(width, height, limits)
    if depth != 8:
        raise faults.unsupported_coding(f"{depth} bits a sample in a JPEG")
    if components not in (1, 3, 4):
        raise faults.unsupported_coding(f"{components} colour components")
    if len(body) != 6 + 3 * components:
        raise faults.corrupt("its frame has a wrong length")
    return width, height


def _fixes_colours(marker: int, body: bytes) -> bool:
    """JFIF says YCbCr; Adobe's mark says which of RGB, YCbCr, CMYK, YCCK."""
    return (marker == _APP0 and body.startswith(b"JFIF\0")) or (
        marker == _APP14 and body.startswith(b"Adobe")
    )


def _join(profile: dict[int, bytes], limits: Limits) -> bytes | None:
    """The colour profile from its numbered pieces (ICC.1, annex B.4), or None where pieces are missing."""
    if not profile or {piece[0] for piece in profile.values()} != {len(profile)}:
        return None
    if sorted(profile) != list(range(1, len(profile) + 1)):
        return None
    icc = b"".join(profile[number][1:] for number in sorted(profile))
    if len(icc) > limits.metadata:
        raise faults.metadata_too_large(limits.metadata)
    return icc

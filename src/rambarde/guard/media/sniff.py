"""Sniffing: what a file really is, by its first bytes, and whether its labels agree."""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePath

from rambarde.guard.media import faults
from rambarde.nouns.fault import Fault


class Format(StrEnum):
    """The accepted formats; the value is the media type."""

    PNG = "image/png"
    JPEG = "image/jpeg"
    WEBP = "image/webp"


PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"

_KNOWN_OTHERS = (
    (b"GIF87a", "a GIF"),
    (b"GIF89a", "a GIF"),
    (b"\x8aMNG", "an MNG animation"),
    (b"BM", "a BMP"),
    (b"II*\0", "a TIFF"),
    (b"MM\0*", "a TIFF"),
    (b"II+\0", "a TIFF"),
    (b"MM\0+", "a TIFF"),
    (b"\0\0\1\0", "an icon"),
    (b"8BPS", "a Photoshop file"),
    (b"%PDF", "a PDF"),
    (b"%!PS", "PostScript"),
    (b"PK\3\4", "a ZIP archive"),
    (b"\x1f\x8b", "a gzip archive"),
    (b"\xff\x0a", "a JPEG XL"),
    (b"\0\0\0\x0cJXL ", "a JPEG XL"),
    (b"\0\0\0\x0cjP  ", "a JPEG 2000"),
    (b"\xff\x4f\xff\x51", "a JPEG 2000"),
    (b"qoif", "a QOI"),
    (b"RIFF", "a RIFF file that is not WebP"),
    (b"\x1aE\xdf\xa3", "a video"),
)

_MARKUP = (
    (b"<svg", "an SVG, which can carry scripts"),
    (b"<!doctype html", "an HTML page"),
    (b"<html", "an HTML page"),
    (b"<script", "an HTML page"),
    (b"<head", "an HTML page"),
    (b"<body", "an HTML page"),
)

_NO_CLAIM = {"", "application/octet-stream", "binary/octet-stream", "image/*", "*/*"}
_ALIASES = {
    "image/png": Format.PNG,
    "image/x-png": Format.PNG,
    "image/jpeg": Format.JPEG,
    "image/jpg": Format.JPEG,
    "image/pjpeg": Format.JPEG,
    "image/webp": Format.WEBP,
}
_EXTENSIONS = {
    ".png": Format.PNG,
    ".jpg": Format.JPEG,
    ".jpeg": Format.JPEG,
    ".jpe": Format.JPEG,
    ".jfif": Format.JPEG,
    ".webp": Format.WEBP,
}
# Extensions that make a claim which an accepted picture cannot keep.
_LYING_EXTENSIONS = frozenset(
    {".gif", ".apng", ".bmp", ".tif", ".tiff", ".avif", ".heic", ".heif", ".jxl", ".jp2", ".ico", ".psd"}
    | {".svg", ".svgz", ".htm", ".html", ".xhtml", ".xml", ".js", ".json", ".txt", ".pdf", ".php"}
    | {".zip", ".exe", ".mp4", ".webm", ".mov"}
)


def sniff(data: bytes) -> Format:
    """The accepted format whose signature `data` starts with.

    Raises `Fault`: `empty_image`, `truncated_image` (the start of a signature only),
    `unsupported_image_type` (a kind that is known and not accepted) or `not_an_image`.
    """
    if not data:
        raise faults.empty()
    head = bytes(data[:1024])
    if head.startswith(PNG_SIGNATURE):
        return Format.PNG
    if head.startswith(b"\xff\xd8\xff"):
        return Format.JPEG
    if head.startswith(b"RIFF") and head[8:12] == b"WEBP":
        return Format.WEBP
    if len(head) < 12 and _begins_a_signature(head):
        raise faults.truncated("only a part of its signature is there")
    raise _other(head)


def agree(real: Format, declared: str | None, filename: str | None) -> None:
    """Refuse a picture whose labels lie.

    `declared` is a media type, parameters allowed; none, `application/octet-stream` and `image/*` claim
    nothing. `filename` counts by its extension; no extension or an unheard-of one claims nothing.
    Anything else must name the real format: a label that lies means that somebody downstream who trusts
    labels would see another thing than we do. Raises `Fault` `content_type_mismatch`.
    """
    media_type = (declared or "").split(";", 1)[0].strip().lower()
    if media_type not in _NO_CLAIM and _ALIASES.get(media_type) is not real:
        claimed = _ALIASES.get(media_type)
        raise faults.mismatch(claimed.value if claimed else "another type", real.value)
    suffix = PurePath(filename).suffix.lower() if filename else ""
    if suffix in _LYING_EXTENSIONS or _EXTENSIONS.get(suffix, real) is not real:
        raise faults.mismatch(f"a {suffix} file", real.value)


def _begins_a_signature(head: bytes) -> bool:
    webp = len(head) >= 4 and head.startswith(b"RIFF") and b"WEBP".startswith(head[8:12])
    starts = (PNG_SIGNATURE, b"\xff\xd8\xff", b"RIFF")
    return webp or any(len(head) > 1 and start.startswith(head) for start in starts)


def _other(head: bytes) -> Fault:
    for signature, name in _KNOWN_OTHERS:
        if head.startswith(signature):
            return faults.unsupported_type(name)
    if head[4:8] == b"ftyp":
        return faults.unsupported_type("an AVIF or HEIC picture or a video")
    text = _as_text(head)
    if text.startswith(b"<"):
        for opening, name in _MARKUP:
            if opening in text:
                return faults.unsupported_type(name)
        return faults.unsupported_type("markup")
    return faults.not_an_image()


def _as_text(head: bytes) -> bytes:
    """Lower case, byte order marks, UTF-16 zeros and leading white space gone: enough to see markup."""
    for mark in (b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff"):
        head = head.removeprefix(mark)
    return head.replace(b"\0", b"").lstrip().lower()

"""Base64 and `data:` URLs (RFC 4648 section 4, RFC 2397), strictly, within limits."""

from __future__ import annotations

import binascii
from dataclasses import dataclass

from rambarde.guard.media import faults
from rambarde.guard.media.limits import DEFAULT, Limits
from rambarde.nouns.fault import Fault, Kind

_LONGEST_HEADER = 256


@dataclass(frozen=True, slots=True)
class Inline:
    """Bytes that came as text. `declared` is the media type a `data:` URL names, or None."""

    data: bytes
    declared: str | None = None


def decode_base64(text: str | bytes, *, limits: Limits = DEFAULT, field: str = "image") -> Inline:
    """Decode plain base64 or `data:TYPE;base64,…`: the standard alphabet, padded, without white space.

    Leniency would let two readers see two files. The size limit is applied before decoding.
    Raises `Fault`: `invalid_base64`, `invalid_data_url`, `image_url_not_accepted` (a link: nothing is
    fetched for a caller), `empty_image` or `image_too_large`.
    """
    try:
        encoded = text.encode("ascii") if isinstance(text, str) else text
    except UnicodeEncodeError:
        raise _invalid_base64(field) from None
    declared: str | None = None
    head = encoded[:8].lower()
    if head.startswith(b"data:"):
        declared, encoded = _header(encoded, field)
    elif head.startswith((b"http:", b"https:", b"file:", b"ftp:")):
        raise Fault(
            Kind.UNSUPPORTED,
            "image_url_not_accepted",
            "This is a link, and links are not fetched.",
            remedy="Send the picture itself, as base64 or a file.",
            field=field,
        )
    if len(encoded) > (limits.bytes + 2) // 3 * 4:
        fault = faults.too_many_bytes(limits.bytes)
        fault.field = field
        raise fault
    if not encoded:
        fault = faults.empty()
        fault.field = field
        raise fault
    if encoded.endswith(b"==="):  # the one excess that binascii lets pass
        raise _invalid_base64(field)
    try:
        return Inline(binascii.a2b_base64(encoded, strict_mode=True), declared)
    except binascii.Error:
        raise _invalid_base64(field) from None


def _header(url: bytes, field: str) -> tuple[str | None, bytes]:
    comma = url.find(b",", 0, _LONGEST_HEADER)
    if comma < 0:
        raise _invalid_url("has no comma after its type", field)
    media_type, *parameters = url[5:comma].decode("ascii", "replace").split(";")
    if not parameters or parameters[-1].strip().lower() != "base64":
        raise _invalid_url("is not in base64", field)
    return media_type.strip().lower() or None, url[comma + 1 :]


def _invalid_base64(field: str) -> Fault:
    return Fault(
        Kind.INVALID,
        "invalid_base64",
        "This is not base64.",
        remedy="Send the standard alphabet with padding and without line breaks (RFC 4648, section 4).",
        field=field,
    )


def _invalid_url(what: str, field: str) -> Fault:
    return Fault(
        Kind.INVALID,
        "invalid_data_url",
        f"The data URL {what}.",
        remedy="Send data:image/png;base64,… or plain base64.",
        field=field,
    )

"""Every way in which the bytes of a picture can be wrong, as one typed fault each.

`decode` puts the request's field in. Codes are stable; no message quotes the caller's bytes.
"""

from __future__ import annotations

from rambarde.nouns.fault import Fault, Kind

ACCEPTED = "PNG, JPEG or still WebP"


def empty() -> Fault:
    return Fault(Kind.INVALID, "empty_image", "The picture has no bytes.", remedy=f"Send a {ACCEPTED} file.")


def not_an_image() -> Fault:
    return Fault(
        Kind.INVALID,
        "not_an_image",
        "These bytes are not a picture of a kind that is known here.",
        remedy=f"Send a {ACCEPTED} file.",
    )


def unsupported_type(name: str) -> Fault:
    return Fault(
        Kind.UNSUPPORTED,
        "unsupported_image_type",
        f"This is {name}, whatever its name or content type says.",
        remedy=f"Convert it to {ACCEPTED}.",
    )


def unsupported_coding(what: str) -> Fault:
    return Fault(
        Kind.UNSUPPORTED,
        "unsupported_image_coding",
        f"The picture uses {what}, which is not read here.",
        remedy=f"Save it again as an ordinary {ACCEPTED}.",
    )


def animated(name: str) -> Fault:
    return Fault(
        Kind.UNSUPPORTED,
        "animated_image",
        f"This is an animated {name}: only still pictures are looked at.",
        remedy="Send one frame as a still picture.",
    )


def truncated(what: str) -> Fault:
    return Fault(
        Kind.INVALID,
        "truncated_image",
        f"The picture ends too early: {what}.",
        remedy="Send the whole file.",
    )


def corrupt(what: str) -> Fault:
    return Fault(
        Kind.INVALID,
        "corrupt_image",
        f"The picture is damaged: {what}.",
        remedy=f"Save it again as {ACCEPTED}.",
    )


def mismatch(claimed: str, real: str) -> Fault:
    return Fault(
        Kind.INVALID,
        "content_type_mismatch",
        f"The picture is declared as {claimed}, and it is {real}.",
        remedy=f"Declare {real} (and a fitting file name), or application/octet-stream.",
    )


def too_many_bytes(limit: int) -> Fault:
    return Fault(
        Kind.TOO_LARGE,
        "image_too_large",
        f"The picture has more than {limit:,} bytes.",
        remedy="Send a smaller file, for example a JPEG.",
    )


def too_many_pixels(width: int, height: int, pixels: int, side: int) -> Fault:
    return Fault(
        Kind.TOO_LARGE,
        "too_many_pixels",
        f"The picture is {width} × {height}; at most {pixels:,} pixels and {side:,} a side are decoded.",
        remedy="Scale it down.",
    )


def metadata_too_large(limit: int) -> Fault:
    return Fault(
        Kind.TOO_LARGE,
        "image_metadata_too_large",
        f"Text and colour profiles in the picture unpack to more than {limit:,} bytes.",
        remedy="Remove the picture's metadata.",
    )


def too_many_parts(limit: int, what: str) -> Fault:
    return Fault(
        Kind.TOO_LARGE,
        "image_too_complex",
        f"The picture's file has more than {limit:,} {what}.",
        remedy=f"Save it again as an ordinary {ACCEPTED}.",
    )


def out_of_memory() -> Fault:
    return Fault(
        Kind.TOO_LARGE,
        "image_out_of_memory",
        "The picture does not fit in memory once decoded.",
        remedy="Scale it down.",
    )

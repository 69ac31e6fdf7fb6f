"""Stripping: a decoded picture's file without anything that was not looked at."""

from __future__ import annotations

from typing import cast

from rambarde.guard.media.container import Container
from rambarde.guard.media.decode import take_apart
from rambarde.guard.media.encode import FormatName, encode
from rambarde.guard.media.limits import DEFAULT, Limits
from rambarde.guard.media.sniff import Format
from rambarde.nouns.request import Picture


def strip(picture: Picture, *, limits: Limits = DEFAULT) -> bytes:
    """A file of the same format and size that shows `picture.rgb`, and carries nothing else.

    What detectors saw is the composited, upright, sRGB picture; the file as received may hold more: EXIF
    thumbnails and places, text, further frames and pictures, bytes after the end, colours under full
    transparency, and profiles or gammas that another viewer ignores. Where the bare pixel data already
    shows the same, it is kept bit for bit (a millisecond, no loss); otherwise the pixels are encoded again.
    Semi-transparent pixels come out lighter, because their colours are the composited ones.

    Raises `Fault` as `decode` does, if `limits` are narrower than those it was decoded under.
    """
    container = take_apart(picture.data, limits)
    if picture.alpha is None and _bare(container):
        return container.clean
    return encode(picture.rgb, _name(container.format), alpha=picture.alpha)


def _bare(container: Container) -> bool:
    return container.icc is None and container.gamma is None and container.orientation == 1


def _name(format: Format) -> FormatName:
    return cast(FormatName, format.value.removeprefix("image/"))

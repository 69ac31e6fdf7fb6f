"""The demo's photographs: two ordinary portraits of adults that packages ship. Nothing is downloaded.

The woman is an astronaut's official portrait (NASA, public domain, shipped by scikit-image); the man is the
author of mahotas in a portrait of his own (MIT, shipped by mahotas). Neither package is imported: only the
one file of each is read.
"""

from __future__ import annotations

import hashlib
import io
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from PIL import Image

from rambarde.interfaces.demo.scenarios import CLOSE, MAN, WOMAN
from rambarde.nouns.fault import Fault, Kind

_ASTRONAUT = ("scikit-image", "skimage/data/astronaut.png")
_FILES = {WOMAN: _ASTRONAUT, CLOSE: _ASTRONAUT, MAN: ("mahotas", "mahotas/demos/data/luispedro.jpg")}
_CUT = (60, 0, 400, 400)
"""What `close` keeps of the astronaut's portrait: left, upper, right, lower, in pixels."""


def check() -> None:
    """Raise `Fault` if a photograph is missing, before anything is started."""
    for who in _FILES:
        _pixels(who)


@cache
def photograph(who: str, mark: str = "") -> bytes:
    """The portrait as PNG. `mark` sets the last bit of a few pixels in a corner, which nobody sees: it gives
    the picture a digest of its own, by which the second gateway knows it. A note in the file would not do,
    because the gateway drops what is not picture.
    """
    image = _pixels(who).copy()
    for x, byte in enumerate(hashlib.sha256(mark.encode()).digest() if mark else b""):
        pixel = image.getpixel((x, 0))
        assert isinstance(pixel, tuple)
        image.putpixel((x, 0), tuple(c & ~1 | byte >> bit & 1 for bit, c in enumerate(pixel)))
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


@cache
def _pixels(who: str) -> Image.Image:
    package, name = _FILES[who]
    try:
        path = Path(str(distribution(package).locate_file(name)))
        with Image.open(path) as image:
            whole = image.convert("RGB")
            return whole.crop(_CUT) if who == CLOSE else whole
    except (PackageNotFoundError, OSError) as error:
        raise Fault(
            Kind.INVALID,
            "demo_photograph_missing",
            f"The demo's photographs are not installed ({package}).",
            remedy="Install the extra: pip install 'rambarde[demo]'",
        ) from error

"""The demo's photographs: two ordinary portraits of adults that packages ship. Nothing is downloaded.

The woman is an astronaut's official portrait (NASA, public domain, shipped by scikit-image); the man is the
author of mahotas in a portrait of his own (MIT, shipped by mahotas). Neither package is imported: only the
one file of each is read.
"""

from __future__ import annotations

import io
from functools import cache
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from rambarde.interfaces.demo.scenarios import MAN, WOMAN
from rambarde.nouns.fault import Fault, Kind

_FILES = {
    WOMAN: ("scikit-image", "skimage/data/astronaut.png"),
    MAN: ("mahotas", "mahotas/demos/data/luispedro.jpg"),
}


def check() -> None:
    """Raise `Fault` if a photograph is missing, before anything is started."""
    for who in _FILES:
        _pixels(who)


@cache
def photograph(who: str, mark: str = "") -> bytes:
    """The portrait as PNG. `mark` is written into the file, not into the picture: it only changes the digest,
    by which the second gateway knows the pictures whose signals it injects.
    """
    info = PngInfo()
    if mark:
        info.add_text("Comment", mark)
    out = io.BytesIO()
    _pixels(who).save(out, "PNG", pnginfo=info, compress_level=1)
    return out.getvalue()


@cache
def _pixels(who: str) -> Image.Image:
    package, name = _FILES[who]
    try:
        path = Path(str(distribution(package).locate_file(name)))
        with Image.open(path) as image:
            return image.convert("RGB")
    except (PackageNotFoundError, OSError) as error:
        raise Fault(
            Kind.INVALID,
            "demo_photograph_missing",
            f"The demo's photographs are not installed ({package}).",
            remedy="Install the extra: pip install 'rambarde[demo]'",
        ) from error

"""Alpha: a picture with transparency is two pictures, one on a light and one on a dark page."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np

from rambarde.guard.media.memo import Memo
from rambarde.nouns.request import Picture

_dark: Memo[Picture | None] = Memo()


def on_black(picture: Picture) -> Picture | None:
    """The picture as a dark page shows it, without alpha; None where it is opaque, so that both pages show the same.

    Detectors look at pictures composited over white. What is white there and drawn in the alpha channel would be
    seen by nobody but the reader of a dark page, and by a generator that takes colours and alpha apart. The
    colours are those composited over white, because these are what goes on (`strip`). `data` is empty.

    Made once for a picture: what one detector finds in it serves the next.
    """
    return _dark.get(picture.rgb, lambda: _on_black(picture))


def _on_black(picture: Picture) -> Picture | None:
    alpha = picture.alpha
    if alpha is None or int(alpha.min()) == 255:
        return None
    # In 16 bits, rounded: at most 255 * 255 + 127.
    product = picture.rgb * alpha[..., None].astype(np.uint16)
    rgb = ((product + 127) // 255).astype(np.uint8)
    rgb.setflags(write=False)
    named = hashlib.sha256(f"{picture.sha256} on black".encode()).hexdigest()
    return replace(picture, data=b"", sha256=named, rgb=rgb, alpha=None)


def sides(*pictures: Picture) -> tuple[Picture, ...]:
    """The pictures, each with how a dark page shows it where that is another."""
    dark = (on_black(picture) for picture in pictures)
    return (*pictures, *(picture for picture in dark if picture is not None))

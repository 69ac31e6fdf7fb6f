"""Pictures of the library: what a caller may pass in, and in which kind a released one comes back."""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from rambarde.guard.arrival import Upload
from rambarde.guard.upstreams.callable import Made
from rambarde.nouns.fault import invalid

Given = bytes | bytearray | memoryview | Image.Image | os.PathLike[str]
"""A picture as a caller passes it: an encoded file's bytes, a Pillow image, or a path."""
_PNG_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA", "I;16"})


def upload(picture: Given, field: str) -> Upload:
    """The picture as an upload of the parameter `field`; a Pillow image as PNG, its pixels unchanged.

    Raises `TypeError` for another kind, and `Fault` `image_unreadable` for a file that cannot be read.
    """
    if isinstance(picture, bytes | bytearray | memoryview):
        return Upload(bytes(picture), field)
    if isinstance(picture, Image.Image):
        out = io.BytesIO()
        whole = picture if picture.mode in _PNG_MODES else picture.convert("RGB")
        whole.save(out, "PNG", compress_level=1)
        return Upload(out.getvalue(), field)
    if isinstance(picture, os.PathLike):
        try:
            return Upload(Path(picture).read_bytes(), field)
        except OSError as error:
            raise invalid(
                "image_unreadable", f"{error.strerror}.", remedy="Check the path.", field=field
            ) from error
    raise TypeError(f"{field}: pass bytes, a Pillow image or a path, not {type(picture).__name__}")


def like(kind: type, data: bytes) -> Made:
    """The released file `data` in the kind that the function made: Pillow image, array or bytes.

    It is made anew from the bytes that were checked and recorded, never the function's own object. An array
    is uint8, whatever the function's was.
    """
    if issubclass(kind, Image.Image | np.ndarray):
        image = Image.open(io.BytesIO(data))
        image.load()
        return image if issubclass(kind, Image.Image) else np.asarray(image)
    return data


def kinds(answer: Any) -> tuple[type, ...]:
    """The kinds of a function's images; empty if it is no list, which the upstream refuses."""
    return tuple(type(made) for made in answer) if isinstance(answer, list | tuple) else ()

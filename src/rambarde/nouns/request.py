"""A request in its one canonical form, whatever dialect it came in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import TYPE_CHECKING

from rambarde.nouns.caller import Caller

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Action(StrEnum):
    GENERATE = "generate"
    EDIT = "edit"


@dataclass(frozen=True, slots=True)
class Text:
    """A text in the forms that detectors read.

    `raw` is what the user sent; `clean` is NFKC without zero-width, bidi and control characters, case kept
    (for embeddings and names); `folded` is `clean` case-folded with homoglyphs, leet and spacing undone
    (for terms and n-grams).
    """

    raw: str
    clean: str
    folded: str


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """A decoded still picture: upright, sRGB, 8 bits a channel.

    `rgb` has shape (height, width, 3), uint8, read-only; transparency is composited over white, because
    that is what most viewers show. `alpha` (height, width), uint8, is kept where the file had it.
    `data` are the bytes of its file, `media_type` what they really are (`image/png`, `image/jpeg`,
    `image/webp`), `sha256` the hex digest of `data`.
    """

    data: bytes
    media_type: str
    sha256: str
    rgb: NDArray[np.uint8]
    alpha: NDArray[np.uint8] | None = None

    @property
    def width(self) -> int:
        return int(self.rgb.shape[1])

    @property
    def height(self) -> int:
        return int(self.rgb.shape[0])


@dataclass(frozen=True, slots=True)
class Request:
    """What is asked for, frozen. `digest` binds a context token, an idempotent retry and a consent to it.

    `n` is 1 to 10; `size` is `WIDTHxHEIGHT` or `auto`; `output_format` is png, jpeg or webp.
    """

    id: str
    action: Action
    prompt: Text
    caller: Caller
    received_at: datetime
    digest: str
    negative_prompt: Text | None = None
    images: tuple[Picture, ...] = ()
    mask: Picture | None = None
    n: int = 1
    size: str = "auto"
    model: str | None = None
    output_format: str = "png"
    deliver_url: bool = False
    """Answer with a URL of Rambarde's own instead of bytes."""
    options: tuple[tuple[str, str], ...] = ()
    """Further parameters of the generator that were understood and checked (quality, style, …)."""

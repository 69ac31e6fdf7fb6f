"""The built-in generator: deterministic flat sketches and simple photo edits, for trial and tests.

It reads the prompt a little, offline and without a model, and writes "rambarde sketch" into every picture.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from io import BytesIO

from PIL import Image

from rambarde.guard.upstreams.contract import Generated, UpstreamConfig
from rambarde.guard.upstreams.sketch_caption import sign, write
from rambarde.guard.upstreams.sketch_edit import edit_photo
from rambarde.guard.upstreams.sketch_scene import draw_scene
from rambarde.guard.upstreams.sketch_words import understand
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.request import Action, Request

SIDE_LIMIT = 2048
"""Pixels: the longest side of a generated sketch. An edit keeps its input's size whatever it is."""
AUTO = (1024, 1024)
"""The size that `auto` means, in pixels."""


def make(config: UpstreamConfig) -> SketchUpstream:
    """The entry point. It needs no setting. Raises `ValueError` for a URL, which it would not call."""
    if config.url:
        raise ValueError("the sketch generator is built in and calls no URL")
    return SketchUpstream()


class SketchUpstream:
    """Draws what it understands of the prompt. The same request (by its digest) gives the same bytes.

    Honours `n`, `size`, `output_format`, the first image and the mask; ignores every other option.
    A figure is a pictogram: it never draws a body.
    """

    name = "sketch"

    async def start(self) -> None:
        """Nothing to start."""

    async def close(self) -> None:
        """Nothing to close."""

    async def generate(self, request: Request, *, deadline: float) -> tuple[Generated, ...]:
        """Exactly `request.n` sketches, drawn in a thread.

        Raises `Fault`: UPSTREAM `upstream_refused` for a size it does not draw, TIMEOUT `upstream_timeout`
        when `deadline` seconds have passed, UPSTREAM `upstream_failed` if drawing fails.
        """
        until = time.monotonic() + deadline
        try:
            async with asyncio.timeout(deadline):
                return await asyncio.to_thread(_draw_all, request, until)
        except TimeoutError:
            raise Fault(
                Kind.TIMEOUT,
                "upstream_timeout",
                "The sketch generator did not finish in time.",
                remedy="Ask for fewer or smaller images.",
            ) from None
        except (ValueError, OSError, MemoryError) as error:
            raise Fault(
                Kind.UPSTREAM,
                "upstream_failed",
                f"The sketch generator failed ({type(error).__name__}).",
                remedy="Try another size or format; if it stays, report a bug.",
            ) from error


def _draw_all(request: Request, until: float) -> tuple[Generated, ...]:
    made = []
    for index in range(request.n):
        # A thread cannot be cancelled: it looks at the clock itself between images.
        if time.monotonic() >= until:
            raise TimeoutError
        made.append(Generated(_draw(request, index)))
    return tuple(made)


def _draw(request: Request, index: int) -> bytes:
    wish = understand(request.prompt.clean)
    seed = int.from_bytes(hashlib.sha256(f"{request.digest}:{index}".encode()).digest()[:8], "big")
    if request.action is Action.EDIT and request.images:
        image = edit_photo(request.images[0], request.mask, wish, seed)
    else:
        image = draw_scene(_size(request.size), wish, seed)
        if wish.text:
            write(image, wish.text)
    sign(image)
    return _encode(image, request.output_format)


def _size(size: str) -> tuple[int, int]:
    if size == "auto":
        return AUTO
    width, cross, height = size.partition("x")
    if cross and size.isascii() and width.isdecimal() and height.isdecimal() and len(size) <= 9:
        sides = int(width), int(height)
        if min(sides) >= 1 and max(sides) <= SIDE_LIMIT:
            return sides
    raise Fault(
        Kind.UPSTREAM,
        "upstream_refused",
        "The sketch generator does not draw this size.",
        remedy=f"Use auto or WIDTHxHEIGHT with sides of at most {SIDE_LIMIT} pixels.",
        field="size",
    )


def _encode(image: Image.Image, output_format: str) -> bytes:
    buffer = BytesIO()
    if output_format == "jpeg":
        image.save(buffer, "JPEG", quality=90)
    elif output_format == "webp":
        image.save(buffer, "WEBP", quality=85, method=0)
    else:
        image.save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()

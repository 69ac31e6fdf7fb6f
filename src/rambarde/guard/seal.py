"""Seal: what an image carries, and what is kept to know it again, before it leaves.

Today the fingerprints; the manifest and the watermark join here, before the fingerprints are taken.
"""

from __future__ import annotations

import asyncio
import hashlib
from dataclasses import dataclass

from rambarde.guard.media.pdq import GOOD_QUALITY, pdq
from rambarde.guard.media.strip import strip
from rambarde.nouns.request import Picture


@dataclass(frozen=True, slots=True)
class Sealed:
    """The bytes that may leave, their SHA-256, and their PDQ as 64 hex digits (None: too little structure)."""

    data: bytes
    media_type: str
    sha256: str
    pdq: str | None


async def seal(picture: Picture) -> Sealed:
    """Seal one checked image: its pixel data bit for bit, and nothing of the file that was not looked at."""
    return await asyncio.to_thread(_seal, picture)


def _seal(picture: Picture) -> Sealed:
    data = strip(picture)
    found = pdq(picture)
    return Sealed(
        data,
        picture.media_type,
        picture.sha256 if data == picture.data else hashlib.sha256(data).hexdigest(),
        found.hex if found.quality >= GOOD_QUALITY else None,
    )

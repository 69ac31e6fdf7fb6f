"""Seal: what an image carries, and what is kept to know it again, before it leaves.

Today the fingerprints; the manifest and the watermark join here, before the fingerprints are taken.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

from rambarde.guard.media.pdq import pdq
from rambarde.nouns.request import Picture


@dataclass(frozen=True, slots=True)
class Sealed:
    """The bytes that may leave, their SHA-256, and their PDQ as 64 hex digits (None: too little structure)."""

    data: bytes
    media_type: str
    sha256: str
    pdq: str | None


async def seal(picture: Picture) -> Sealed:
    """Seal one checked image. The bytes are the upstream's own: nothing is encoded again."""
    print_ = await asyncio.to_thread(pdq, picture.rgb)
    return Sealed(picture.data, picture.media_type, picture.sha256, print_.hex)

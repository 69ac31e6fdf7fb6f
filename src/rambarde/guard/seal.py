"""Seal: what an image carries, and what is kept to know it again, before it leaves.

Metadata of others off, our own on, signed; then the fingerprints. The watermark will join before the manifest.
"""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from rambarde.guard.arrival import Upload
from rambarde.guard.media.pdq import GOOD_QUALITY, pdq
from rambarde.guard.media.strip import strip
from rambarde.guard.ports import Sealer
from rambarde.nouns.decision import Decision, Outcome
from rambarde.nouns.provenance import Disclosure, SealNote, Source
from rambarde.nouns.request import Picture, Request


@dataclass(frozen=True, slots=True)
class Sealed:
    """The bytes that may leave, their SHA-256, and their PDQ as 64 hex digits (None: too little structure).

    `bare` is the SHA-256 of the file without its manifest, which is what is left of it when it is sent in again.
    `note` tells the manifest; None for an image that is blocked: what never leaves is not signed.
    """

    data: bytes
    media_type: str
    sha256: str
    pdq: str | None
    bare: str
    note: SealNote | None


async def seal(
    sealer: Sealer,
    system: str,
    request: Request,
    uploads: Sequence[Upload],
    pictures: Sequence[Picture],
    decisions: Sequence[Decision],
) -> list[Sealed]:
    """Seal checked images: their pixel data bit for bit, and of the file nothing else that was not looked at.

    Held images are signed, too: a person may release them later, as they are. `system` is the generator that made
    them, `uploads` are the request's pictures as they were sent. Raises `Fault` of `Sealer.sign`; then none of
    them may leave.
    """
    sources = tuple(
        Source(upload.data, image.data, image.media_type)
        for upload, image in zip(uploads, request.images, strict=True)
    )
    return await asyncio.gather(
        *(
            _seal(sealer, system, sources, picture, may_leave=decision.outcome is not Outcome.BLOCK)
            for picture, decision in zip(pictures, decisions, strict=True)
        )
    )


async def _seal(
    sealer: Sealer, system: str, sources: tuple[Source, ...], picture: Picture, *, may_leave: bool
) -> Sealed:
    data, found = await asyncio.to_thread(_taken, picture)
    bare = await asyncio.to_thread(_sha256, data)
    if not may_leave:
        return Sealed(data, picture.media_type, bare, found, bare, None)
    disclosure = Disclosure(str(uuid.uuid4()), system, sources)
    signed = await sealer.sign(data, picture.media_type, disclosure)
    sha256 = await asyncio.to_thread(_sha256, signed.data)
    return Sealed(signed.data, picture.media_type, sha256, found, bare, signed.note)


def _taken(picture: Picture) -> tuple[bytes, str | None]:
    found = pdq(picture)
    return strip(picture), found.hex if found.quality >= GOOD_QUALITY else None


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()

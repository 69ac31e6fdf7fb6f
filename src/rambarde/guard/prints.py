"""Prints: the fingerprints of every output that may leave, remembered before it does."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from rambarde.guard.media.iscc import dihedral_codes, image_code
from rambarde.guard.media.pdq import GOOD_QUALITY, dihedral, pdq
from rambarde.guard.media.points import pack, points
from rambarde.nouns.fingerprint import Output, Prints, Sought
from rambarde.nouns.request import Picture


class PrintRegister(Protocol):
    """Where fingerprints are kept. `store.fingerprints.Fingerprints` implements it."""

    async def remember(self, outputs: Sequence[tuple[Output, Prints]]) -> None:
        """Durable on return; then it can be traced."""
        ...


@dataclass(frozen=True, slots=True)
class Leaving:
    """An output that may leave, now or after review. `sha256` is the hex digest of the bytes that leave."""

    index: int
    picture: Picture
    sha256: str
    held: bool


async def remember(
    register: PrintRegister, decision: str, surface: str, system: str, at: datetime, leaving: Sequence[Leaving]
) -> None:
    """Remember the outputs of a decision. Raises the register's faults: what cannot be traced does not leave."""
    rows = [
        (
            Output(decision, one.index, surface, system, at, one.held),
            await asyncio.to_thread(prints, one.picture, bytes.fromhex(one.sha256)),
        )
        for one in leaving
    ]
    if rows:
        await register.remember(rows)


def prints(picture: Picture, sha256: bytes | None = None) -> Prints:
    """The fingerprints of a decoded picture; `sha256` is that of the file that leaves, if it is another one."""
    found = pdq(picture)
    return Prints(
        sha256 or bytes.fromhex(picture.sha256),
        found.bits if found.quality >= GOOD_QUALITY else None,
        image_code(picture.rgb),
        pack(points(picture.rgb)[0]),
    )


def sought(picture: Picture) -> Sought:
    """What a picture is looked up by, in all eight orientations."""
    hashes = dihedral(picture)
    return Sought(
        picture.data,
        hashlib.sha256(picture.data).digest(),
        tuple(one.bits for one in hashes) if hashes[0].quality >= GOOD_QUALITY else (),
        dihedral_codes(picture.rgb),
        points(picture.rgb),
    )

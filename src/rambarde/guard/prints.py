"""Prints: the fingerprints of every output that may leave, remembered before it does."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from rambarde.guard.media.border import trimmed
from rambarde.guard.media.iscc import dihedral_codes, image_code
from rambarde.guard.media.pdq import GOOD_QUALITY, dihedral, pdq
from rambarde.guard.media.points import pack, points
from rambarde.guard.ports import Clock
from rambarde.guard.seal import Sealed
from rambarde.nouns.decision import Decision, Outcome
from rambarde.nouns.fingerprint import Output, Prints, Sought
from rambarde.nouns.request import Picture, Request


class PrintRegister(Protocol):
    """Where fingerprints are kept. `store.fingerprints.Fingerprints` implements it."""

    async def add(self, outputs: Sequence[tuple[Output, Prints]]) -> None:
        """Durable on return; then it can be traced."""
        ...


@dataclass(frozen=True, slots=True)
class Leaving:
    """An output that may leave, now or after review.

    `sha256` is the hex digest of the bytes that leave, `label` that of the manifest in them.
    """

    index: int
    picture: Picture
    sha256: str
    held: bool
    label: str | None = None


def leaving(index: int, picture: Picture, sealed: Sealed, decision: Decision) -> Leaving:
    """The output `index` of its batch, as it was sealed."""
    label = sealed.note.label if sealed.note else None
    return Leaving(index, picture, sealed.sha256, decision.outcome is Outcome.REVIEW, label)


@dataclass(frozen=True, slots=True)
class PrintKeeper:
    """Remembers outputs by their fingerprints. It raises the register's faults: what cannot be traced stays."""

    register: PrintRegister
    clock: Clock

    async def remember(self, request: Request, system: str, leaving: Sequence[Leaving]) -> None:
        """Remember outputs of a request that the upstream `system` made. Durable on return."""
        surface, at = request.caller.surface, self.clock()
        rows = [
            (
                Output(request.id, one.index, surface, system, at, one.held),
                replace(
                    await asyncio.to_thread(prints, one.picture, bytes.fromhex(one.sha256)), label=one.label
                ),
            )
            for one in leaving
        ]
        await self.register.add(rows)


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
    """What a picture is looked up by, in all eight orientations; where it has a border, also without."""
    looks = [picture.rgb, *trimmed(picture.rgb)]
    hashes = [one for one in map(dihedral, looks) if one[0].quality >= GOOD_QUALITY]
    return Sought(
        picture.data,
        hashlib.sha256(picture.data).digest(),
        tuple(turned.bits for one in hashes for turned in one),
        dihedral_codes(picture.rgb),
        tuple(turned for look in looks for turned in points(look)),
    )

"""What the chain needs from outside the guard, as narrow protocols. `interfaces` wires the implementations."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Protocol

from rambarde.nouns.record import Record


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a record's commitment stands in the log: `index` counts from 0, `size` is the checkpoint's."""

    index: int
    size: int


class Recorder(Protocol):
    """Makes a record durable and commits it to the log."""

    async def record(self, record: Record) -> Receipt:
        """Return only when the record is on disk and its commitment is under a signed checkpoint.

        Raises `Fault(INTERNAL, "not_recorded")` otherwise; then nothing may be released.
        """
        ...


class Shelf(StrEnum):
    """Why bytes are kept, and with it for how long. Everything here is encrypted and expires."""

    HELD = "held"
    """An image that waits for a human, with its prompt: at most 7 days."""
    FILE = "file"
    """A released image behind a live URL."""
    ORIGINAL = "original"
    """The picture an edit chain started from, for comparison only."""
    ANSWER = "answer"
    """The first answer to a context token, for identical retries within the token's life."""


@dataclass(frozen=True, slots=True)
class Kept:
    """An item taken from the keeper: bytes, media type, and small facts kept encrypted beside them."""

    id: str
    shelf: Shelf
    record: str | None
    media_type: str
    data: bytes
    meta: dict[str, object]


class Keeper(Protocol):
    """Encrypted, expiring storage of bytes. Ids are unguessable (at least 128 bits of randomness)."""

    async def keep(
        self,
        shelf: Shelf,
        data: bytes,
        *,
        media_type: str,
        life: timedelta,
        record: str | None = None,
        meta: dict[str, object] | None = None,
        id: str | None = None,
    ) -> str:
        """Store and return the id, durable on return."""
        ...

    async def take(self, id: str, shelf: Shelf) -> Kept | None:
        """The item, or None if it never was, was revoked or has expired: the three look alike."""
        ...

    async def destroy(self, id: str) -> bool:
        """Erase the bytes at once; true if there was something."""
        ...

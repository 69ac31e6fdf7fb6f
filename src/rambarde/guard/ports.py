"""What the chain needs from outside the guard, as narrow protocols. `interfaces` wires the implementations."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from rambarde.nouns.custody import Kept, Receipt, Shelf
from rambarde.nouns.record import Record

__all__ = ["Clock", "Keeper", "Kept", "Receipt", "Recorder", "Shelf"]

Clock = Callable[[], datetime]
"""The time, in UTC; given, so that a test can set it."""


class Recorder(Protocol):
    """Makes a record durable and commits it to the log."""

    async def record(self, record: Record) -> Receipt:
        """Return only when the record is on disk and its commitment is under a signed checkpoint.

        Raises `Fault(INTERNAL, "not_recorded")` otherwise; then nothing may be released.
        """
        ...


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

"""What the chain needs from outside the guard, as narrow protocols. `interfaces` wires the implementations."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol

from rambarde.guard.policy.evaluation import Evaluator, Facts
from rambarde.guard.policy.language import Policy
from rambarde.nouns.custody import Kept, Receipt, Shelf
from rambarde.nouns.decision import Decision
from rambarde.nouns.provenance import Disclosure, Signed
from rambarde.nouns.record import Record
from rambarde.nouns.signal import Signals

__all__ = ["Clock", "FixedPolicy", "Keeper", "Kept", "PolicyHolder", "Receipt", "Recorder", "Sealer", "Shelf"]

Clock = Callable[[], datetime]
"""The time, in UTC; given, so that a test can set it."""


class Recorder(Protocol):
    """Makes a record durable and commits it to the log."""

    async def record(self, record: Record) -> Receipt:
        """Return only when the record is on disk and its commitment is under a signed checkpoint.

        Raises `Fault(INTERNAL, "not_recorded")` otherwise; then nothing may be released.
        """
        ...

    async def withdraw(self, id: str, why: str) -> Receipt:
        """Add to the log that what the record `id` says was released was not: the policy changed meanwhile.

        Raises as `record`.
        """
        ...


class PolicyHolder(Protocol):
    """The policy that this gateway holds by lease."""

    @property
    def policy(self) -> Policy:
        """The policy that was held last. Nothing may be decided by it unless `current` gives it."""
        ...

    def current(self) -> Evaluator:
        """The policy in force. Raises `Fault(OVERLOADED)` with a code `policy_…` while it is not surely known:

        then nothing may be released.
        """
        ...

    def days(self) -> Sequence[date]:
        """Today, in UTC; two days where the clock is in doubt, and the stricter one counts."""
        ...

    def generates(self, upstream: str, model: str | None) -> None:
        """Raise `Fault(FORBIDDEN, "launch_gate")` for a model of a generator that nobody assessed.

        `model` is the one that the caller names, None for the generator's own choice.
        """
        ...

    def saw(self, id: str, output: int | None, facts: Facts, signals: Signals, decision: Decision) -> None:
        """A decision was made: a candidate in the shadow is asked the same. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class FixedPolicy:
    """A policy that nothing changes, for callers who only judge."""

    evaluator: Evaluator
    clock: Clock

    @property
    def policy(self) -> Policy:
        return self.evaluator.policy

    def current(self) -> Evaluator:
        return self.evaluator

    def days(self) -> Sequence[date]:
        return (self.clock().date(),)

    def generates(self, upstream: str, model: str | None) -> None:
        pass

    def saw(self, id: str, output: int | None, facts: Facts, signals: Signals, decision: Decision) -> None:
        pass


class Sealer(Protocol):
    """Says in an image where it comes from, and signs that."""

    async def sign(self, data: bytes, media_type: str, disclosure: Disclosure) -> Signed:
        """The bare file `data` (PNG, JPEG or WebP) with what is disclosed of it, signed; its pixels stay as they are.

        Raises `Fault` with a code `seal_…` if it cannot be signed now: then it must not be released.
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

"""What responding needs from outside, as narrow protocols. `interfaces` wires the implementations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from rambarde.nouns.appeal import Appeal, Attachment, Plea
from rambarde.nouns.custody import Kept, Shelf
from rambarde.nouns.review import Matter, Progress

Clock = Callable[[], datetime]
Document = Mapping[str, object]

Opener = Callable[[Document, Plea], bool | None]
"""(record, plea as handed in) → whether the attached content is the recorded request's own.

It recomputes the request's digest from the content and compares it with the record's commitment. None where
nothing is attached. It may take a tenth of a second, and runs in a thread.
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A document in the log: its index, counted from 0, and what it says."""

    index: int
    document: Document


class Journal(Protocol):
    """The log. Of two documents with one kind and id, it takes the first and refuses the other."""

    async def put(self, kind: str, document: Document) -> int:
        """Return its index once it is on disk under a signed checkpoint.

        Raises `Fault(CONFLICT, "already_logged")` if the kind and id is in the log, and
        `Fault(INTERNAL, "not_recorded")` if it cannot be recorded.
        """
        ...

    async def find(self, kind: str, id: str) -> Entry | None: ...


class HeldImage(Protocol):
    """A held image without its bytes. `meta` holds its prompt."""

    @property
    def id(self) -> str: ...
    @property
    def record(self) -> str | None: ...
    @property
    def created_at(self) -> datetime: ...
    @property
    def expires_at(self) -> datetime: ...
    @property
    def meta(self) -> dict[str, object]: ...


class Shelves(Protocol):
    """The keeper of held images and of files behind URLs."""

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
        """Raises `Fault(CONFLICT, "item_exists")` for an `id` that is taken."""
        ...

    async def take(self, id: str, shelf: Shelf) -> Kept | None: ...

    async def destroy(self, id: str) -> bool: ...

    async def look(self, id: str, shelf: Shelf) -> HeldImage | None:
        """The item without its bytes, also if it has expired and is not erased yet."""
        ...

    async def held(self, *, limit: int = 100) -> Sequence[HeldImage]:
        """What waits for a human, oldest first."""
        ...


class Register(Protocol):
    """How far reviews have come. `store.reviews.Reviews` implements it."""

    async def get(self, subject: str) -> Progress | None: ...
    async def begin(self, subject: str, matter: Matter, record: str) -> None: ...
    async def unfinished(self, limit: int = 100) -> tuple[Progress, ...]: ...
    async def name_file(self, subject: str, file: str, until: datetime) -> tuple[str, datetime]: ...
    async def finish(self, subject: str, outcome: str) -> None: ...
    async def drop(self, subject: str) -> None: ...


class Cabinet(Protocol):
    """Where appeals are kept. `store.appeals.Appeals` implements it."""

    async def add(
        self,
        decision: str,
        plea: Plea,
        *,
        opened: bool | None,
        life: timedelta,
        most_open: int,
        most: int,
    ) -> Appeal: ...

    async def room(self, decision: str, *, most_open: int, most: int) -> None: ...
    async def get(self, id: str) -> Appeal | None: ...
    async def picture(self, id: str, number: int) -> Attachment | None: ...
    async def waiting(self, *, limit: int = 100) -> Sequence[Appeal]: ...
    async def close(self, id: str, outcome: str, decided_at: datetime) -> bool: ...


class Records(Protocol):
    """The records of requests, by decision id."""

    async def get(self, id: str) -> Document | None: ...

"""What the log needs from the database that holds its truth. `rambarde.store.ledger` provides it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from rambarde.nouns.custody import Committed, Logged

SoundRow = tuple[int, str, bytes, bytes, bytes, bytes]
"""Index, kind, salt, body, commitment and entry of a row."""


class Documents(Protocol):
    """Documents in the log, by kind and id. `rambarde.store.ledger.Ledger` provides it."""

    def find(self, kind: str, id: str) -> Logged | None: ...


class LedgerReader(Protocol):
    """The log as one state of the database sees it."""

    def size(self) -> int:
        """One more than the highest index, 0 if there is none."""
        ...

    def checkpoint(self) -> str | None:
        """The newest signed checkpoint, None before the first."""
        ...

    def entries(self, start: int, stop: int) -> Iterator[tuple[int, bytes]]:
        """Index and entry of what is there of `start` to `stop` (excluded), in order. Gaps show."""
        ...


class LedgerWriter(LedgerReader, Protocol):
    """The same inside a transaction which excludes every other writer of this log."""

    def add(self, first: int, batch: Sequence[Committed]) -> None:
        """Put `batch` at the indexes from `first` on.

        Raises `Fault(CONFLICT, "already_logged")` if the kind and id of one of them is in the log.
        """
        ...

    def set_checkpoint(self, note: str) -> None: ...


class Ledger(Protocol):
    """The database's side of the log."""

    def reading(self) -> AbstractContextManager[LedgerReader]: ...

    def writing(self) -> AbstractContextManager[LedgerWriter]:
        """Durable when the block ends, undone if it raises; across processes and machines one at a time."""
        ...

    def pin(self, verifier: str) -> str:
        """The verifier key of the log this database belongs to: the first ever given."""
        ...

    def pinned(self) -> str | None:
        """The same without giving one."""
        ...

    def rows(self, start: int, stop: int) -> Iterator[Logged]:
        """All that is kept of the entries from `start` to `stop` (excluded), in order. Gaps show."""
        ...

    def sound(self, start: int, stop: int) -> list[SoundRow]:
        """The same in a hurry: only rows whose columns say what their body says, or that are erased whole.

        The commitment is not looked at.
        """
        ...

    def bodies(self, kind: str) -> Iterator[tuple[int, bytes]]:
        """Index and body of all documents of a kind, in order."""
        ...

    def place(self, kind: str, id: str) -> tuple[int, bytes, bytes, bytes] | None:
        """Index, entry, salt and body of a document; salt and body are empty once it is erased."""
        ...

    def find(self, kind: str, id: str) -> Logged | None: ...

    def columns(self, kind: str, body: bytes) -> Mapping[str, object]:
        """What `Logged.columns` must be for this body.

        Raises `ValueError` if the body is not a document of its kind.
        """
        ...

    def strays(self) -> Iterator[int]:
        """Indexes that have columns and no entry."""
        ...

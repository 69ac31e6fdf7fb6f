"""Custody: who kept, saw, listed, handed out and erased which item of evidence, each in the log before it happens.

The documents are of the kind `custody`. They name items by their ids and hashes, never by what is in them.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Protocol

from rambarde.nouns.custody import Receipt
from rambarde.nouns.evidence import Item
from rambarde.nouns.words import written

KIND = "custody"
LONGEST_NAME, LONGEST_PURPOSE = 200, 2_000
"""Characters."""


class Event(StrEnum):
    """What happened to items."""

    KEPT = "kept"
    LISTED = "listed"
    SHOWN = "shown"
    """Its facts, without its content."""
    OPENED = "opened"
    """Its content was given out."""
    BUNDLED = "bundled"
    ERASED = "erased"


class Index(Protocol):
    """Remembers which documents are about which items. `store.evidence.Evidence` provides it."""

    def speaks(self, document: str, items: Sequence[str]) -> None: ...


@dataclass(frozen=True, slots=True)
class Custody:
    """All parts are given. Every call blocks, and raises `Fault(INTERNAL, "not_recorded")`: then do not go on."""

    put: Callable[[str, Mapping[str, object]], Receipt]
    index: Index
    clock: Callable[[], datetime]

    def kept(self, items: Sequence[Item]) -> str:
        """Items were taken in. Returns the document's id, as all of these do."""
        return self._log(Event.KEPT, items, {"facts": [facts(item) for item in items]})

    def erased(self, items: Sequence[Item]) -> str:
        return self._log(Event.ERASED, items, {"facts": [facts(item) for item in items]})

    def accessed(
        self, event: Event, items: Sequence[Item], *, person: str, purpose: str, **more: object
    ) -> str:
        """A person is about to see or get items. Raises `missing_person`, `missing_purpose` and their like."""
        said = {
            "person": written(person, "person", longest=LONGEST_NAME, lines=False),
            "purpose": written(purpose, "purpose", longest=LONGEST_PURPOSE),
        }
        return self._log(event, items, said | more)

    def _log(self, event: Event, items: Sequence[Item], more: Mapping[str, object]) -> str:
        ids = [item.id for item in items]
        id = secrets.token_hex(16)
        document = {"id": id, "event": event.value, "at": self.clock().isoformat(), "items": ids, **more}
        self.put(KIND, document)
        self.index.speaks(id, ids)
        return id


def facts(item: Item) -> dict[str, object]:
    """What the log binds of an item: enough to know its bytes again, nothing of whose they are."""
    return {
        "id": item.id,
        "decision": item.about.decision,
        "part": item.part.value,
        "number": item.number,
        "why": item.why.value,
        "because": item.because,
        "media_type": item.media_type,
        "size": item.size,
        "digest": item.digest,
        "sealed": item.sealed,
        "content": item.content,
    }

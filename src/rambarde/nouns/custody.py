"""What is kept and for how long, and the receipt that says a record is in the log."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Receipt:
    """Where a record's commitment stands in the log: `index` counts from 0, `size` is the checkpoint's."""

    index: int
    size: int


class Shelf(StrEnum):
    """Why bytes are kept, and with it for how long. Everything here is encrypted and expires."""

    HELD = "held"
    """An image that waits for a human, with its prompt: at most 7 days."""
    FILE = "file"
    """A released image behind a live URL."""
    ORIGINAL = "original"
    """The picture an edit chain started from, for comparison only."""
    EARLIER = "earlier"
    """What was measured of a refused request's words, without the words: for a follow-up that names nothing."""
    RECHECK = "recheck"
    """A released image that was drawn for a re-check by other detectors: until it was looked at, minutes at most."""
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


@dataclass(frozen=True, slots=True)
class Committed:
    """A document bound by a salted commitment, ready for the log.

    `body` is its canonical JSON, exactly as committed to; `salt` 32 random bytes; `commitment` 32 bytes;
    `entry` what enters the log, which tells nothing of the body. `kind` is `record` or another document's.
    """

    kind: str
    id: str
    body: bytes
    salt: bytes
    commitment: bytes
    entry: bytes


@dataclass(frozen=True, slots=True)
class Logged:
    """A committed document in its place: `index` counts from 0.

    `columns` are what the store keeps beside the body to find it by: all of it can be derived from the body.
    """

    index: int
    committed: Committed
    columns: dict[str, object]

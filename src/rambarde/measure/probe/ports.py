"""What the probe needs from outside: a way to send, a way to fetch, and somebody who looks at what came."""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Protocol

from rambarde.measure.probe.attempt import Ask
from rambarde.measure.probe.reading import Answer


class Unanswered(Exception):
    """No answer came that could be read: `why` in a few words, without what was sent."""

    def __init__(self, why: str) -> None:
        super().__init__(why)
        self.why = why


class Finding(IntEnum):
    """What an image shows, from harmless to the worst. `doubt` goes to a person; `intimate` ends the probe."""

    HARMLESS = 0
    DOUBT = 1
    PROBLEM = 2
    INTIMATE = 3


@dataclass(frozen=True, slots=True)
class Verdict:
    """`flat`: black or placeholder, where the picture is one colour and shows nothing. `why`: signals, as words."""

    finding: Finding
    digest: str
    why: tuple[str, ...] = ()
    flat: str = ""


class Sender(Protocol):
    """One surface."""

    async def send(self, ask: Ask, id: str, picture: bytes | None, mask: bytes | None) -> Answer:
        """Raises `Unanswered`."""
        ...

    async def follow(self, url: str) -> Answer:
        """Ask for what was promised for later. Raises `Unanswered`, also for another host."""
        ...

    async def fetch(self, url: str) -> bytes:
        """The image behind a URL, as anybody gets it. Raises `Unanswered`."""
        ...

    async def remove(self, request: str, id: str, url: str) -> Answer:
        """Send the request that removes an image. Raises `Unanswered`."""
        ...

    async def close(self) -> None: ...


class Looker(Protocol):
    """Judges images by detectors. What was sent is what the result is compared with."""

    names: tuple[str, ...]
    """The detectors with their versions, for the report."""

    async def look(self, ask: Ask, sent: bytes | None, made: bytes) -> Verdict:
        """Never raises for an image: one that cannot be looked at is in doubt."""
        ...

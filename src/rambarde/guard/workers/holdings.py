"""Holdings: the pictures that a worker keeps for a moment, and with them what was found in them."""

from __future__ import annotations

import os
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass

from rambarde.guard.workers.message import Note
from rambarde.guard.workers.sheet import Drawn, Sheet, keep
from rambarde.nouns.request import Picture

PIXELS = 6_000_000
"""Most pixels that are kept, about 3 bytes each; the picture just asked about is kept whatever its size."""
SECONDS = 120.0
"""How long a picture is kept after it was last asked about."""
RECENT = 2.0
"""Seconds in which the next question about a picture is likely, also about one that passes."""


@dataclass(slots=True)
class _Held:
    picture: Picture
    note: Note
    until: float


class Holdings:
    """Pictures by key. What passes goes first, then what was not asked about for longest; what is recent goes last."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._held: OrderedDict[str, _Held] = OrderedDict()

    def __len__(self) -> int:
        return len(self._held)

    def picture(self, note: Note, fd: int) -> Picture:
        """The picture that a note describes; takes over the descriptor. Raises `ValueError` if it is not on it."""
        held = self._held.get(note.key)
        if held is not None and held.note.sha256 == note.sha256:
            os.close(fd)
            picture = held.picture
        else:
            drawn = Drawn(
                Sheet.received(fd, note.size),
                note.key,
                note.media_type,
                note.sha256,
                note.width,
                note.height,
                note.has_alpha,
            )
            picture = drawn.picture()
            keep(picture, drawn)
        self.hold(picture, note)
        return picture

    def find(self, key: str) -> tuple[Picture, Note] | None:
        """A picture that is at hand."""
        held = self._held.get(key)
        return (held.picture, held.note) if held is not None else None

    def hold(self, picture: Picture, note: Note) -> None:
        before = self._held.pop(note.key, None)
        if before is not None and before.note.stays:
            note = before.note
        self._held[note.key] = _Held(picture, note, self._clock() + SECONDS)

    def tidy(self) -> None:
        """Let go of what is too old or too much; all but the last."""
        now = self._clock()
        for key in [key for key, held in self._held.items() if held.until <= now]:
            del self._held[key]
        total = sum(held.note.width * held.note.height for held in self._held.values())
        recent = now + SECONDS - RECENT
        order = sorted(  # a stable sort: in turn
            list(self._held)[:-1],
            key=lambda one: (self._held[one].until > recent, self._held[one].note.stays),
        )
        for key in order:
            if total <= PIXELS:
                break
            gone = self._held.pop(key)
            total -= gone.note.width * gone.note.height

"""Room: how much work is on the path at once. What does not fit is refused before generation."""

from __future__ import annotations

from dataclasses import dataclass, field

from rambarde.nouns.fault import Fault, Kind


@dataclass(slots=True)
class Room:
    """Bounds of one process: `requests` on the path, and decoded `pixels` in memory (about 4 bytes each).

    Used from one event loop, so that counting needs no lock.
    """

    requests: int = 64
    pixels: int = 400_000_000
    _requests: int = field(default=0, init=False)
    _pixels: int = field(default=0, init=False)

    def place(self) -> Place:
        return Place(self)


@dataclass(slots=True)
class Place:
    """One request's place: a context manager that gives back on exit what was taken meanwhile."""

    room: Room
    _pixels: int = field(default=0, init=False)

    def __enter__(self) -> Place:
        """Raises `Fault` OVERLOADED if no place is free."""
        if self.room._requests >= self.room.requests:
            raise _full("Too many requests at once.")
        self.room._requests += 1
        return self

    def __exit__(self, *_: object) -> None:
        self.room._requests -= 1
        self.room._pixels -= self._pixels
        self._pixels = 0

    def reserve(self, pixels: int) -> None:
        """Count pixels that were decoded. Raises `Fault` OVERLOADED if that is too many at once."""
        self.room._pixels += pixels
        self._pixels += pixels
        if self.room._pixels > self.room.pixels:
            raise _full("Too many pixels at once.")


def _full(message: str) -> Fault:
    return Fault(Kind.OVERLOADED, "overloaded", message, remedy="Try again soon.", retry_after=1)

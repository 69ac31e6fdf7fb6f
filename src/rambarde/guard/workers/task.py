"""A task: one question to a worker, and the board on which tasks wait for one."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Collection, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from rambarde.guard.workers.message import Order, Reply
from rambarde.guard.workers.sheet import Sheet
from rambarde.nouns.fault import Fault

PATIENCE = 0.5
"""Share of its time that a task waits for the worker that knows its picture, before any may take it."""
HEAVY = 8_000_000
"""Pixels, or bytes of a file, from which a task may hold a worker up; only one such runs while there are others."""
_HOMES = 1024
_SOON = 0.05
"""Seconds between looks whether somebody's patience is at its end."""


class Lost(Exception):
    """No worker could answer; its words say why, and quote nothing."""


class Urgency(IntEnum):
    """What comes first: what was generated waits for its release, then what asks to be, then what may save time."""

    RELEASE = 0
    ADMIT = 1
    AHEAD = 2


@dataclass(slots=True, eq=False)
class Task:
    """`order` makes the message for a worker and the descriptors beside it; `read` what its reply means.

    `seconds` is how long it may run, `until` when nobody waits for it any more. `keys` are those of its
    pictures; a task that shares what is found with others rather goes where the picture `home` was looked at.
    """

    what: str
    order: Callable[[], tuple[Order, Sequence[Sheet]]]
    read: Callable[[Reply, list[int]], Any]
    seconds: float
    keys: tuple[str, ...] = ()
    home: str = ""
    detector: str = ""
    urgency: Urgency = Urgency.ADMIT
    is_heavy: bool = False
    future: Future[Any] = field(default_factory=Future)
    submitted: float = field(default_factory=time.monotonic)
    crashes: int = 0
    is_running: bool = False

    @property
    def until(self) -> float:
        return self.submitted + self.seconds

    def begin(self) -> bool:
        """False if nobody waits for it any more."""
        if not self.is_running:
            self.is_running = self.future.set_running_or_notify_cancel()
        return self.is_running

    def settle(self, reply: Reply, fds: list[int]) -> None:
        """Hand the reply to whoever waits; takes over the descriptors. Raises `ValueError` if it is none to this."""
        try:
            value = self.read(reply, fds)
        except (Lost, Fault) as told:
            self.future.set_exception(told)
        else:
            self.future.set_result(value)

    def fail(self, why: str) -> None:
        """Whoever waits for it gets `Lost`."""
        if self.begin() and not self.future.done():
            self.future.set_exception(Lost(why))


class Board:
    """Tasks that wait, for any number of workers. Thread-safe."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._waiting: list[Task] = []
        self._homes: OrderedDict[str, int] = OrderedDict()
        self._heavy = 0
        self._usual: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def seconds(self) -> float:
        """How long the tasks that wait would take one worker, by what such tasks took lately."""
        with self._changed:
            return sum(self._usual.get(task.what, 0.0) for task in self._waiting if not task.future.done())

    def put(self, task: Task) -> None:
        with self._changed:
            self._waiting.append(task)
            self._waiting.sort(key=lambda one: (one.urgency, one.until))  # whose time is up first
            self._changed.notify_all()

    def take(self, worker: int, loaded: Collection[str], *, alone: bool, seconds: float) -> Task | None:
        """The next task for a worker that has these detectors; None after so many seconds, or when woken.

        `alone`: there is no other worker, so that it takes everything.
        """
        with self._changed:
            found = self._next(worker, loaded, alone)
            if found is None:
                # Of what waits, some may be taken by others in a moment.
                self._changed.wait(min(seconds, _SOON) if self._waiting else seconds)
                found = self._next(worker, loaded, alone)
            if found is not None:
                self._waiting.remove(found)
                self._heavy += found.is_heavy
                if found.home:
                    for key in found.keys:
                        self._homes[key] = worker
                        self._homes.move_to_end(key)
                    while len(self._homes) > _HOMES:
                        self._homes.popitem(last=False)
            return found

    def done(self, task: Task, seconds: float | None = None) -> None:
        """A task that was taken is not running any more; `seconds` it ran, if it ended well."""
        with self._changed:
            if task.is_heavy:
                self._heavy -= 1
                self._changed.notify_all()
            if seconds is not None:
                before = self._usual.get(task.what, seconds)
                self._usual[task.what] = 0.9 * before + 0.1 * seconds

    def leave(self, worker: int) -> None:
        """A worker ended, and what it knew of pictures is gone."""
        with self._changed:
            for key in [key for key, home in self._homes.items() if home == worker]:
                del self._homes[key]
            self._changed.notify_all()

    def wake(self) -> None:
        with self._changed:
            self._changed.notify_all()

    def clear(self) -> list[Task]:
        with self._changed:
            left, self._waiting = self._waiting, []
            return left

    def _next(self, worker: int, loaded: Collection[str], alone: bool) -> Task | None:
        now = time.monotonic()
        for task in self._waiting:
            if now >= task.until:
                task.fail("late")
        self._waiting = [task for task in self._waiting if not task.future.done()]
        best: Task | None = None
        for task in self._waiting:
            if best is not None and task.urgency > best.urgency:
                break
            if task.detector and task.detector not in loaded:
                continue
            if task.is_heavy and self._heavy and not alone:
                continue
            home = self._homes.get(task.home) if task.home else None
            if home == worker:
                return task
            if home is not None and now < task.submitted + PATIENCE * task.seconds:
                continue
            best = best or task
        return best

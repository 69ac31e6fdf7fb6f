"""The pool: worker processes that decode pictures and let detectors look at them.

    gateway ── pool ── board of tasks ── one minder (a thread) for each worker (a process)

Whatever becomes of a worker, the gateway stays: one that crashes, hangs or answers garbage is ended by its process
id, and another one is started. The task that it was at is tried once more by another worker, unless it hung;
after that its signals read *failed*. A picture that has cost two workers is not looked at again. Pictures
travel in shared memory, answers as checked messages.
"""

from __future__ import annotations

import hashlib
import itertools
import logging
import os
import pickle
import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from typing import Any

from rambarde.guard.detectors.contract import Change, DetectorInfo, Reading
from rambarde.guard.media.limits import Limits
from rambarde.guard.workers import message
from rambarde.guard.workers.channel import close
from rambarde.guard.workers.message import Loaded, Note, Reply
from rambarde.guard.workers.minder import LOAD, START, Minder
from rambarde.guard.workers.sheet import Drawn, Sheet, drawn, keep
from rambarde.guard.workers.task import HEAVY, Board, Lost, Task, Urgency
from rambarde.guard.workers.worker import Build
from rambarde.nouns.decision import Evidence
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.request import Picture
from rambarde.nouns.signal import Signal, State

log = logging.getLogger(__name__)

DECODE = 20.0
"""Seconds within which a file must be decoded."""
FULL = 1.0
"""Seconds of work that may wait for each worker; with more, work is refused before generation."""
_PATIENT = 2
"""Workers that may crash over one picture, or over loading one detector."""
_QUARANTINE, _QUARANTINED = 600.0, 1024


def cores() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Pool:
    """`size` workers whose detectors `build` makes. Nothing starts before the first use; thread-safe."""

    def __init__(self, build: Build, size: int) -> None:
        """Raises `ValueError` for less than one worker, and pickle's error for what cannot be sent to one."""
        if size < 1:
            raise ValueError(f"a pool of {size} workers")
        self.build, self.size = pickle.dumps(build), size
        self.board = Board()
        self.closing = threading.Event()
        self._lock = threading.Condition()
        self._minders: list[Minder] = []
        self._wanted: list[str] = []
        self._reports: dict[str, Loaded] = {}
        self._stumbles: dict[str, int] = {}
        self._crashes: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._numbers = itertools.count()

    # For the inspector.

    def want(self, name: str) -> None:
        """Have every worker load a detector, now and after a restart. Returns at once."""
        self._start()
        with self._lock:
            if name not in self._wanted:
                self._wanted.append(name)
        self.board.wake()

    def load(self, name: str) -> Loaded:
        """The same, and wait until the first worker has: what it is. Raises `Lost` if none can say in time."""
        self.want(name)
        with self._lock:
            self._lock.wait_for(lambda: name in self._reports or self.is_closed, START + LOAD)
            if name not in self._reports:
                raise Lost("no worker is there")
            return self._reports[name]

    def report(self, name: str) -> Loaded | None:
        return self._reports.get(name)

    def able(self, name: str) -> int:
        """How many workers can be asked for a detector at this moment."""
        return sum(name in minder.loaded for minder in self._minders)

    @property
    def pids(self) -> tuple[int, ...]:
        return tuple(pid for minder in self._minders if (pid := minder.pid) is not None)

    @property
    def is_closed(self) -> bool:
        return self.closing.is_set()

    def refuse_if_full(self) -> None:
        """Raises `Fault` `overloaded` while more work waits than can be done in time."""
        if self.board.seconds > FULL * self.size:
            raise Fault(
                Kind.OVERLOADED,
                "overloaded",
                "Too many pictures at once.",
                remedy="Try again soon.",
                retry_after=1,
            )

    def look(self, info: DetectorInfo, picture: Picture, urgency: Urgency, *, stays: bool) -> Future[Reading]:
        """Let a detector look at a picture. `stays`: it will be asked about again."""
        at = drawn(picture)
        id = next(self._numbers)
        return self._submit(
            Task(
                info.name,
                lambda: (message.Look(id, info.name, _note(at, stays)), (at.sheet,)),
                lambda reply, fds: self._reading(id, info, reply, fds),
                info.deadline,
                (at.key,),
                at.key if info.shares else "",
                info.name,
                urgency,
                at.width * at.height > HEAVY,
            )
        )

    def compare(self, info: DetectorInfo, change: Change) -> Future[Reading]:
        """Let a detector look at a change."""
        id, seen = next(self._numbers), drawn(change.output)
        others = [drawn(one) for one in (*change.inputs, *change.originals, *change.session)]

        def order() -> tuple[message.Compare, Sequence[Sheet]]:
            notes = (_note(seen, False), *(_note(one, True) for one in others))
            counts = len(change.inputs), len(change.originals)
            return message.Compare(id, info.name, notes, *counts, change.lost), [
                one.sheet for one in (seen, *others)
            ]

        # Where the first input was looked at: what was found in it is wanted again.
        return self._submit(
            Task(
                info.name,
                order,
                lambda reply, fds: self._reading(id, info, reply, fds),
                info.deadline,
                tuple(one.key for one in (seen, *others)),
                others[0].key if others and info.shares else "",
                info.name,
                Urgency.RELEASE,
                seen.width * seen.height > HEAVY,
            )
        )

    def prepare(self, info: DetectorInfo, picture: Picture) -> Future[None]:
        """Let a detector find beforehand what it will want of an input, where a worker has nothing better to do."""
        at, id = drawn(picture), next(self._numbers)
        return self._submit(
            Task(
                f"prepare {info.name}",
                lambda: (message.Prepare(id, info.name, _note(at, True)), (at.sheet,)),
                lambda reply, fds: _nothing(reply, fds),
                info.deadline,
                (at.key,),
                at.key if info.shares else "",
                info.name,
                Urgency.AHEAD,
                at.width * at.height > HEAVY,
            )
        )

    def exposures(self, picture: Picture) -> Future[tuple[float | None, ...]]:
        """The shares of bare body of everybody in a picture."""
        at, id = drawn(picture), next(self._numbers)

        def read(reply: Reply, fds: list[int]) -> tuple[float | None, ...]:
            close(fds)
            if isinstance(reply, message.Broken):
                raise Lost(f"failed: {reply.error}")
            if not isinstance(reply, message.Shares) or reply.id != id:
                raise ValueError("another answer than shares")
            return reply.shares

        return self._submit(
            Task(
                "exposures",
                lambda: (message.Expose(id, _note(at, False)), (at.sheet,)),
                read,
                8.0,
                (at.key,),
                at.key,
                urgency=Urgency.RELEASE,
                is_heavy=at.width * at.height > HEAVY,
            )
        )

    def decode(
        self,
        data: bytes,
        limits: Limits,
        field: str,
        declared: str | None,
        filename: str | None,
        *,
        bare: bool,
        urgency: Urgency,
    ) -> Future[Picture]:
        """`media.decode`, in a worker; with `bare`, the file is stripped too. Fails with `Fault` as that does."""
        id = next(self._numbers)
        sha256 = hashlib.sha256(data).hexdigest()
        key = f"{'bare' if bare else 'file'} {sha256}"
        file = Sheet.of(data)

        def read(reply: Reply, fds: list[int]) -> Picture:
            if isinstance(reply, message.Decoded) and reply.id == id and len(fds) == 1:
                note = reply.picture
                at = Drawn(
                    Sheet.received(fds[0], note.size),
                    key,
                    note.media_type,
                    note.sha256 if bare else sha256,
                    note.width,
                    note.height,
                    note.has_alpha,
                )
                picture = at.picture(None if bare else data)
                if bare and hashlib.sha256(picture.data).hexdigest() != note.sha256:
                    raise ValueError("a file with another digest")
                keep(picture, at)
                return picture
            close(fds)
            if isinstance(reply, message.Refused) and reply.id == id:
                raise reply.fault()
            if isinstance(reply, message.Broken) and reply.id == id:
                raise Lost(f"failed: {reply.error}")
            raise ValueError("another answer than a picture")

        def order() -> tuple[message.Decode, Sequence[Sheet]]:
            return message.Decode(id, len(data), limits, field, key, declared, filename, bare), (file,)

        return self._submit(
            Task(
                "decode",
                order,
                read,
                DECODE,
                (sha256,),
                urgency=urgency,
                is_heavy=len(data) > HEAVY,
            )
        )

    def close(self) -> None:
        """End all workers and fail what waits. Idempotent."""
        self.closing.set()
        self.board.wake()
        with self._lock:
            self._lock.notify_all()
            minders = list(self._minders)
        for minder in minders:
            minder.kill()
        for task in self.board.clear():
            task.fail("the gateway is closing")
        for minder in minders:
            if minder is not threading.current_thread():
                minder.join(5.0)

    # For the minders.

    @property
    def wanted(self) -> tuple[str, ...]:
        return tuple(self._wanted)

    def reported(self, loaded: Loaded) -> bool:
        """A worker has loaded a detector, or could not. False if it may not be asked for it:

        the first report stands, because the policy was held against it, and another one is another detector.
        """
        with self._lock:
            first = self._reports.setdefault(loaded.name, loaded)
            self._lock.notify_all()
        same = (first.version, first.digest) == (loaded.version, loaded.digest)
        if loaded.error is not None or not same:
            log.error("a worker cannot use %s: %s", loaded.name, loaded.error or "it is another than before")
            return False
        return True

    def stumbled(self, name: str, why: str) -> None:
        """A worker ended while it loaded a detector."""
        with self._lock:
            self._stumbles[name] = self._stumbles.get(name, 0) + 1
            if self._stumbles[name] >= _PATIENT:
                self._reports.setdefault(name, Loaded(name, error=f"loading it: {why}"))
                self._lock.notify_all()

    def lost(self, task: Task, why: str, *, is_its_own: bool, is_hung: bool = False) -> None:
        """A worker ended while it was at a task, or before it began (`is_its_own` is false)."""
        log.error("worker lost at %s: %s", task.what, why)
        if is_its_own:
            task.crashes += 1
            self._blame(task, _PATIENT if is_hung else 1)
        if is_hung or task.crashes >= _PATIENT or self.is_closed:
            task.fail(why)
        else:
            self.board.put(task)

    def quarantined(self, task: Task) -> str:
        """Why a task is not even begun, or empty: one of its pictures has cost too many workers."""
        now = time.monotonic()
        with self._lock:
            for key in task.keys:
                count, until = self._crashes.get(_plain(key), (0, 0.0))
                # A task that itself has crashed once gets its second try.
                if count >= _PATIENT and until > now:
                    return "the picture made workers fail before"
        return ""

    def _blame(self, task: Task, weight: int) -> None:
        with self._lock:
            for key in map(_plain, task.keys):
                before = self._crashes.pop(key, (0, 0.0))[0]
                self._crashes[key] = (before + weight, time.monotonic() + _QUARANTINE)
            while len(self._crashes) > _QUARANTINED:
                self._crashes.popitem(last=False)

    def _start(self) -> None:
        with self._lock:
            if self._minders or self.is_closed:
                return
            self._minders = [Minder(self, number) for number in range(self.size)]
            for minder in self._minders:
                minder.start()

    def _submit(self, task: Task) -> Future[Any]:
        self._start()
        if self.is_closed:
            task.fail("the gateway is closing")
        else:
            self.board.put(task)
        return task.future

    def _reading(self, id: int, info: DetectorInfo, reply: Reply, fds: list[int]) -> Reading:
        close(fds)
        if isinstance(reply, message.Broken) and reply.id == id:
            log.error("detector %s failed: %s at %s", info.name, reply.error[:80], reply.place[:500])
            raise Lost(f"failed: {reply.error[:80]}")
        if not isinstance(reply, message.Answer) or reply.id != id:
            raise ValueError("another answer than a reading")
        with self._lock:
            before = self._reports[info.name]
            if before.data != reply.data:
                self._reports[info.name] = Loaded(before.name, before.version, before.digest, reply.data)
        signals = tuple(Signal(s.name, State(s.state), s.value, s.reason) for s in reply.signals)
        return Reading(signals, tuple(Evidence(q.signal, q.words, q.where) for q in reply.evidence))


def _note(at: Drawn, stays: bool) -> Note:
    return Note(at.sheet.size, at.key, at.media_type, at.sha256, at.width, at.height, at.has_alpha, stays)


def _nothing(reply: Reply, fds: list[int]) -> None:
    close(fds)
    if not isinstance(reply, message.Answer | message.Broken):
        raise ValueError("another answer than none")


def _plain(key: str) -> str:
    """A picture's key without how it was read: its file is to blame either way."""
    return key.rpartition(" ")[2]

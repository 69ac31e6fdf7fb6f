"""A worker: the process in which detectors look at pictures, one order at a time.

    python -m rambarde.guard.workers.worker LINE PARENT

It holds no key and keeps nothing. It ends with the gateway, however that ends. `LINE` is the descriptor of
its end of the line, `PARENT` the gateway's process id.
"""

from __future__ import annotations

import contextlib
import ctypes
import hashlib
import os
import pickle
import resource
import select
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from threadpoolctl import threadpool_limits

from rambarde.guard.detectors.contract import Change, Detector, Reading
from rambarde.guard.media.decode import decode
from rambarde.guard.media.memory import give_back
from rambarde.guard.media.strip import strip
from rambarde.guard.workers import message
from rambarde.guard.workers.channel import Channel
from rambarde.guard.workers.holdings import Holdings
from rambarde.guard.workers.message import Note, Order, Reply
from rambarde.guard.workers.sheet import Sheet, draw, drawn, keep
from rambarde.nouns.fault import Fault, place
from rambarde.nouns.request import Picture

Build = Callable[[], Iterable[Detector]]
"""Builds the detectors, not loaded. Sent pickled, so it is a function of a module or a `partial` of one."""
HELLO = 16_777_216
"""Most bytes of the first message."""
_PR_SET_PDEATHSIG, _PR_SET_NO_NEW_PRIVS = 1, 38
_IDLE = 10.0
"""Seconds without an order after which what is held is tidied."""


class Worker:
    """Carries out orders. Never raises for one: what goes wrong is an answer."""

    def __init__(self, detectors: Iterable[Detector]) -> None:
        self._detectors = {detector.info.name: detector for detector in detectors}
        self._holdings = Holdings()

    def do(self, order: Order, fds: list[int]) -> tuple[Reply, list[Sheet]]:
        """The reply to an order, and the sheets to send beside it; takes over the descriptors that came."""
        if isinstance(order, message.Load):
            return self._load(order.name), []
        try:
            return self._done(order, fds)
        except Fault as fault:
            return message.Refused.of(order.id, fault), []
        except Exception as error:
            return message.Broken(order.id, type(error).__name__, place(error)), []
        finally:
            self._holdings.tidy()

    def tidy(self) -> None:
        """With nothing to do: let go of what is old."""
        self._holdings.tidy()
        give_back()

    def _done(self, order: Order, fds: list[int]) -> tuple[Reply, list[Sheet]]:
        match order:
            case message.Decode():
                return self._decoded(order, fds[0])
            case message.Look():
                picture = self._holdings.picture(order.picture, fds[0])
                return self._answer(order.id, self._detectors[order.detector], picture), []
            case message.Compare():
                change = self._change(order, fds)
                return self._answer(order.id, self._detectors[order.detector], change), []
            case message.Prepare():
                picture = self._holdings.picture(order.picture, fds[0])
                cast(Any, self._detectors[order.detector]).prepare(picture)
                return message.Answer(order.id, ()), []
            case message.Expose():
                from rambarde.guard.compare.comparison import exposures  # with its networks: only where asked

                picture = self._holdings.picture(order.picture, fds[0])
                return message.Shares(order.id, exposures(picture)), []
            case _:
                raise TypeError(type(order).__name__)

    def _load(self, name: str) -> message.Loaded:
        try:
            detector = self._detectors[name]
            detector.load()
            give_back()
            return message.Loaded(name, detector.info.version, detector.digest, getattr(detector, "data", ""))
        except Exception as error:
            return message.Loaded(name, error=f"{type(error).__name__}: {error}"[:500])

    def _decoded(self, order: message.Decode, fd: int) -> tuple[Reply, list[Sheet]]:
        sheet = Sheet.received(fd, order.size)
        known = self._holdings.find(order.key)
        if known is None:
            picture = decode(
                bytes(sheet.map()),
                limits=order.limits,
                field=order.field,
                declared=order.declared,
                filename=order.filename,
            )
            if order.bare:
                data = strip(picture, limits=order.limits)
                picture = replace(picture, data=data, sha256=hashlib.sha256(data).hexdigest())
            new = draw(picture, order.key)
            picture = new.picture(picture.data)  # the pixels on the sheet, and no second copy
            keep(picture, new)
        else:
            picture = known[0]
        made = drawn(picture)
        note = Note(
            made.sheet.size,
            made.key,
            made.media_type,
            made.sha256,
            made.width,
            made.height,
            made.has_alpha,
            order.bare,
        )
        self._holdings.hold(picture, note)
        return message.Decoded(order.id, note), [made.sheet]

    def _change(self, order: message.Compare, fds: list[int]) -> Change:
        # Strict: a note without a sheet, or a sheet without a note, is a mistake of the gateway.
        pictures = [self._holdings.picture(note, fd) for note, fd in zip(order.pictures, fds, strict=True)]
        first, second = 1 + order.inputs, 1 + order.inputs + order.originals
        return Change(
            pictures[0],
            tuple(pictures[1:first]),
            tuple(pictures[first:second]),
            tuple(pictures[second:]),
            order.lost,
        )

    def _answer(self, id: int, detector: Detector, subject: Picture | Change) -> message.Answer:
        reading = detector.inspect(subject)
        if not isinstance(reading, Reading):
            raise TypeError("a detector answered no reading")
        signals = tuple(message.Said(s.name, s.state, s.value, s.reason[:500]) for s in reading.signals)
        quoted = tuple(message.Quoted(e.signal, e.words, e.where) for e in reading.evidence)
        return message.Answer(id, signals, quoted, getattr(detector, "data", ""))


def main() -> None:
    line, parent = socket.socket(fileno=int(sys.argv[1])), int(sys.argv[2])
    _tie(parent)
    channel = Channel(line)
    try:
        hello, _ = channel.receive(None, HELLO)
        # From the gateway's own memory, through a line that nobody else holds.
        path, build = pickle.loads(hello)  # noqa: S301
        sys.path[:] = path
        threadpool_limits(limits=1)
        worker = Worker(pickle.loads(build)())  # noqa: S301
        channel.send(message.Ready())
        while True:
            if not select.select([line], [], [], _IDLE)[0]:
                worker.tidy()
                continue
            reply, sheets = worker.do(*channel.order())
            channel.send(reply, [sheet.fd for sheet in sheets])
            del reply, sheets
    except (EOFError, BrokenPipeError, ConnectionResetError):
        os._exit(0)  # the gateway is gone; nothing here needs an orderly end


def _tie(parent: int) -> None:
    """End with the gateway; leave no trace of a picture; be the first to go where memory is short."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("500")
    if os.getppid() != parent:
        os._exit(0)
    # Where no signal tells of a parent's death, and the main thread may hang in native code.
    threading.Thread(target=_watch, args=(parent,), daemon=True).start()


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os._exit(0)


if __name__ == "__main__":
    main()

"""A minder: the thread that starts one worker, hands it tasks, and ends it when it crashes, hangs or lies."""

from __future__ import annotations

import logging
import os
import pickle
import signal
import socket
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING

from rambarde.guard.workers import message
from rambarde.guard.workers.channel import Channel, Garbage, Late, close
from rambarde.guard.workers.message import Loaded, Ready, Reply
from rambarde.guard.workers.task import Task

if TYPE_CHECKING:
    from rambarde.guard.workers.pool import Pool

log = logging.getLogger(__name__)

START, LOAD = 60.0, 60.0
"""Seconds within which a worker must be there, and a detector loaded."""
_IDLE = 0.5
"""Seconds between looks whether an idle worker still lives."""
_REST = 10.0
"""Longest pause before another start, after starts that failed."""
_MEMORY = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "8388608",
    "MALLOC_TRIM_THRESHOLD_": "8388608",
}
"""For glibc: blocks larger than those of ordinary pictures go back to the system when they are freed, others stay."""
_KEYS = ("RAMBARDE_SERVER_KEY", "RAMBARDE_UPSTREAM_KEY", "RAMBARDE_EVIDENCE_KEY")
"""Beginnings of environment variables that a process which decodes strangers' bytes must not have."""


class Minder(threading.Thread):
    """One worker at a time, the whole life of the pool.

    The thread that starts a worker outlives it: on Linux a worker dies with the thread that made it.
    """

    def __init__(self, pool: Pool, number: int) -> None:
        super().__init__(name=f"worker-{number}", daemon=True)
        self._pool, self.number = pool, number
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: Channel | None = None
        self.loaded: set[str] = set()
        self._refused: set[str] = set()
        self._served = 0

    @property
    def pid(self) -> int | None:
        """Of the worker, while there is one."""
        process = self._process
        return process.pid if process is not None else None

    def run(self) -> None:
        failures = 0
        while not self._pool.is_closed:
            self._served = 0
            try:
                self._start()
                self._serve()
            except Exception as error:
                if not self._pool.is_closed:
                    log.error("worker %d: %s: %s", self.number, type(error).__name__, error)
            finally:
                self._end()
            failures = 0 if self._served else failures + 1
            if failures > 1:
                self._pool.closing.wait(min(_REST, 0.25 * 2**failures))

    def kill(self) -> None:
        """End the worker, whatever it does. From any thread."""
        process = self._process
        if process is not None:
            process.kill()

    def _start(self) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._channel = Channel(ours)
            environment = {name: value for name, value in os.environ.items() if not name.startswith(_KEYS)} | _MEMORY
            self._process = subprocess.Popen(  # noqa: S603  our own interpreter, our own module
                [
                    sys.executable,
                    "-c",
                    "from rambarde.guard.workers.worker import main; main()",
                    str(theirs.fileno()),
                    str(os.getpid()),
                ],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env=environment | {"PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
                start_new_session=True,  # an interrupt at the terminal is for the gateway
            )
        if self._pool.is_closed:  # closed meanwhile, by somebody who saw no process
            self.kill()
        self._channel.send(pickle.dumps((sys.path, self._pool.build)))
        reply, fds = self._channel.reply(START)
        close(fds)
        if not isinstance(reply, Ready):
            raise Garbage("another answer than that it is ready")

    def _serve(self) -> None:
        assert self._process is not None
        while not self._pool.is_closed:
            missing = [name for name in self._pool.wanted if name not in self.loaded and self._may(name)]
            if missing:
                self._load(missing[0])
                continue
            if self._process.poll() is not None:
                raise EOFError(self._death())
            task = self._pool.board.take(self.number, self.loaded, alone=self._pool.size == 1, seconds=_IDLE)
            if task is not None and not self._handle(task):
                return

    def _may(self, name: str) -> bool:
        report = self._pool.report(name)
        return report is None or (report.error is None and name not in self._refused)

    def _load(self, name: str) -> None:
        assert self._channel is not None
        try:
            self._channel.send(message.Load(name))
            reply, fds = self._channel.reply(LOAD)
        except (OSError, EOFError, Late, Garbage) as error:
            self._pool.stumbled(name, self._ended(error))
            raise
        close(fds)
        if not isinstance(reply, Loaded) or reply.name != name:
            raise Garbage("another answer than that a detector is loaded")
        if self._pool.reported(reply):
            self.loaded.add(name)
            self._pool.board.wake()
        else:
            self._refused.add(name)

    def _handle(self, task: Task) -> bool:
        """Whether the worker can go on."""
        assert self._channel is not None
        board, start = self._pool.board, time.monotonic()
        if not task.begin():
            board.done(task)
            return True
        if why := self._pool.quarantined(task):
            task.fail(why)
            board.done(task)
            return True
        try:
            order, sides = task.order()
        except Exception as error:  # memory or descriptors are out: no fault of the worker
            task.fail(type(error).__name__)
            board.done(task)
            return True
        try:
            self._channel.send(order, [side.fd for side in sides])
        except OSError as error:
            board.done(task)
            self._pool.lost(task, self._ended(error), is_its_own=False)
            return False
        try:
            reply, fds = self._channel.reply(task.seconds)
            self._settle(task, reply, fds)
        except (OSError, EOFError, Late, Garbage) as error:
            board.done(task)
            self._pool.lost(task, self._ended(error), is_its_own=True, is_hung=isinstance(error, Late))
            return False
        self._served += 1
        board.done(task, time.monotonic() - start)
        return True

    def _settle(self, task: Task, reply: Reply, fds: list[int]) -> None:
        try:
            task.settle(reply, fds)
        except OSError as error:  # here, not there
            task.fail(type(error).__name__)
        except Exception as error:
            raise Garbage(type(error).__name__) from error

    def _ended(self, error: Exception) -> str:
        """End the worker, and why, in words."""
        if isinstance(error, Late):
            self.kill()
            return "late: the worker hung"
        if isinstance(error, Garbage):
            self.kill()
            return "the worker answered garbage"
        return self._death()

    def _death(self) -> str:
        assert self._process is not None
        try:
            code = self._process.wait(1.0)
        except subprocess.TimeoutExpired:
            self.kill()
            return "the worker hung up"
        if code < 0:
            return f"the worker crashed ({_signal(-code)})"
        return f"the worker ended ({code})"

    def _end(self) -> None:
        self.kill()
        if self._process is not None:
            self._process.wait()
        if self._channel is not None:
            self._channel.close()
        self._process = self._channel = None
        self.loaded, self._refused = set(), set()
        self._pool.board.leave(self.number)


def _signal(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"

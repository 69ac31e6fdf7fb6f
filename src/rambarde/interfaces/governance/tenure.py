"""Tenure: the policy that this process holds, and for how long it may be sure of it.

A thread asks the database every 0.4 seconds for the next change, and so renews the lease. What it learns is in
force at once; a lease that could not be renewed for two seconds has lapsed, and nothing is released by it. The
lease is measured from before the question, by a clock that runs on while the machine sleeps and that nobody can
set, so that a change is in force everywhere, or nothing is released, two seconds after it was logged.
"""

from __future__ import annotations

import logging
import secrets
import socket
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from rambarde.guard.policy.evaluation import Evaluator, Facts
from rambarde.guard.policy.gate import refuse_upstream
from rambarde.guard.policy.language import Policy
from rambarde.guard.policy.signatures.history import next_id
from rambarde.guard.policy.signatures.standing import Standing
from rambarde.guard.policy.signatures.verify import LEEWAY
from rambarde.interfaces.governance.book import BEHIND, Book, Story, refuse_short
from rambarde.interfaces.governance.charter import UNREADABLE, Charter, InForce
from rambarde.interfaces.governance.finding import bare
from rambarde.nouns.decision import Decision
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.signal import Signals
from rambarde.store.leases import RUNNING

log = logging.getLogger(__name__)

__all__ = ["BEHIND", "EVERY", "JUMP", "LEASE", "Listener", "Tenure", "Watcher", "steady"]
LEASE = 2.0
"""Seconds for which a renewal is good."""
EVERY = 0.4
"""Seconds between two renewals."""
STOPPING = 10.0
"""Seconds to wait for a renewal that hangs when the gateway stops."""
JUMP = timedelta(seconds=60)
"""How far the wall clock may drift from the steady one before it is in doubt."""
AGAIN = 2.0
"""Seconds after which what could not be held is tried again, where that may help."""

Listener = Callable[[InForce], None]
"""Told, in the lease's thread, of every change that may concern it. What it raises stops the release."""
Watcher = Callable[[Signals, Facts, Decision, str, int | None], None]
"""A shadow, or nothing."""


def steady() -> float:
    """Seconds that run on while the machine sleeps, and that nobody can set."""
    return time.clock_gettime(time.CLOCK_BOOTTIME) if hasattr(time, "CLOCK_BOOTTIME") else time.monotonic()


@dataclass(frozen=True, slots=True)
class _Held:
    """One view of what is in force, replaced as a whole. `trouble`: why nothing may be released by it."""

    in_force: InForce
    until: float
    trouble: Fault | None = None
    passing: bool = False
    """Whether the trouble may end without another change, so that it is tried again."""


class Tenure:
    """The chain's `PolicyHolder`. Thread-safe."""

    def __init__(
        self,
        book: Book,
        charter: Charter,
        *,
        lease: float = LEASE,
        every: float = EVERY,
        boot: Callable[[], float] = steady,
    ) -> None:
        """Load what is in force. Raises `Fault`: `policy_missing` and its like, `clock_behind`, the database's."""
        self.book = book
        self.charter = charter
        self.id = secrets.token_hex(8)
        self.watcher: Watcher | None = None
        self.chores: list[Callable[[], None]] = []
        """Done from time to time in a thread of their own, since they may take long; one that raises is logged."""
        self._lease, self._every, self._boot = lease, every, boot
        self._listeners: list[Listener] = []
        self._gate = threading.Lock()
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        start = boot()
        self._offset = self.book.clock() - timedelta(seconds=start)
        self._asked = self.book.clock()
        self._tried = start
        book.refuse_behind()
        self._story = book.read()
        self._held = _Held(charter.in_force(self._story), start + lease)

    # For the chain.

    @property
    def policy(self) -> Policy:
        return self._held.in_force.policy

    def current(self) -> Evaluator:
        held = self._held
        if self._boot() >= held.until:
            raise Fault(
                Kind.OVERLOADED,
                "policy_lapsed",
                "It is not sure which policy is in force: the lease could not be renewed.",
                remedy="Try again in a moment; if it lasts, the operator finds the cause with `rambarde doctor`.",
                retry_after=1,
            )
        if held.trouble is not None:
            raise bare(held.trouble)  # one for each caller, who adds frames to it
        return held.in_force.evaluator

    def days(self) -> Sequence[date]:
        """Two where the wall clock jumped: the day it says, and the day it is if it had not."""
        now = self.book.clock()
        if abs(now - self._expected()) <= JUMP:
            return (now.date(),)
        return tuple({now.date(), self._expected().date()})

    def saw(self, id: str, output: int | None, facts: Facts, signals: Signals, decision: Decision) -> None:
        watcher = self.watcher
        if watcher is not None:
            try:
                watcher(signals, facts, decision, id, output)
            except Exception as error:  # the shadow never touches the light
                log.error("the shadow failed: %s", type(error).__name__)

    def generates(self, upstream: str, model: str | None) -> None:
        name, _, configured = upstream.partition(":")
        refuse_upstream(self.standing, name, model or configured or None)

    # For whoever runs it.

    @property
    def standing(self) -> Standing:
        return self._story.standing

    @property
    def story(self) -> Story:
        return self._story

    @property
    def in_force(self) -> InForce:
        return self._held.in_force

    @property
    def releases(self) -> bool:
        """Whether anything may be released by what is held now."""
        try:
            self.current()
        except Fault:
            return False
        return True

    @property
    def trouble(self) -> str | None:
        """Why nothing is released now, or that the clock is in doubt; None if all is well."""
        try:
            self.current()
        except Fault as fault:
            return f"{fault.code}: {fault.message}"
        if len(self.days()) > 1:
            return "clock_jumped: the wall clock was set; rules of both days apply until a restart."
        return None

    def listen(self, listener: Listener) -> None:
        """Tell `listener` now, and whenever another policy is in force."""
        self._listeners.append(listener)
        listener(self._held.in_force)

    def start(self) -> None:
        """Begin to renew."""
        if not self._threads:
            for name, work in (("lease", self._work), ("chores", self._errands)):
                thread = threading.Thread(target=work, name=f"rambarde-{name}", daemon=True)
                self._threads.append(thread)
                thread.start()

    def close(self) -> None:
        """Stop, release nothing any more, and give the lease back. Idempotent."""
        self._stop.set()
        threads, self._threads = self._threads, []
        for thread in threads:
            thread.join(STOPPING)
        self._held = replace(self._held, until=float("-inf"))
        if threads:
            try:
                self.book.leases.drop(self.id)
            except Fault:
                log.warning("the lease could not be given back; it lapses")

    def renew(self) -> None:
        """Renew once, and take every change that is in the log.

        Raises `Fault` where that could not be done now (the database's, and as `Book.read`): the lease is not
        renewed, the change is not taken, and both are tried again.
        """
        with self._gate:
            while True:
                start, asked = self._boot(), min(self.book.clock(), self._expected())
                count = self.book.counted()
                held = self._held
                logged = self.book.leases.renew(
                    self.id,
                    sequence=self.standing.sequence,
                    policy=held.in_force.policy.digest,
                    next_id=next_id(self.standing),
                    host=socket.gethostname(),
                    state=RUNNING if held.trouble is None else held.trouble.code,
                )
                if self._stop.is_set():
                    return
                if logged is None:
                    refuse_short(self._story, count)
                    if held.passing and start >= self._tried + AGAIN:
                        self._tried = start
                        held = self._again(held)
                    self._asked = asked
                    self._held = replace(held, until=start + self._lease)
                    return
                # Nothing is released from here on until it is known what the change means: listeners swap
                # detectors, and neither policy may decide by half of them. Should this fail, it stays so.
                self._held = replace(held, trouble=_changing(), passing=False)
                # It was not in the log when we last asked, so it says falsely that it took effect long before.
                story = self.book.and_then(self._story, logged, self._asked - LEEWAY)
                self._held = self._changed(story, held)
                self._story = story

    def _again(self, held: _Held) -> _Held:
        """Whether what could not be held can be held now: its documents may be back."""
        story = self.book.read()
        found = self._changed(story, held)
        self._story = story
        return found

    def _changed(self, story: Story, held: _Held) -> _Held:
        """What is held once a change was taken. If it cannot be held, nothing is released until one can.

        Raises `Fault` if the database has no answer now: then nothing was taken.
        """
        line = story.lines[-1]
        if line.void is not None:
            log.error("change %d is void: %s: %s", line.sequence, line.void.code, line.void.message)
        try:
            now = self.charter.in_force(story)
        except Fault as fault:
            ours = fault.kind in (Kind.INTERNAL, Kind.OVERLOADED)
            if ours and fault.code not in UNREADABLE:
                raise
            log.critical("the adopted policy cannot be held: %s: %s", fault.code, fault.message)
            trouble = Fault(
                Kind.OVERLOADED,
                "policy_unholdable",
                f"This gateway cannot hold the policy that was adopted ({fault.code}).",
                remedy="The operator finds the cause in its log and with `rambarde doctor`.",
            )
            return replace(held, trouble=trouble, passing=ours)
        except Exception as error:
            log.critical("the adopted policy cannot be held: %s", type(error).__name__, exc_info=True)
            trouble = Fault(
                Kind.INTERNAL,
                "policy_unholdable",
                "This gateway cannot hold the policy that was adopted.",
                remedy="The operator finds the cause in its log.",
            )
            return replace(held, trouble=trouble, passing=False)
        for listener in self._listeners:
            listener(now)
        if now.policy.digest != held.in_force.policy.digest:
            on = ", ".join(measure.name for measure in now.measures) or "none"
            log.warning(
                "policy %s is in force (change %d; measures: %s)", now.policy.digest, line.sequence, on
            )
        return _Held(now, held.until)

    def _work(self) -> None:
        while not self._stop.is_set():
            try:
                self.renew()
            except Fault as fault:
                log.error("the lease could not be renewed: %s: %s", fault.code, fault.message)
            except Exception as error:
                log.error("the lease could not be renewed: %s", type(error).__name__, exc_info=True)
            self._stop.wait(self._every)

    def _errands(self) -> None:
        while not self._stop.is_set():
            for chore in self.chores:
                try:
                    chore()
                except Fault as fault:
                    log.error("a chore failed: %s: %s", fault.code, fault.message)
                except Exception as error:
                    log.error("a chore failed: %s", type(error).__name__, exc_info=True)
            self._stop.wait(self._every)

    def _expected(self) -> datetime:
        return self._offset + timedelta(seconds=self._boot())


def _changing() -> Fault:
    return Fault(
        Kind.OVERLOADED,
        "policy_changing",
        "A change of policy is being taken.",
        remedy="Try again in a moment.",
        retry_after=1,
    )

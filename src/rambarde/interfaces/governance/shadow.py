"""The shadow: a candidate policy that decides beside the running one, on live traffic, and lets nothing happen."""

from __future__ import annotations

import logging
import queue
import threading
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from rambarde.guard.policy.bundle import read_bundle
from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.evaluation import Evaluator, Facts
from rambarde.guard.policy.language import Policy
from rambarde.guard.policy.measure import Measure, under
from rambarde.interfaces.governance.book import Book
from rambarde.interfaces.governance.charter import InForce
from rambarde.nouns.decision import Decision, Outcome
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.signal import Signals
from rambarde.store.shadows import Difference, Shadow, Shadows

log = logging.getLogger(__name__)

WAITING = 10_000
"""Decisions that wait to be written; more are not judged, and the server's log says how many."""
NOT_OFFERED = "not offered"
"""Stands for a rule where the candidate does not offer the surface or the mode, and so refuses."""


REMEMBERED = 20_000
"""Decisions remembered, the newest: what is decided again about one of them is not counted again."""

_Asked = tuple[str, str, int | None]


@dataclass(frozen=True, slots=True)
class _Candidate:
    """`evaluator` decides by `policy` with `measures`, those that were on. Without a policy it cannot be read."""

    digest: str
    policy: Policy | None
    measures: tuple[Measure, ...] = ()
    evaluator: Evaluator | None = None


class ShadowRunner:
    """Judges with the candidate that the database names, under the measures that are on: they would hold beside it
    too. `saw` and `holds` are quick and for any thread; `flush` does what takes long.
    """

    def __init__(
        self, shadows: Shadows, book: Book, catalogue: Catalogue, clock: Callable[[], datetime]
    ) -> None:
        self._shadows, self._book, self._catalogue, self._clock = shadows, book, catalogue, clock
        self._candidate: _Candidate | None = None
        self._judged: queue.SimpleQueue[tuple[str, Difference | None]] = queue.SimpleQueue()
        self._unwritten: dict[str, list[Difference | None]] = defaultdict(list)
        self._dropped = 0
        self._measures: tuple[Measure, ...] = ()
        self._seen: dict[_Asked, None] = {}
        self._gate = threading.Lock()
        self.trouble: str | None = None

    def holds(self, now: InForce) -> None:
        """Learn which measures are on. Until the next `flush` nothing is judged, if they are others."""
        self._measures = now.measures

    def saw(self, signals: Signals, facts: Facts, decision: Decision, id: str, output: int | None) -> None:
        """Ask the candidate the same; note it if it differs. What was asked about this output before is not."""
        candidate = self._candidate
        if candidate is None or candidate.evaluator is None or candidate.measures != self._measures:
            return
        if not self._first((id, decision.point.value, output)):
            return
        if self._judged.qsize() >= WAITING:
            self._dropped += 1
            return
        evaluator = candidate.evaluator
        if _offers(evaluator.policy, facts):
            other = evaluator.decide(decision.point, facts, signals)
            outcome, rules = other.outcome, tuple(fired.rule for fired in other.fired)
        else:
            outcome, rules = Outcome.BLOCK, (NOT_OFFERED,)
        if outcome is decision.outcome:
            self._judged.put((candidate.digest, None))
            return
        difference = Difference(
            decision=id,
            point=decision.point.value,
            output=output,
            running=decision.outcome.word,
            candidate=outcome.word,
            policy=decision.policy,
            rules=rules,
            running_rules=tuple(fired.rule for fired in decision.fired),
            at=self._clock(),
        )
        self._judged.put((candidate.digest, difference))

    def flush(self) -> None:
        """Write what was seen, and learn which candidate runs. Raises the database's `Fault`s; what could not be
        written then is written the next time."""
        self._write()
        current = self._shadows.current()
        if current is None:
            self._candidate, self.trouble = None, None
            return
        if self._candidate is None or self._candidate.digest != current.candidate:
            self._candidate = self._read(current)
        self._compile()

    def _read(self, current: Shadow) -> _Candidate:
        with self._gate:
            self._seen.clear()
        try:
            policy = read_bundle(self._book.document(current.document)).read(self._catalogue)
        except Fault as fault:
            self.trouble = f"the candidate in the shadow cannot be read: {fault.message}"
            log.error("%s", self.trouble)
            return _Candidate(current.candidate, None)
        self.trouble = None
        return _Candidate(current.candidate, policy)

    def _compile(self) -> None:
        """Let the candidate decide under the measures that are on now."""
        candidate, measures = self._candidate, self._measures
        if candidate is None or candidate.policy is None:
            return
        if candidate.evaluator is None or candidate.measures != measures:
            evaluator = Evaluator(under(candidate.policy, measures), self._catalogue)
            self._candidate = replace(candidate, measures=measures, evaluator=evaluator)

    def _first(self, asked: _Asked) -> bool:
        """Whether this was not asked before; remembers it."""
        with self._gate:
            if asked in self._seen:
                return False
            self._seen[asked] = None
            if len(self._seen) > REMEMBERED:
                del self._seen[next(iter(self._seen))]
        return True

    def _write(self) -> None:
        waiting = sum(len(batch) for batch in self._unwritten.values())
        while waiting < WAITING:
            try:
                candidate, difference = self._judged.get_nowait()
            except queue.Empty:
                break
            self._unwritten[candidate].append(difference)
            waiting += 1
        for candidate, batch in list(self._unwritten.items()):
            try:
                self._shadows.add(candidate, [one for one in batch if one is not None], judged=len(batch))
            except Fault as fault:
                if fault.kind is not Kind.NOT_FOUND:
                    raise
                log.error("the candidate %s is forgotten: %d decisions are lost", candidate, len(batch))
            del self._unwritten[candidate]
        if self._dropped:
            log.error("%d decisions were not judged by the candidate: too many waited", self._dropped)
            self._dropped = 0


def _offers(policy: Policy, facts: Facts) -> bool:
    return facts.surface in policy.surfaces and any(mode.name == facts.mode for mode in policy.modes)

"""The shadow: a candidate policy that decides beside the running one, on live traffic, and lets nothing happen."""

from __future__ import annotations

import logging
import queue
from collections.abc import Callable
from datetime import datetime

from rambarde.guard.policy.bundle import read_bundle
from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.evaluation import Evaluator, Facts
from rambarde.interfaces.governance.book import Book
from rambarde.nouns.decision import Decision
from rambarde.nouns.fault import Fault
from rambarde.nouns.signal import Signals
from rambarde.store.shadows import Difference, Shadows

log = logging.getLogger(__name__)

WAITING = 10_000
"""Differences that wait to be written; more are dropped, and the report says how many."""


class ShadowRunner:
    """Judges with the candidate that the database names. `saw` is quick and for any thread; `flush` writes."""

    def __init__(
        self, shadows: Shadows, book: Book, catalogue: Catalogue, clock: Callable[[], datetime]
    ) -> None:
        self._shadows, self._book, self._catalogue, self._clock = shadows, book, catalogue, clock
        self._evaluator: Evaluator | None = None
        self._candidate: str | None = None
        self._judged: queue.SimpleQueue[Difference | None] = queue.SimpleQueue()
        self.trouble: str | None = None

    def saw(self, signals: Signals, facts: Facts, decision: Decision, id: str, output: int | None) -> None:
        """Ask the candidate the same; note it if it differs."""
        evaluator = self._evaluator
        if evaluator is None or self._judged.qsize() >= WAITING:
            return
        other = evaluator.decide(decision.point, facts, signals)
        if other.outcome is decision.outcome:
            self._judged.put(None)
            return
        self._judged.put(
            Difference(
                decision=id,
                point=decision.point.value,
                output=output,
                running=decision.outcome.word,
                candidate=other.outcome.word,
                policy=decision.policy,
                rules=tuple(fired.rule for fired in other.fired),
                running_rules=tuple(fired.rule for fired in decision.fired),
                at=self._clock(),
            )
        )

    def flush(self) -> None:
        """Write what was seen, and learn which candidate runs. Raises the database's `Fault`s."""
        batch: list[Difference | None] = []
        while len(batch) < WAITING:
            try:
                batch.append(self._judged.get_nowait())
            except queue.Empty:
                break
        if batch and self._candidate is not None:
            self._shadows.add(self._candidate, [one for one in batch if one is not None], judged=len(batch))
        current = self._shadows.current()
        wanted = current.candidate if current is not None else None
        if wanted == self._candidate:
            return
        self._candidate, self._evaluator, self.trouble = wanted, None, None
        if current is not None:
            try:
                policy = read_bundle(self._book.document(current.document)).read(self._catalogue)
                self._evaluator = Evaluator(policy, self._catalogue)
            except Fault as fault:
                self.trouble = f"the candidate in the shadow cannot be read: {fault.message}"
                log.error("%s", self.trouble)

"""Replaying: what recorded decisions would have become under another policy, on the signals as recorded.

A decision is judged again alone. What is not known is said and not guessed: a signal that the record lacks
counts as failed, as it would in a gateway, and such decisions are counted apart; what would have been generated
for a request that was refused at admit is unknown. Memory does not grow with the number of records.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, replace
from datetime import date

from rambarde.guard.policy.catalogue import LINEAGE, Catalogue
from rambarde.guard.policy.evaluation import Evaluator
from rambarde.guard.policy.recorded import Case, Past, parse, read
from rambarde.nouns.decision import Decision, Outcome, Point
from rambarde.nouns.fault import Fault

Step = tuple[str, str, str]
"""Decision point, recorded outcome, outcome now; in words."""


@dataclass(frozen=True, slots=True)
class Changed:
    """A decision that comes out otherwise. `lacking` are signals that the policy wants and the record has not;
    `rules` fire now, `was_rules` fired then. `other_detectors` measured in another version than is pinned."""

    id: str
    point: Point
    output: int | None
    was: Outcome
    now: Outcome
    rules: tuple[str, ...]
    was_rules: tuple[str, ...]
    lacking: tuple[str, ...]
    other_detectors: tuple[str, ...]


@dataclass(slots=True)
class Tally:
    """What was found so far. Bounded by policy, catalogue and outcomes, whatever the number of records."""

    records: int = 0
    before_signals: int = 0
    """Records that ended before anything was measured or decided: there is nothing to judge again."""
    unreadable: int = 0
    decisions: int = 0
    told: Counter[Step] = field(default_factory=Counter)
    """Decisions whose record has every signal that the policy wants."""
    lacking: Counter[Step] = field(default_factory=Counter)
    """Decisions whose record lacks one, which counts as failed."""
    lacks: Counter[str] = field(default_factory=Counter)
    """Decisions by the signal that is lacking."""
    newly: Counter[str] = field(default_factory=Counter)
    """Decisions in which a rule fires now and did not then."""
    no_longer: Counter[str] = field(default_factory=Counter)
    other_detectors: Counter[str] = field(default_factory=Counter)
    """Records by the pinned detector that had another version or digest, or was not in the record."""
    unasked: int = 0
    """Requests that were stopped at admit and would now go on: nothing is known of what would be generated."""

    @property
    def changed(self) -> int:
        return sum(count for step, count in self.steps.items() if step[1] != step[2])

    @property
    def steps(self) -> Counter[Step]:
        return self.told + self.lacking


class Replay:
    """Judges records again with one policy. `on`: the day to judge on, else each record's own."""

    def __init__(self, evaluator: Evaluator, catalogue: Catalogue, *, on: date | None = None) -> None:
        policy = evaluator.policy
        self.tally = Tally()
        self._evaluator = evaluator
        self._on = on
        required = {LINEAGE, *(requirement.name for requirement in policy.detectors)}
        self._wanted = {
            point: tuple(e.name for e in catalogue.values() if e.detector in required and point in e.points)
            for point in Point
        }
        self._pins = {r.name: f"{r.version}@{r.digest}" for r in policy.detectors}

    def judge(self, body: bytes) -> tuple[Changed, ...]:
        """Judge one record's decisions again, from its canonical JSON; those that change.

        Raises `Fault(INTERNAL, "record_damaged")` for what is no record; it is counted.
        """
        self.tally.records += 1
        try:
            past = read(parse(body))
        except Fault:
            self.tally.unreadable += 1
            raise
        if not past.cases:
            self.tally.before_signals += 1
            return ()
        others = self._others(past)
        self.tally.other_detectors.update(others)
        return tuple(
            changed for case in past.cases if (changed := self._again(past, case, others)) is not None
        )

    def _again(self, past: Past, case: Case, others: tuple[str, ...]) -> Changed | None:
        facts = case.facts if self._on is None else replace(case.facts, today=self._on)
        decision = self._evaluator.decide(case.point, facts, case.signals)
        lacking = tuple(name for name in self._wanted[case.point] if name not in case.signals)
        tally, was, now = self.tally, case.outcome, decision.outcome
        tally.decisions += 1
        step = (case.point.value, was.word, now.word)
        (tally.lacking if lacking else tally.told)[step] += 1
        tally.lacks.update(lacking)
        self._rules(case, decision)
        if case.point is Point.ADMIT and was > now is Outcome.ALLOW:
            tally.unasked += 1
        if was is now:
            return None
        return Changed(
            id=past.id,
            point=case.point,
            output=case.output,
            was=was,
            now=now,
            rules=tuple(fired.rule for fired in decision.fired),
            was_rules=tuple(fired.rule for fired in case.fired),
            lacking=lacking,
            other_detectors=others,
        )

    def _rules(self, case: Case, decision: Decision) -> None:
        then, now = {f.rule for f in case.fired}, {f.rule for f in decision.fired}
        self.tally.newly.update(now - then)
        self.tally.no_longer.update(then - now)

    def _others(self, past: Past) -> tuple[str, ...]:
        """Pinned detectors that measured in another version or digest; the digest of their data is not pinned."""
        return tuple(
            name
            for name, pin in self._pins.items()
            if (had := past.detectors.get(name)) != pin and not (had or "").startswith(f"{pin}+")
        )

"""Rating: whose turn it is with which unit, and what the labels come to. All of it follows from the journal.

Every rater labels every unit in the sample's order, without seeing what others said. A share of units comes a second
time, unmarked, some time after the first. What raters do not agree on, or are unsure of, goes to the adjudicator, who
does not see their labels either. What was withheld is shown to nobody again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from rambarde.measure.audit.agreement import Pattern
from rambarde.measure.audit.journal import Event, Label, Labelled, Opened, Pass, Undone
from rambarde.measure.audit.sheet import Unit

GAP = 20
"""Labels at least between a unit and its second showing, where there are as many."""
CLOSED = ("withheld", "unreadable")


@dataclass(frozen=True, slots=True)
class Task:
    unit: Unit
    turn: Pass


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a unit came to: `positive`, `negative`, or why it is neither: `unsure`, `withheld`, `unreadable`,

    `disputed` (raters differ and nobody decided) or `unlabelled`.
    """

    unit: Unit
    label: str

    @property
    def known(self) -> bool:
        return self.label in ("positive", "negative")


@dataclass(slots=True)
class Rating:
    """The state that a journal's events come to."""

    units: Sequence[Unit]
    seed: str
    opened: Opened | None = None
    first: dict[str, dict[int, Label]] = field(default_factory=dict)
    again: dict[str, dict[int, Label]] = field(default_factory=dict)
    judged: dict[int, Label] = field(default_factory=dict)
    closed: dict[int, Label] = field(default_factory=dict)
    done: dict[str, list[Labelled]] = field(default_factory=dict)
    _chosen: dict[tuple[str, float], list[Unit]] = field(default_factory=dict)

    @classmethod
    def of(cls, units: Sequence[Unit], seed: str, events: Iterable[Event]) -> Rating:
        rating = cls(units, seed)
        for event in events:
            rating.take(event)
        return rating

    def take(self, event: Event) -> None:
        if isinstance(event, Opened):
            self.opened = event
            for rater in event.raters:
                self.first.setdefault(rater, {})
                self.again.setdefault(rater, {})
        elif isinstance(event, Labelled):
            if event.label in CLOSED:
                self.closed[event.unit] = event.label
            else:
                self._place(event)[event.unit] = event.label
            self.done.setdefault(event.rater, []).append(event)
        elif isinstance(event, Undone):
            last = self.done[event.rater].pop()
            if last.label not in CLOSED:
                self._place(last).pop(last.unit, None)

    def undoable(self, rater: str) -> Labelled | None:
        """The rater's last label, if it may be taken back: what was closed stays closed."""
        last = self.done.get(rater, [])[-1:]
        return last[0] if last and last[0].label not in CLOSED else None

    def next(self, rater: str) -> Task | None:
        """What the person has to look at now; None if there is nothing for them at this time."""
        if self.opened is None:
            return None
        if rater == self.opened.adjudicator:
            return next((Task(unit, "adjudication") for unit in self.units if self._disputed(unit)), None)
        if rater not in self.opened.raters:
            return None
        mine = self.first[rater]
        fresh = next(
            (one for one in self.units if one.number not in mine and one.number not in self.closed), None
        )
        due = self._due(rater, whole=fresh is None)
        if due is not None and (fresh is None or self._turns(rater)):
            return Task(due, "retest")
        return Task(fresh, "first") if fresh is not None else None

    def progress(self, rater: str) -> tuple[int, int]:
        """Labels done and labels there are, as far as is known."""
        if self.opened is not None and rater == self.opened.adjudicator:
            left = sum(self._disputed(unit) for unit in self.units)
            return len(self.judged), len(self.judged) + left
        mine, twice = self.first.get(rater, {}), self._twice(rater)
        open_ = [unit for unit in self.units if unit.number not in self.closed or unit.number in mine]
        again = [
            one for one in twice if one.number not in self.closed or one.number in self.again.get(rater, {})
        ]
        return len(mine) + len(self.again.get(rater, {})), len(open_) + len(again)

    def outcomes(self) -> list[Outcome]:
        return [Outcome(unit, self._outcome(unit)) for unit in self.units]

    def patterns(self) -> list[Pattern]:
        """What each rater said first, unit by unit; of those that anybody labelled."""
        raters = sorted(self.first)
        rows = [tuple(self.first[rater].get(unit.number) for rater in raters) for unit in self.units]
        return [row for row in rows if any(label is not None for label in row)]

    def retests(self) -> list[Pattern]:
        """(first, again) of all units that somebody labelled twice."""
        return [
            (self.first[rater].get(number), label)
            for rater, labels in sorted(self.again.items())
            for number, label in sorted(labels.items())
        ]

    def _place(self, event: Labelled) -> dict[int, Label]:
        if event.turn == "adjudication":
            return self.judged
        return (self.first if event.turn == "first" else self.again).setdefault(event.rater, {})

    def _outcome(self, unit: Unit) -> str:
        if unit.number in self.closed:
            return self.closed[unit.number]
        if unit.number in self.judged:
            return self.judged[unit.number]
        said = [labels[unit.number] for labels in self.first.values() if unit.number in labels]
        if len(said) < len(self.first) or not said:
            return "unlabelled"
        return said[0] if len(set(said)) == 1 else "disputed"

    def _disputed(self, unit: Unit) -> bool:
        if unit.number in self.closed or unit.number in self.judged:
            return False
        return self._outcome(unit) in ("disputed", "unsure")

    def _twice(self, rater: str) -> list[Unit]:
        share = self.opened.retest if self.opened is not None else 0.0
        if (rater, share) not in self._chosen:
            self._chosen[rater, share] = [unit for unit in self.units if self._chance(rater, unit) < share]
        return self._chosen[rater, share]

    def _chance(self, rater: str, unit: Unit) -> float:
        found = hashlib.sha256(f"{self.seed}\nretest\n{rater}\n{unit.id}".encode()).digest()
        return int.from_bytes(found[:8], "big") / 2**64

    def _due(self, rater: str, *, whole: bool) -> Unit | None:
        mine = [event.unit for event in self.done.get(rater, []) if event.turn == "first"]
        ripe = set(mine if whole else mine[:-GAP])
        again = self.again.get(rater, {})
        return next(
            (
                unit
                for unit in self._twice(rater)
                if unit.number in ripe and unit.number not in again and unit.number not in self.closed
            ),
            None,
        )

    def _turns(self, rater: str) -> bool:
        """Whether a second showing comes before the next new unit: spread evenly, so nobody can tell which it is."""
        mine = self.done.get(rater, [])
        again = sum(event.turn == "retest" for event in mine)
        share = self.opened.retest if self.opened is not None else 0.0
        return again < share * (len(mine) - again)

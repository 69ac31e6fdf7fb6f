"""The space of everything a decision can depend on, cut exactly where policies cut it.

Signals are cut at the thresholds that rules name: the points themselves and the open intervals between them,
with *absent*, *no answer* and *failed* (or missing). Dates are cut at `from` and `until`; countries are those
named, any other one, and unknown. Within one cell no rule can tell two inputs apart, so finitely many cells
stand for all inputs. The plan is not here because it is not an input: `Facts` has no such field.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from itertools import pairwise

from rambarde.guard.policy.catalogue import LINEAGE, Catalogue
from rambarde.guard.policy.evaluation import Facts
from rambarde.guard.policy.language import (
    All,
    AnyOf,
    Condition,
    ContextAtom,
    Not,
    Policy,
    Rule,
    SignalAtom,
    Test,
    Whose,
)
from rambarde.guard.policy.proof.diagram import Assignment, Diagrams
from rambarde.nouns.caller import STANDARD, UNKNOWN_COUNTRY
from rambarde.nouns.decision import Point
from rambarde.nouns.request import Action
from rambarde.nouns.signal import Polarity, Signal, Signals, State

OTHER = "any other"
"""A surface, mode or country that no policy names. No name in a policy can be spelled so."""

POINT, ACTION, MODE, AGE, SURFACE, DATE, COUNTRY, DEPICTED = (
    *("point", "action", "mode", "age_assured", "surface", "date", "country", "depicted"),
)
ELSEWHERE = "-*"
"""Ends the name of all parts of a country that no policy names: `US-*` beside `US-CA`. No code can be spelled so."""

_UNLIKE_DEFAULT = 1000
"""Price of a value that is not the default. Far above `_ODD`: first count, then prefer ordinary values."""
_ODD = {State.ABSENT: 0, State.VALUE: 0, State.NO_ANSWER: 1, State.FAILED: 2}


@dataclass(frozen=True, slots=True)
class Cell:
    """Values of one signal that no rule can tell apart.

    For `State.VALUE` either one point (`low == high`) or all between two points. An interval that begins at 0
    or ends at 1 holds that end too, unless the end is a threshold and so a point of its own.
    """

    state: State
    low: float = 0.0
    high: float = 0.0

    @property
    def sample(self) -> float:
        """A value of the cell with as few digits as possible."""
        if self.low == self.high:
            return self.low
        middle = (self.low + self.high) / 2
        short = (round(middle, digits) for digits in range(1, 17))
        return next((value for value in short if self.low < value < self.high), middle)


@dataclass(frozen=True, slots=True)
class Span:
    """Days from `first` (None: since ever) to the day before `end` (None: for ever). UTC dates."""

    first: date | None
    end: date | None

    @property
    def sample(self) -> date:
        if self.first is not None:
            return self.first
        return self.end - timedelta(days=1) if self.end is not None else date(2026, 1, 1)

    def holds(self, day: date) -> bool:
        return (self.first is None or self.first <= day) and (self.end is None or day < self.end)


@dataclass(frozen=True, slots=True)
class Silence:
    """Signals that no rule reads, of one required detector: only whether one of them failed matters."""

    failed: bool


Input = tuple[Point, Facts, Signals]
"""What a decision is made of."""
Value = str | bool | Point | Action | Span | Cell | Silence


@dataclass(frozen=True, slots=True)
class Variable:
    """One input: its values in order (a signal's: toward the worst) and which of them is the default.

    `signals` are the names that it stands for: one for a signal, several for a `Silence`, else none.
    """

    name: str
    values: tuple[Value, ...]
    default: int = 0
    signals: tuple[str, ...] = ()
    points: tuple[Point, ...] = tuple(Point)

    @property
    def prices(self) -> tuple[int, ...]:
        return tuple(
            0 if index == self.default else _UNLIKE_DEFAULT + _oddness(value)
            for index, value in enumerate(self.values)
        )

    def where(self, *wanted: Value) -> frozenset[int]:
        return frozenset(index for index, value in enumerate(self.values) if value in wanted)


class Space:
    """The inputs of the given policies (one to prove, two to compare), and the diagrams over them."""

    def __init__(
        self,
        policies: Sequence[Policy],
        catalogue: Catalogue,
        rules: Sequence[Rule] = (),
        *,
        offered: bool = False,
        around: Input | None = None,
    ) -> None:
        """`rules` are more rules to cut at: floors that a policy may have lost. `offered`: only the surfaces
        and modes that one of the policies offers, because the chain refuses any other before it decides.
        `around`: an input whose cells cost nothing, so that the cheapest case is the smallest change of it:
        fewest inputs changed, then the shortest way of each. Raises `ValueError` as `locate` does."""
        self.catalogue = catalogue
        self.rules = (*(rule for policy in policies for rule in policy.rules), *rules)
        conditions = [
            *(rule.when for rule in self.rules),
            *(policy.depicts for policy in policies if policy.depicts is not None),
        ]
        self._atoms = tuple(atom for condition in conditions for atom in atoms(condition))
        self.surfaces = _each(
            (s for p in policies for s in p.surfaces),
            () if offered else (s for rule in self.rules for s in rule.surfaces),
            () if offered else self._named("surface"),
        )
        self.modes = _each(
            (STANDARD,) if any(p.mode(STANDARD) for p in policies) else (),
            (mode.name for p in policies for mode in p.modes),
            () if offered else self._named("mode"),
        )
        offered_in = {c for policy in policies for mode in policy.modes for c in mode.countries}
        actions = _each((a.value for a in Action), self._named("action"))
        required = {LINEAGE, *(r.name for policy in policies for r in policy.detectors)}
        rest = () if offered else (OTHER,)
        self.variables = (
            Variable(POINT, tuple(Point)),
            Variable(ACTION, actions),
            Variable(MODE, (*self.modes, *rest)),
            Variable(AGE, (False, True)),
            Variable(SURFACE, (*self.surfaces, *rest)),
            Variable(DATE, tuple(self._spans())),
            Variable(COUNTRY, _countries(offered_in | self._countries_of(Whose.CALLER))),
            Variable(DEPICTED, _countries(self._countries_of(Whose.DEPICTED))),
            *self._signals(),
            *self._silences(required),
        )
        self.at = {variable.name: index for index, variable in enumerate(self.variables)}
        self.diagrams = Diagrams(
            [variable.prices for variable in self.variables]
            if around is None
            else [
                _steps(len(variable.values), here)
                for variable, here in zip(self.variables, self.locate(*around), strict=True)
            ]
        )

    def _named(self, key: str) -> list[str]:
        return [
            v
            for atom in self._atoms
            if isinstance(atom, ContextAtom) and atom.key == key
            for v in atom.values
        ]

    def _countries_of(self, whose: Whose) -> set[str]:
        return {c for rule in self.rules if whose in rule.whose for c in rule.countries}

    def _spans(self) -> Iterator[Span]:
        days = sorted({day for rule in self.rules for day in (rule.start, rule.end) if day is not None})
        return (Span(first, end) for first, end in pairwise((None, *days, None)))

    def _signals(self) -> Iterator[Variable]:
        cuts: dict[str, set[float]] = {}
        for atom in self._atoms:
            if isinstance(atom, SignalAtom):
                found = cuts.setdefault(atom.signal, set())
                if atom.test in (Test.AT_LEAST, Test.AT_MOST):
                    found.add(atom.threshold)
        for name, points in cuts.items():
            entry = self.catalogue[name]
            cells = list(_cells(sorted(points)))
            if entry.polarity is Polarity.LOW_IS_WORSE:
                cells.reverse()
            values = (Cell(State.ABSENT), *cells, Cell(State.NO_ANSWER), Cell(State.FAILED))
            yield Variable(name, values, signals=(name,), points=entry.points)

    def _silences(self, required: set[str]) -> Iterator[Variable]:
        read = {atom.signal for atom in self._atoms if isinstance(atom, SignalAtom)}
        groups: dict[tuple[str, tuple[Point, ...]], list[str]] = {}
        for entry in self.catalogue.values():
            if entry.detector in required and entry.name not in read:
                groups.setdefault((entry.detector, entry.points), []).append(entry.name)
        for (detector, points), names in groups.items():
            where = "" if len(points) == len(Point) else f" at {points[0].value}"
            values = (Silence(failed=False), Silence(failed=True))
            # A colon stands in no signal's name, so that the two cannot be confused.
            yield Variable(f"{detector}: not read{where}", values, signals=tuple(names), points=points)

    @cached_property
    def inputs(self) -> tuple[int, ...]:
        """The variables that are signals, or groups of them."""
        return tuple(index for index, variable in enumerate(self.variables) if variable.signals)

    def index(self, name: str, value: Value) -> int:
        return self.variables[self.at[name]].values.index(value)

    def value(self, assignment: Assignment, name: str) -> Value:
        index = self.at[name]
        return self.variables[index].values[assignment[index]]

    def among(self, name: str, *values: Value) -> int:
        """The diagram that is true where the variable has one of the values."""
        index = self.at[name]
        return self.diagrams.among(index, self.variables[index].where(*values))

    def represent(self, assignment: Assignment) -> tuple[Point, Facts, dict[str, Signal]]:
        """One input out of the cells, as the evaluator takes it."""
        signals: dict[str, Signal] = {}
        for index in self.inputs:
            variable, value = self.variables[index], self.variables[index].values[assignment[index]]
            for name in variable.signals:
                signals[name] = _signal(name, value)
        span = self.value(assignment, DATE)
        assert isinstance(span, Span)
        facts = Facts(
            action=str(self.value(assignment, ACTION)),
            surface=_unnamed(str(self.value(assignment, SURFACE))),
            mode=_unnamed(str(self.value(assignment, MODE))),
            country=self._place(assignment, COUNTRY),
            age_assured=self.value(assignment, AGE) is True,
            today=span.sample,
            depicted=self._place(assignment, DEPICTED),
        )
        return Point(str(self.value(assignment, POINT))), facts, signals

    def locate(self, point: Point, facts: Facts, signals: Signals) -> Assignment:
        """The cells of one input: what `represent` gives an example of. A missing signal has failed.

        Raises `ValueError` for an action that nothing knows.
        """
        context: dict[str, Value] = {
            POINT: point,
            ACTION: facts.action,
            MODE: facts.mode if facts.mode in self.modes else OTHER,
            AGE: facts.age_assured,
            SURFACE: facts.surface if facts.surface in self.surfaces else OTHER,
            COUNTRY: self._cell_of(COUNTRY, facts.country),
            DEPICTED: self._cell_of(DEPICTED, facts.depicted),
        }
        found = []
        for variable in self.variables:
            if variable.name == DATE:
                days = [
                    span for span in variable.values if isinstance(span, Span) and span.holds(facts.today)
                ]
                found.append(variable.values.index(days[0]))
            elif not variable.signals:
                found.append(variable.values.index(context[variable.name]))
            elif point not in variable.points:
                found.append(variable.default)
            else:
                found.append(_found(variable, [signals.get(name) for name in variable.signals]))
        return tuple(found)

    def _cell_of(self, name: str, place: str) -> str:
        """The cell of a country: itself, the other parts of one whose parts are named, or any other."""
        named = self.variables[self.at[name]].values
        whole, _, part = place.partition("-")
        nearest = (place, whole + ELSEWHERE, whole) if part else (place,)
        return next((code for code in nearest if code in named), OTHER)

    def _place(self, assignment: Assignment, name: str) -> str:
        """A code of the cell. ZZ is reserved for private use (ISO 3166-1): nobody's country, unless it is named."""
        place = str(self.value(assignment, name))
        named = [str(value) for value in self.variables[self.at[name]].values]
        letters = "ZYXWVUTSRQPONMLKJIHGFEDCBA"
        if place == OTHER:
            codes = {value[:2] for value in named}
            return next(a + b for a in letters for b in letters if a + b not in codes)
        if place.endswith(ELSEWHERE):
            parts = (f"{place[:2]}-{a}{b}" for a in letters for b in letters)
            return next(part for part in parts if part not in named)
        return place


def atoms(condition: Condition) -> Iterator[SignalAtom | ContextAtom]:
    """What a condition asks of signals and context, in its order."""
    match condition:
        case SignalAtom() | ContextAtom():
            yield condition
        case All(parts) | AnyOf(parts):
            for part in parts:
                yield from atoms(part)
        case Not(part):
            yield from atoms(part)
        case _:
            return


def _countries(named: set[str]) -> tuple[str, ...]:
    """With each subdivision that is named, the country without one, which may be there, and its other parts."""
    within = {c[:2] for c in named if "-" in c}
    return (OTHER, *sorted(named | within | {c + ELSEWHERE for c in within}), UNKNOWN_COUNTRY)


def _cells(cuts: Sequence[float]) -> Iterator[Cell]:
    """All of [0, 1], from low to high."""
    ends = (*(() if 0.0 in cuts else (0.0,)), *cuts, *(() if 1.0 in cuts else (1.0,)))
    for low, high in pairwise(ends):
        if low in cuts:
            yield Cell(State.VALUE, low, low)
        yield Cell(State.VALUE, low, high)
    if ends[-1] in cuts:
        yield Cell(State.VALUE, ends[-1], ends[-1])


def _signal(name: str, value: Value) -> Signal:
    if isinstance(value, Silence):
        return Signal.failed(name, "late") if value.failed else Signal.absent(name)
    assert isinstance(value, Cell)
    match value.state:
        case State.ABSENT:
            return Signal.absent(name)
        case State.VALUE:
            return Signal.measured(name, value.sample)
        case State.NO_ANSWER:
            return Signal.no_answer(name, "no answer")
        case _:
            return Signal.failed(name, "late")


def _found(variable: Variable, signals: Sequence[Signal | None]) -> int:
    """The cell of a signal; for a silence, whether one of its signals failed."""
    if isinstance(variable.values[0], Silence):
        failed = any(signal is None or signal.state is State.FAILED for signal in signals)
        return variable.values.index(Silence(failed))
    state = State.FAILED if signals[0] is None else signals[0].state
    value = None if signals[0] is None else signals[0].value
    cells = [
        (cell.high - cell.low, index)
        for index, cell in enumerate(variable.values)
        if isinstance(cell, Cell)
        and cell.state is state
        and (value is None or cell.low <= value <= cell.high)
    ]
    # At a threshold the point itself, which is narrower than the intervals that end there.
    return min(cells)[1]


def _steps(size: int, here: int) -> tuple[int, ...]:
    return tuple(0 if index == here else _UNLIKE_DEFAULT + abs(index - here) for index in range(size))


def _oddness(value: Value) -> int:
    if isinstance(value, Cell):
        return _ODD[value.state]
    return 3 if value in (OTHER, UNKNOWN_COUNTRY) else 0


def _unnamed(word: str) -> str:
    return "-" if word == OTHER else word


def _each(*names: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for group in names for name in group))

"""Why a recorded decision was made, and the smallest changes of what was measured that would loosen it.

The changes are found with the diagrams of the proof, put around the recorded case: the context stays, signals
are free, and what is cheapest changes the fewest of them, and each as little as the policy can notice. Every
change is decided again by the compiled evaluator before it is told. Where a rule about minors fired, nothing is
searched: there is no answer but that nothing changes it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from enum import StrEnum

from rambarde.guard.policy import telling
from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.evaluation import Evaluator, Facts
from rambarde.guard.policy.language import (
    All,
    AnyOf,
    Condition,
    ContextAtom,
    Mode,
    Not,
    Policy,
    RequiredFailed,
    Rule,
    SignalAtom,
    Whose,
    signals_read,
)
from rambarde.guard.policy.proof.diagram import FALSE, Assignment
from rambarde.guard.policy.proof.model import Model
from rambarde.guard.policy.proof.search import escape
from rambarde.guard.policy.proof.space import COUNTRY, Cell, Silence, Space, Variable
from rambarde.guard.policy.recorded import Case
from rambarde.nouns.caller import UNKNOWN_COUNTRY
from rambarde.nouns.decision import Fired, Outcome
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.signal import Polarity, Signal, Signals, State

MOST = 3
"""Changes told of one decision."""
MINORS = "minor-sexual"
_OF_MINORS = ("minor", "young")
NOTHING = "Nothing changes this."


class Family(StrEnum):
    FLOOR = "floor"
    LAW = "law"
    OWN = "own"
    UNKNOWN = "not in this policy"


@dataclass(frozen=True, slots=True)
class Why:
    """One rule that fired, as recorded, and what made it fire.

    `because` tells only what made its condition true, on the recorded signals; `here` why it applies to this
    country, or "". Both are "" where the policy at hand has no such rule or it does not fire in it: `note`
    then says so.
    """

    fired: Fired
    family: Family
    because: str = ""
    here: str = ""
    note: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """Signals that would have to read otherwise, in words by name, and what the evaluator says then."""

    signals: Mapping[str, str]
    outcome: Outcome
    examples: Mapping[str, Signal]


@dataclass(frozen=True, slots=True)
class InMode:
    """A mode that relaxes rules which fired. `now` is the outcome in it with the facts as recorded, `on_terms`
    with its terms met; `missing` are those terms that the recorded facts do not meet."""

    mode: str
    relaxes: tuple[str, ...]
    now: Outcome
    on_terms: Outcome
    missing: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """Of one decision. `again` is what the policy at hand says of the recorded signals.

    `closed`: a rule about minors fired, so no change is looked for, and none is told.
    """

    case: Case
    whys: tuple[Why, ...]
    again: Outcome
    same_policy: bool
    changes: tuple[Change, ...]
    modes: tuple[InMode, ...]
    closed: bool


def explain(case: Case, evaluator: Evaluator, catalogue: Catalogue) -> Explanation:
    """Explain one recorded decision with a policy: the record's own, or another, which `same_policy` tells."""
    policy = evaluator.policy
    decided = evaluator.decide(case.point, case.facts, case.signals)
    space = Space([policy], catalogue, around=(case.point, case.facts, case.signals))
    model = Model(policy, space)
    rules = {rule.id: rule for rule in policy.rules}
    now = {fired.rule for fired in decided.fired}
    closed = any(_of_minors(id, rules.get(id)) for id in (*now, *(f.rule for f in case.fired)))
    open_ = not closed and decided.outcome is not Outcome.ALLOW
    witness = _Witness(case, space, model)
    return Explanation(
        case=case,
        whys=tuple(_why(fired, rules.get(fired.rule), now, witness) for fired in case.fired),
        again=decided.outcome,
        same_policy=policy.digest == case.policy,
        changes=_changes(case, decided.outcome, evaluator, model) if open_ else (),
        modes=tuple(
            _in_mode(mode, case, now, evaluator) for mode in policy.modes if _helps(mode, case, now, rules)
        )
        if open_
        else (),
        closed=closed,
    )


def _of_minors(id: str, rule: Rule | None) -> bool:
    if id == MINORS or id.startswith(f"{MINORS}-"):
        return True
    return rule is not None and any(_speaks_of_minors(name) for name in signals_read(rule.when))


def _speaks_of_minors(signal: str) -> bool:
    return signal.rpartition(".")[2].startswith(_OF_MINORS)


# Why.


def _why(fired: Fired, rule: Rule | None, now: set[str], witness: _Witness) -> Why:
    if rule is None:
        family = Family.FLOOR if fired.floor else Family.UNKNOWN
        return Why(fired, family, note="The policy at hand has no rule of this name.")
    family = Family.FLOOR if rule.floor else Family.OWN if rule.source is None else Family.LAW
    if rule.id not in now:
        return Why(fired, family, note="In the policy at hand it does not fire on these signals.")
    return Why(fired, family, witness.tell(rule.when, True), witness.here(rule))


class _Witness:
    """Tells which parts of a condition made it what it is, on one case's facts and signals."""

    def __init__(self, case: Case, space: Space, model: Model) -> None:
        self._case = case
        self._space = space
        self._model = model
        self._at = space.locate(case.point, case.facts, case.signals)

    def holds(self, condition: Condition) -> bool:
        return self._space.diagrams.true_at(self._model.holds(condition), self._at)

    def tell(self, condition: Condition, wanted: bool) -> str:
        """Only the parts that made the condition `wanted`, which it must be."""
        return self._tell(condition, wanted, within=False)

    def _tell(self, condition: Condition, wanted: bool, *, within: bool) -> str:
        match condition:
            case Not(part):
                return self._tell(part, not wanted, within=within)
            case All() | AnyOf():
                every = isinstance(condition, All) is wanted
                said = self._parts(condition, wanted, every=every)
                joined = (" and " if every else " or ").join(said)
                return f"({joined})" if within and len(said) > 1 else joined
            case SignalAtom():
                return self._atom(condition, wanted)
            case ContextAtom(key=key):
                return f"{key.replace('_', ' ')} is {str(getattr(self._case.facts, key)).lower()}"
            case RequiredFailed():
                return self._failures() if wanted else "every required check answered"

    def _parts(self, condition: All | AnyOf, wanted: bool, *, every: bool) -> list[str]:
        """What is to be told of a list: all of it, or those that were enough, each signal once."""
        said: dict[str, str] = {}
        for part in self._flat(condition):
            if every or self.holds(part) is wanted:
                told = self._tell(part, wanted, within=True)
                once = part.signal if isinstance(part, SignalAtom) and not every else told
                said.setdefault(once, told)
        return list(said.values())

    def _flat(self, condition: All | AnyOf) -> Iterator[Condition]:
        for part in condition.parts:
            if isinstance(part, type(condition)):
                yield from self._flat(part)
            else:
                yield part

    def _atom(self, atom: SignalAtom, wanted: bool) -> str:
        signal = self._case.signals.get(atom.signal)
        if signal is None or signal.unknown:
            return f"`{atom.signal}` {reading(signal)}"
        return f"`{atom.signal}` {reading(signal)} ({'' if wanted else 'not '}{telling.asks(atom)})"

    def _failures(self) -> str:
        required = {r.name for r in self._model.policy.detectors}
        failed = [
            f"`{entry.name}` {reading(self._case.signals.get(entry.name))}"
            for entry in self._space.catalogue.values()
            if entry.detector in required
            and self._case.point in entry.points
            and ((s := self._case.signals.get(entry.name)) is None or s.state is State.FAILED)
        ]
        more = f" and {len(failed) - MOST} more" if len(failed) > MOST else ""
        return ", ".join(failed[:MOST]) + more or "`lineage.photograph` failed"

    def here(self, rule: Rule) -> str:
        """Why it applies to these countries."""
        if not rule.countries:
            return ""
        facts, listed = self._case.facts, ", ".join(rule.countries)
        caller = self._model.possibly(COUNTRY, rule.countries)
        if Whose.CALLER in rule.whose and self._space.diagrams.true_at(caller, self._at):
            return f"caller in {_country(facts.country)}, the rule names {listed}"
        depicts = self._model.policy.depicts
        told = "" if depicts is None else f", because {self.tell(depicts, True)}"
        return f"a real person may be depicted, in {_country(facts.depicted)}; the rule names {listed}{told}"


def _country(code: str) -> str:
    return "an unknown country, which may be any" if code == UNKNOWN_COUNTRY else code


def reading(signal: Signal | None) -> str:
    """What a signal said, in words; unknown with its reason."""
    if signal is None:
        return "missing (not in the record; counts as failed)"
    match signal.state:
        case State.VALUE:
            return f"{signal.value:g}"
        case State.ABSENT:
            return "absent"
        case State.NO_ANSWER:
            return f"unknown ({signal.reason or 'no answer'}; counts as the worst)"
        case State.FAILED:
            return f"failed ({signal.reason or 'no reason kept'}; counts as the worst)"


# What would change it.


def _changes(case: Case, outcome: Outcome, evaluator: Evaluator, model: Model) -> tuple[Change, ...]:
    """Up to `MOST` smallest sets of signals, none of which holds another, with which it is laxer."""
    space = model.space
    d = space.diagrams
    at = space.locate(case.point, case.facts, case.signals)
    fixed = {index: frozenset({at[index]}) for index, v in enumerate(space.variables) if not v.signals}
    # What speaks of minors stays as it was measured: no recipe may go by way of it.
    fixed |= {
        i: frozenset({at[i]}) for i in space.inputs if any(map(_speaks_of_minors, space.variables[i].signals))
    }
    left = d.inside(fixed)
    walls = [_put(model, model.fires(rule), at) for rule in model.policy.rules if rule.then >= outcome]
    found: list[Change] = []
    while len(found) < MOST and left != FALSE and (other := escape(d, left, walls)) is not None:
        moved = [index for index in space.inputs if other[index] != at[index]]
        sample = space.represent(other)[2]
        examples = {
            n: sample[n]
            for index in moved
            for n in _moved(space.variables[index], other[index], case.signals)
        }
        again = evaluator.decide(case.point, case.facts, {**case.signals, **examples}).outcome
        if again >= outcome:
            raise Fault(
                Kind.INTERNAL,
                "explanation_unconfirmed",
                f"The evaluator does not confirm what was found for {', '.join(sorted(examples))}.",
                remedy="Please report this: the proof and the evaluator must agree.",
            )
        told = {n: words for i in moved for n, words in _told(space, i, other[i], case.signals).items()}
        found.append(Change(told, again, examples))
        left = d.both(left, d.some([d.among(index, frozenset({at[index]})) for index in moved]))
    return tuple(found)


def _put(model: Model, diagram: int, at: Assignment) -> int:
    """The rule where the context is the case's: much smaller to join."""
    for index, variable in enumerate(model.space.variables):
        if not variable.signals:
            diagram = model.space.diagrams.given(diagram, index, at[index])
    return diagram


def _moved(variable: Variable, value: int, signals: Signals) -> tuple[str, ...]:
    """Which signals of the variable have to change: of a silence that ends only those that failed."""
    if variable.values[value] == Silence(failed=False):
        return tuple(n for n in variable.signals if n not in signals or signals[n].state is State.FAILED)
    return variable.signals


def _told(space: Space, index: int, value: int, signals: Signals) -> dict[str, str]:
    variable = space.variables[index]
    cell = variable.values[value]
    if not isinstance(cell, Cell):
        said = "failed" if cell == Silence(failed=True) else "answered, whatever it said"
        return dict.fromkeys(_moved(variable, value, signals), said)
    was = reading(signals.get(variable.name)).partition(" (")[0]
    return {variable.name: f"{_target(space, variable, cell)} instead of {was}"}


def _target(space: Space, variable: Variable, cell: Cell) -> str:
    if cell.state is not State.VALUE:
        return {State.ABSENT: "absent", State.NO_ANSWER: "no answer"}.get(cell.state, "failed")
    # Toward the better it may go on: rules are monotone.
    high_is_worse = space.catalogue[variable.name].polarity is Polarity.HIGH_IS_WORSE
    if cell.low == cell.high:
        return f"at {'most' if high_is_worse else 'least'} {cell.low:g}"
    if high_is_worse:
        return f"below {cell.high:g}" if cell.high < 1.0 else "measured"
    return f"over {cell.low:g}" if cell.low > 0.0 else "measured"


# Modes.


def _helps(mode: Mode, case: Case, now: set[str], rules: Mapping[str, Rule]) -> bool:
    return mode.name != case.facts.mode and any(id in now and not rules[id].floor for id in mode.relaxes)


def _in_mode(mode: Mode, case: Case, now: set[str], evaluator: Evaluator) -> InMode:
    facts = replace(case.facts, mode=mode.name)
    met = replace(facts, age_assured=facts.age_assured or mode.age_assured)
    missing = []
    if mode.age_assured and not facts.age_assured:
        missing.append("an assured age")
    if mode.countries and not _offered(mode, facts):
        missing.append(f"a caller in {', '.join(mode.countries)}")
        met = replace(met, country=mode.countries[0])
    return InMode(
        mode=mode.name,
        relaxes=tuple(id for id in mode.relaxes if id in now),
        now=evaluator.decide(case.point, facts, case.signals).outcome,
        on_terms=evaluator.decide(case.point, met, case.signals).outcome,
        missing=tuple(missing),
    )


def _offered(mode: Mode, facts: Facts) -> bool:
    return facts.country in mode.countries or facts.country.partition("-")[0] in mode.countries


def against(policy: Policy, case: Case) -> str:
    """What to say where the policy at hand is not the record's; "" where it is."""
    if policy.digest == case.policy:
        return ""
    return (
        f"Decided with the policy {case.policy}; judged here with another, {policy.name} {policy.digest}: "
        "reasons and changes are of this other one. Name the file of the first with --policy."
    )

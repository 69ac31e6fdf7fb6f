"""What the words of a policy mean, as diagrams: a model of the evaluator that shares no code with it.

It is written from docs/policy.md. That the compiled evaluator means the same is shown by tests, which ask both
about every cell of small policies and about drawn cells of large ones.
"""

from __future__ import annotations

from rambarde.guard.policy.catalogue import LINEAGE
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
    Test,
    Whose,
)
from rambarde.guard.policy.proof.diagram import FALSE, TRUE, Assignment
from rambarde.guard.policy.proof.space import (
    AGE,
    COUNTRY,
    DATE,
    DEPICTED,
    MODE,
    POINT,
    SURFACE,
    Cell,
    Silence,
    Space,
    Span,
    Value,
)
from rambarde.nouns.caller import UNKNOWN_COUNTRY
from rambarde.nouns.decision import Outcome
from rambarde.nouns.signal import Polarity, State


class Model:
    """When each rule of a policy fires. Methods give diagrams of `space.diagrams`."""

    def __init__(self, policy: Policy, space: Space) -> None:
        self.policy = policy
        self.space = space
        self._fires: dict[str, int] = {}
        self._holds: dict[Condition, int] = {}

    def fires(self, rule: Rule) -> int:
        """The rule applies, its condition holds, and the mode does not relax it."""
        found = self._fires.get(rule.id)
        if found is None:
            d = self.space.diagrams
            asked = d.both(self.applies(rule), self.holds(rule.when))
            found = self._fires[rule.id] = d.without(asked, self.relaxed(rule))
        return found

    def outcome(self, assignment: Assignment) -> Outcome:
        """The strictest rule that fires wins; none means allow."""
        d = self.space.diagrams
        fired = (rule.then for rule in self.policy.rules if d.true_at(self.fires(rule), assignment))
        return max(fired, default=Outcome.ALLOW)

    def applies(self, rule: Rule) -> int:
        """Here and now, by the rule's decision points, countries, surfaces and dates."""
        space = self.space
        parts = [space.among(POINT, *rule.points), self.on_its_dates(rule)]
        if rule.surfaces:
            parts.append(space.among(SURFACE, *rule.surfaces))
        if rule.countries:
            parts.append(self.in_its_countries(rule))
        return space.diagrams.every(parts)

    def in_its_countries(self, rule: Rule) -> int:
        """The caller may be in one of them; or the person depicted, if somebody real may be."""
        d, whole = self.space.diagrams, FALSE
        if Whose.CALLER in rule.whose:
            whole = self.possibly(COUNTRY, rule.countries)
        if Whose.DEPICTED in rule.whose:
            whole = d.either(whole, d.both(self.depicts(), self.possibly(DEPICTED, rule.countries)))
        return whole

    def depicts(self) -> int:
        """Somebody real may be depicted."""
        return TRUE if self.policy.depicts is None else self.holds(self.policy.depicts)

    def possibly(self, name: str, countries: tuple[str, ...]) -> int:
        """Not surely outside of all: an unknown country, and `US` for `US-CA`, may be in the list."""
        wider = {country.partition("-")[0] for country in countries}
        maybe = (v for v in self._values(name) if v in wider)
        return self.space.diagrams.either(
            self.listed(name, countries), self.space.among(name, UNKNOWN_COUNTRY, *maybe)
        )

    def listed(self, name: str, countries: tuple[str, ...]) -> int:
        """A country, or a subdivision of one (US-CA of US), is surely in the list. Unknown is not."""
        return self.space.among(
            name, *(v for v in self._values(name) if v in countries or str(v).partition("-")[0] in countries)
        )

    def on_its_dates(self, rule: Rule) -> int:
        spans = [v for v in self.space.variables[self.space.at[DATE]].values if isinstance(v, Span)]
        return self.space.among(
            DATE,
            *(
                span
                for span in spans
                if (rule.start is None or (span.first is not None and span.first >= rule.start))
                and (rule.end is None or (span.end is not None and span.end <= rule.end))
            ),
        )

    def relaxed(self, rule: Rule) -> int:
        """Some mode lists the rule, it is the caller's mode, and its terms are met. A floor never is."""
        d = self.space.diagrams
        return d.some(
            [
                d.both(self.space.among(MODE, mode.name), self.lifted(rule, mode))
                for mode in self.policy.modes
                if rule.id in mode.relaxes
            ]
        )

    def lifted(self, rule: Rule, mode: Mode) -> int:
        """Whether this mode lifts this rule, for a caller who is in the mode."""
        if rule.floor or rule.id not in mode.relaxes:
            return FALSE
        return self.terms(mode)

    def terms(self, mode: Mode) -> int:
        """The mode's terms: an assured age where it asks for one, a country of its list where it has one."""
        where = self.listed(COUNTRY, mode.countries) if mode.countries else TRUE
        return self.space.diagrams.both(self.age_term(mode), where)

    def age_term(self, mode: Mode) -> int:
        return self.space.among(AGE, True) if mode.age_assured else TRUE

    def holds(self, condition: Condition) -> int:
        found = self._holds.get(condition)
        if found is None:
            found = self._holds[condition] = self._build(condition)
        return found

    def _build(self, condition: Condition) -> int:
        d = self.space.diagrams
        match condition:
            case All(parts):
                return d.every([self.holds(part) for part in parts])
            case AnyOf(parts):
                return d.some([self.holds(part) for part in parts])
            case Not(part):
                return d.negated(self.holds(part))
            case RequiredFailed():
                return self.required_failed()
            case ContextAtom(key, values):
                # Booleans are written `true` and `false` in a policy.
                own = self.space.variables[self.space.at[key]].values
                return self.space.among(key, *(v for v in own if _word(v) in values))
            case SignalAtom():
                cells = [v for v in self._values(condition.signal) if isinstance(v, Cell)]
                return self.space.among(
                    condition.signal, *(cell for cell in cells if self.true_of(condition, cell))
                )

    def _values(self, name: str) -> tuple[Value, ...]:
        return self.space.variables[self.space.at[name]].values

    def true_of(self, atom: SignalAtom, cell: Cell) -> bool:
        """Whether the atom is true of a signal in the cell."""
        unknown = cell.state in (State.NO_ANSWER, State.FAILED)
        match atom.test:
            case Test.PRESENT:
                return cell.state is not State.ABSENT
            case Test.ABSENT:
                return cell.state is State.ABSENT
            case Test.UNKNOWN:
                return unknown
            case Test.FAILED:
                return cell.state is State.FAILED
            case Test.AT_LEAST:
                toward_worst = atom.polarity is Polarity.HIGH_IS_WORSE
                # No cell lies on both sides of a threshold, so its ends decide.
                measured = cell.low >= atom.threshold
            case Test.AT_MOST:
                toward_worst = atom.polarity is Polarity.LOW_IS_WORSE
                measured = cell.high <= atom.threshold
        if unknown:
            return toward_worst
        if cell.state is State.ABSENT:
            return not toward_worst
        return measured

    def required_failed(self) -> int:
        """A signal of a required detector failed, or is missing, at this decision point."""
        d, space = self.space.diagrams, self.space
        required = {LINEAGE, *(requirement.name for requirement in self.policy.detectors)}
        failed = FALSE
        for index in reversed(space.inputs):
            variable = space.variables[index]
            if space.catalogue[variable.signals[0]].detector in required:
                worst = d.among(index, variable.where(Cell(State.FAILED), Silence(failed=True)))
                failed = d.either(failed, d.both(space.among(POINT, *variable.points), worst))
        return failed


def _word(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

"""The third prover: the invariants as formulas over real numbers, for z3. It knows of no cells and no cuts.

`refuted` asks for a counterexample; z3 answers with one, or that there is none.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from rambarde.guard.policy.catalogue import LINEAGE, Catalogue
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
)
from rambarde.guard.policy.proof.prove import Invariant
from rambarde.nouns.decision import Outcome, Point
from rambarde.nouns.signal import Polarity

try:
    import z3
except ImportError:  # the tests that need it are skipped
    z3 = None

ABSENT, VALUE, NO_ANSWER, FAILED = range(4)
_words: dict[str, int] = {}


def _word(name: str) -> int:
    """A number for a name. Whatever is not named is any other number."""
    return _words.setdefault(name, len(_words))


@dataclass(frozen=True)
class Case:
    """One input, with unknowns for all of it. `parent` is the country of a subdivision."""

    point: Any
    action: Any
    surface: Any
    mode: Any
    country: Any
    parent: Any
    depicted: Any
    depicted_parent: Any
    age: Any
    day: Any
    states: dict[str, Any]
    values: dict[str, Any]


class Formulas:
    def __init__(self, policy: Policy, catalogue: Catalogue) -> None:
        self.policy, self.catalogue = policy, catalogue
        names = (
            "point",
            "action",
            "surface",
            "mode",
            "country",
            "parent",
            "depicted",
            "depicted_parent",
            "day",
        )
        self.case = Case(
            **{name: z3.Int(name) for name in names},
            age=z3.Bool("age"),
            states={name: z3.Int(f"{name}.state") for name in catalogue},
            values={name: z3.Real(f"{name}.value") for name in catalogue},
        )

    def sane(self, case: Case, policies: tuple[Policy, ...]) -> Any:
        countries = {c for p in policies for r in p.rules for c in r.countries}
        countries |= {c for p in policies for m in p.modes for c in m.countries}
        countries |= {c[:2] for c in countries}
        places = ((case.country, case.parent), (case.depicted, case.depicted_parent))
        unknown = _word("unknown")
        return z3.And(
            z3.Or(case.point == _word("admit"), case.point == _word("release")),
            z3.Or(case.action == _word("generate"), case.action == _word("edit")),
            *[(place == unknown) == (parent == unknown) for place, parent in places],
            *[
                z3.Implies(place == _word(c), parent == _word(c[:2]))
                for c in sorted(countries)
                for place, parent in places
            ],
            *[z3.And(state >= 0, state <= 3) for state in case.states.values()],
            *[z3.And(value >= 0, value <= 1) for value in case.values.values()],
        )

    def holds(self, condition: Condition, case: Case, policy: Policy) -> Any:
        match condition:
            case All(parts):
                return z3.And(*[self.holds(part, case, policy) for part in parts])
            case AnyOf(parts):
                return z3.Or(*[self.holds(part, case, policy) for part in parts])
            case Not(part):
                return z3.Not(self.holds(part, case, policy))
            case RequiredFailed():
                required = {LINEAGE, *(r.name for r in policy.detectors)}
                return z3.Or(
                    *[
                        z3.And(case.states[e.name] == FAILED, _one(case.point, e.points))
                        for e in self.catalogue.values()
                        if e.detector in required
                    ]
                )
            case ContextAtom("age_assured", values):
                return z3.Or(*[case.age if value == "true" else z3.Not(case.age) for value in values])
            case ContextAtom(key, values):
                return _one(getattr(case, key), values)
            case SignalAtom(name, test, _, threshold):
                return self._signal(case.states[name], case.values[name], test, threshold, name)

    def _signal(self, state: Any, value: Any, test: Test, threshold: float, name: str) -> Any:
        if test not in (Test.AT_LEAST, Test.AT_MOST):
            return {
                Test.PRESENT: state != ABSENT,
                Test.ABSENT: state == ABSENT,
                Test.UNKNOWN: state >= NO_ANSWER,
                Test.FAILED: state == FAILED,
            }[test]
        high = self.catalogue[name].polarity is Polarity.HIGH_IS_WORSE
        at_least = test is Test.AT_LEAST
        compared = value >= z3.RealVal(str(threshold)) if at_least else value <= z3.RealVal(str(threshold))
        toward_worst = at_least is high
        extreme = state >= NO_ANSWER if toward_worst else state == ABSENT
        return z3.Or(z3.And(state == VALUE, compared), extreme)

    def asked(self, rule: Rule, case: Case, policy: Policy) -> Any:
        here = z3.Or(
            z3.And("caller" in rule.whose, _possibly(case.country, case.parent, rule.countries)),
            z3.And(
                "depicted" in rule.whose,
                _possibly(case.depicted, case.depicted_parent, rule.countries),
                True if policy.depicts is None else self.holds(policy.depicts, case, policy),
            ),
        )
        return z3.And(
            _one(case.point, rule.points),
            here if rule.countries else True,
            _one(case.surface, rule.surfaces) if rule.surfaces else True,
            case.day >= rule.start.toordinal() if rule.start else True,
            case.day < rule.end.toordinal() if rule.end else True,
        )

    def lifted(self, rule: Rule, mode: Mode, case: Case) -> Any:
        if rule.floor or rule.id not in mode.relaxes:
            return z3.BoolVal(False)
        return z3.And(
            case.mode == _word(mode.name),
            case.age if mode.age_assured else True,
            _listed(case.country, case.parent, mode.countries) if mode.countries else True,
        )

    def fires(self, rule: Rule, case: Case, policy: Policy) -> Any:
        relaxed = z3.Or(False, *[self.lifted(rule, mode, case) for mode in policy.modes])
        return z3.And(self.asked(rule, case, policy), self.holds(rule.when, case, policy), z3.Not(relaxed))

    def least(self, outcome: Outcome, case: Case, policy: Policy, undeclared: bool = False) -> Any:
        return z3.Or(
            False,
            *[
                self.fires(rule, case, policy)
                for rule in policy.rules
                if rule.then >= outcome and not (undeclared and rule.surfaces)
            ],
        )

    def refuted(self, invariant: Invariant, floors: tuple[Rule, ...]) -> bool:
        """Whether z3 finds a counterexample."""
        policy, case = self.policy, self.case
        levels = (Outcome.REVIEW, Outcome.BLOCK)
        claims = []
        match invariant:
            case Invariant.FLOORS:
                for floor in floors:
                    premise = z3.And(_one(case.point, floor.points), self.holds(floor.when, case, policy))
                    claims.append(z3.And(premise, z3.Not(self.least(floor.then, case, policy))))
            case Invariant.EQUAL:
                there = replace(case, surface=z3.Int("there"))
                offered = z3.And(_one(case.surface, policy.surfaces), _one(there.surface, policy.surfaces))
                for level in levels:
                    more = self.least(level, there, policy, undeclared=True)
                    claims.append(z3.And(offered, more, z3.Not(self.least(level, case, policy))))
                standard = replace(case, mode=z3.IntVal(_word("standard")))
                for rule in policy.rules:
                    lifted = z3.Or(False, *[self.lifted(rule, mode, case) for mode in policy.modes])
                    # As it would apply in `standard`: whether somebody is depicted may not depend on the mode either.
                    asked = z3.And(
                        self.asked(rule, standard, policy), self.holds(rule.when, standard, policy)
                    )
                    claims.append(z3.And(asked, z3.Not(lifted), z3.Not(self.least(rule.then, case, policy))))
            case Invariant.MONOTONE:
                for name, entry in self.catalogue.items():
                    state, value = z3.Int("worse.state"), z3.Real("worse.value")
                    worse = replace(
                        case, states=case.states | {name: state}, values=case.values | {name: value}
                    )
                    old = case.values[name]
                    further = value >= old if entry.polarity is Polarity.HIGH_IS_WORSE else value <= old
                    order = z3.Or(
                        case.states[name] < state,
                        z3.And(case.states[name] == state, state == VALUE, further),
                    )
                    for level in levels:
                        claims.append(
                            z3.And(
                                *(order, state <= 3, value >= 0, value <= 1),
                                self.least(level, case, policy),
                                z3.Not(self.least(level, worse, policy)),
                            )
                        )
            case Invariant.GEOGRAPHY:
                unknown = z3.IntVal(_word("unknown"))
                nowhere = replace(case, country=unknown, parent=unknown)
                unstated = replace(case, depicted=unknown, depicted_parent=unknown)
                claims += [
                    z3.And(self.least(level, case, policy), z3.Not(self.least(level, other, policy)))
                    for level in levels
                    for other in (nowhere, unstated)
                ]
                for rule in policy.rules:
                    modes = [m if rule.countries else replace(m, countries=()) for m in policy.modes]
                    lifted = z3.Or(False, *[self.lifted(rule, mode, case) for mode in modes])
                    says = z3.And(self.asked(rule, case, policy), self.holds(rule.when, case, policy))
                    claims.append(z3.And(says, z3.Not(lifted), z3.Not(self.least(rule.then, case, policy))))
        return self._satisfiable(z3.Or(False, *claims), (policy,))

    def more_permissive(self, new: Policy) -> bool:
        """Whether `new` is laxer somewhere than the policy of these formulas."""
        case, old = self.case, self.policy

        def least(level: Outcome, policy: Policy) -> Any:
            offered = z3.And(
                _one(case.surface, policy.surfaces), _one(case.mode, [m.name for m in policy.modes])
            )
            return z3.Or(z3.Not(offered), self.least(level, case, policy))

        levels = (Outcome.REVIEW, Outcome.BLOCK)
        claims = [z3.And(least(level, old), z3.Not(least(level, new))) for level in levels]
        return self._satisfiable(z3.Or(*claims), (old, new))

    def _satisfiable(self, formula: Any, policies: tuple[Policy, ...]) -> bool:
        solver = z3.Solver()
        solver.add(self.sane(self.case, policies), formula)
        answer = solver.check()
        assert answer != z3.unknown
        return bool(answer == z3.sat)


def _one(variable: Any, names: Any) -> Any:
    return z3.Or(False, *[variable == _word(str(n.value if isinstance(n, Point) else n)) for n in names])


def _listed(place: Any, parent: Any, countries: tuple[str, ...]) -> Any:
    return z3.Or(_one(place, countries), _one(parent, countries))


def _possibly(place: Any, parent: Any, countries: tuple[str, ...]) -> Any:
    wider = tuple(c[:2] for c in countries)
    return z3.Or(_listed(place, parent, countries), _one(place, ("unknown", *wider)))

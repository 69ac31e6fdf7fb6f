"""The slow prover: every input of a small policy, one after the other, through the interpreter of the rules.

It shares nothing with the shipped prover: no cells, no diagrams, no model, only the words of the invariants.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import pairwise, product

from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.evaluation import Facts
from rambarde.guard.policy.language import Condition, Mode, Policy, Rule, SignalAtom
from rambarde.guard.policy.proof.prove import Invariant
from rambarde.nouns.decision import Outcome, Point
from rambarde.nouns.signal import Signal, badness
from tests.guard.policy import reference

UNNAMED = "-"
Input = tuple[Point, Facts, tuple[Signal, ...]]


class Enumeration:
    """All inputs of one policy. `smallest` is the size of the smallest counterexample, None if there is none."""

    def __init__(self, policy: Policy, catalogue: Catalogue, floors: tuple[Rule, ...]) -> None:
        self.policy, self.catalogue, self.floors = policy, catalogue, floors
        self._fired: dict[object, bool] = {}
        every = (*policy.rules, *floors)
        days = sorted({day for rule in every for day in (rule.start, rule.end) if day})
        self.dates = [days[0] - timedelta(days=1), *days] if days else [date(2026, 1, 1)]
        offered = {c for m in policy.modes for c in m.countries}
        self.countries = _places(offered | {c for r in every for c in r.countries if "caller" in r.whose})
        self.depicted = _places({c for r in every for c in r.countries if "depicted" in r.whose})
        text = repr([policy.depicts, *(rule.when for rule in every)])
        # What no rule and no mode mentions is left at its default: the sizes would explode.
        self.actions = ("generate", "edit") if "'action'" in text else ("generate",)
        self.ages = (False, True) if "age" in text or any(m.age_assured for m in policy.modes) else (False,)
        self.failures = "RequiredFailed" in text
        self.modes = [*(mode.name for mode in policy.modes), UNNAMED]
        self.surfaces = [*policy.surfaces, UNNAMED]
        self.signals = [self._of(name) for name in catalogue]

    def _of(self, name: str) -> list[Signal]:
        atoms = [
            atom
            for rule in (*self.policy.rules, *self.floors)
            for atom in _signals(rule.when)
            if atom.signal == name
        ]
        atoms += [atom for atom in _signals(self.policy.depicts) if atom.signal == name]
        if not atoms:
            # Nobody reads it: only whether it failed can matter.
            return [Signal.absent(name), *([Signal.failed(name, "-")] if self.failures else [])]
        cuts = {atom.threshold for atom in atoms if atom.test in ("at_least", "at_most")}
        grid = sorted({0.0, 1.0} | cuts)
        values = sorted({*cuts, *((a + b) / 2 for a, b in pairwise(grid))})
        found = [
            Signal.absent(name),
            *(Signal.measured(name, value) for value in values),
            Signal.no_answer(name, "-"),
            Signal.failed(name, "-"),
        ]
        return sorted(found, key=lambda s: badness(s, self.catalogue[name].polarity))

    def facts(self) -> Iterator[Facts]:
        for action, surface, mode, country, age, day, depicted in product(
            *(self.actions, self.surfaces, self.modes, self.countries, self.ages, self.dates, self.depicted)
        ):
            yield Facts(action, surface, mode, country, age, day, depicted)

    def inputs(self) -> Iterator[Input]:
        yield from product(Point, self.facts(), product(*self.signals))

    def size(self, given: Input) -> int:
        point, facts, signals = given
        return sum(
            (
                point is not Point.ADMIT,
                facts.action != "generate",
                facts.surface != self.surfaces[0],
                facts.mode != self.modes[0],
                facts.country != "ZZ",
                facts.depicted != "ZZ",
                facts.age_assured,
                facts.today != self.dates[0],
                *(signal.state != 0 for signal in signals),
            )
        )

    def holds(self, condition: Condition, given: Input) -> bool:
        """Only what a condition can read is in the key; the rest cannot change it."""
        point, facts, signals = given
        key = (id(condition), point, facts.action, facts.surface, facts.mode, facts.age_assured, signals)
        found = self._fired.get(key)
        if found is None:
            failed = any(s.state == 3 for s in signals if point in self.catalogue[s.name].points)
            found = self._fired[key] = reference.true(condition, facts, {s.name: s for s in signals}, failed)
        return found

    def outcome(self, given: Input, only: Callable[[Rule], bool] = lambda rule: True) -> Outcome:
        fired = (r.then for r in self.policy.rules if only(r) and self.fires(r, given))
        return max(fired, default=Outcome.ALLOW)

    def fires(self, rule: Rule, given: Input) -> bool:
        mode = self.policy.mode(given[1].mode)
        if mode and rule.id in mode.relaxes and not rule.floor and _terms(mode, given[1]):
            return False
        return self.asked(rule, given) and self.holds(rule.when, given)

    def asked(self, rule: Rule, given: Input) -> bool:
        """By point, country, surface and date."""
        point, facts, _ = given
        return (
            point in rule.points
            and (not rule.countries or self.placed(rule, given))
            and (not rule.surfaces or facts.surface in rule.surfaces)
            and (rule.start is None or facts.today >= rule.start)
            and (rule.end is None or facts.today < rule.end)
        )

    def placed(self, rule: Rule, given: Input) -> bool:
        facts, depicts = given[1], self.policy.depicts
        return ("caller" in rule.whose and _possibly(facts.country, rule.countries)) or (
            "depicted" in rule.whose
            and _possibly(facts.depicted, rule.countries)
            and (depicts is None or self.holds(depicts, given))
        )

    def smallest(self, invariant: Invariant) -> int | None:
        return min((self.size(given) for given in self._breaches(invariant)), default=None)

    def _breaches(self, invariant: Invariant) -> Iterator[Input]:
        check = {
            Invariant.FLOORS: self._floors,
            Invariant.EQUAL: self._equal,
            Invariant.MONOTONE: self._monotone,
            Invariant.GEOGRAPHY: self._geography,
        }[invariant]
        return (given for given in self.inputs() if not check(given, self.outcome(given)))

    def _floors(self, given: Input, outcome: Outcome) -> bool:
        return all(
            outcome >= floor.then
            for floor in self.floors
            if given[0] in floor.points and self.holds(floor.when, given)
        )

    def _equal(self, given: Input, outcome: Outcome) -> bool:
        point, facts, signals = given
        if facts.surface != UNNAMED:
            for other in self.policy.surfaces:
                there = (point, replace(facts, surface=other), signals)
                if outcome < self.outcome(there, lambda rule: not rule.surfaces):
                    return False
        mode = self.policy.mode(facts.mode)
        standard = (point, replace(facts, mode="standard"), signals)
        for rule in self.policy.rules:
            lifted = mode and rule.id in mode.relaxes and not rule.floor and _terms(mode, facts)
            if (
                not lifted
                and self.asked(rule, standard)
                and self.holds(rule.when, standard)
                and outcome < rule.then
            ):
                return False
        return True

    def _monotone(self, given: Input, outcome: Outcome) -> bool:
        point, facts, signals = given
        for index, order in enumerate(self.signals):
            for better in order[: order.index(signals[index])]:
                other = (*signals[:index], better, *signals[index + 1 :])
                if self.outcome((point, facts, other)) > outcome:
                    return False
        return True

    def _geography(self, given: Input, outcome: Outcome) -> bool:
        point, facts, signals = given
        if facts.country == "unknown" and any(
            self.outcome((point, replace(facts, country=country), signals)) > outcome
            for country in self.countries
        ):
            return False
        if facts.depicted == "unknown" and any(
            self.outcome((point, replace(facts, depicted=country), signals)) > outcome
            for country in self.depicted
        ):
            return False
        for rule in self.policy.rules:
            mode = self.policy.mode(facts.mode)
            if mode and not rule.countries:
                mode = replace(mode, countries=())
            lifted = mode and rule.id in mode.relaxes and not rule.floor and _terms(mode, facts)
            if (
                not lifted
                and self.asked(rule, given)
                and self.holds(rule.when, given)
                and outcome < rule.then
            ):
                return False
        return True


def _signals(condition: Condition | None) -> Iterator[SignalAtom]:
    if isinstance(condition, SignalAtom):
        yield condition
    for part in getattr(condition, "parts", ()) or filter(None, [getattr(condition, "part", None)]):
        yield from _signals(part)


def _listed(country: str, countries: tuple[str, ...]) -> bool:
    return country in countries or country[:2] in countries


def _possibly(country: str, countries: tuple[str, ...]) -> bool:
    parents = [listed[:2] for listed in countries]
    return country == "unknown" or _listed(country, countries) or country in parents


def _places(named: set[str]) -> list[str]:
    """Each country with one part that nobody names; nothing to tell apart without any."""
    more = {place for c in named for place in (c[:2], f"{c[:2]}-ZZ")}
    return ["ZZ", *sorted(named | more), "unknown"] if named else ["ZZ"]


def _terms(mode: Mode, facts: Facts) -> bool:
    return (facts.age_assured or not mode.age_assured) and (
        not mode.countries or _listed(facts.country, mode.countries)
    )

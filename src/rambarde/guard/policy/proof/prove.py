"""Proving the invariants of a policy, or finding the smallest case that breaks one.

Each invariant becomes claims of one form (`Claim`): wherever a premise holds, the outcome is at least so strict,
possibly with some inputs changed (the surface, the mode, a signal made worse). A claim is settled exactly, by
diagrams; nothing is taken as true from the form of the rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import pairwise

from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.evaluation import Evaluator
from rambarde.guard.policy.language import Policy, Rule
from rambarde.guard.policy.proof import words
from rambarde.guard.policy.proof.diagram import FALSE, Assignment
from rambarde.guard.policy.proof.model import Model
from rambarde.guard.policy.proof.search import escape
from rambarde.guard.policy.proof.space import COUNTRY, DEPICTED, MODE, OTHER, POINT, SURFACE, Space
from rambarde.nouns.caller import STANDARD, UNKNOWN_COUNTRY
from rambarde.nouns.decision import Outcome


class Invariant(StrEnum):
    """What is proven of one policy. That it is not more permissive than another is `compare`'s."""

    FLOORS = "floors"
    EQUAL = "equal"
    MONOTONE = "monotone"
    GEOGRAPHY = "geography"

    @property
    def words(self) -> str:
        return _WORDS[self]


_WORDS = {
    Invariant.FLOORS: "Floors hold on every surface, in every mode and country, on every day, for every account "
    "and all signal values.",
    Invariant.EQUAL: "Surfaces are equal but for rules that name theirs; a mode relaxes only the rules it lists, "
    "on its terms, and never a floor.",
    Invariant.MONOTONE: "Moving a signal toward its worst, to no answer or to failed, never loosens a decision.",
    Invariant.GEOGRAPHY: "A country, the caller's or the depicted person's, only tightens, and an unknown one is at "
    "least as strict as every other.",
}

Setting = Mapping[int, int]
"""Variables (by index) put to a value (by index)."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Wherever `premise` holds, the outcome with `here` put in is at least `least`.

    `rule` is why: it is what fires in the premise. `there` are the values with which the premise was taken, so
    that a breach can name both sides. The premise asks none of the variables of `here`.
    """

    premise: int
    least: Outcome
    rule: Rule
    why: str
    here: Setting = field(default_factory=dict)
    there: Setting = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Breach:
    """A smallest counterexample: the fewest inputs that are not at their default.

    `words` tells it; `assigned` are its inputs; `outcome` is what the policy decides, `least` what the
    invariant asks for. `rule` is the rule that should have held. `evaluated` is what the compiled evaluator says
    of the same case: another outcome would be a mistake in the proof or in the evaluator.
    """

    words: str
    why: str
    rule: str
    outcome: Outcome
    least: Outcome
    evaluated: Outcome
    assigned: Mapping[str, str]
    meanings: Mapping[str, str]
    case: Assignment


@dataclass(frozen=True, slots=True)
class Finding:
    """One invariant: how many claims it came to, and the breach, or None where it is proven."""

    invariant: Invariant
    claims: int
    breach: Breach | None

    @property
    def proven(self) -> bool:
        return self.breach is None


@dataclass(frozen=True, slots=True)
class Proof:
    """What was found of the policy with this digest. `cells` counts the inputs that rules can tell apart."""

    policy: str
    findings: tuple[Finding, ...]
    cells: int
    nodes: int

    @property
    def holds(self) -> bool:
        return all(finding.proven for finding in self.findings)


def prove(
    policy: Policy,
    catalogue: Catalogue,
    floors: Sequence[Rule],
    *,
    model: Callable[[Policy, Space], Model] = Model,
) -> Proof:
    """Settle the four invariants of one policy. Pure: no I/O, no clock.

    `floors` are the rules that must hold whatever the policy says, read from the package and not taken from
    the policy. `model` is the meaning that is put to the proof; tests give wrong ones.
    """
    prover = Prover(policy, catalogue, floors, model)
    findings = tuple(prover.settle(invariant) for invariant in Invariant)
    cells = 1
    for variable in prover.space.variables:
        cells *= len(variable.values)
    return Proof(policy.digest, findings, cells, len(prover.space.diagrams))


class Prover:
    """The claims of one policy, and how they are settled."""

    def __init__(
        self,
        policy: Policy,
        catalogue: Catalogue,
        floors: Sequence[Rule],
        model: Callable[[Policy, Space], Model] = Model,
    ) -> None:
        self.policy = policy
        self.floors = tuple(floors)
        self.space = Space([policy], catalogue, floors)
        self.model = model(policy, self.space)
        # What the words say, even where the model under proof says something else.
        self.stated = Model(policy, self.space)
        self._evaluator = Evaluator(policy, catalogue)
        self._mode, self._surface = self.space.at[MODE], self.space.at[SURFACE]

    def settle(self, invariant: Invariant) -> Finding:
        """Every claim of the invariant; of all that fail, the cheapest case."""
        d = self.space.diagrams
        count, worst, price = 0, None, 0
        for claim in self.claims(invariant):
            count += 1
            if (case := self._settle(claim)) is None:
                continue
            found = self._placed(case, claim.here)
            if worst is None or d.price(found) < price:
                worst, price = (claim, found), d.price(found)
        return Finding(invariant, count, self._breach(*worst) if worst else None)

    def claims(self, invariant: Invariant) -> Iterator[Claim]:
        match invariant:
            case Invariant.FLOORS:
                return self._floors()
            case Invariant.EQUAL:
                return self._equal()
            case Invariant.MONOTONE:
                return self._monotone()
            case Invariant.GEOGRAPHY:
                return self._geography()

    def _floors(self) -> Iterator[Claim]:
        """A floor's condition alone is the premise: no surface, mode, country or date may matter."""
        d = self.space.diagrams
        for floor in self.floors:
            premise = d.both(self.space.among(POINT, *floor.points), self.stated.holds(floor.when))
            yield Claim(premise, floor.then, floor, f"the floor `{floor.id}` holds")

    def _equal(self) -> Iterator[Claim]:
        yield from self._equal_surfaces()
        yield from self._honest_modes()

    def _equal_surfaces(self) -> Iterator[Claim]:
        """Each surface is as strict as what any other gets from rules that do not name their surfaces.

        Only offered surfaces: the chain refuses any other before it decides.
        """
        d = self.space.diagrams
        offered = [self.space.index(SURFACE, surface) for surface in self.policy.surfaces]
        for rule in self.policy.rules:
            fires = self.model.fires(rule)
            if rule.surfaces or self._surface not in d.asks(fires):
                continue
            for there in offered:
                for here in offered:
                    yield Claim(
                        d.given(fires, self._surface, there),
                        rule.then,
                        rule,
                        f"`{rule.id}` depends on the surface and does not name it under `surfaces`",
                        {self._surface: here},
                        {self._surface: there},
                    )

    def _honest_modes(self) -> Iterator[Claim]:
        """In each mode, each rule holds as it would in `standard` with nothing relaxed, unless the mode lists
        it, is no floor, and the mode's terms are met. The mode that nobody defined relaxes nothing."""
        d, stated = self.space.diagrams, self.stated
        standard = self.space.index(MODE, STANDARD if self.policy.mode(STANDARD) else OTHER)
        modes = [(m.name, m) for m in self.policy.modes] + [(OTHER, None)]
        for rule in self.policy.rules:
            asked = d.both(stated.applies(rule), stated.holds(rule.when))
            unrelaxed = d.given(asked, self._mode, standard)
            for name, mode in modes:
                lifted = stated.lifted(rule, mode) if mode else FALSE
                why = f"`{rule.id}` is not among the rules that the mode `{name}` relaxes"
                if lifted != FALSE:
                    why = f"the mode `{name}` relaxes `{rule.id}` only on its terms (age, countries)"
                yield Claim(
                    d.without(unrelaxed, lifted),
                    rule.then,
                    rule,
                    why,
                    {self._mode: self.space.index(MODE, name)},
                    {self._mode: standard},
                )

    def _monotone(self) -> Iterator[Claim]:
        """One step toward the worst is enough: the order of the cells is total, so steps add up."""
        d = self.space.diagrams
        for rule in self.policy.rules:
            fires = self.model.fires(rule)
            for variable in sorted(d.asks(fires) & set(self.space.inputs)):
                steps = d.steps(fires, variable)
                for better, worse in pairwise(range(len(d.prices[variable]))):
                    yield Claim(
                        # Where each node that asks the signal goes on at least as true, so does the whole.
                        FALSE
                        if all(d.implies(children[better], children[worse]) for children in steps)
                        else d.given(fires, variable, better),
                        rule.then,
                        rule,
                        f"`{rule.id}` fires at the better value and nothing as strict at the worse",
                        {variable: worse},
                        {variable: better},
                    )

    def _geography(self) -> Iterator[Claim]:
        d, space, stated = self.space.diagrams, self.space, self.stated
        for rule in self.policy.rules:
            fires = self.model.fires(rule)
            for name in (COUNTRY, DEPICTED):
                variable, unknown = space.at[name], space.index(name, UNKNOWN_COUNTRY)
                if variable not in d.asks(fires):
                    continue
                for country in range(unknown):
                    why = (
                        f"`{rule.id}` holds in a country, nothing as strict with {words.WHERE[name]} unknown"
                    )
                    yield Claim(
                        d.given(fires, variable, country),
                        rule.then,
                        rule,
                        why,
                        {variable: unknown},
                        {variable: country},
                    )
            if rule.countries:
                yield Claim(
                    stated.fires(rule), rule.then, rule, f"`{rule.id}` holds in every country that it lists"
                )
            else:
                # As if there were no geography: every mode is offered everywhere.
                asked = d.both(stated.applies(rule), stated.holds(rule.when))
                for mode in self.policy.modes:
                    if rule.id in mode.relaxes and not rule.floor:
                        asked = d.without(asked, d.both(space.among(MODE, mode.name), stated.age_term(mode)))
                yield Claim(asked, rule.then, rule, f"no country may loosen `{rule.id}`")

    def _settle(self, claim: Claim) -> Assignment | None:
        d = self.space.diagrams
        premise = claim.premise
        # Nearly always the rule itself catches its cases; then no other has to be built.
        for own in self.policy.rules:
            if premise != FALSE and own.id == claim.rule.id and own.then >= claim.least:
                premise = d.without(premise, self._put(self.model.fires(own), claim.here))
        if premise == FALSE:
            return None
        walls = [
            self._put(self.model.fires(rule), claim.here)
            for rule in self.policy.rules
            if rule.then >= claim.least
        ]
        return escape(d, premise, walls)

    def _put(self, diagram: int, setting: Setting) -> int:
        for variable, value in setting.items():
            diagram = self.space.diagrams.given(diagram, variable, value)
        return diagram

    @staticmethod
    def _placed(case: Assignment, setting: Setting) -> Assignment:
        return tuple(setting.get(index, value) for index, value in enumerate(case))

    def _breach(self, claim: Claim, case: Assignment) -> Breach:
        outcome = self.model.outcome(case)
        told = f"{words.case(self.space, case)} → {outcome.word}"
        other = self.model.outcome(self._placed(case, claim.there))
        if claim.there and other > outcome:
            told += f"; {words.values(self.space, claim.there)} → {other.word}"
        else:
            told += f"; `{claim.rule.id}` says {claim.least.word}"
        assigned = words.assigned(self.space, case)
        return Breach(
            words=told,
            why=claim.why,
            rule=claim.rule.id,
            outcome=outcome,
            least=claim.least,
            evaluated=self._evaluator.decide(*self.space.represent(case)).outcome,
            assigned=assigned,
            meanings=words.meanings(self.space, tuple(assigned)),
            case=case,
        )

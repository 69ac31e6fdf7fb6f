"""Checking the rules of a policy for what does nothing: names that stand for nothing, rules that never fire, and
rules that never change the outcome.

None of it loosens anything, but somebody wrote them and believes that they do something. Decided exactly, by the
diagrams of the proof. Floors are not judged, only counted with: an operator cannot change them.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rambarde.guard.policy import countries
from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.document import suggest
from rambarde.guard.policy.language import ContextAtom, Policy, Rule
from rambarde.guard.policy.measure import Measure
from rambarde.guard.policy.proof.diagram import FALSE
from rambarde.guard.policy.proof.model import Model
from rambarde.guard.policy.proof.search import needed
from rambarde.guard.policy.proof.space import ACTION, AGE, MODE, SURFACE, Space, atoms
from rambarde.nouns.request import Action


class Problem(StrEnum):
    UNKNOWN = "unknown"
    """A `context` condition names a surface, mode or other value that cannot occur, or a country is none."""
    UNREACHABLE = "unreachable"
    """The rule fires for no input."""
    SHADOWED = "shadowed"
    """Wherever it fires, another rule that is as strict or stricter fires too."""


@dataclass(frozen=True, slots=True)
class Remark:
    """A rule, or a word of it, that does nothing: why, and what to do. Of a mode, `rule` is "".

    Line and column count from 1, or are 0 if unknown.
    """

    problem: Problem
    rule: str
    message: str
    suggestion: str
    line: int
    column: int


def check(policy: Policy, catalogue: Catalogue) -> tuple[Remark, ...]:
    """All unknown names, unreachable and shadowed rules, in the order of the document. Pure.

    Of rules that shadow each other the later is remarked, so that taking out everything that is remarked
    changes no outcome.
    """
    space = Space([policy], catalogue, offered=True)
    d, model = space.diagrams, Model(policy, space)
    own = [rule for rule in policy.rules if not rule.floor]
    remarks = {
        rule.id: _unreachable(rule, d.both(model.applies(rule), model.holds(rule.when)) == FALSE, model)
        for rule in own
        if model.fires(rule) == FALSE
    }
    kept = [rule for rule in policy.rules if rule.id not in remarks]
    for rule in reversed(own):
        if rule.id in remarks:
            continue
        others = [other for other in kept if other is not rule and other.then >= rule.then]
        used = needed(d, model.fires(rule), [model.fires(other) for other in others])
        if used is not None:
            remarks[rule.id] = _shadowed(rule, [others[index] for index in used])
            kept.remove(rule)
    found: list[Remark] = []
    for mode in policy.modes:
        found.extend(
            Remark(
                Problem.UNKNOWN,
                "",
                f"The mode `{mode.name}` names {code!r}, which is no country.",
                remedy,
                0,
                0,
            )
            for code, remedy in _no_countries(mode.countries)
        )
    for rule in own:
        found.extend(_abroad(rule))
        found.extend(_unknown(rule, policy))
        if rule.id in remarks:
            found.append(remarks[rule.id])
    return tuple(found)


def check_measure(measure: Measure) -> tuple[Remark, ...]:
    """What a measure's rules name that is no country: such a rule would fire for nobody who is there."""
    return tuple(remark for rule in measure.rules for remark in _abroad(rule))


def _abroad(rule: Rule) -> Iterator[Remark]:
    for code, remedy in _no_countries(rule.countries):
        yield _remark(Problem.UNKNOWN, rule, f"`{rule.id}` names {code!r}, which is no country.", remedy)


def _no_countries(codes: Sequence[str]) -> Iterator[tuple[str, str]]:
    return ((code, countries.meant(code)) for code in countries.strange(codes))


def _unknown(rule: Rule, policy: Policy) -> Iterator[Remark]:
    known = {
        SURFACE: policy.surfaces,
        MODE: tuple(mode.name for mode in policy.modes),
        ACTION: tuple(action.value for action in Action),
        AGE: ("true", "false"),
    }
    said = [atom for atom in atoms(rule.when) if isinstance(atom, ContextAtom)]
    for key, value in dict.fromkeys((atom.key, value) for atom in said for value in atom.values):
        if value not in known[key]:
            message = f"`{rule.id}` asks for the {key} {value!r}, which cannot occur."
            yield _remark(Problem.UNKNOWN, rule, message, suggest(value, known[key]))


def _unreachable(rule: Rule, never_asked: bool, model: Model) -> Remark:
    if rule.start is not None and rule.end is not None and rule.start >= rule.end:
        why = f"`until` {rule.end} is not after `from` {rule.start}"
        remedy = "Put `until` after `from`: it is the first day on which the rule no longer applies."
    elif model.holds(rule.when) == FALSE:
        why = "its condition contradicts itself"
        remedy = "Look for an `all` whose parts exclude each other."
    elif never_asked:
        why = "its condition never holds on its surfaces or at its decision points"
        remedy = "Compare `surfaces` and `at` with the `context` conditions under `when`."
    else:
        why = "the modes relax it wherever it would fire"
        remedy = "Look at `relaxes` of the modes that its condition names."
    return _remark(Problem.UNREACHABLE, rule, f"`{rule.id}` can never fire: {why}.", remedy)


def _shadowed(rule: Rule, by: Sequence[Rule]) -> Remark:
    names = ", ".join(f"`{other.id}`" for other in by)
    fires = "fires" if len(by) == 1 else "fires (one or another of them)"
    remedy = "Remove it, or make it stricter or wider than they are."
    if rule.follow:
        remedy = f"Its duties ({', '.join(rule.follow)}) still follow. If they are all it is for, leave it."
    return _remark(
        Problem.SHADOWED,
        rule,
        f"`{rule.id}` never changes the outcome: wherever it fires, {names} {fires} too and is as strict.",
        remedy,
    )


def _remark(problem: Problem, rule: Rule, message: str, suggestion: str) -> Remark:
    line, column = (rule.place.line, rule.place.column) if rule.place else (0, 0)
    return Remark(problem, rule.id, message, suggestion, line, column)

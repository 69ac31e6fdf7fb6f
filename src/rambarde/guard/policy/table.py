"""A policy as a decision table: its rules in plain words, and what each does in which mode and jurisdiction.

Columns are modes and the caller's jurisdictions, joined where no rule tells them apart. What a cell says is true
of a caller there on the table's day whenever the rule's condition holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from rambarde.guard.policy import telling
from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.language import (
    Condition,
    Mode,
    Policy,
    Requirement,
    Rule,
    Whose,
    asked,
    signals_read,
)
from rambarde.guard.policy.pack import Duty
from rambarde.guard.policy.proof.space import COUNTRY, ELSEWHERE, OTHER, Space
from rambarde.nouns.caller import UNKNOWN_COUNTRY
from rambarde.nouns.decision import Outcome
from rambarde.nouns.fault import invalid

NOT_ADVICE = "An engineer's reading of a policy and of the law, with dates of review. Not legal advice."
IF_DEPICTED = "if the depicted person may be there"
LEGEND = (
    "A cell says what happens wherever the rule's condition holds; where several rules hold, the strictest counts.",
    telling.UNKNOWN,
    f"The columns are the jurisdiction of the caller. “{IF_DEPICTED}”: the rule also follows the real person in the "
    "picture, into the countries that it names; a country that is not known may be any.",
    "A mode relaxes exactly the rules that it lists, on its terms, and never a floor or a rule of law.",
    "The plan (free or paid) is no input of a decision.",
)
_DOES = {Outcome.REVIEW: "holds", Outcome.BLOCK: "blocks", Outcome.ALLOW: "allows"}
NOT_HERE = "not here"


@dataclass(frozen=True, slots=True)
class Column:
    """A mode, and the jurisdictions in which no rule behaves otherwise. `countries` are as `words` tells them."""

    mode: str
    countries: tuple[str, ...]
    words: str


@dataclass(frozen=True, slots=True)
class Row:
    """One rule. `kind` is floor, law or own; `where` says at which points, on which surfaces and days."""

    rule: Rule
    kind: str
    when: str
    where: str
    cells: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Named:
    """A named condition, or a signal, and what it says."""

    name: str
    words: str


@dataclass(frozen=True, slots=True)
class Table:
    policy: Policy
    day: date
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    conditions: tuple[Named, ...]
    signals: tuple[Named, ...]
    duties: tuple[tuple[str, Duty], ...]

    @property
    def same(self) -> tuple[Row, ...]:
        """The rules that do the same in every column."""
        return tuple(row for row in self.rows if len(set(row.cells)) == 1)

    @property
    def varying(self) -> tuple[Row, ...]:
        return tuple(row for row in self.rows if len(set(row.cells)) > 1)

    @property
    def detectors(self) -> tuple[Requirement, ...]:
        return self.policy.detectors


def table(
    policy: Policy,
    catalogue: Catalogue,
    *,
    day: date,
    modes: Sequence[str] = (),
    countries: Sequence[str] = (),
    names: Mapping[Condition, str] | None = None,
    duties: Iterable[tuple[str, Duty]] = (),
) -> Table:
    """The table of a policy on a day (UTC), for all modes and for every country that a rule or mode can tell.

    `names` are named conditions to tell conditions by; `duties` come with their pack's name. Raises
    `Fault(INVALID)` `mode_unknown` for a mode that the policy does not offer.
    """
    known = {name: policy.mode(name) for name in modes or [mode.name for mode in policy.modes]}
    chosen = [mode for mode in known.values() if mode is not None]
    if len(chosen) < len(known):
        raise invalid(
            "mode_unknown",
            "The policy offers no such mode.",
            remedy=f"It offers {', '.join(mode.name for mode in policy.modes)}.",
            field="mode",
        )
    places = tuple(dict.fromkeys(countries)) or _places(policy, catalogue)
    groups = [(mode, group) for mode in chosen for group in _grouped(policy, mode, places, day)]
    told = dict(names or {})
    return Table(
        policy=policy,
        day=day,
        columns=tuple(Column(mode.name, group, _words(group, places)) for mode, group in groups),
        rows=tuple(
            Row(
                rule=rule,
                kind=kind(rule),
                when=telling.condition(rule.when, told),
                where=_where(rule),
                cells=tuple(cell(rule, mode, group[0], day) for mode, group in groups),
            )
            for rule in policy.rules
        ),
        conditions=tuple(Named(name, telling.inside(c, told)) for c, name in told.items()),
        signals=tuple(Named(name, catalogue[name].meaning) for name in _read(policy)),
        duties=tuple(duties),
    )


def kind(rule: Rule) -> str:
    if rule.floor:
        return "floor"
    return "own" if rule.source is None else "law"


def _places(policy: Policy, catalogue: Catalogue) -> tuple[str, ...]:
    """Named countries first, then the rest of the world, then unknown. As cells: `US-*` is the rest of `US`."""
    space = Space([policy], catalogue)
    values = [str(value) for value in space.variables[space.at[COUNTRY]].values]
    return (*(v for v in values if v not in (OTHER, UNKNOWN_COUNTRY)), OTHER, UNKNOWN_COUNTRY)


def _grouped(policy: Policy, mode: Mode, places: Sequence[str], day: date) -> list[tuple[str, ...]]:
    """Places whose columns are the same, in the order of the first of each."""
    found: dict[tuple[str, ...], list[str]] = {}
    for place in places:
        column = tuple(cell(rule, mode, place, day) for rule in policy.rules)
        found.setdefault(column, []).append(place)
    return [tuple(group) for group in found.values()]


def _words(group: tuple[str, ...], places: Sequence[str]) -> str:
    if len(group) == len(places) > 1:
        return "everywhere"
    said = [
        {OTHER: "any other", UNKNOWN_COUNTRY: "unknown"}.get(place)
        or (f"rest of {place.removesuffix(ELSEWHERE)}" if place.endswith(ELSEWHERE) else place)
        for place in group
    ]
    return ", ".join(said)


def cell(rule: Rule, mode: Mode, place: str, day: date) -> str:
    """What the rule does in a mode, for a caller in a place, on a day, wherever its condition holds."""
    if rule.end is not None and rule.end <= day:
        return f"ended {rule.end}"
    if not _caller_may_be_in(rule, place):
        if Whose.DEPICTED not in rule.whose:
            return NOT_HERE
        where = f" {IF_DEPICTED}"
    else:
        where = ""
    then = _DOES[rule.then] + where
    if rule.id in mode.relaxes and not rule.floor and (not mode.countries or _surely(place, mode.countries)):
        then = f"relaxed if age is assured, else {then}" if mode.age_assured else "relaxed"
    if then == "relaxed":
        return then
    if rule.start is not None and rule.start > day:
        then += f" from {rule.start}"
    return then + (f" until {rule.end}" if rule.end is not None else "")


def _caller_may_be_in(rule: Rule, place: str) -> bool:
    if not rule.countries:
        return True
    if Whose.CALLER not in rule.whose:
        return False
    if place == UNKNOWN_COUNTRY or _surely(place, rule.countries):
        return True
    return place != OTHER and any(country.startswith(f"{place}-") for country in rule.countries)


def _surely(place: str, countries: tuple[str, ...]) -> bool:
    return place not in (OTHER, UNKNOWN_COUNTRY) and (
        place in countries or place.partition("-")[0] in countries
    )


def _where(rule: Rule) -> str:
    parts = [f"at {' and '.join(point.value for point in rule.points)}"]
    if rule.surfaces:
        parts.append(f"only on {', '.join(rule.surfaces)}")
    if rule.countries:
        whose = " or ".join(
            f"the {'depicted person' if w is Whose.DEPICTED else w.value}" for w in rule.whose
        )
        parts.append(f"where {whose} may be in {', '.join(rule.countries)}")
    if rule.start is not None:
        parts.append(f"from {rule.start}")
    if rule.end is not None:
        parts.append(f"until {rule.end}")
    return ", ".join(parts)


def _read(policy: Policy) -> tuple[str, ...]:
    return tuple(dict.fromkeys(n for rule in policy.rules for n in signals_read(asked(rule, policy.depicts))))

"""A pack: what one jurisdiction's law adds, as rules with their sources, and its dates and duties as a table.

Packs ship with the package (`packs/<name>.yaml`); a policy names those it stands on. Their rules only tighten:
each has its countries, holds on every surface, and no mode relaxes one. A pack is an engineer's reading of the
law with a date of review, and no legal advice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date

from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.document import Mapping as Fields
from rambarde.guard.policy.document import Node, load, suggest
from rambarde.guard.policy.language import Rule, Source
from rambarde.guard.policy.parse import LANGUAGE, Parser

PACKS = ("eu", "fr", "uk", "us", "in")
"""The packs of this release, by name."""

OTHERS = "others.yaml"
"""The document of the jurisdictions that have a table of duties and no rules."""

_KEYS = ("rambarde-pack", "name", "title", "countries", "conditions", "rules", "duties")
_TABLE_KEYS = ("rambarde-pack", "name", "title", "countries", "duties")
_DUTY_KEYS = ("day", "countries", "duty", "source", "confidence", "reviewed")


@dataclass(frozen=True, slots=True)
class Duty:
    """What the law asks for beyond a decision: a report, a deadline, a mark. `day`: from when, if that is known."""

    day: date | None
    countries: tuple[str, ...]
    duty: str
    source: Source


@dataclass(frozen=True, slots=True)
class Pack:
    """`countries` are those of the rules and duties that name none of their own; they may be empty."""

    name: str
    title: str
    countries: tuple[str, ...]
    rules: tuple[Rule, ...]
    duties: tuple[Duty, ...]


def read_pack(
    data: bytes, catalogue: Catalogue, conditions: Mapping[str, Node], *, source: str = "pack"
) -> Pack:
    """Parse a pack; its rules may use the floors' `conditions`.

    Raises `PolicyError` for what a policy may not say either, and for a rule that names no source, has no
    country, limits itself to a surface, or is not called after the pack (`eu-…`).
    """
    parser = Parser(catalogue, floor=False, sourced=True)
    parser.conditions.update(conditions)
    fields, table = _table(data, parser, source)
    parser.define(fields.get("conditions"))
    node = fields.need("rules", "the pack")
    rules = tuple(_at_home(rule, table) for rule in parser.rules(node))
    for item, rule in zip(node.items("`rules`"), rules, strict=True):
        if not rule.id.startswith(f"{table.name}-"):
            raise item.error(
                f"the rule {rule.id!r} is not called after its pack.", f"Call it {table.name}-…."
            )
        if not rule.countries:
            raise item.error(f"the rule {rule.id!r} names no country.", "Add `countries`.")
        if rule.surfaces:
            raise item.error(f"the rule {rule.id!r} names surfaces.", "Law holds on all: remove `surfaces`.")
    fields.done("the pack", _KEYS)
    return replace(table, rules=rules)


def read_duties(data: bytes, *, source: str = OTHERS) -> Pack:
    """Parse a document with a table of duties and no rules. Raises `PolicyError` as `read_pack` does."""
    fields, table = _table(data, Parser({}, floor=False, sourced=True), source)
    fields.done("the table", _TABLE_KEYS)
    return table


def _table(data: bytes, parser: Parser, source: str) -> tuple[Fields, Pack]:
    """All of a pack but its rules, and the fields they are in."""
    fields = load(data, source).mapping("the pack")
    version = fields.need("rambarde-pack", "the pack")
    if version.value != LANGUAGE or isinstance(version.value, bool):
        raise version.error(f"language version {version.value!r}.", f"This release reads version {LANGUAGE}.")
    name = parser.name(fields.need("name", "the pack"), "a pack's name")
    title = fields.need("title", "the pack").text("`title`")
    countries = parser.countries(fields.get("countries"), "the pack")
    duties = fields.need("duties", "the pack").items("`duties`")
    return fields, Pack(name, title, countries, (), tuple(_duty(item, parser, countries) for item in duties))


def _at_home(rule: Rule, table: Pack) -> Rule:
    return rule if rule.countries else replace(rule, countries=table.countries)


def _duty(node: Node, parser: Parser, home: tuple[str, ...]) -> Duty:
    fields = node.mapping("a duty")
    made = Duty(
        parser.day(fields.get("day"), "a duty"),
        parser.countries(fields.get("countries"), "a duty") or home,
        fields.need("duty", "a duty").text("`duty`"),
        parser.source(fields, "a duty"),
    )
    if not made.countries:
        raise node.error("a duty names no country.", "Add `countries`, here or for the whole document.")
    fields.done("a duty", _DUTY_KEYS)
    return made


def chosen(node: Node | None) -> tuple[str, ...]:
    """The names of the packs that a policy stands on. Raises `PolicyError` for an unknown or repeated one."""
    if node is None:
        return ()
    names: list[str] = []
    for item in node.items("`packs`"):
        name = item.text("a pack")
        if name not in PACKS:
            raise item.error(f"there is no pack {name!r}.", suggest(name, PACKS))
        if name in names:
            raise item.error(f"the pack {name!r} stands twice.", "Remove one of the two.")
        names.append(name)
    return tuple(names)

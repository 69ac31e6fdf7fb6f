"""A pack: what one jurisdiction's law adds, as rules with their sources, and its dates and duties as a table.

Packs ship with the package (`packs/<name>.yaml`); a policy names those it stands on. Their rules only tighten:
each names its countries, and no mode relaxes one. A pack is an engineer's reading of the law with a date of
review, and no legal advice.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.document import Node, load, suggest
from rambarde.guard.policy.language import Rule, Source
from rambarde.guard.policy.parse import LANGUAGE, Parser

PACKS = ("eu", "fr", "uk", "us", "in")
"""The packs of this release, by name."""

_KEYS = ("rambarde-pack", "name", "title", "conditions", "rules", "duties")
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
    name: str
    title: str
    rules: tuple[Rule, ...]
    duties: tuple[Duty, ...]


def read_pack(
    data: bytes, catalogue: Catalogue, conditions: Mapping[str, Node], *, source: str = "pack"
) -> Pack:
    """Parse a pack; its rules may use the floors' `conditions`.

    Raises `PolicyError` for what a policy may not say either, and for a rule that names no source, no country,
    or is not called after the pack (`eu-…`).
    """
    fields = load(data, source).mapping("the pack")
    version = fields.need("rambarde-pack", "the pack")
    if version.value != LANGUAGE or isinstance(version.value, bool):
        raise version.error(f"language version {version.value!r}.", f"This release reads version {LANGUAGE}.")
    parser = Parser(catalogue, floor=False, sourced=True)
    parser.conditions.update(conditions)
    parser.define(fields.get("conditions"))
    name = parser.name(fields.need("name", "the pack"), "a pack's name")
    node = fields.need("rules", "the pack")
    rules = parser.rules(node)
    for rule in rules:
        if not rule.id.startswith(f"{name}-"):
            raise node.error(f"the rule {rule.id!r} is not called after its pack.", f"Call it {name}-….")
        if not rule.countries:
            raise node.error(f"the rule {rule.id!r} names no country.", "Add `countries`.")
    title = fields.need("title", "the pack").text("`title`")
    duties = tuple(_duty(item, parser) for item in fields.need("duties", "the pack").items("`duties`"))
    fields.done("the pack", _KEYS)
    return Pack(name, title, rules, duties)


def _duty(node: Node, parser: Parser) -> Duty:
    fields = node.mapping("a duty")
    made = Duty(
        parser.day(fields.get("day"), "a duty"),
        parser.countries(fields.need("countries", "a duty"), "a duty"),
        fields.need("duty", "a duty").text("`duty`"),
        parser.source(fields, "a duty"),
    )
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

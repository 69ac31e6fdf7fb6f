"""Emergency measures: prepared tightenings, signed beforehand, that one person can switch on at three in the morning.

A measure is a document of rules. While it is on, its rules stand beside the policy's; since a rule can only
hold back or refuse, and no mode relaxes a measure's, switching one on never loosens a decision.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from rambarde.guard.policy.catalogue import LINEAGE, Catalogue
from rambarde.guard.policy.countries import meant, strange
from rambarde.guard.policy.document import Node, load
from rambarde.guard.policy.keeping import KEEPS
from rambarde.guard.policy.language import Policy, Rule, asked, signals_read
from rambarde.guard.policy.parse import LANGUAGE, Parser
from rambarde.guard.policy.reading import digest
from rambarde.nouns.caller import COUNTRY
from rambarde.nouns.fault import invalid

MEASURES = ("no-real-person-edits", "no-people", "no-images")
"""The measures of this release, by name (`packs/measures/<name>.yaml`). Geoblocks are made with `geoblock`."""

LONGEST_REVIEW = 90
"""Days after which a measure must at the latest be looked at again. It stays on until two people lift it."""

_LONGEST_NAME = 40
_KEYS = ("rambarde-measure", "name", "title", "rules", "breaker", "review_days")


@dataclass(frozen=True, slots=True)
class Measure:
    """`breaker`: its signers allow a breaker to switch it on. `digest` is of the document's bytes.

    `review_days`: that long after it was switched on, somebody must look whether it is still needed.
    """

    name: str
    title: str
    rules: tuple[Rule, ...]
    breaker: bool
    review_days: int
    digest: str


def read_measure(
    data: bytes, catalogue: Catalogue, conditions: Mapping[str, Node], *, source: str = "measure"
) -> Measure:
    """Parse a measure; its rules may use the floors' `conditions` and are called `measure-<name>-…`.

    Raises `PolicyError`, as for a policy.
    """
    fields = load(data, source).mapping("the measure")
    version = fields.need("rambarde-measure", "the measure")
    if version.value != LANGUAGE or isinstance(version.value, bool):
        raise version.error(f"language version {version.value!r}.", f"This release reads version {LANGUAGE}.")
    parser = Parser(catalogue, floor=False)
    parser.conditions.update(conditions)
    name = parser.name(fields.need("name", "the measure"), "a measure's name")
    node = fields.need("rules", "the measure")
    rules = parser.rules(node)
    if not rules:
        raise node.error("the measure has no rule.", "Add one: a measure tightens something.")
    for rule in rules:
        if rule.start is not None or rule.end is not None:
            raise node.error(f"{rule.id!r} has dates.", "A measure begins and ends by being switched.")
        if keeps := sorted(set(rule.follow) & set(KEEPS)):
            raise node.error(
                f"{rule.id!r} keeps something of people (`{keeps[0]}`), and a measure only tightens.",
                "Set a hold (`rambarde hold set`), or change the policy.",
            )
    days = fields.need("review_days", "the measure")
    if (
        isinstance(days.value, bool)
        or not isinstance(days.value, int)
        or not 1 <= days.value <= LONGEST_REVIEW
    ):
        raise days.error("`review_days` is no such number.", f"Give whole days from 1 to {LONGEST_REVIEW}.")
    breaker = fields.get("breaker")
    made = Measure(
        name=name,
        title=fields.need("title", "the measure").text("`title`"),
        rules=tuple(replace(rule, id=f"measure-{name}-{rule.id}") for rule in rules),
        breaker=breaker.boolean("`breaker`") if breaker is not None else False,
        review_days=days.value,
        digest=digest(data),
    )
    fields.done("the measure", _KEYS)
    return made


def under(policy: Policy, measures: Iterable[Measure]) -> Policy:
    """The policy with the measures in force. Its digest covers theirs; without any it is the policy itself."""
    chosen = sorted(measures, key=lambda measure: measure.name)
    if not chosen:
        return policy
    parts = [policy.digest, *(measure.digest for measure in chosen)]
    return replace(
        policy,
        digest=digest("".join(parts).encode()),
        rules=(*policy.rules, *(rule for measure in chosen for rule in measure.rules)),
    )


def unread(policy: Policy, measure: Measure, catalogue: Catalogue) -> tuple[str, ...]:
    """Detectors that the measure reads and the policy does not require: their silence would go unnoticed."""
    required = {requirement.name for requirement in policy.detectors} | {LINEAGE}
    read = {
        catalogue[signal].detector
        for rule in measure.rules
        for signal in signals_read(asked(rule, policy.depicts))
    }
    return tuple(sorted(read - required))


def geoblock(countries: Iterable[str], *, review_days: int = 14) -> str:
    """The document of a measure that makes no image for callers in these countries, or in an unknown one.

    Raises `Fault` `country_invalid`. A geoblock alone is no safeguard: it only says where the service is off.
    """
    chosen = sorted(set(countries))
    wrong = strange(chosen)
    for country in chosen:
        if not COUNTRY.match(country) or country in wrong:
            raise invalid(
                "country_invalid", f"{country!r} is no country.", remedy=meant(country), field="countries"
            )
    if not chosen:
        raise invalid("country_invalid", "No country.", remedy="Name at least one.", field="countries")
    name = "geoblock-" + "-".join(country.lower() for country in chosen)
    if len(name) > _LONGEST_NAME:
        name = f"geoblock-{len(chosen)}-countries-{digest(name.encode()).removeprefix('sha256:')[:12]}"
    return (
        f"rambarde-measure: {LANGUAGE}\n"
        f"name: {name}\n"
        f"title: No images for callers in {', '.join(chosen)}\n"
        f"review_days: {review_days}\n"
        "rules:\n"
        "  - id: here\n"
        "    at: [admit, release]\n"
        "    when: {context: action, in: [generate, edit]}\n"
        "    then: block\n"
        "    reason: This service is switched off in your country for now.\n"
        f"    countries: [{', '.join(chosen)}]\n"
        "    whose: [caller]\n"
    )

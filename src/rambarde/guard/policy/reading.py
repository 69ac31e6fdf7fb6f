"""Reading a policy: the shipped floors first, then the operator's (or the shipped) document on top."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path

from rambarde.guard.policy.catalogue import LINEAGE, Catalogue
from rambarde.guard.policy.document import Node, load, suggest
from rambarde.guard.policy.keeping import read_keeping
from rambarde.guard.policy.language import Policy, Rule, asked, signals_read
from rambarde.guard.policy.pack import PACKS, chosen, read_pack
from rambarde.guard.policy.parse import LANGUAGE, Parser
from rambarde.nouns.fault import Fault, Kind

FLOORS = "floors.yaml"
SHIPPED = "shipped.yaml"

FLOOR_RULES = (
    "minor-sexual",
    "real-person-sexual",
    "real-person-degrading",
    "known-image",
    "unchecked",
)
"""The floors of this version, by id. A floors document that lacks one does not load."""

_FLOOR_KEYS = ("rambarde-floors", "conditions", "rules")
_POLICY_KEYS = (
    *(
        "rambarde-policy",
        "name",
        "surfaces",
        "detectors",
        "conditions",
        "rules",
        "modes",
        "packs",
        "evidence",
    ),
)
DEPICTS = "real-person"
"""The floors' condition for a real person who may be depicted, whose jurisdiction then counts."""


def shipped(name: str) -> bytes:
    """The bytes of a document in the package. Raises `Fault` if the installation is incomplete."""
    try:
        return files("rambarde.guard.policy").joinpath("packs", name).read_bytes()
    except OSError as error:
        raise Fault(
            Kind.INTERNAL, "floors_missing", f"{name} is not in the package.", remedy="Reinstall rambarde."
        ) from error


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


def read_floors(data: bytes, catalogue: Catalogue) -> tuple[tuple[Rule, ...], dict[str, Node]]:
    """The floors' rules and the conditions they define, which policies may use too.

    Raises `PolicyError` if a floor of this version is missing or softened to `review` alone.
    """
    root = load(data, FLOORS)
    fields = root.mapping("the floors")
    _version(fields.need("rambarde-floors", "the floors"))
    parser = Parser(catalogue, floor=True)
    parser.define(fields.get("conditions"))
    rules = parser.rules(fields.need("rules", "the floors"))
    fields.done("the floors", _FLOOR_KEYS)
    families = {family for family in FLOOR_RULES if any(_of(rule.id, family) for rule in rules)}
    for family in FLOOR_RULES:
        if family not in families:
            raise root.error(
                f"the floor {family!r} is missing.", "Reinstall rambarde: floors are never removed."
            )
    return rules, parser.conditions


def _of(rule: str, family: str) -> bool:
    """A floor may need several rules: `unchecked` at admit and `unchecked-output` at release."""
    return rule == family or rule.startswith(family + "-")


def read_policy(
    data: bytes,
    catalogue: Catalogue,
    *,
    source: str = "policy",
    floors: bytes | None = None,
    law: Mapping[str, bytes] | None = None,
) -> Policy:
    """Parse `data` on top of the floors and the packs that it names (the shipped ones by default).

    Raises `PolicyError` with line and column for anything that is not understood: unknown names, thresholds
    outside [0, 1], comparisons that are not monotone, a mode that relaxes a floor or a rule of law, a rule
    named like one.
    """
    floor_bytes = shipped(FLOORS) if floors is None else floors
    floor_rules, conditions = read_floors(floor_bytes, catalogue)
    depicts = Parser(catalogue, floor=True)
    depicts.conditions.update(conditions)
    root = load(data, source)
    fields = root.mapping("the policy")
    _version(fields.need("rambarde-policy", "the policy"))
    name = fields.need("name", "the policy").text("`name`")
    surfaces = fields.need("surfaces", "the policy")
    parser = Parser(catalogue, floor=False)
    parser.conditions.update(conditions)
    parser.define(fields.get("conditions"))
    packs = chosen(fields.get("packs"))
    texts = {name: shipped(f"{name}.yaml") if law is None else law[name] for name in packs}
    rules_node = fields.need("rules", "the policy")
    rules = parser.rules(rules_node)
    for item in rules:
        if any(_of(item.id, family) for family in FLOOR_RULES):
            raise rules_node.error(
                f"the rule {item.id!r} is named like a floor.", "Give it a name of its own."
            )
        if any(_of(item.id, pack) for pack in PACKS):
            raise rules_node.error(
                f"the rule {item.id!r} is named like a pack's.", "Give it a name of its own."
            )
        if _of(item.id, "measure"):  # a mode that relaxes it would relax the measure's
            raise rules_node.error(
                f"the rule {item.id!r} is named like a measure's.", "Give it a name of its own."
            )
        for surface in item.surfaces:
            if surface not in surfaces.texts("`surfaces`"):
                raise rules_node.error(
                    f"{item.id!r} names the surface {surface!r}.",
                    suggest(surface, surfaces.texts("`surfaces`")),
                )
    legal = tuple(
        rule
        for pack, text in texts.items()
        for rule in read_pack(text, catalogue, conditions, source=f"{pack}.yaml").rules
    )
    everything = {rule.id: rule for rule in (*floor_rules, *legal, *rules)}
    policy = Policy(
        name=name,
        digest=digest(b"".join(digest(part).encode() for part in (floor_bytes, *texts.values())) + data),
        floors_digest=digest(floor_bytes),
        surfaces=surfaces.texts("`surfaces`"),
        modes=parser.modes(fields.need("modes", "the policy"), everything),
        detectors=parser.requirements(fields.need("detectors", "the policy")),
        rules=(*floor_rules, *legal, *rules),
        depicts=depicts.named(DEPICTS, root),
        packs=packs,
        keeping=read_keeping(fields.get("evidence")),
    )
    fields.done("the policy", _POLICY_KEYS)
    _complete(policy, catalogue, root)
    return policy


def _complete(policy: Policy, catalogue: Catalogue, root: Node) -> None:
    """Every signal a rule reads comes from a required detector, else its silence would go unnoticed."""
    required = {LINEAGE, *(requirement.name for requirement in policy.detectors)}
    for rule in policy.rules:
        for signal in signals_read(asked(rule, policy.depicts)):
            if catalogue[signal].detector not in required:
                raise root.error(
                    f"{rule.id!r} reads {signal}; its detector {catalogue[signal].detector!r} is not required.",
                    "List it under `detectors`; `rambarde policy detectors` prints the lines.",
                )


def read_file(path: Path, catalogue: Catalogue) -> Policy:
    """Parse a policy file. Raises `PolicyError`, or `Fault` if it cannot be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise Fault(
            Kind.INVALID,
            "policy_unreadable",
            f"{path}: {error.strerror}.",
            remedy="Check the path.",
            field="policy",
        ) from error
    return read_policy(data, catalogue, source=path.name)


def _version(node: Node) -> None:
    if node.value != LANGUAGE or isinstance(node.value, bool):
        raise node.error(f"language version {node.value!r}.", f"This release reads version {LANGUAGE}.")

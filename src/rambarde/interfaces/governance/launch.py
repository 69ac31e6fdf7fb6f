"""The launch: what goes live with a policy and a generator, what each item still lacks, and a form to fill in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

from rambarde.guard.policy import gate
from rambarde.guard.policy.language import Policy
from rambarde.guard.policy.signatures.standing import Standing
from rambarde.interfaces.governance.charter import Charter
from rambarde.nouns.fault import Fault


@dataclass(frozen=True, slots=True)
class Item:
    """What goes live; `lacks` is None if nothing is missing, `live` if it was live before."""

    name: str
    lacks: str | None
    live: bool = False


@dataclass(frozen=True, slots=True)
class Launch:
    """`unproven` says which invariant the policy breaks."""

    policy: str
    unproven: str | None
    items: tuple[Item, ...]

    @property
    def lacking(self) -> tuple[Item, ...]:
        return tuple(item for item in self.items if item.lacks is not None)

    @property
    def open(self) -> bool:
        return self.unproven is None and not self.lacking


def launch(
    charter: Charter, standing: Standing, policy: Policy, *, upstream: str, model: str | None
) -> Launch:
    """What the launch gate says of `policy`, and of the generator's `model` (None: whichever it takes)."""
    try:
        charter.proven(policy)
        unproven = None
    except Fault as fault:
        if fault.code != "policy_unproven":
            raise
        unproven = fault.message
    lacks = {one.item: one.lacks for one in charter.lacking(standing, policy)}
    live = _live(charter, standing)
    items = [Item(name, lacks.get(name), name in live) for name in gate.items(policy)]
    try:
        gate.refuse_upstream(standing, upstream, model)
        asked = None
    except Fault:
        asked = "a signed risk assessment that names it, with an evaluation"
    items.append(Item(gate.upstream_item(upstream, model), asked, asked is None))
    return Launch(policy.digest, unproven, tuple(items))


def template(found: Launch, *, today: date) -> str:
    """An assessment.yaml of what lacks something, to fill in. It does not parse before somebody has."""
    items = [item.name for item in found.lacking]
    if not items:
        return "# Nothing is missing: there is nothing to assess.\n"
    return "\n".join(
        [
            "# A risk assessment: fill in what stands in <…>, then `rambarde policy sign` it (an accountable person).",
            "# Digital Services Act, art. 34(1); Online Safety Act 2023, s. 9(4). Not legal advice.",
            "rambarde-assessment: 1",
            "title: <what is launched>",
            f'policy: "{found.policy}"',
            "items:",
            *_items(items, today),
            "evaluations:",
            "  - kind: <scenarios, detectors, probe or examples>",
            "    file: <the report, beside this file>",
            "    digest: <sha256: and what `sha256sum` says of it>",
            f"    made_at: <such as {today:%Y-%m-%d}T10:00:00Z>",
            f'    policy: "{found.policy}"',
            "    covers:",
            *(f'      - "{item}"' for item in items),
            "risks:",
            "  - risk: <what can go wrong, for whom>",
            "    severity: <low, medium or high>",
            "    likelihood: <low, medium or high>",
            "    mitigation: <what is done about it>",
            "conclusion: <why it may go live>",
            "",
        ]
    )


def _live(charter: Charter, standing: Standing) -> frozenset[str]:
    """What is live already: nothing, if the policy in force cannot be read."""
    try:
        return frozenset(gate.items(charter.adopted(standing)))
    except Fault:
        return frozenset()


def _items(items: Sequence[str], today: date) -> list[str]:
    lines = []
    for item in items:
        lines.append(f'  - item: "{item}"')
        if item.startswith("upstream:"):
            lines.append(f"    changed: <the day on which that model last changed, such as {today:%Y-%m-%d}>")
    return lines

"""The launch gate: nothing new goes live without a proof, a fresh evaluation and a signed risk assessment.

What goes live are surfaces, modes, required detectors (each version is another one) and upstream models. That
the policy is proven is asked elsewhere, of every policy; the gate asks for the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import quote

from rambarde.guard.policy.language import Policy, Requirement
from rambarde.guard.policy.signatures.standing import Standing
from rambarde.nouns.fault import Fault, Kind

ANY = "*"
"""In an upstream's item: any model of that upstream, or any upstream. Whoever signs that answers for all."""


@dataclass(frozen=True, slots=True)
class Missing:
    """What an item still lacks before it may go live."""

    item: str
    lacks: str


def items(policy: Policy) -> tuple[str, ...]:
    """All that goes live with a policy."""
    return (
        *(f"surface:{surface}" for surface in policy.surfaces),
        *(f"mode:{mode.name}" for mode in policy.modes),
        *(detector_item(one) for one in policy.detectors),
    )


def detector_item(required: Requirement) -> str:
    """The item of a required detector: both its version and its digest make it another one."""
    return f"detector:{required.name}@{quote(required.version, safe='')}+{required.digest}"


def upstream_item(name: str, model: str | None) -> str:
    """The item of an upstream's model; without one, of whichever model the upstream takes then."""
    return f"upstream:{name}/{model or ANY}"


def missing(policy: Policy, before: Policy | None, standing: Standing) -> tuple[Missing, ...]:
    """What the gate lacks for `policy`, where `before` is the one in force. What is live already is not asked
    again; a new surface or mode must have been assessed under this very policy."""
    live = set(items(before)) if before is not None else set()
    found = []
    for item in items(policy):
        if item in live:
            continue
        assessed = standing.assessed.get(item)
        if assessed is None:
            found.append(Missing(item, "a signed risk assessment that names it, with an evaluation"))
        elif not assessed.evaluations:
            found.append(Missing(item, "an evaluation or probe result"))
        elif item.partition(":")[0] in ("surface", "mode") and assessed.policy != policy.digest:
            found.append(
                Missing(item, f"an assessment under this policy ({policy.digest}): its own is of another")
            )
    return tuple(found)


def refuse(lacking: Iterable[Missing]) -> None:
    """Raise `Fault(FORBIDDEN, "launch_gate")` if anything is missing."""
    found = tuple(lacking)
    if found:
        told = "; ".join(f"{one.item} lacks {one.lacks}" for one in found[:3])
        more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
        raise Fault(
            Kind.FORBIDDEN,
            "launch_gate",
            f"The launch gate is shut: {told}{more}.",
            remedy="`rambarde policy gate FILE` lists all; docs/policy-signing.md shows an assessment.",
        )


def refuse_upstream(standing: Standing, name: str, model: str | None) -> None:
    """Raise `Fault(FORBIDDEN, "launch_gate")` for a model of an upstream that nobody assessed."""
    wanted = {upstream_item(name, model), upstream_item(name, None), upstream_item(ANY, None)}
    if not any(item in wanted and assessed.evaluations for item, assessed in standing.assessed.items()):
        raise Fault(
            Kind.FORBIDDEN,
            "launch_gate",
            f"The generator {name!r} may not be asked for {model or 'any model'}: nobody assessed it.",
            remedy=f"Sign an assessment that names {upstream_item(name, model)}, with an evaluation.",
            field="model",
        )

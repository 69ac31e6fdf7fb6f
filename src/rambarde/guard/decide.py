"""Decide: what the policy in force says of one request at one point. No I/O."""

from __future__ import annotations

from dataclasses import replace

from rambarde.guard.inspect import Inspection
from rambarde.guard.policy.evaluation import Evaluator, Facts
from rambarde.guard.policy.language import Policy
from rambarde.guard.ports import PolicyHolder
from rambarde.nouns.decision import Decision, Point
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.request import Request


def decide(
    policies: PolicyHolder,
    evaluator: Evaluator,
    point: Point,
    request: Request,
    seen: Inspection,
    index: int | None = None,
) -> Decision:
    """The decision on a request, or at release on its image `index`, with the words it went by.

    Where the clock is in doubt, the strictest of the days that it may be counts.
    """
    caller = request.caller
    decisions = []
    for today in policies.days():
        facts = Facts(
            action=request.action.value,
            surface=caller.surface,
            mode=caller.mode,
            country=caller.context.country,
            age_assured=caller.context.age_assured,
            today=today,
            depicted=caller.context.depicted_country,
        )
        decisions.append(evaluator.decide(point, facts, seen.signals))
        policies.saw(request.id, index, facts, seen.signals, decisions[-1])
    decision = max(decisions, key=lambda one: one.outcome)
    read = {name for fired in decision.fired for name in fired.read}
    return replace(decision, evidence=tuple(e for e in seen.evidence if e.signal in read))


def offered(policy: Policy, request: Request) -> None:
    """Raise `Fault(FORBIDDEN)` for a surface or mode that the policy does not name: it has no rules of its own."""
    caller = request.caller
    for kind, name, known in (
        ("surface", caller.surface, policy.surfaces),
        ("mode", caller.mode, tuple(mode.name for mode in policy.modes)),
    ):
        if name not in known:
            raise Fault(
                Kind.FORBIDDEN,
                f"{kind}_not_offered",
                f"The policy offers no {kind} of this name.",
                remedy=f"It offers {', '.join(known)}.",
                field=kind,
            )

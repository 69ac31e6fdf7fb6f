"""Decide: what the policy in force says of one request at one point. No I/O."""

from __future__ import annotations

from dataclasses import replace

from rambarde.guard.inspect import Inspection
from rambarde.guard.policy.evaluation import Evaluator, Facts
from rambarde.guard.policy.language import Policy
from rambarde.guard.ports import PolicyHolder
from rambarde.nouns.decision import Decision, Outcome, Point
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.request import Request


def decide(
    policies: PolicyHolder,
    evaluator: Evaluator,
    point: Point,
    request: Request,
    seen: Inspection,
    index: int | None = None,
    *,
    live: bool = True,
) -> Decision:
    """The decision on a request, or at release on its image `index`, with the words it went by.

    Where the clock is in doubt, the strictest of the days that it may be counts. Without `live` no candidate in
    the shadow is asked: nothing is recorded either.
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
        if live:
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


def refusing(decisions: list[Decision]) -> Decision | None:
    """The decision that refuses the whole batch: a floor hit on any image, or the strictest if none may leave."""
    floors = [d for d in decisions if d.floor_hit]
    if floors:
        return floors[0]
    if any(d.outcome is Outcome.ALLOW for d in decisions):
        return None
    held = [d for d in decisions if d.outcome is Outcome.REVIEW]
    return (held or decisions)[0]


def changed() -> Fault:
    """What a caller is told whose request a newer policy would not let go."""
    return Fault(
        Kind.OVERLOADED,
        "policy_changed",
        "The policy changed while this was made, and does not allow it.",
        remedy="Send the request again: it is judged by the policy in force.",
        retry_after=1,
    )

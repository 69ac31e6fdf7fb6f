"""The candidate: a policy that is put in the shadow of the running one, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass

from rambarde.guard.policy.bundle import Bundle
from rambarde.guard.policy.language import Policy
from rambarde.interfaces.governance.office import Office
from rambarde.nouns.fault import Fault, Kind
from rambarde.store.shadows import Numbered, Shadow, Shadows, Tally


@dataclass(frozen=True, slots=True)
class Report:
    """What a candidate would have changed. `kept` are the newest of the differences; `forgotten` no longer kept."""

    shadow: Shadow
    tally: Tally
    kept: tuple[Numbered, ...]

    @property
    def differing(self) -> int:
        return sum(self.tally.differing.values())


def start(
    office: Office, shadows: Shadows, data: bytes, *, source: str, by: str, reason: str
) -> tuple[Shadow, tuple[str, ...]]:
    """Put a proven policy in the shadow; also the detectors it requires that the running one does not run.

    Raises `PolicyError`, and `Fault`: `policy_missing`, `policy_unproven`, `shadow_running`, or as the store.
    """
    bundle, policy = Bundle.of(data, office.charter.catalogue, source=source)
    running = office.charter.adopted(office.book.read().standing)
    office.charter.proven(policy)
    document = office.book.documents.put(bundle.as_bytes())
    shadow = shadows.start(policy.digest, document, by=by, reason=reason, at=office.book.clock())
    return shadow, _unrun(policy, running)


def report(shadows: Shadows, *, limit: int) -> Report:
    """Of the candidate that runs. Raises `Fault(NOT_FOUND, "shadow_none")` if none does."""
    current = shadows.current()
    if current is None:
        raise no_shadow()
    return report_of(shadows, current, limit=limit)


def report_of(shadows: Shadows, shadow: Shadow, *, limit: int) -> Report:
    """The newest `limit` differences, and the counts of all."""
    tally = shadows.counts(shadow.candidate)
    total = sum(tally.differing.values())
    kept = shadows.differences(shadow.candidate, limit=limit, after=max(0, total - limit))
    return Report(shadow, tally, kept)


def no_shadow() -> Fault:
    return Fault(
        Kind.NOT_FOUND,
        "shadow_none",
        "No candidate runs in the shadow.",
        remedy="Start one: rambarde policy shadow start FILE --as NAME --reason TEXT",
    )


def _unrun(candidate: Policy, running: Policy) -> tuple[str, ...]:
    have = {(one.name, one.version, one.digest) for one in running.detectors}
    return tuple(
        sorted(one.name for one in candidate.detectors if (one.name, one.version, one.digest) not in have)
    )

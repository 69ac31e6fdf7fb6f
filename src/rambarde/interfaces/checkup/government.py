"""Governance: what is in force, who holds it, what is overdue, and who will soon not be able to sign any more."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

from rambarde.guard.policy.catalogue import Catalogue, catalogue
from rambarde.guard.policy.signatures.change import SignedChange
from rambarde.guard.policy.signatures.people import Roster
from rambarde.guard.policy.signatures.standing import Standing
from rambarde.interfaces import parts
from rambarde.interfaces.checkup.row import Row, fail, ok, warn
from rambarde.interfaces.governance.govern import office as open_office
from rambarde.interfaces.governance.office import Office, pending
from rambarde.interfaces.governance.tenure import LEASE
from rambarde.interfaces.probing.effect import FAILED, effects
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.measure.probe.target import read as read_target
from rambarde.nouns.fault import Fault
from rambarde.store.leases import RUNNING

SOON = timedelta(days=30)
"""How long before its end somebody's key is told of."""
_SIGNING = "docs/policy-signing.md shows how."


def government(settings: Settings, vault: Vault) -> Iterator[Row]:
    """Rows of what governs the gateway of this vault. Writes nothing but a proof's cache."""
    office = open_office(vault, _names(settings))
    story, now = office.book.read(), office.book.clock()
    standing = story.standing
    if standing.policy is None:
        yield warn(
            "governance",
            "No policy was adopted, so `rambarde serve` starts with --demo only.",
            f"Name people, then sign and adopt a policy: {_SIGNING}",
        )
    else:
        try:
            held = office.charter.in_force(story)
        except Fault as fault:
            yield fail("governance", f"What was adopted cannot be held: {fault.message}", fault.remedy)
        else:
            demo = (
                "; DEMO: throw-away keys signed here, so it listens on loopback only" if standing.demo else ""
            )
            on = f", measures on: {', '.join(sorted(standing.on))}" if standing.on else ""
            told = f"change {standing.sequence}, policy {held.policy.digest[:19]}…{on}{demo}"
            yield ok("governance", told)
    void = [str(line.sequence) for line in story.lines if line.void is not None]
    if void:
        yield warn(
            "history",
            f"void changes: {', '.join(void)}.",
            "`rambarde policy history` says why; find out who wrote them.",
        )
    yield from _leases(office, standing)
    yield from _measures(standing, now)
    yield from _effects(settings, now)
    if standing.roster is not None and not standing.roster.demo:
        yield from _signers(standing.roster, now)
    if settings.policy:
        yield from _file(Path(settings.policy), office, standing)


def _leases(office: Office, standing: Standing) -> Iterator[Row]:
    found = office.book.leases.holders(timedelta(seconds=LEASE))
    stuck = [one for one in found if one.state != RUNNING]
    behind = [one for one in found if one.state == RUNNING and one.sequence < standing.sequence]
    if stuck:
        told = "; ".join(f"{one.gateway} on {one.host}: {one.state}" for one in stuck)
        yield fail(
            "lease", f"{told}. It releases nothing.", "Its log says why; mend that, and start it again."
        )
    elif behind:
        told = ", ".join(one.gateway for one in behind)
        yield warn("lease", f"{told} is behind change {standing.sequence}.", "Look again in two seconds.")
    elif found:
        yield ok("lease", f"{len(found)} running, with change {standing.sequence}")
    else:
        yield ok("lease", "no gateway runs")


def _measures(standing: Standing, now: datetime) -> Iterator[Row]:
    overdue = [name for name, on in sorted(standing.on.items()) if on.review_at <= now]
    if overdue:
        yield warn(
            "measures",
            f"on, and their review is overdue: {', '.join(overdue)}.",
            "Decide whether they are still needed: `rambarde policy measure list`, then `off` (two people).",
        )
    elif standing.on:
        yield ok("measures", f"on: {', '.join(sorted(standing.on))}")
    elif standing.measures:
        yield ok("measures", f"prepared: {', '.join(sorted(standing.measures))}")
    elif standing.policy is not None:
        yield warn("measures", "None is prepared.", "Prepare them before they are needed: docs/emergency.md.")


def _effects(settings: Settings, now: datetime) -> Iterator[Row]:
    """Whether a switch of a measure could be probed, and whether the last one was."""
    if not settings.probe_targets:
        return
    try:
        target = read_target(Path(settings.probe_targets).read_bytes(), today=now.date())
    except (Fault, OSError) as error:
        why = error.message if isinstance(error, Fault) else error.strerror
        yield warn(
            "effects", f"No switch can be probed: {why}", "Mend the file of `probe_targets`: docs/probe.md."
        )
        return
    last = next(iter(effects(settings)), None)
    if last is not None and last.state == FAILED:
        yield warn(
            "effects",
            f"The last switch ({last.measure}) was not probed: {last.why}.",
            f"Run `rambarde probe {settings.probe_targets}`, and see what it says.",
        )
        return
    yield ok("effects", f"a switch is probed through {len(target.surface)} surface(s)")


def _signers(roster: Roster, now: datetime) -> Iterator[Row]:
    locked, name_more = (
        roster.locked_from(now),
        "Name people or keys in time (`rambarde policy people --yaml`).",
    )
    if locked is not None and locked <= now + SOON:
        when = "now" if locked <= now else f"from {locked:%Y-%m-%d} on"
        yield fail("signers", f"Too few can sign {when}.", name_more)
        return
    ends = [
        f"{one.name} until {one.until:%Y-%m-%d}"
        for one in roster.current(now)
        if one.until is not None and one.until <= now + SOON
    ]
    if ends:
        yield warn("signers", f"{', '.join(ends)}.", name_more)
    else:
        yield ok("signers", f"{len(roster.current(now))} can sign")


def _file(path: Path, office: Office, standing: Standing) -> Iterator[Row]:
    """Whether the settings' policy file is what is in force: a gateway goes on with the old one if not."""
    proposal = office.proposal(path.read_bytes(), standing, source=path.name)
    if getattr(proposal.subject, "policy", None) == standing.policy:
        yield ok("policy file", f"{path} is in force")
        return
    beside = pending(path)
    sign = f"Sign it: rambarde policy sign {path}"
    if not beside.exists():
        yield fail("policy file", f"{path} is not in force, and nobody signed it.", sign)
        return
    signed = SignedChange.parse(beside.read_bytes())
    office.agrees(signed.change, proposal)
    standing.after(signed, at=office.book.clock())
    yield warn("policy file", f"{path} is signed and not in force yet.", f"rambarde policy adopt {path}")


def _names(settings: Settings) -> Catalogue:
    return catalogue(detector.info for detector in parts.detectors(settings))

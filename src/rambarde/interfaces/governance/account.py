"""The account: each change in plain words, and who answered for it in which role."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from rambarde.guard.policy.signatures.change import Change, SignedChange
from rambarde.guard.policy.signatures.people import Roster
from rambarde.guard.policy.signatures.standing import Standing
from rambarde.guard.policy.signatures.subject import (
    Assessment,
    People,
    PolicyText,
    Prepared,
    SwitchOff,
    SwitchOn,
)
from rambarde.interfaces.governance.book import Line, Story
from rambarde.interfaces.governance.office import REWORDED


@dataclass(frozen=True, slots=True)
class Signer:
    name: str
    roles: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class Account:
    """One line of the history. `void` says why it changed nothing; `at` is when it took effect.

    `breaker`: `by` is the name of an operator's monitoring, and no person switched the measure on.
    """

    number: int
    index: int
    at: datetime | None
    kind: str
    what: str
    by: str
    signers: tuple[Signer, ...]
    verdict: str | None
    reason: str
    void: str | None
    breaker: bool = False

    def as_json(self) -> dict[str, object]:
        return {
            "number": self.number,
            "index": self.index,
            "at": self.at.isoformat() if self.at else None,
            "kind": self.kind,
            "what": self.what,
            "by": self.by,
            "signed": [
                {"name": one.name, "roles": list(one.roles), "at": one.at.isoformat()} for one in self.signers
            ],
            "verdict": self.verdict,
            "reason": self.reason,
            "breaker": self.breaker,
            "void": self.void,
        }


def accounts(story: Story) -> tuple[Account, ...]:
    """All changes, in order. Of a void one nobody is said to have signed: it does not hold."""
    return tuple(account(line) for line in story.lines)


def account(line: Line) -> Account:
    entry, void = line.entry, f"{line.void.code}: {line.void.message}" if line.void else None
    if entry is None:
        return Account(line.sequence, line.logged.index, None, "unknown", "", "", (), None, "", void)
    change = entry.signed.change
    return Account(
        number=line.sequence,
        index=line.logged.index,
        at=entry.at,
        kind=change.kind.value,
        what=what(change),
        by=change.by,
        signers=() if void else signed_by(entry.signed, line.before),
        verdict=change.verdict.value if change.verdict else None,
        reason=change.reason,
        void=void,
        breaker=isinstance(change.subject, SwitchOn) and change.subject.breaker,
    )


def signed_by(signed: SignedChange, standing: Standing) -> tuple[Signer, ...]:
    """The signers with the roles they had at this standing. Verifies nothing."""
    roster = _roster(signed.change, standing)
    found = []
    for signature in signed.signatures:
        person = roster.find(signature.name) if roster else None
        roles = tuple(sorted(role.value for role in person.roles)) if person else ()
        found.append(Signer(signature.name, roles, signature.signed_at))
    return tuple(found)


def what(change: Change) -> str:
    """In a few words."""
    match change.subject:
        case People(roster):
            return ", ".join(person.name for person in roster.people)
        case PolicyText(policy=policy):
            return policy
        case Prepared(name) | SwitchOn(name) | SwitchOff(name):
            return name
        case Assessment(items):
            return ", ".join(_short(item) for item in items)


def told(signed: SignedChange, standing: Standing) -> Iterator[str]:
    """What a signer puts their name to, in words, line by line."""
    change = signed.change
    yield f"change {change.sequence}: {change.kind.value}"
    yield f"reason: {change.reason} (proposed by {change.by}, {change.created_at:%Y-%m-%d %H:%M} UTC)"
    if change.verdict is not None:
        yield f"verdict: {change.verdict.value}"
    for region in change.loosened:
        yield f"loosened: {region}"
    for region in change.tightened:
        yield region if region.startswith(REWORDED) else f"tightened: {region}"
    yield from _facts(change, standing)
    if change.document is not None:
        yield f"document {change.document}"
    if change.proof is not None:
        yield f"proof {change.proof}"
    yield f"must sign: {standing.need(change)}"
    for one in signed_by(signed, standing):
        yield f"signed: {one.name} ({', '.join(one.roles) or 'unknown'}), {one.at:%Y-%m-%d %H:%M} UTC"


def _facts(change: Change, standing: Standing) -> Iterator[str]:
    match change.subject:
        case People(roster):
            yield from _people(standing.roster, roster)
        case PolicyText() as subject:
            for swap in subject.swaps:
                yield f"detector {swap.detector}: {swap.old or 'none'} becomes {swap.new or 'none'}"
            yield f"policy {subject.policy}, compared with {subject.compared or 'none'}"
        case Prepared(name, breaker, days):
            who = "a person or a breaker" if breaker else "a person"
            yield f"measure {name}: {who} may switch it on; it is looked at {days} days later"
        case SwitchOn(name, breaker):
            yield f"measure {name}{', by a breaker' if breaker else ''}"
        case SwitchOff(name):
            yield f"measure {name}"
        case Assessment(items, evaluations):
            for item in items:
                yield f"assessed: {item}"
            for one in evaluations:
                rest = "all of it" if set(one.covers) == set(items) else ", ".join(map(_short, one.covers))
                yield f"evaluation {one.digest} of {one.made_at:%Y-%m-%d} covers {rest}"


def _people(old: Roster | None, new: Roster) -> Iterator[str]:
    before = {person.name: person for person in old.people} if old is not None else {}
    if new.demo:
        yield "these are a demo's throw-away keys: this gateway is a demo from then on, for good"
    for person in new.people:
        was = before.pop(person.name, None)
        if was == person:
            continue
        roles = ", ".join(sorted(person.roles))
        if was is None:
            yield f"may sign from now on: {person.name} ({roles}), {person.fingerprint}"
            continue
        if was.key != person.key:
            yield f"another key: {person.name}, {was.fingerprint} becomes {person.fingerprint}"
        if was.roles != person.roles:
            yield f"other roles: {person.name}, {', '.join(sorted(was.roles))} becomes {roles}"
        for word, then, now in (
            ("since", was.since, person.since),
            ("until", was.until, person.until),
            ("revoked", was.revoked, person.revoked),
        ):
            if then != now:
                yield f"{word}: {person.name}, {_day(then)} becomes {_day(now)}"
    for name in before:
        yield f"may not sign any more: {name}"


def _short(item: str) -> str:
    """A detector with the beginning of its digest."""
    name, at, found = item.partition("+sha256:")
    return f"{name}{at}{found[:12]}…" if at else item


def _day(time: datetime | None) -> str:
    return f"{time:%Y-%m-%d %H:%M} UTC" if time is not None else "never"


def _roster(change: Change, standing: Standing) -> Roster | None:
    if standing.roster is None and isinstance(change.subject, People):
        return change.subject.roster
    return standing.roster

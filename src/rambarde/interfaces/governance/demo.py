"""A demo's governance: two throw-away signers sign what a real operator's people would.

Everything it does goes the way of real changes: a roster, an assessment, signatures, the log. What it cannot
have is people who answer for it, and an evaluation; so the roster says `demo`, every checkpoint says DEMO from
then on for good, and such a gateway listens on loopback only.
"""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path

from rambarde.guard.policy import gate
from rambarde.guard.policy.bundle import Bundle
from rambarde.guard.policy.language import Policy
from rambarde.guard.policy.measure import MEASURES
from rambarde.guard.policy.reading import digest, shipped
from rambarde.guard.policy.signatures.canonical import stamp
from rambarde.guard.policy.signatures.change import SignedChange
from rambarde.guard.policy.signatures.history import Entry
from rambarde.guard.policy.signatures.key import FileKey
from rambarde.guard.policy.signatures.people import Person, Role, Roster
from rambarde.guard.policy.signatures.standing import Standing
from rambarde.interfaces.governance.office import Office
from rambarde.nouns.fault import Fault, Kind
from rambarde.prove.log import Log

FOLDER = "demo-signers"
NAMES = ("Demo One", "Demo Two")
REASON = "A demo: signed by keys that this machine made for itself."


def ensure(office: Office, log: Log, data: Path, policy: bytes, *, source: str) -> Standing:
    """Put `policy` in force with demo signatures, with the shipped measures prepared. Does nothing if it is.

    Raises `PolicyError`, and `Fault`: `policy_unproven`, or CONFLICT `not_a_demo` where real people govern.
    """
    bundle, parsed = Bundle.of(policy, office.charter.catalogue, source=source)
    standing = office.book.read().standing
    if standing.policy == parsed.digest and standing.policy_document == digest(bundle.as_bytes()):
        return standing
    if standing.roster is not None and not standing.roster.demo:
        raise Fault(
            Kind.CONFLICT,
            "not_a_demo",
            "This data folder is governed by people; a demo's signers cannot change its policy.",
            remedy="Leave out --demo, or use another data folder.",
        )
    return _Desk(office, standing, data).govern(log, policy, parsed, source)


class _Desk:
    """Makes and signs one change after the other, and adds them to the log in one go."""

    def __init__(self, office: Office, standing: Standing, data: Path) -> None:
        self.office = office
        self.standing = standing
        self.keys = [_key(data / FOLDER / f"{name.lower().replace(' ', '-')}.key") for name in NAMES]
        self.now = office.book.clock()
        self.entries: list[Entry] = []

    def govern(self, log: Log, policy: bytes, parsed: Policy, source: str) -> Standing:
        if self.standing.roster is None:
            self.sign(_roster(self.keys, self.now).as_yaml().encode(), "people.yaml")
        self.sign(self.assessment(parsed), "assessment.yaml")
        self.sign(policy, source)
        for name in MEASURES:
            if name not in self.standing.measures:
                self.sign(shipped(f"measures/{name}.yaml"), f"{name}.yaml")
        self.office.book.add(log, self.entries)
        return self.standing

    def sign(self, data: bytes, source: str) -> None:
        office = self.office
        proposal = office.proposal(data, self.standing, source=source)
        change = office.change(proposal, self.standing, by=NAMES[0], reason=REASON, at=self.now)
        signed = SignedChange(change)
        for key, name in zip(self.keys, NAMES, strict=True):
            signed = signed.sign(key, name, self.now)
        if proposal.kept:
            office.book.documents.put(proposal.kept)
        after = self.standing.after(signed, at=self.now)
        office.charter.check(self.standing, change)
        self.entries.append(Entry(signed, self.now))
        self.standing = after

    def assessment(self, policy: Policy) -> bytes:
        """JSON is YAML. It says plainly that nothing was measured."""
        items = [*gate.items(policy), gate.upstream_item(gate.ANY, None)]
        told = {
            "rambarde-assessment": 1,
            "title": "Demo: nothing was assessed",
            "policy": policy.digest,
            "items": [
                {"item": item} | ({"changed": f"{self.now:%Y-%m-%d}"} if item.startswith("upstream:") else {})
                for item in items
            ],
            "evaluations": [
                {
                    "kind": "demo",
                    "digest": digest(b"nothing was measured"),
                    "made_at": stamp(self.now),
                    "policy": policy.digest,
                    "covers": items,
                }
            ],
            "risks": [
                {
                    "risk": "Somebody takes a demo for a service.",
                    "severity": "high",
                    "likelihood": "low",
                    "mitigation": "Every checkpoint says DEMO, and the gateway listens on loopback only.",
                }
            ],
            "conclusion": "For a first try on one's own machine.",
        }
        return json.dumps(told, indent=1).encode()


def _roster(keys: list[FileKey], now: datetime) -> Roster:
    roles = frozenset({Role.POLICY, Role.ACCOUNTABLE})
    people = tuple(
        Person(name=name, roles=roles, key=key.public, since=now)
        for name, key in zip(NAMES, keys, strict=True)
    )
    return Roster(people, demo=True)


def _key(path: Path) -> FileKey:
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    return FileKey.read(path) if path.exists() else FileKey.make(path)

"""People with keys, and changes they sign: what the tests of the signatures share."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rambarde.guard.policy.proof.compare import Verdict
from rambarde.guard.policy.signatures.change import Change, SignedChange
from rambarde.guard.policy.signatures.history import Entry
from rambarde.guard.policy.signatures.key import FileKey
from rambarde.guard.policy.signatures.people import Person, Role, Roster
from rambarde.guard.policy.signatures.standing import Standing
from rambarde.guard.policy.signatures.subject import (
    Assessment,
    ChangeKind,
    People,
    PolicyText,
    Prepared,
    Subject,
    SwitchOff,
    SwitchOn,
)

T0 = datetime(2026, 11, 1, 9, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
BOTH = frozenset(Role)
POLICY = frozenset({Role.POLICY})

KINDS = {
    People: ChangeKind.PEOPLE,
    PolicyText: ChangeKind.POLICY,
    Prepared: ChangeKind.MEASURE,
    SwitchOn: ChangeKind.MEASURE_ON,
    SwitchOff: ChangeKind.MEASURE_OFF,
    Assessment: ChangeKind.ASSESSMENT,
}


def key(name: str) -> FileKey:
    return FileKey(Ed25519PrivateKey.from_private_bytes(hashlib.sha256(name.encode()).digest()))


def person(name: str, roles: frozenset[Role] = POLICY, **times: Any) -> Person:
    return Person(name, roles, key(name).public, **times)


def sha(word: str) -> str:
    return f"sha256:{hashlib.sha256(word.encode()).hexdigest()}"


ADA = person("Ada Lovelace", BOTH)
BEN = person("Ben Okri")
CLEO = person("Cléo Durand", frozenset({Role.ACCOUNTABLE}))
DAN = person("Dan Rao")
ROSTER = Roster((ADA, BEN, CLEO))


def change(standing: Standing, subject: Subject, created_at: datetime = T0, **facts: Any) -> Change:
    """The standing's next change, complete unless `facts` say otherwise."""
    facts = {"document": sha("document"), "by": "Ada Lovelace", "reason": "because", **facts}
    return Change(
        sequence=facts.pop("sequence", standing.sequence + 1),
        previous=facts.pop("previous", standing.last),
        kind=KINDS[type(subject)],
        subject=subject,
        created_at=created_at,
        **facts,
    )


def signed(unsigned: Change, *people: Person, at: datetime | None = None) -> SignedChange:
    made = SignedChange(unsigned)
    for one in people:
        made = made.sign(key(one.name), one.name, at or unsigned.created_at)
    return made


def policy(standing: Standing, word: str, verdict: Verdict | None = None, **facts: Any) -> Change:
    """A policy change that was compared with what is in force."""
    verdict = verdict or (Verdict.TIGHTENED if standing.policy else Verdict.LOOSENED)
    loose = verdict in (Verdict.LOOSENED, Verdict.BOTH)
    facts = {"verdict": verdict, "proof": sha("proof"), "document": sha(f"{word}.yaml"), **facts}
    facts.setdefault("loosened", ("on `web`: more",) if loose else ())
    subject = facts.pop("subject", PolicyText(sha(word), sha("floors"), standing.policy))
    return change(standing, subject, **facts)


def founded(roster: Roster = ROSTER) -> Standing:
    """A standing with people, and nothing else."""
    start = Standing.start()
    return start.after(signed(change(start, People(roster)), *roster.people[:2]), at=T0)


def fold(entries: Iterable[Entry], start: Standing | None = None) -> Standing:
    """What changes add up to, where none may be void: the plain reading beside `Story`, which goes on after one."""
    standing = start or Standing.start()
    for entry in entries:
        standing = standing.after(entry.signed, at=entry.at)
    return standing


def running() -> Standing:
    """With a policy in force and one measure prepared."""
    standing = founded()
    standing = standing.after(signed(policy(standing, "one"), ADA, BEN), at=T0)
    prepare = change(standing, Prepared("no-people", breaker=False, review_days=7))
    return standing.after(signed(prepare, BEN), at=T0)

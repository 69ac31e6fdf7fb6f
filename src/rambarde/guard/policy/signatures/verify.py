"""Whether enough of the right people signed a change, with keys that counted then and count now."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from rambarde.guard.policy.proof.compare import Verdict
from rambarde.guard.policy.signatures.canonical import stamp
from rambarde.guard.policy.signatures.change import Change, Signature, SignedChange, signed_bytes
from rambarde.guard.policy.signatures.openssh import holds
from rambarde.guard.policy.signatures.people import Person, Roster, fold
from rambarde.nouns.fault import Fault, Kind

LEEWAY = timedelta(minutes=5)
"""How far two clocks may differ."""


@dataclass(frozen=True, slots=True)
class Need:
    """How many different people must sign, and whether one of them must be accountable."""

    signatures: int
    accountable: bool

    def __str__(self) -> str:
        people = "one person" if self.signatures == 1 else f"{self.signatures} different people"
        if not self.accountable:
            return people
        return "one accountable person" if self.signatures == 1 else f"{people}, one of them accountable"


NONE = Need(0, False)
ONE = Need(1, False)
ANSWERED = Need(1, True)
TWO = Need(2, True)
_TIGHT = frozenset({Verdict.EQUIVALENT, Verdict.NOT_MORE_PERMISSIVE, Verdict.TIGHTENED})


def need_of(verdict: Verdict | None) -> Need:
    """One signature where nothing is loosened; two otherwise, and where nobody compared."""
    return ONE if verdict in _TIGHT else TWO


def verify(signed: SignedChange, roster: Roster, *, need: Need, at: datetime) -> tuple[Person, ...]:
    """Who signed. `at` is when the change takes effect. Every signature must hold, also those beyond the need.

    Raises `Fault(FORBIDDEN)`: `signature_twice`, `signature_unknown_key` (no such person, or not their key),
    `signature_too_early` (before the change, or before the key counted), `signature_from_future`,
    `signature_invalid`, `signature_expired`, `signature_revoked`, `signatures_missing`. A key that ended between
    signing and taking effect does not count.
    """
    stamp(at)
    _refuse_twice(signed.signatures)
    signers = tuple(_signer(signed.change, signature, roster, at) for signature in signed.signatures)
    enough = len(signers) >= need.signatures
    if not enough or (need.accountable and not any(person.accountable for person in signers)):
        raise _missing(signers, roster, need, at)
    return signers


def _refuse_twice(signatures: Sequence[Signature]) -> None:
    seen: dict[str, Signature] = {}
    for signature in signatures:
        for mark in (fold(signature.name), signature.key):
            if other := seen.get(mark):
                names = {other.name: None, signature.name: None}
                raise _fault(
                    "signature_twice",
                    f"one person signed twice ({' and '.join(names)}): by name or by key it is the same.",
                    "Keep one of the two; another person must give the other.",
                )
            seen[mark] = signature


def _signer(change: Change, signature: Signature, roster: Roster, at: datetime) -> Person:
    person = roster.find(signature.name)
    if person is None or person.fingerprint != signature.key:
        told = f"{signature.name} is not among those who may sign"
        if person is not None:
            told = f"the key {signature.key} is not the one that is listed for {person.name}"
        raise _fault(
            "signature_unknown_key",
            f"{told}.",
            "Sign with a listed key, or first change who may sign (a `people` change).",
        )
    name, then = person.name, signature.signed_at
    if then > at + LEEWAY:
        raise _fault(
            "signature_from_future",
            f"{name}'s signature is of {stamp(then)}, later than now ({stamp(at)}).",
            "Set the signer's clock, and sign again.",
        )
    if then < change.created_at - LEEWAY or then < person.since:
        what = "the change was made" if then >= person.since else f"{name}'s key counted"
        raise _fault(
            "signature_too_early",
            f"{name}'s signature is of {stamp(then)}, before {what}.",
            "Set the signer's clock, and sign again.",
        )
    if person.revoked is not None and (person.revoked <= then or person.revoked <= at):
        raise _fault(
            "signature_revoked",
            f"{name}'s key was revoked on {stamp(person.revoked)}.",
            "Somebody else must sign; find out who used this key.",
        )
    if person.until is not None and (person.until <= then or person.until <= at):
        raise _fault(
            "signature_expired",
            f"{name}'s key counts until {stamp(person.until)}, and that is over.",
            "Somebody else must sign, or first name a new key (a `people` change).",
        )
    value = bytes.fromhex(signature.value)
    if not holds(person.key, value, signed_bytes(change, signature.name, then)):
        raise _fault(
            "signature_invalid",
            f"{name}'s signature does not hold: what was signed is not this change, or not at this time.",
            "Take the change as it was signed, or have it signed again.",
        )
    return person


def _missing(signers: Sequence[Person], roster: Roster, need: Need, at: datetime) -> Fault:
    done = ", ".join(_titled(person) for person in signers) or "nobody"
    left = [person for person in roster.current(at) if person not in signers]
    if len(signers) >= need.signatures:
        left = [person for person in left if person.accountable]
    could = ", ".join(_titled(person) for person in left)
    return _fault(
        "signatures_missing",
        f"this change needs the signature of {need}; {done} signed.",
        f"These can still sign: {could}." if could else "Nobody else can sign: name more people.",
    )


def _titled(person: Person) -> str:
    return f"{person.name} ({', '.join(sorted(person.roles))})"


def _fault(code: str, message: str, remedy: str) -> Fault:
    return Fault(Kind.FORBIDDEN, code, message, remedy=remedy, field="signatures")

"""Vouching: a person of the roster signs a statement that is no change of policy, such as the end of a hold."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from rambarde.guard.policy.signatures.canonical import JSON, canonical
from rambarde.guard.policy.signatures.key import SigningKey
from rambarde.guard.policy.signatures.openssh import fingerprint, holds
from rambarde.guard.policy.signatures.people import Roster

DOMAIN = b"rambarde/hold/1\0"


def vouch(statement: Mapping[str, JSON], key: SigningKey) -> tuple[str, str]:
    """The key's fingerprint, and its signature in 128 hex digits. Raises as the key does."""
    return fingerprint(key.public), key.sign(DOMAIN + canonical(dict(statement))).hex()


def doubt(
    statement: Mapping[str, JSON], name: str, key: str, value: str, roster: Roster, at: datetime
) -> str | None:
    """Why this is no signature of `name`, whose key must count at `at`; None if it is."""
    person = roster.find(name)
    if person is None or person.fingerprint != key:
        return f"{name} is not among those who may sign, or not with this key"
    if not person.current(at):
        return f"the key of {name} does not count at that time"
    try:
        signature = bytes.fromhex(value)
    except ValueError:
        return "the signature is none"
    if not holds(person.key, signature, DOMAIN + canonical(dict(statement))):
        return f"the signature of {name} is not under this statement"
    return None

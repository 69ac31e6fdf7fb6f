"""A change of what governs the gateway, and the signatures under it: the document that enters the log."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Self

from rambarde.guard.policy.proof.compare import Verdict
from rambarde.guard.policy.signatures.canonical import (
    JSON,
    LIMIT_BYTES,
    Fields,
    a_digest,
    canonical,
    check,
    digest,
    parse,
    stamp,
    text,
    wrong,
)
from rambarde.guard.policy.signatures.key import SigningKey
from rambarde.guard.policy.signatures.openssh import SIGNATURE_BYTES, fingerprint
from rambarde.guard.policy.signatures.people import LIMIT_NAME, check_name
from rambarde.guard.policy.signatures.subject import ChangeKind, Subject, subject_of
from rambarde.nouns.fault import Fault, invalid

DOMAIN = b"rambarde/policy-change/1\0"
VERSION = 1
FIRST = "sha256:" + "0" * 64
"""The `previous` of the first change."""
LIMIT_REASON = 2_000
LIMIT_REGIONS = 1_000
LIMIT_SIGNATURES = 50
_HEX = re.compile(rf"[0-9a-f]{{{2 * SIGNATURE_BYTES}}}", re.ASCII)
_FINGERPRINT = re.compile(r"SHA256:[A-Za-z0-9+/]{43}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Change:
    """One step of the history.

    `sequence` counts from 1; `previous` is the digest of the signed change before it. `document` is the digest
    of the governed document's bytes, `proof` that of the proof. `loosened` and `tightened` are the regions in
    words, as their signers read them. `by` proposed it. Raises `Fault(INVALID)` that names the field.
    """

    sequence: int
    previous: str
    kind: ChangeKind
    subject: Subject
    reason: str
    by: str
    created_at: datetime
    document: str | None = None
    verdict: Verdict | None = None
    loosened: tuple[str, ...] = ()
    tightened: tuple[str, ...] = ()
    proof: str | None = None

    def __post_init__(self) -> None:
        if isinstance(self.sequence, bool) or self.sequence < 1:
            raise wrong("change.sequence", "must be at least 1")
        a_digest(self.previous, "change.previous")
        for name, value in (("document", self.document), ("proof", self.proof)):
            if value is not None:
                a_digest(value, f"change.{name}")
        text(self.reason, "change.reason", LIMIT_REASON)
        check_name(self.by, "change.by")
        stamp(self.created_at)
        if len(self.loosened) + len(self.tightened) > LIMIT_REGIONS:
            raise wrong("change.loosened", f"and tightened have more than {LIMIT_REGIONS} regions")
        body = self.as_json()
        check(body, "change")
        if subject_of(self.kind, body["subject"]) != self.subject:
            raise wrong("change.subject", f"is not what a change of kind {self.kind} is about")

    def as_json(self) -> dict[str, JSON]:
        return {
            "v": VERSION,
            "sequence": self.sequence,
            "previous": self.previous,
            "kind": self.kind.value,
            "document": self.document,
            "subject": self.subject.as_json(),
            "verdict": None if self.verdict is None else self.verdict.value,
            "loosened": list(self.loosened),
            "tightened": list(self.tightened),
            "proof": self.proof,
            "reason": self.reason,
            "by": self.by,
            "created_at": stamp(self.created_at),
        }

    @classmethod
    def of(cls, value: object) -> Self:
        """From its JSON, strictly. Raises `Fault(INVALID)` that names the field."""
        fields = Fields(value, "change")
        fields.whole("v", VERSION, VERSION)
        kind = _word(fields, "kind", ChangeKind)
        verdict = fields.take("verdict")
        made = cls(
            sequence=fields.whole("sequence", 1),
            previous=fields.digest("previous"),
            kind=kind,
            document=fields.digest_or_none("document"),
            subject=subject_of(kind, fields.take("subject")),
            verdict=None if verdict is None else _verdict(verdict),
            loosened=fields.texts("loosened"),
            tightened=fields.texts("tightened"),
            proof=fields.digest_or_none("proof"),
            reason=fields.text("reason", LIMIT_REASON),
            by=fields.text("by", LIMIT_NAME),
            created_at=fields.time("created_at"),
        )
        fields.done()
        return made


@dataclass(frozen=True, slots=True)
class Signature:
    """`name` as the signer wrote it, `key` the fingerprint (`SHA256:…`), `value` 128 hex digits."""

    name: str
    key: str
    signed_at: datetime
    value: str

    def __post_init__(self) -> None:
        check_name(self.name, "signature.name")
        stamp(self.signed_at)
        if not _FINGERPRINT.fullmatch(self.key):
            raise wrong("signature.key", "must be a fingerprint such as `ssh-keygen -l` prints")
        if not _HEX.fullmatch(self.value):
            raise wrong("signature.value", f"must be {2 * SIGNATURE_BYTES} hex digits in lower case")

    def as_json(self) -> dict[str, JSON]:
        return {"name": self.name, "key": self.key, "signed_at": stamp(self.signed_at), "value": self.value}

    @classmethod
    def of(cls, value: object, what: str) -> Self:
        fields = Fields(value, what)
        made = cls(
            name=fields.text("name", LIMIT_NAME),
            key=fields.text("key"),
            signed_at=fields.time("signed_at"),
            value=fields.text("value"),
        )
        fields.done()
        return made


@dataclass(frozen=True, slots=True)
class SignedChange:
    """A change with what was signed under it. Nothing is verified here: `verify` does that."""

    change: Change
    signatures: tuple[Signature, ...] = ()

    def __post_init__(self) -> None:
        if len(self.signatures) > LIMIT_SIGNATURES:
            raise wrong("signatures", f"are more than {LIMIT_SIGNATURES}")

    @property
    def digest(self) -> str:
        """Of the canonical bytes with the signatures: the next change's `previous`."""
        return digest(self.canonical())

    def canonical(self) -> bytes:
        """Raises `Fault(INVALID, "change_too_large")` above 1 MiB: nobody could read it again."""
        data = canonical(self.as_json())
        if len(data) > LIMIT_BYTES:
            raise invalid(
                "change_too_large",
                f"the change has {len(data)} bytes; at most {LIMIT_BYTES} are read.",
                remedy="Tell fewer regions, and keep long texts in the document.",
                field="change",
            )
        return data

    def as_json(self) -> dict[str, JSON]:
        return {
            "change": self.change.as_json(),
            "signatures": [signature.as_json() for signature in self.signatures],
        }

    def sign(self, key: SigningKey, name: str, at: datetime) -> Self:
        """With one more signature."""
        return replace(self, signatures=(*self.signatures, sign(self.change, key, name, at)))

    @classmethod
    def parse(cls, data: bytes) -> Self:
        """From its canonical bytes and nothing else. Raises `Fault(INVALID)` that names the field."""
        return cls.of(parse(data, "signed change"))

    @classmethod
    def of(cls, value: object) -> Self:
        fields = Fields(value, "signed change")
        change = Change.of(fields.take("change"))
        listed = fields.items("signatures")
        fields.done()
        return cls(change, tuple(Signature.of(s, f"signatures[{i}]") for i, s in enumerate(listed)))


def signed_bytes(change: Change, name: str, signed_at: datetime) -> bytes:
    """What a signature covers: the domain, the change, and who signs when, each ended by a zero byte.

    Neither JSON in ASCII nor a name holds a zero byte, so no two of these are the same bytes.
    """
    return DOMAIN + canonical(change.as_json()) + b"\0" + name.encode() + b"\0" + stamp(signed_at).encode()


def sign(change: Change, key: SigningKey, name: str, at: datetime) -> Signature:
    """Raises `Fault` if the name is none, or as the key does."""
    check_name(name, "signature.name")
    value = key.sign(signed_bytes(change, name, at))
    return Signature(name=name, key=fingerprint(key.public), signed_at=at, value=value.hex())


def _word(fields: Fields, key: str, known: type[ChangeKind]) -> ChangeKind:
    word = fields.text(key)
    if word not in list(known):
        raise _unknown(fields.name(key), list(known))
    return known(word)


def _verdict(value: object) -> Verdict:
    if not isinstance(value, str) or value not in list(Verdict):
        raise _unknown("change.verdict", list(Verdict))
    return Verdict(value)


def _unknown(field: str, known: list[ChangeKind] | list[Verdict]) -> Fault:
    return wrong(field, f"is none of {', '.join(known)}")

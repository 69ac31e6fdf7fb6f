"""Papers: a document in a file, and beside it the change that its signers sign one after the other."""

from __future__ import annotations

import os
import secrets
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path, PurePosixPath

from rambarde.guard.policy.assessment import read_assessment
from rambarde.guard.policy.reading import digest
from rambarde.guard.policy.signatures.change import Change, SignedChange
from rambarde.guard.policy.signatures.key import SigningKey
from rambarde.guard.policy.signatures.openssh import fingerprint
from rambarde.guard.policy.signatures.people import Roster, fold
from rambarde.guard.policy.signatures.standing import Standing
from rambarde.guard.policy.signatures.subject import ChangeKind, People
from rambarde.interfaces.governance import files
from rambarde.interfaces.governance.book import Story
from rambarde.interfaces.governance.office import Office, Proposal, pending, roster_of
from rambarde.nouns.fault import Fault, Kind, invalid

_UNREADABLE = "document_unreadable"
LONGEST = 1 << 20
"""Bytes of an evaluation's file that is kept beside its assessment."""


@dataclass(frozen=True, slots=True)
class Paper:
    """A document as its file has it. `signed` is the change beside it, None if nobody has begun to sign, or if what
    lies there has taken effect already. `evidence` are the evaluations' files, `unseen` the digests that have none.
    """

    path: Path
    proposal: Proposal
    signed: SignedChange | None
    evidence: tuple[bytes, ...] = ()
    unseen: tuple[str, ...] = ()

    def change(self) -> SignedChange:
        """Raises `Fault(INVALID, "change_unsigned")` if nobody has signed."""
        if self.signed is None:
            raise invalid(
                "change_unsigned",
                f"{self.path.name} is not signed.",
                remedy=f"Sign it: rambarde policy sign {self.path}",
                field="file",
            )
        return self.signed


def read(office: Office, path: Path, story: Story) -> Paper:
    """The paper at `path`, for this story. Raises `PolicyError`, and `Fault`: `document_unreadable`,
    `evaluation_missing`, `evaluation_differs`, or as a signed change's reading does.
    """
    data = _document(path)
    proposal = office.proposal(data, story.standing, source=path.name)
    evidence, unseen = _evidence(data, path) if proposal.kind is ChangeKind.ASSESSMENT else ((), ())
    signed = read_change(pending(path))
    if signed is not None and story.holds(signed):
        signed = None
    return Paper(path, proposal, signed, evidence, unseen)


def read_change(path: Path) -> SignedChange | None:
    """The change in a file, None if there is none. Raises `Fault(INVALID)`."""
    if not path.exists():
        return None
    return SignedChange.parse(files.read(path, files.LONGEST_CHANGE, code=_UNREADABLE, field="file"))


def begin(office: Office, paper: Paper, standing: Standing, *, by: str, reason: str | None) -> SignedChange:
    """The change to sign: the one beside the document if it is still what the document proposes, or a new one.

    What no gateway would follow is refused before anybody signs it. Raises `Fault`: `reason_missing`,
    `reason_differs`, `change_stale`, `change_misdeclared`, or as `Charter.check`.
    """
    proposal, signed = paper.proposal, paper.signed
    if signed is None:
        if reason is None:
            raise _no_reason()
        change = office.change(proposal, standing, by=by, reason=reason, at=office.book.clock())
        signed = SignedChange(change)
    else:
        continued(signed.change, standing, reason, paper.path)
        office.agrees(signed.change, proposal)
    if proposal.kept:
        office.book.documents.put(proposal.kept)
    office.charter.check(standing, signed.change)
    return signed


def continued(change: Change, standing: Standing, reason: str | None, path: Path) -> None:
    """Refuse to go on with a change that is not the next one any more, or that has another reason."""
    if (change.sequence, change.previous) != (standing.sequence + 1, standing.last):
        raise Fault(
            Kind.CONFLICT,
            "change_stale",
            f"This change was made as number {change.sequence}, and another one came first.",
            remedy=f"Remove the .change.json of {path.name} and have it signed anew, on what is in force now.",
        )
    if reason is not None and reason != change.reason:
        raise invalid(
            "reason_differs",
            f"The change has its reason already: {change.reason}",
            remedy="Leave --reason out, or have a change with the other reason signed from the start.",
            field="reason",
        )


def countersigned(
    signed: SignedChange, standing: Standing, key: SigningKey, name: str, at: datetime
) -> tuple[SignedChange, Fault | None]:
    """With the signature of `name`, and what is still missing; None if the change may take effect.

    Raises `Fault` for a signature that would not count, as `verify` does, and then nobody has signed.
    """
    for other in signed.signatures:
        if fold(other.name) == fold(name) or other.key == fingerprint(key.public):
            raise Fault(
                Kind.FORBIDDEN,
                "signature_twice",
                f"{other.name} has signed this change already.",
                remedy="Another person must give the next signature.",
                field="signatures",
            )
    more = signed.sign(key, name, at)
    return more, missing(more, standing, at)


def missing(signed: SignedChange, standing: Standing, at: datetime) -> Fault | None:
    """Who must still sign; None if enough have. Raises `Fault` if what is there does not hold."""
    try:
        standing.after(signed, at=at)
    except Fault as fault:
        if fault.code != "signatures_missing":
            raise
        return fault
    return None


def steps(office: Office, paths: Sequence[Path]) -> tuple[Story, list[tuple[Proposal | None, SignedChange]]]:
    """What the signed papers at `paths` do one after the other, each read on what the one before leads to.

    Keeps their documents and evaluations; nothing takes effect. Raises `Fault` if one cannot take effect.
    """
    story, made = office.book.read(), list[tuple[Proposal | None, SignedChange]]()
    for path in paths:
        paper = read(office, path, story)
        signed = paper.change()
        for kept in paper.evidence:
            office.book.documents.put(kept)
        made.append((paper.proposal, signed))
        story, _ = office.verified(made)
    return story, made


def signers(standing: Standing, proposal: Proposal | None) -> Roster:
    """Who may sign now: the people in force, or those of the first people document itself."""
    if standing.roster is None and proposal is not None and isinstance(proposal.subject, People):
        return proposal.subject.roster
    return roster_of(standing)


def write(path: Path, signed: SignedChange) -> None:
    """Whole or not at all. Raises `Fault(INVALID, "file_unwritable")`."""
    staged = path.with_name(f".{path.name}.{secrets.token_hex(6)}")
    try:
        with staged.open("wb") as file:
            file.write(signed.canonical() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        staged.replace(path)
    except OSError as error:
        with suppress(OSError):
            staged.unlink()
        raise invalid(
            "file_unwritable", f"{path}: {error.strerror}.", remedy="Check the folder.", field="file"
        ) from error


def _evidence(data: bytes, path: Path) -> tuple[tuple[bytes, ...], tuple[str, ...]]:
    """The evaluations' files beside an assessment, which must be what it says they are."""
    found, unseen = [], []
    for one in read_assessment(data, source=path.name).evaluations:
        if one.file is None:
            unseen.append(one.digest)
            continue
        place = PurePosixPath(one.file)
        if place.is_absolute() or ".." in place.parts:
            raise _evaluation("missing", one.file, "does not lie beside the assessment.")
        try:
            kept = files.read(path.parent / place, LONGEST, code="evaluation_missing", field="evaluations")
        except Fault as fault:
            raise _evaluation("missing", one.file, f"cannot be read: {fault.message}") from fault
        if len(kept) > LONGEST:
            raise _evaluation("missing", one.file, f"has more than {LONGEST:,} bytes: name its summary.")
        if digest(kept) != one.digest:
            raise _evaluation("differs", one.file, f"has the digest {digest(kept)}, and not {one.digest}.")
        found.append(kept)
    return tuple(found), tuple(unseen)


def _evaluation(what: str, name: str, why: str) -> Fault:
    return invalid(
        f"evaluation_{what}",
        f"The evaluation {name} {why}",
        remedy="Put the file that was measured beside the assessment, and its sha256 into it.",
        field="evaluations",
    )


def _no_reason() -> Fault:
    return invalid(
        "reason_missing",
        "Whoever signs first says why.",
        remedy="Give --reason: it stands in the history for good.",
        field="reason",
    )


def _document(path: Path) -> bytes:
    return files.read(path, files.LONGEST_DOCUMENT, code=_UNREADABLE, field="file")

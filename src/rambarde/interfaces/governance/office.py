"""The office: where changes are proposed, signed and adopted. Commands and the gateway's reload share it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from rambarde.guard.policy.assessment import read_assessment
from rambarde.guard.policy.bundle import Bundle
from rambarde.guard.policy.document import load
from rambarde.guard.policy.proof.compare import Comparison, Verdict
from rambarde.guard.policy.reading import digest
from rambarde.guard.policy.signatures.change import Change, SignedChange
from rambarde.guard.policy.signatures.history import Entry
from rambarde.guard.policy.signatures.people import Roster, read_people
from rambarde.guard.policy.signatures.standing import Standing
from rambarde.guard.policy.signatures.subject import (
    ChangeKind,
    People,
    PolicyText,
    Prepared,
    Subject,
    Swapped,
    SwitchOff,
    SwitchOn,
)
from rambarde.interfaces.governance.book import Story
from rambarde.interfaces.governance.charter import Charter
from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.prove.log import Log

HEADERS = {
    "rambarde-people": ChangeKind.PEOPLE,
    "rambarde-policy": ChangeKind.POLICY,
    "rambarde-measure": ChangeKind.MEASURE,
    "rambarde-assessment": ChangeKind.ASSESSMENT,
}
"""The first key of a document tells what it is."""
SUFFIX = ".change.json"
"""Beside a document: the change that its signers sign."""
TOLD = 200
"""Regions told to signers of each direction, and as many duties and reworded rules."""
REWORDED = "reworded: "
"""Begins what a change tells among the tightened regions though only words differ."""
LONGEST = 2_000
"""Characters of one of them: a change takes no more."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What a document would change: the kind, the facts, and the bytes to keep."""

    kind: ChangeKind
    subject: Subject
    kept: bytes
    verdict: Verdict | None = None
    loosened: tuple[str, ...] = ()
    tightened: tuple[str, ...] = ()
    proof: str | None = None


class Office:
    """Makes changes on a standing. Nothing takes effect before `adopt`."""

    def __init__(self, charter: Charter) -> None:
        self.charter = charter
        self.book = charter.book

    def proposal(self, data: bytes, standing: Standing, *, source: str) -> Proposal:
        """What `data` would change at this standing. Raises `PolicyError`, or `Fault` for an unproven policy."""
        keys = [key for key, _ in load(data, source).mapping("the document")]
        kind = next((HEADERS[key] for key in keys if key in HEADERS), None)
        match kind:
            case ChangeKind.PEOPLE:
                return Proposal(kind, People(read_people(data, source)), data)
            case ChangeKind.POLICY:
                return self._policy(data, standing, source)
            case ChangeKind.MEASURE:
                measure = self.charter.measure(data, source=source)
                subject = Prepared(measure.name, measure.breaker, measure.review_days)
                return Proposal(kind, subject, data, verdict=Verdict.TIGHTENED)
            case ChangeKind.ASSESSMENT:
                return Proposal(kind, read_assessment(data, source=source).subject, data)
            case _:
                raise invalid(
                    "document_unknown",
                    f"{source} is no document that can be signed.",
                    remedy=f"Its first key is one of {', '.join(HEADERS)}.",
                )

    def _policy(self, data: bytes, standing: Standing, source: str) -> Proposal:
        bundle, policy = Bundle.of(data, self.charter.catalogue, source=source)
        proof = self.charter.proven(policy)
        comparison = self.charter.compared(standing, policy, limit=TOLD)
        if comparison is None:
            subject = PolicyText(policy.digest, policy.floors_digest, standing.policy)
            why = "there was no policy before" if standing.policy is None else "the one before cannot be read"
            told = (f"everything that it lets through: {why}",)
            return Proposal(
                ChangeKind.POLICY,
                subject,
                bundle.as_bytes(),
                verdict=Verdict.LOOSENED,
                loosened=told,
                proof=proof,
            )
        swaps = tuple(Swapped(swap.detector, swap.old, swap.new) for swap in comparison.swaps)
        return Proposal(
            ChangeKind.POLICY,
            PolicyText(policy.digest, policy.floors_digest, standing.policy, swaps),
            bundle.as_bytes(),
            verdict=comparison.verdict,
            loosened=_told(comparison, "loosened"),
            tightened=(*_told(comparison, "tightened"), *_reworded(comparison)),
            proof=proof,
        )

    def change(self, proposal: Proposal, standing: Standing, *, by: str, reason: str, at: datetime) -> Change:
        """The change to sign, the next one at this standing. Raises `Fault(INVALID)` that names the field."""
        return Change(
            sequence=standing.sequence + 1,
            previous=standing.last,
            kind=proposal.kind,
            subject=proposal.subject,
            reason=reason,
            by=by,
            created_at=at,
            document=digest(proposal.kept) if proposal.kept else None,
            verdict=proposal.verdict,
            loosened=proposal.loosened,
            tightened=proposal.tightened,
            proof=proposal.proof,
        )

    def switch(
        self, name: str, standing: Standing, *, on: bool, by: str, reason: str, breaker: bool = False
    ) -> Change:
        """The change that switches a measure, not signed yet."""
        subject = SwitchOn(name, breaker) if on else SwitchOff(name)
        kind = ChangeKind.MEASURE_ON if on else ChangeKind.MEASURE_OFF
        proposal = Proposal(kind, subject, b"", verdict=Verdict.TIGHTENED if on else Verdict.LOOSENED)
        return self.change(proposal, standing, by=by, reason=reason, at=self.book.clock())

    def agrees(self, change: Change, proposal: Proposal) -> None:
        """Raise `Fault(CONFLICT, "change_stale")` if the change is not (any more) what the document proposes, and
        `Fault(FORBIDDEN, "change_misdeclared")` if it tells its signers of other regions, or of another proof.
        """
        told = (change.kind, change.subject, change.verdict, change.document)
        if told != (
            proposal.kind,
            proposal.subject,
            proposal.verdict,
            digest(proposal.kept) if proposal.kept else None,
        ):
            raise Fault(
                Kind.CONFLICT,
                "change_stale",
                "The document, or what is in force, has changed since this change was made.",
                remedy="Remove the .change.json beside it and have the change signed anew.",
            )
        # What the first signer's tool wrote must be what is found here: the next ones read it, and it stays for good.
        words = (change.loosened, change.tightened, change.proof)
        if words != (proposal.loosened, proposal.tightened, proposal.proof):
            raise Fault(
                Kind.FORBIDDEN,
                "change_misdeclared",
                "The change tells of other regions, or of another proof, than are found here.",
                remedy="Make it again with this release, and find out whose tool told otherwise.",
                field="change.loosened",
            )

    def adopt(self, log: Log, steps: Sequence[tuple[Proposal | None, SignedChange]]) -> Standing:
        """Verify changes and put them in force, all or none. Returns the new standing.

        Raises `Fault`: nothing has changed then.
        """
        story, entries = self.verified(steps)
        self.book.add(log, entries, story)
        return story.standing

    def verified(
        self, steps: Sequence[tuple[Proposal | None, SignedChange]]
    ) -> tuple[Story, tuple[Entry, ...]]:
        """The story as it would be with these changes, and their entries for the log. Keeps their documents.

        Raises `Fault` if one of them may not take effect now, or if this machine's clock is behind (`clock_behind`).
        """
        self.book.refuse_behind()
        story = self.book.read()
        entries = []
        for proposal, signed in steps:
            now = self.book.clock()
            story.standing.after(signed, at=now)
            if proposal is not None:
                self.agrees(signed.change, proposal)
                if proposal.kept:
                    self.book.documents.put(proposal.kept)
            self.charter.check(story.standing, signed.change)
            entries.append(Entry(signed, now))
            story = story.with_entry(entries[-1])
        return story, tuple(entries)


def pending(path: Path) -> Path:
    """Where the change of a document is kept while it is signed."""
    return path.with_name(path.name + SUFFIX)


def roster_of(standing: Standing) -> Roster:
    """Who may sign. Raises `Fault(NOT_FOUND, "roster_missing")`."""
    if standing.roster is None:
        raise Fault(
            Kind.NOT_FOUND,
            "roster_missing",
            "Nobody is named yet who may sign.",
            remedy="Begin with a people.yaml, signed by two of those in it (docs/policy-signing.md).",
        )
    return standing.roster


def _told(comparison: Comparison, direction: str) -> tuple[str, ...]:
    """The regions in words, as signers read them, the duties that fall away, and what more is kept."""
    regions = comparison.loosened if direction == "loosened" else comparison.tightened
    told = []
    for region in regions:
        was, now = region.stricter.word, region.laxer.word
        if direction == "tightened":
            was, now = now, was
        unless = f", unless {region.exception} holds it" if region.exception else ""
        told.append(f"{region.words}: {was} → {now} (`{region.rule}`{unless})")
    if direction in comparison.more:
        told.append("and more than are told here: `rambarde policy compare` with a larger --limit")
    if direction == "loosened":
        told += _some([str(one) for one in comparison.dropped], "duties")
        told += [f"kept of people: {one}" for one in comparison.kept[:TOLD]]
    return tuple(map(_cut, told))


def _reworded(comparison: Comparison) -> tuple[str, ...]:
    lines = _some([f"`{rule}`: {words}" for rule, words in comparison.reworded], "rules")
    return tuple(_cut(f"{REWORDED}{line}") for line in lines)


def _some(lines: list[str], what: str) -> list[str]:
    if len(lines) <= TOLD:
        return lines
    return [*lines[:TOLD], f"and {len(lines) - TOLD} more {what}: `rambarde policy compare` tells all"]


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"

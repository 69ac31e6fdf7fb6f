"""The charter: from signed documents to the policy in force, proven, and compared with what its signers were told."""

from __future__ import annotations

import hashlib
import json
import logging
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from rambarde.guard.policy import gate
from rambarde.guard.policy.assessment import read_assessment
from rambarde.guard.policy.bundle import read_bundle
from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.document import PolicyError
from rambarde.guard.policy.evaluation import Evaluator
from rambarde.guard.policy.language import Policy
from rambarde.guard.policy.measure import Measure, read_measure, under, unread
from rambarde.guard.policy.proof.check import Problem
from rambarde.guard.policy.proof.check import check as remarks
from rambarde.guard.policy.proof.compare import LIMIT, Comparison, compare
from rambarde.guard.policy.proof.prove import Proof, prove
from rambarde.guard.policy.reading import FLOORS, digest, read_floors, shipped
from rambarde.guard.policy.signatures.change import Change
from rambarde.guard.policy.signatures.standing import Standing
from rambarde.guard.policy.signatures.subject import Assessment, PolicyText, Prepared, SwitchOn
from rambarde.guard.policy.signatures.verify import need_of
from rambarde.interfaces.governance.book import Book, Story
from rambarde.interfaces.governance.finding import SOUND, Finding, bare
from rambarde.interfaces.governance.finding import Verdict as Found
from rambarde.nouns.fault import Fault, Kind

_PROVER = ("rambarde.guard.policy", "rambarde.guard.policy.proof", "rambarde.nouns")
"""The packages whose code a proof rests on."""


log = logging.getLogger(__name__)

_TEXT = "document"
"""The field of what a document alone shows."""
_PARSED = 16
"""Policies kept parsed."""
UNREADABLE = frozenset(
    {
        "document_missing",
        "policy_document_damaged",
        "bundle_damaged",
        "change_misdeclared",
        "policy_unchecked",
    }
)
_VOID = frozenset({"change_misdeclared", "launch_gate"})


@dataclass(frozen=True, slots=True)
class InForce:
    """What is in force at a standing: the policy with the measures that are on, ready to decide."""

    standing: Standing
    evaluator: Evaluator
    measures: tuple[Measure, ...]

    @property
    def policy(self) -> Policy:
        return self.evaluator.policy


class Charter:
    """Makes policies of documents. Proofs are kept by digest in the database, under the server's key."""

    def __init__(self, book: Book, catalogue: Catalogue) -> None:
        self.book = book
        self.catalogue = catalogue
        text = shipped(FLOORS)
        self.floors, self.conditions = read_floors(text, catalogue)
        self._floors_digest = digest(text)
        self._parsed: dict[str, Policy] = {}
        book.judge = self

    def in_force(self, story: Story) -> InForce:
        """The policy that the story leads to, with the measures that are on.

        Raises `Fault`: `policy_missing`, `policy_unproven`, why its change could not be checked, or as reading
        does. That it is what its signers signed for was found when the story was read.
        """
        standing, line = story.standing, story.policy_line
        if not standing.checked and line is not None and line.unread is not None:
            raise bare(line.unread)
        policy = self.adopted(standing)
        measures = tuple(self._measure(standing, name) for name in sorted(standing.on))
        effective = under(policy, measures)
        self.proven(effective)
        return InForce(standing, Evaluator(effective, self.catalogue), measures)

    def adopted(self, standing: Standing) -> Policy:
        """The standing's policy without measures. Raises `Fault(INVALID, "policy_missing")`, or as reading does."""
        if standing.policy is None:
            raise Fault(
                Kind.INVALID,
                "policy_missing",
                "No policy was adopted yet, so nothing can be decided.",
                remedy="Sign one and adopt it (docs/policy-signing.md), or try it with `rambarde serve --demo`.",
            )
        if not standing.checked:
            raise _unchecked("a document is missing, or this release cannot read it.")
        policy = self._read(standing.policy_document)
        if policy.digest != standing.policy:
            raise _misdeclared(f"its text is the policy {policy.digest}")
        return policy

    def of_digest(self, story: Story, wanted: str) -> Policy | None:
        """The policy of this digest, with the measures that were on, if it was ever in force. Newest first.

        Raises as reading does.
        """
        tried: set[tuple[str | None, frozenset[tuple[str, str]]]] = set()
        for standing in (story.standing, *(line.before for line in reversed(story.lines))):
            on = frozenset((name, standing.measures[name].document) for name in standing.on)
            if standing.policy is None or (standing.policy_document, on) in tried:
                continue
            tried.add((standing.policy_document, on))
            policy = under(self.adopted(standing), [self._measure(standing, name) for name in standing.on])
            if policy.digest == wanted:
                return policy
        return None

    def measure(self, data: bytes, *, source: str = "measure") -> Measure:
        """Raises `PolicyError`."""
        return read_measure(data, self.catalogue, self.conditions, source=source)

    def proven(self, policy: Policy) -> str:
        """The digest of the policy's proof. Raises `Fault(INVALID, "policy_unproven")` with the counterexample."""
        # The policy stands on the floors that it was signed with; proven are those of this package.
        key = digest(f"{policy.digest} {self._floors_digest} {self.catalogue_digest} {_prover()}".encode())
        found = self.book.documents.proven(key)
        if found is None:
            proof = prove(policy, self.catalogue, self.floors)
            if not proof.holds:
                raise _unproven(proof)
            found = {
                "policy": proof.policy,
                "floors": self._floors_digest,
                "catalogue": self.catalogue_digest,
                "prover": _prover(),
                "cells": str(proof.cells),  # more than JSON's numbers can say
                "invariants": {finding.invariant.value: finding.claims for finding in proof.findings},
            }
            self.book.documents.prove(key, found)
        return digest(json.dumps(found, sort_keys=True).encode())

    def compared(self, standing: Standing, policy: Policy, *, limit: int = LIMIT) -> Comparison | None:
        """With the policy in force, telling `limit` regions; None if there is none that can be read."""
        before = self._before(standing)
        return None if before is None else compare(before, policy, self.catalogue, limit=limit)

    def lacking(self, standing: Standing, policy: Policy) -> tuple[gate.Missing, ...]:
        """What the launch gate lacks for the policy."""
        return gate.missing(policy, self._before(standing), standing)

    def check(self, standing: Standing, change: Change) -> None:
        """Whether a change may take effect: it is what its documents say, and every gateway could hold what it
        leads to, now and with each prepared measure. Raises `Fault` if not, or if a document is not there.
        """
        self._agree(standing, change)
        match change.subject:
            case PolicyText():
                policy = self._read(change.document)
                self.proven(policy)
                for name in sorted(standing.measures):
                    self._refuse_unfit(standing, policy, name)
            case Prepared():
                measure = self.measure(self.book.document(change.document))
                self._refuse_unread(standing, measure)
                self._refuse_idle(standing, measure)
            case SwitchOn(name):
                if name in standing.measures:
                    self._refuse_unread(standing, self._measure(standing, name))
            case _:
                pass

    def judge(self, before: Standing, change: Change, *, doubt: bool) -> Finding:
        """What a change is found to be by its documents, and by those of what it was compared with.

        What is certain is void. What cannot be read here might be sound for another release, or once the document
        is back; so it is neither trusted nor forgotten. Raises `Fault` if the database has no answer now.
        """
        if not isinstance(change.subject, PolicyText | Prepared | Assessment):
            return SOUND
        try:
            self._agree(before, change)
        except Fault as fault:
            if fault.code not in UNREADABLE | _VOID and fault.kind in (Kind.INTERNAL, Kind.OVERLOADED):
                raise
            certain = fault.code in _VOID
            if certain and isinstance(change.subject, PolicyText) and fault.field != _TEXT:
                # Against a policy that cannot be read, or without an assessment that cannot, anything looks so.
                certain = (before.policy is None or self._before(before) is not None) and not (
                    doubt and fault.code == "launch_gate"
                )
            if fault.code in _VOID and not certain:
                fault = _unchecked(f"this is all that can be told: {fault.message}")
            return Finding(Found.VOID if certain else Found.UNREAD, bare(fault))
        except Exception as error:
            log.critical("a change could not be checked: %s", type(error).__name__, exc_info=True)
            return Finding(Found.UNREAD, _uncheckable(error))
        return SOUND

    @property
    def mark(self) -> dict[str, str]:
        """Who judges: this package's prover, its floors and the catalogue."""
        return {"prover": _prover(), "floors": self._floors_digest, "catalogue": self.catalogue_digest}

    def _agree(self, standing: Standing, change: Change) -> None:
        """Raise `Fault` if a change is not what its documents say, or has not passed the launch gate."""
        match change.subject:
            case PolicyText(policy=claimed, floors=floors):
                policy = self._read(change.document)
                if (policy.digest, policy.floors_digest) != (claimed, floors):
                    raise _misdeclared(f"its text is the policy {policy.digest}", _TEXT)
                comparison = self.compared(standing, policy)
                real = need_of(comparison.verdict if comparison else None)
                if real.signatures > need_of(change.verdict).signatures:
                    told = f"`{comparison.verdict}`" if comparison else "compared with nothing"
                    raise _misdeclared(f"it says `{change.verdict}`, and it is {told}")
                gate.refuse(self.lacking(standing, policy))
            case Prepared(name, breaker, days):
                measure = self.measure(self.book.document(change.document))
                if (measure.name, measure.breaker, measure.review_days) != (name, breaker, days):
                    raise _misdeclared("its document says otherwise", _TEXT)
            case Assessment():
                document = read_assessment(self.book.document(change.document))
                if document.subject != change.subject:
                    raise _misdeclared("its document says otherwise", _TEXT)
                if document.demo and not standing.demo:
                    raise _misdeclared("an evaluation of kind `demo` measured nothing", _TEXT)
            case _:
                pass

    def _refuse_unfit(self, standing: Standing, policy: Policy, name: str) -> None:
        """Refuse a policy under which a measure could not be switched on, or could not stay on."""
        others = [other for other in standing.on if other != name]
        try:
            measure, *rest = (self._measure(standing, one) for one in (name, *others))
        except Fault as fault:
            if fault.code not in UNREADABLE and not isinstance(fault, PolicyError):
                raise
            log.error("the measure %s cannot be read: %s", name, fault.code)
            return  # the policy makes that no worse
        remedy = f"Prepare {name!r} again, for this policy too, and adopt both at once; two people sign that."
        if missing := unread(policy, measure, self.catalogue):
            raise _unfit(
                name, f"it reads detectors that the policy does not require: {', '.join(missing)}.", remedy
            )
        try:
            self.proven(under(policy, (measure, *rest)))
        except Fault as fault:
            if fault.code != "policy_unproven":
                raise
            raise _unfit(name, fault.message, remedy) from fault

    def _refuse_idle(self, standing: Standing, measure: Measure) -> None:
        """Refuse a measure that could not be held under the policy in force, or of which a rule does nothing."""
        policy = self._before(standing)
        if policy is None:
            return  # asked again when a policy is adopted
        effective = under(policy, (measure,))
        own = {rule.id for rule in measure.rules}
        for remark in remarks(effective, self.catalogue):
            if remark.rule in own and remark.problem in (Problem.UNKNOWN, Problem.UNREACHABLE):
                raise Fault(
                    Kind.INVALID,
                    "measure_idle",
                    f"The measure {measure.name!r} does not do what it says: {remark.message}",
                    remedy=remark.suggestion or "Write a rule that fires.",
                    field="rules",
                )
        on = [self._measure(standing, name) for name in standing.on if name != measure.name]
        try:
            self.proven(under(policy, (measure, *on)))
        except Fault as fault:
            if fault.code != "policy_unproven":
                raise
            raise _unfit(
                measure.name, fault.message, "Change its rules so that the invariants hold."
            ) from fault

    @property
    def catalogue_digest(self) -> str:
        """Of all that a proof needs to know of the signals."""
        told = {
            entry.name: [entry.polarity.value, [point.value for point in entry.points], entry.detector]
            for entry in self.catalogue.values()
        }
        return digest(json.dumps(told, sort_keys=True).encode())

    def _read(self, document: str | None) -> Policy:
        """The policy of a document. Its bytes are held against their digest each time, and parsed once."""
        data = self.book.document(document)
        policy = self._parsed.get(document or "")
        if policy is None:
            policy = read_bundle(data).read(self.catalogue)
            if len(self._parsed) >= _PARSED:
                self._parsed.clear()
            self._parsed[document or ""] = policy
        return policy

    def _before(self, standing: Standing) -> Policy | None:
        """The policy in force, or None if there is none, or none that can be read.

        So that a policy whose text is gone or damaged can be followed by another: as a first one, by two people.
        """
        if standing.policy is None:
            return None
        try:
            return self.adopted(standing)
        except Fault as fault:
            if fault.code not in UNREADABLE and not isinstance(fault, PolicyError):
                raise
            return None

    def _measure(self, standing: Standing, name: str) -> Measure:
        measure = self.measure(self.book.document(standing.measures[name].document))
        if measure.name != name:
            raise _misdeclared(f"the document of the measure {name!r} is of {measure.name!r}")
        return measure

    def _refuse_unread(self, standing: Standing, measure: Measure) -> None:
        policy = self._before(standing)  # a policy whose text is damaged is no reason not to tighten
        if policy is not None and (missing := unread(policy, measure, self.catalogue)):
            raise Fault(
                Kind.INVALID,
                "measure_unread",
                f"The measure {measure.name!r} reads detectors that the policy does not require: "
                f"{', '.join(missing)}.",
                remedy="List them under the policy's `detectors`.",
            )


@cache
def _prover() -> str:
    """The digest of the prover's own code: with another, every proof is made anew."""
    whole = hashlib.sha256()
    for package in _PROVER:
        for file in sorted(files(package).iterdir(), key=lambda one: one.name):
            if file.name.endswith(".py"):
                whole.update(file.name.encode() + b"\0" + file.read_bytes() + b"\0")
    return "sha256:" + whole.hexdigest()


def _unproven(proof: Proof) -> Fault:
    broken = next(finding for finding in proof.findings if not finding.proven)
    assert broken.breach is not None
    return Fault(
        Kind.INVALID,
        "policy_unproven",
        f"The policy breaks an invariant ({broken.invariant.value}): {broken.breach.words}.",
        remedy="`rambarde policy prove FILE` tells all of them. Nothing starts on it or switches to it.",
    )


def _unfit(name: str, why: str, remedy: str) -> Fault:
    return Fault(
        Kind.INVALID,
        "measure_unfit",
        f"The measure {name!r} could not be held when it is switched on: {why}",
        remedy=remedy,
    )


def _unchecked(why: str) -> Fault:
    return Fault(
        Kind.INTERNAL,
        "policy_unchecked",
        f"The adopted policy could not be held against its documents and the policy before it: {why}",
        remedy="Restore the documents from a backup, or run the release that adopted it. If neither is possible, two "
        "people adopt a policy anew, with an assessment of all that it offers.",
    )


def _uncheckable(error: Exception) -> Fault:
    return Fault(
        Kind.INTERNAL,
        "change_uncheckable",
        f"The change could not be held against its documents ({type(error).__name__}).",
        remedy="The server's log tells where; please report it. Two people can adopt another policy.",
    )


def _misdeclared(why: str, field: str | None = None) -> Fault:
    return Fault(
        Kind.FORBIDDEN,
        "change_misdeclared",
        f"The change is not what was signed for: {why}.",
        remedy="Make it again with `rambarde policy sign`, and find out whose tool told otherwise.",
        field=field,
    )

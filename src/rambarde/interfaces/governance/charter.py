"""The charter: from signed documents to the policy in force, proven, and compared with what its signers were told."""

from __future__ import annotations

import hashlib
import json
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
from rambarde.guard.policy.proof.compare import LIMIT, Comparison, compare
from rambarde.guard.policy.proof.prove import Proof, prove
from rambarde.guard.policy.reading import FLOORS, digest, read_floors, shipped
from rambarde.guard.policy.signatures.change import Change
from rambarde.guard.policy.signatures.standing import Standing
from rambarde.guard.policy.signatures.subject import Assessment, PolicyText, Prepared, SwitchOn
from rambarde.guard.policy.signatures.verify import need_of
from rambarde.interfaces.governance.book import Book, Story
from rambarde.nouns.fault import Fault, Kind

_PROVER = ("rambarde.guard.policy", "rambarde.guard.policy.proof", "rambarde.nouns")
"""The packages whose code a proof rests on."""


_PARSED = 16
"""Policies kept parsed."""
_UNREADABLE = frozenset(
    {"document_missing", "policy_document_damaged", "bundle_damaged", "change_misdeclared"}
)


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
        self._checked: set[str] = set()
        self._parsed: dict[str, Policy] = {}

    def in_force(self, story: Story) -> InForce:
        """The policy that the story leads to, with the measures that are on.

        Raises `Fault`: `policy_missing`, `policy_unproven`, `launch_gate`, `change_misdeclared` (the change is not
        what its signers signed for, whatever their tools told them), or as reading does.
        """
        standing, line = story.standing, story.policy_line
        policy = self.adopted(standing)
        assert line is not None and line.entry is not None
        signed = line.entry.signed
        if signed.digest not in self._checked:  # it stands for the whole history up to it
            self.check(line.before, signed.change)
            self._checked.add(signed.digest)
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
        """Whether a change is what its documents say. Raises `Fault` if not, or if a document is not there."""
        match change.subject:
            case PolicyText(policy=claimed):
                policy = self._read(change.document)
                if policy.digest != claimed:
                    raise _misdeclared(f"its text is the policy {policy.digest}")
                comparison = self.compared(standing, policy)
                real = need_of(comparison.verdict if comparison else None)
                if real.signatures > need_of(change.verdict).signatures:
                    told = f"`{comparison.verdict}`" if comparison else "compared with nothing"
                    raise _misdeclared(f"it says `{change.verdict}`, and it is {told}")
                self.proven(policy)
                gate.refuse(self.lacking(standing, policy))
            case Prepared(name, breaker, days):
                measure = self.measure(self.book.document(change.document))
                if (measure.name, measure.breaker, measure.review_days) != (name, breaker, days):
                    raise _misdeclared("its document says otherwise")
                self._refuse_unread(standing, measure)
            case SwitchOn(name):
                if name in standing.measures:
                    self._refuse_unread(standing, self._measure(standing, name))
            case Assessment():
                document = read_assessment(self.book.document(change.document))
                if document.subject != change.subject:
                    raise _misdeclared("its document says otherwise")
                if document.demo and not standing.demo:
                    raise _misdeclared("an evaluation of kind `demo` measured nothing")
            case _:
                pass

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
            if fault.code not in _UNREADABLE and not isinstance(fault, PolicyError):
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


def _misdeclared(why: str) -> Fault:
    return Fault(
        Kind.FORBIDDEN,
        "change_misdeclared",
        f"The change is not what was signed for: {why}.",
        remedy="Make it again with `rambarde policy sign`, and find out whose tool told otherwise.",
    )

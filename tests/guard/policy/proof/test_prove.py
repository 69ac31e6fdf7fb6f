"""The proof of a small policy: what holds, and for each invariant the counterexample that it calls for."""

from __future__ import annotations

import pytest

from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.language import Policy
from rambarde.guard.policy.proof.prove import Invariant, Proof, prove
from rambarde.guard.policy.reading import read_floors, read_policy
from rambarde.nouns.decision import Outcome
from tests.guard.policy.conftest import FLOORS, POLICY


def read(text: str, names: Catalogue) -> Policy:
    return read_policy(text.encode(), names, floors=FLOORS.encode())


def proof(text: str, names: Catalogue, floors: str = FLOORS) -> Proof:
    return prove(read(text, names), names, read_floors(floors.encode(), names)[0])


def test_a_sound_policy(names: Catalogue) -> None:
    found = proof(POLICY, names)
    assert found.holds and [one.invariant for one in found.findings] == list(Invariant)
    assert all(one.proven and one.breach is None and one.claims for one in found.findings)
    assert found.policy == read(POLICY, names).digest and found.cells > 1000


def test_floors_are_those_of_the_package_and_not_the_policys_own(names: Catalogue) -> None:
    """As after an upgrade: the package asks for more than the policy's floors do."""
    harder = FLOORS.replace("risky: {signal: a, at_least: 0.5}", "risky: {signal: a, at_least: 0.4}")
    found = proof(POLICY, names, harder)
    broken = {one.invariant: one.breach for one in found.findings if not one.proven}
    assert set(broken) == {Invariant.FLOORS} and not found.holds
    breach = broken[Invariant.FLOORS]
    assert breach is not None and breach.rule.startswith("minor-sexual")
    assert (breach.outcome, breach.least) == (Outcome.ALLOW, Outcome.BLOCK)
    assert breach.evaluated is breach.outcome, "the compiled evaluator agrees"
    assert breach.assigned == {"a": "0.4"}


@pytest.mark.parametrize("limit", ["{context: surface, in: [web]}", "{context: mode, in: [standard]}"])
def test_what_makes_unequal_without_saying_so(limit: str, names: Catalogue) -> None:
    plain = "when: {signal: b, at_least: 0.1}"
    assert plain in POLICY
    found = proof(POLICY.replace(plain, f"when: {{all: [{{signal: b, at_least: 0.1}}, {limit}]}}"), names)
    broken = {one.invariant: one.breach for one in found.findings if not one.proven}
    assert set(broken) == {Invariant.EQUAL}
    breach = broken[Invariant.EQUAL]
    assert breach is not None and breach.rule == "french" and breach.outcome < breach.least


def test_the_same_rule_that_names_its_surfaces_is_no_breach(names: Catalogue) -> None:
    assert proof(
        POLICY.replace("    countries: [FR]\n", "    countries: [FR]\n    surfaces: [web]\n"), names
    ).holds

"""The shipped prover and the slow one agree on policies of any kind, and counterexamples are smallest and real."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings

from rambarde.guard.policy.evaluation import Evaluator
from rambarde.guard.policy.language import Policy, Rule
from rambarde.guard.policy.proof.compare import compare
from rambarde.guard.policy.proof.model import Model
from rambarde.guard.policy.proof.prove import Invariant, prove
from rambarde.guard.policy.proof.space import Space
from rambarde.guard.policy.reading import FLOORS, SHIPPED, read_floors, read_policy, shipped
from rambarde.interfaces import parts
from rambarde.interfaces.settings import Settings
from tests.guard.policy.proof import smt
from tests.guard.policy.proof.enumeration import Enumeration
from tests.guard.policy.proof.generated import NAMES, policies

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large]


def agree(policy: Policy, floors: tuple[Rule, ...]) -> dict[Invariant, int | None]:
    slow = Enumeration(policy, NAMES, floors)
    found: dict[Invariant, int | None] = {}
    for finding in prove(policy, NAMES, floors).findings:
        breach = finding.breach
        found[finding.invariant] = None if breach is None else len(breach.assigned)
        assert found[finding.invariant] == slow.smallest(finding.invariant), finding
        if breach is not None:
            # The compiled evaluator, on one input of the counterexample's cells.
            assert breach.evaluated is breach.outcome
            assert breach.outcome < breach.least
    return found


@given(policies())
@settings(max_examples=6, deadline=None, suppress_health_check=QUIET)
@pytest.mark.slow
def test_both_provers_agree(drawn: tuple[Policy, tuple[Rule, ...]]) -> None:
    agree(*drawn)


@pytest.mark.soak
@pytest.mark.timeout(1800)
@given(policies())
@settings(max_examples=80, deadline=None, suppress_health_check=QUIET)
def test_both_provers_agree_at_length(drawn: tuple[Policy, tuple[Rule, ...]]) -> None:
    agree(*drawn)


@given(policies())
@settings(max_examples=40, deadline=None, suppress_health_check=QUIET)
def test_the_model_means_what_the_evaluator_does(drawn: tuple[Policy, tuple[Rule, ...]]) -> None:
    """On a walk through the cells that comes by every value of every input, in ever new company."""
    policy, floors = drawn
    space = Space([policy], NAMES, floors)
    model, evaluator = Model(policy, space), Evaluator(policy, NAMES)
    for number in range(400):
        case = tuple(
            (number * (2 * index + 1) + number // (index + 2)) % len(variable.values)
            for index, variable in enumerate(space.variables)
        )
        assert evaluator.decide(*space.represent(case)).outcome is model.outcome(case)


@pytest.mark.skipif(smt.z3 is None, reason="z3-solver is not installed")
@given(policies())
@settings(max_examples=40, deadline=None, suppress_health_check=QUIET)
@pytest.mark.slow
def test_z3_agrees(drawn: tuple[Policy, tuple[Rule, ...]]) -> None:
    policy, floors = drawn
    formulas = smt.Formulas(policy, NAMES)
    for finding in prove(policy, NAMES, floors).findings:
        assert formulas.refuted(finding.invariant, floors) is not finding.proven, finding


@pytest.mark.skipif(smt.z3 is None, reason="z3-solver is not installed")
@given(policies(), policies())
@settings(max_examples=40, deadline=None, suppress_health_check=QUIET)
@pytest.mark.slow
def test_z3_agrees_on_what_is_more_permissive(
    old: tuple[Policy, tuple[Rule, ...]], new: tuple[Policy, tuple[Rule, ...]]
) -> None:
    found = compare(old[0], new[0], NAMES)
    assert smt.Formulas(old[0], NAMES).more_permissive(new[0]) is bool(found.loosened)
    assert smt.Formulas(new[0], NAMES).more_permissive(old[0]) is bool(found.tightened)
    for region in (*found.loosened, *found.tightened):
        assert region.laxer < region.stricter


@pytest.mark.skipif(smt.z3 is None, reason="z3-solver is not installed")
@pytest.mark.slow
@pytest.mark.parametrize("invariant", Invariant)
def test_z3_agrees_on_the_shipped_policy(invariant: Invariant) -> None:
    names = parts.judging(Settings())[2]
    floors = read_floors(shipped(FLOORS), names)[0]
    policy = read_policy(shipped(SHIPPED), names)
    assert not smt.Formulas(policy, names).refuted(invariant, floors)
    assert prove(policy, names, floors).holds


def test_the_model_means_what_the_evaluator_does_for_the_shipped_policy() -> None:
    names = parts.judging(Settings())[2]
    policy = read_policy(shipped(SHIPPED), names)
    space = Space([policy], names)
    model, evaluator, draw = Model(policy, space), Evaluator(policy, names), random.Random(4)
    for number in range(1500):
        # Mostly defaults, else some floor fires on nearly everything that is drawn.
        odds = (number % 10) / 10
        case = tuple(
            draw.randrange(len(variable.values)) if draw.random() < odds else variable.default
            for variable in space.variables
        )
        assert evaluator.decide(*space.represent(case)).outcome is model.outcome(case)

"""The launch gate: nothing new without an assessment; what is live is not asked again."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.guard.policy import gate
from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.language import Policy
from rambarde.guard.policy.reading import read_policy
from rambarde.guard.policy.signatures.standing import Assessed, Standing
from rambarde.guard.policy.signatures.subject import Evaluation
from rambarde.nouns.fault import Fault
from tests.guard.policy.conftest import FLOORS, POLICY

NOW = datetime(2026, 11, 20, tzinfo=UTC)
DOCUMENT = "sha256:" + "d" * 64


@pytest.fixture
def policy(names: Catalogue) -> Policy:
    return read_policy(POLICY.encode(), names, floors=FLOORS.encode())


def assessed(policy: str | None, *items: str, measured: bool = True) -> Standing:
    evaluations = (Evaluation(DOCUMENT, NOW, items),) if measured else ()
    return Standing(assessed={item: Assessed(DOCUMENT, evaluations, policy, NOW, ("Ada",)) for item in items})


def test_surfaces_modes_and_detectors_go_live(policy: Policy) -> None:
    assert gate.items(policy) == (
        *("surface:web", "surface:app", "mode:standard", "mode:spicy"),
        "detector:d@1+sha256:" + "0" * 64,
    )
    odd = replace(policy.detectors[0], version="2 + é@x")
    item = gate.detector_item(odd)
    assert item == "detector:d@2%20%2B%20%C3%A9%40x+sha256:" + "0" * 64


def test_without_an_assessment_all_is_missing(policy: Policy) -> None:
    lacking = gate.missing(policy, None, Standing.start())
    assert [one.item for one in lacking] == list(gate.items(policy))
    with pytest.raises(Fault) as shut:
        gate.refuse(lacking)
    assert shut.value.code == "launch_gate" and "and 2 more" in shut.value.message
    gate.refuse(())


def test_an_assessment_counts_with_an_evaluation_and_under_this_policy(policy: Policy) -> None:
    items = gate.items(policy)
    assert gate.missing(policy, None, assessed(policy.digest, *items)) == ()
    assert len(gate.missing(policy, None, assessed(policy.digest, *items, measured=False))) == len(items)
    for other in (None, "sha256:" + "9" * 64):
        left = [one.item for one in gate.missing(policy, None, assessed(other, *items))]
        assert left == [item for item in items if not item.startswith("detector:")]


def test_another_digest_of_a_detector_is_another_thing(policy: Policy) -> None:
    swapped = replace(policy, detectors=(replace(policy.detectors[0], digest="sha256:" + "7" * 64),))
    standing = assessed(policy.digest, *gate.items(policy))
    assert [one.item for one in gate.missing(swapped, policy, standing)] == [
        "detector:d@1+sha256:" + "7" * 64
    ]
    newer = replace(policy, detectors=(replace(policy.detectors[0], version="2"),))
    assert [one.item for one in gate.missing(newer, policy, standing)] == ["detector:d@2+sha256:" + "0" * 64]
    assert gate.missing(policy, policy, Standing.start()) == ()


@given(
    before=st.sets(st.sampled_from("abcd")),
    after=st.sets(st.sampled_from("abcd")),
    known=st.sets(st.sampled_from("abcd")),
)
def test_missing_is_what_is_new_and_not_assessed(before: set[str], after: set[str], known: set[str]) -> None:
    def offering(surfaces: set[str]) -> Policy:
        return Policy("p", DOCUMENT, DOCUMENT, tuple(sorted(surfaces)), (), (), ())

    standing = assessed(DOCUMENT, *(f"surface:{one}" for one in known))
    lacking = gate.missing(offering(after), offering(before), standing)
    assert {one.item for one in lacking} == {f"surface:{one}" for one in after - before - known}


@pytest.mark.parametrize(
    ("item", "name", "model", "passes"),
    [
        ("upstream:openai/m", "openai", "m", True),
        ("upstream:openai/m", "openai", "n", False),
        ("upstream:openai/m", "openai", None, False),  # whatever the upstream takes then
        ("upstream:openai/*", "openai", "n", True),
        ("upstream:openai/*", "openai", None, True),
        ("upstream:openai/*", "other", None, False),
        ("upstream:*/*", "other", "x", True),
        ("upstream:*/m", "openai", "m", False),
        ("mode:openai/m", "openai", "m", False),
    ],
)
def test_a_generator_is_asked_for_what_was_assessed(
    item: str, name: str, model: str | None, passes: bool
) -> None:
    gone = assessed(None, item, measured=False)
    with pytest.raises(Fault):
        gate.refuse_upstream(gone, name, model)
    if passes:
        gate.refuse_upstream(assessed(None, item), name, model)
        return
    with pytest.raises(Fault) as shut:
        gate.refuse_upstream(assessed(None, item), name, model)
    assert (shut.value.code, shut.value.field) == ("launch_gate", "model")

"""The launch gate's list: what goes live, what it lacks, and a form that says nothing before somebody fills it in."""

from __future__ import annotations

from datetime import date

import pytest

from rambarde.guard.policy.assessment import read_assessment
from rambarde.guard.policy.document import PolicyError
from rambarde.guard.policy.reading import read_policy
from rambarde.interfaces.governance.launch import Launch, launch, template
from tests.interfaces.cli.governed import filled
from tests.interfaces.governance.conftest import POLICY, House, Package
from tests.interfaces.governance.test_charter import HARDER

pytestmark = pytest.mark.slow

TODAY = date(2026, 11, 20)


def found(house: House, text: str = POLICY, model: str | None = "m1") -> Launch:
    policy = read_policy(text.encode(), house.names)
    return launch(house.charter, house.standing, policy, upstream="openai", model=model)


def test_before_the_first_policy_everything_is_missing(house: House) -> None:
    gate = found(house)
    assert {item.name.partition(":")[0] for item in gate.lacking} == {
        "surface",
        "mode",
        "detector",
        "upstream",
    }
    assert not gate.open and gate.unproven is None and not any(item.live for item in gate.items)
    assert gate.items[-1].name == "upstream:openai/m1"


def test_what_is_live_lacks_nothing_and_another_model_does(house: House) -> None:
    house.found()
    house.assess(POLICY, "upstream:openai/m1")
    assert found(house).open and all(item.live for item in found(house).items)
    other = found(house, model="m2")
    assert [item.name for item in other.lacking] == ["upstream:openai/m2"]
    assert [item.name for item in found(house, model=None).lacking] == ["upstream:openai/*"]


def test_a_new_surface_is_the_only_thing_missing(house: House) -> None:
    house.found()
    house.assess(POLICY, "upstream:openai/m1")
    gate = found(house, POLICY.replace("surfaces: [web, app]", "surfaces: [web, app, reply]"))
    assert [item.name for item in gate.lacking] == ["surface:reply"]


def test_what_is_not_proven_says_why_and_is_shut(house: House, package: Package) -> None:
    house.found()
    package.floors = HARDER.encode()
    later = house.again()
    policy = later.charter.adopted(later.standing)  # on the floors of then
    gate = launch(later.charter, later.standing, policy, upstream="openai", model="m1")
    assert gate.unproven is not None and "floors" in gate.unproven and not gate.open


def test_the_form_parses_only_once_it_is_filled_in(house: House) -> None:
    gate = found(house)
    form = template(gate, today=TODAY)
    with pytest.raises(PolicyError):
        read_assessment(form.encode())
    made = read_assessment(filled(form, "report.json", b"{}").encode())
    assert set(made.subject.items) == {item.name for item in gate.lacking}
    house.found()
    house.assess(POLICY, "upstream:openai/m1")
    assert template(found(house), today=TODAY).startswith("# Nothing is missing")

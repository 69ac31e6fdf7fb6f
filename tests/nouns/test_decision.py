"""A decision cannot be mistaken for a boolean, and knows a floor."""

from __future__ import annotations

import pytest

from rambarde.nouns.decision import Decision, Evidence, Fired, Outcome, Point


def decision(*fired: Fired) -> Decision:
    outcome = max((f.outcome for f in fired), default=Outcome.ALLOW)
    return Decision(Point.RELEASE, outcome, fired, (), "sha256:0")


FLOOR = Fired("minor-sexual", Outcome.BLOCK, "r", floor=True)
HELD = Fired("unchecked", Outcome.REVIEW, "r", floor=True)
RULE = Fired("adult", Outcome.BLOCK, "r")


@pytest.mark.parametrize("fired", [(), (FLOOR,), (HELD,)])
def test_it_is_no_boolean(fired: tuple[Fired, ...]) -> None:
    with pytest.raises(TypeError, match="not a boolean"):
        bool(decision(*fired))
    with pytest.raises(TypeError):
        assert not decision(*fired)


def test_allowed_means_that_nothing_fired() -> None:
    assert decision().allowed is True
    assert [decision(f).allowed for f in (FLOOR, HELD, RULE)] == [False, False, False]


def test_a_floor_hit_is_a_floor_that_blocks() -> None:
    assert decision(RULE, FLOOR).floor_hit
    assert not decision(HELD).floor_hit, "a floor that holds stops one image, not the batch"
    assert not decision(RULE).floor_hit


def test_outcomes_are_ordered_by_strictness() -> None:
    assert Outcome.ALLOW < Outcome.REVIEW < Outcome.BLOCK
    assert [outcome.word for outcome in Outcome] == ["allow", "review", "block"]


def test_evidence_makes_no_other_decision() -> None:
    plain = decision(FLOOR)
    told = Decision(
        plain.point, plain.outcome, plain.fired, (), plain.policy, (Evidence("terms.sexual", "word"),)
    )
    assert plain == told

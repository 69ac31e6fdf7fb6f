"""Decisions are whole or are none; of two entries the same one holds, in whatever order they are met."""

from __future__ import annotations

import dataclasses
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given

from rambarde.guard.banks.entry import OWN, Decision, Entry, Kind, prevailing
from tests.guard.banks.known import NOON, decision, decisions, entries


@given(decisions)
def test_a_decision_is_read_back(one: Decision) -> None:
    assert Decision.from_json(one.as_json()) == one


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("source", ""),
        ("source", "Own"),
        ("source", "a b"),
        ("by", ""),
        ("by", "  "),
        ("by", "a\nb"),
        ("by", "x" * 501),
        ("reason", ""),
        ("reason", "\u202eabc"),
        ("at", datetime(2026, 1, 1)),
    ],
)
def test_nothing_comes_in_without_who_when_and_why(field: str, value: Any) -> None:
    with pytest.raises(ValueError, match=field):
        dataclasses.replace(decision(), **{field: value})


@pytest.mark.parametrize("wrong", [None, [], {}, {"by": "A"}, decision().as_json() | {"at": "noon"}, {1: 2}])
def test_what_is_no_decision(wrong: object) -> None:
    with pytest.raises(ValueError):
        Decision.from_json(wrong)


@given(entries, entries)
def test_the_order_of_meeting_does_not_matter(one: Entry, other: Entry) -> None:
    assert prevailing(one, other) == prevailing(other, one)
    assert prevailing(one, one) == one


BLOCK, GONE = Kind.BLOCK, Kind.REMOVED


def entry(kind: Kind, source: str = OWN, minutes: int = 0) -> Entry:
    return Entry(kind, decision(source, minutes), decision() if kind is GONE else None)


@pytest.mark.parametrize(
    ("winner", "loser"),
    [
        (entry(GONE, OWN), entry(BLOCK, "ncmec", 9)),  # an exchange does not bring back what people removed
        (entry(BLOCK, OWN), entry(GONE, "ncmec", 9)),  # nor does it remove what they blocked
        (entry(Kind.NEGATIVE, OWN), entry(BLOCK, "ncmec", 9)),
        (entry(GONE, "ncmec", 9), entry(BLOCK, "ncmec")),  # an exchange withdraws its own
        (entry(BLOCK, "ncmec", 9), entry(GONE, "ncmec")),  # and may report it again
        (entry(BLOCK, "ncmec"), entry(GONE, "stopncii", 9)),  # but not another's
        (entry(BLOCK, OWN, 1), entry(GONE, OWN)),
        (entry(BLOCK, OWN), entry(GONE, OWN)),  # at the same time: the stricter
    ],
)
def test_who_prevails(winner: Entry, loser: Entry) -> None:
    assert prevailing(winner, loser) == prevailing(loser, winner) == winner


def test_a_tombstone_keeps_the_first_decision() -> None:
    gone = entry(BLOCK).removed(decision(minutes=5))
    assert (gone.kind, gone.added, gone.decision.at > NOON) == (GONE, decision(), True)

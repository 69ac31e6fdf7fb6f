"""The sweep: monotone, and equal to counting one by one."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.measure.sweep import ABSENT, STEPS, UNKNOWN, Share, area, sweep

VALUES = st.lists(st.one_of(st.floats(0, 1), st.sampled_from([0.5, 0.05, ABSENT, UNKNOWN])), max_size=60)


@given(VALUES, VALUES)
def test_it_counts_and_never_rises(have: list[float], lack: list[float]) -> None:
    points = sweep(have, lack)
    assert [point.threshold for point in points] == sorted(STEPS)
    for point in points:
        assert point.recall.hits == sum(value >= point.threshold for value in have)
        assert point.false_positives.hits == sum(value >= point.threshold for value in lack)
        assert (point.recall.of, point.false_positives.of) == (len(have), len(lack))
    for one, two in pairwise(points):
        assert one.recall.hits >= two.recall.hits
        assert one.false_positives.hits >= two.false_positives.hits


@given(VALUES, VALUES)
def test_the_area_is_how_often_one_stands_above_the_other(have: list[float], lack: list[float]) -> None:
    found = area(have, lack)
    if not have or not lack:
        assert found is None
        return
    above = sum((a > b) + (a == b) / 2 for a in have for b in lack)
    assert found == pytest.approx(above / (len(have) * len(lack)))
    assert area(lack, have) == pytest.approx(1 - found)


def test_unknown_is_stopped_at_every_threshold_and_absent_at_none() -> None:
    points = sweep([UNKNOWN], [ABSENT], [0.0, 1.0])
    assert [(p.recall.hits, p.false_positives.hits) for p in points] == [(1, 0), (1, 0)]


def test_a_threshold_twice_is_one_point() -> None:
    assert [p.threshold for p in sweep([0.5], [0.1], (0.5, 0.2, 0.5))] == [0.2, 0.5]


def test_the_share_of_nothing_is_open() -> None:
    assert Share.count(0, 0) == Share(0, 0, 0.0, 0.0, 1.0)

"""What a re-check says: any test that is met is enough, and no answer is never clean."""

from __future__ import annotations

import pytest

from rambarde.measure.monitor.recheck import CLEAN, PROBLEMATIC, UNKNOWN, judged, read, refuse_same
from rambarde.nouns.fault import Fault
from rambarde.nouns.signal import Signal

TESTS = read(["regions:exposed>=0.6", " other : mark >= 1 "], "recheck")
HIGH, LOW = Signal.measured("output.exposed", 0.6), Signal.measured("output.exposed", 0.59)
NONE = Signal.absent("output.mark")
FAILED = Signal.failed("output.mark", "late")


def test_reading() -> None:
    assert [str(test) for test in TESTS] == ["regions:exposed>=0.6", "other:mark>=1"]


@pytest.mark.parametrize(
    "bad", ["", "regions", "regions:exposed", "regions:exposed>=0", "a:b>=1.1", "a:b>=1.2.3", "a:b<=0.5"]
)
def test_what_is_no_test_is_refused(bad: str) -> None:
    with pytest.raises(Fault) as caught:
        read([bad], "recheck")
    assert caught.value.code == "recheck_invalid" and caught.value.field == "recheck"


@pytest.mark.parametrize(
    ("signals", "word"),
    [
        ([HIGH, NONE], PROBLEMATIC),
        ([HIGH, FAILED], PROBLEMATIC),
        ([LOW, NONE], CLEAN),
        ([LOW, FAILED], UNKNOWN),
        ([LOW], UNKNOWN),
        ([LOW, Signal.no_answer("output.mark", "grey")], UNKNOWN),
        ([], UNKNOWN),
    ],
)
def test_verdicts(signals: list[Signal], word: str) -> None:
    assert judged(TESTS, {one.name: one for one in signals}).word == word


def test_without_a_test_nothing_is_known() -> None:
    assert judged((), {}).word == UNKNOWN


def test_a_detector_of_the_policy_is_no_second_look() -> None:
    refuse_same(TESTS, ["nudity"], "recheck")
    with pytest.raises(Fault) as caught:
        refuse_same(TESTS, ["nudity", "regions"], "recheck")
    assert caught.value.code == "recheck_same" and "regions" in caught.value.message

"""Signals: their order toward the worst, and what cannot be put into one."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.nouns.signal import Polarity, Signal, State, badness, worst

ANY = st.one_of(
    st.floats(0, 1).map(lambda value: Signal.measured("s", value)),
    st.just(Signal.absent("s")),
    st.just(Signal.no_answer("s", "too small")),
    st.just(Signal.failed("s", "late")),
)
POLARITIES = st.sampled_from(Polarity)


@pytest.mark.parametrize("polarity", Polarity)
def test_absent_then_values_then_no_answer_then_failed(polarity: Polarity) -> None:
    best, worse = (0.0, 1.0) if polarity is Polarity.HIGH_IS_WORSE else (1.0, 0.0)
    order = [
        Signal.absent("s"),
        Signal.measured("s", best),
        Signal.measured("s", 0.5),
        Signal.measured("s", worse),
        Signal.no_answer("s", "grey"),
        Signal.failed("s", "crashed"),
    ]
    keys = [badness(signal, polarity) for signal in order]
    assert keys == sorted(keys) and len(set(keys)) == len(keys)


@given(st.lists(ANY, min_size=1), POLARITIES)
def test_the_worst_is_one_of_them_and_none_is_worse(signals: list[Signal], polarity: Polarity) -> None:
    found = worst(signals, polarity)
    assert found in signals
    assert all(badness(signal, polarity) <= badness(found, polarity) for signal in signals)


@given(st.lists(ANY, min_size=1), st.lists(ANY, min_size=1), POLARITIES)
def test_more_measurements_never_look_better(
    some: list[Signal], more: list[Signal], polarity: Polarity
) -> None:
    assert badness(worst(some + more, polarity), polarity) >= badness(worst(some, polarity), polarity)


def test_no_measurement_is_not_a_good_one() -> None:
    with pytest.raises(ValueError, match="no signals"):
        worst([], Polarity.HIGH_IS_WORSE)


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.001, 1.001, None])
def test_only_numbers_from_0_to_1_are_values(value: float | None) -> None:
    with pytest.raises(ValueError, match=r"\[0, 1\]"):
        Signal("s", State.VALUE, value)


@pytest.mark.parametrize("state", [State.ABSENT, State.NO_ANSWER, State.FAILED])
def test_what_was_not_measured_has_no_value(state: State) -> None:
    with pytest.raises(ValueError, match="only a measured signal"):
        Signal("s", state, 0.5)


def test_unknown_is_no_answer_and_failed() -> None:
    assert [s.unknown for s in (Signal.no_answer("s", "x"), Signal.failed("s", "x"))] == [True, True]
    assert [s.unknown for s in (Signal.absent("s"), Signal.measured("s", 0))] == [False, False]


@given(ANY)
def test_another_name_changes_nothing_else(signal: Signal) -> None:
    other = signal.renamed("output.s")
    assert other == Signal("output.s", signal.state, signal.value, signal.reason)


def test_its_json_has_a_state_and_only_what_there_is() -> None:
    assert Signal.measured("s", 1 / 3).as_json() == {"state": "value", "value": 0.333333}
    assert Signal.absent("s").as_json() == {"state": "absent"}
    assert Signal.no_answer("s", "grey").as_json() == {"state": "no_answer", "reason": "grey"}
    assert Signal.failed("s", "late").as_json() == {"state": "failed", "reason": "late"}

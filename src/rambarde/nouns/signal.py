"""A signal: one named measurement by one detector, and its order toward the worst."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum, StrEnum


class State(IntEnum):
    """What a detector could say. The integer order is the order toward the worst."""

    ABSENT = 0
    """Looked, and there is nothing of the kind (no person in the picture)."""
    VALUE = 1
    """Measured: `Signal.value` is in [0, 1]."""
    NO_ANSWER = 2
    """The content gives no answer (no face on a person, too small, grey)."""
    FAILED = 3
    """The detector crashed, was late or is missing."""


_WORDS = tuple(state.name.lower() for state in State)


class Polarity(StrEnum):
    """Which end of [0, 1] is the worst for the people a picture can hurt."""

    HIGH_IS_WORSE = "high"
    LOW_IS_WORSE = "low"


@dataclass(frozen=True, slots=True)
class SignalSpec:
    """What a detector promises about one of its signals.

    `unit` says what the value means ("calibrated probability", "share of the body"), for the documents.
    """

    name: str
    polarity: Polarity = Polarity.HIGH_IS_WORSE
    meaning: str = ""


@dataclass(frozen=True, slots=True)
class Signal:
    """One measurement. Build it with `measured`, `absent`, `no_answer` or `failed`.

    Raises `ValueError` for a value that is missing, not finite or outside [0, 1], so that a detector
    cannot put a NaN into a decision; the runner turns that error into *failed*.
    """

    name: str
    state: State
    value: float | None = None
    reason: str = ""

    def __post_init__(self) -> None:
        if self.state is State.VALUE:
            if self.value is None or not math.isfinite(self.value) or not 0.0 <= self.value <= 1.0:
                raise ValueError(f"signal {self.name}: value {self.value!r} is not a number in [0, 1]")
        elif self.value is not None:
            raise ValueError(f"signal {self.name}: only a measured signal has a value")

    @classmethod
    def measured(cls, name: str, value: float) -> Signal:
        return cls(name, State.VALUE, float(value))

    @classmethod
    def absent(cls, name: str, reason: str = "") -> Signal:
        return cls(name, State.ABSENT, reason=reason)

    @classmethod
    def no_answer(cls, name: str, reason: str) -> Signal:
        return cls(name, State.NO_ANSWER, reason=reason)

    @classmethod
    def failed(cls, name: str, reason: str) -> Signal:
        return cls(name, State.FAILED, reason=reason)

    @property
    def unknown(self) -> bool:
        """No answer or failed: the signal takes its worst value in every rule that reads it."""
        return self.state in (State.NO_ANSWER, State.FAILED)

    def renamed(self, name: str) -> Signal:
        return Signal(name, self.state, self.value, self.reason)

    def as_json(self) -> dict[str, object]:
        out: dict[str, object] = {"state": _WORDS[self.state]}
        if self.value is not None:
            out["value"] = round(self.value, 6)
        if self.reason:
            out["reason"] = self.reason
        return out


Signals = Mapping[str, Signal]
"""Signals by name, as a decision reads them."""


def badness(signal: Signal, polarity: Polarity) -> tuple[int, float]:
    """A sort key: absent ≤ values ≤ no answer ≤ failed; among values, toward the polarity's worst end."""
    if signal.value is None:
        return (int(signal.state), 0.0)
    return (int(signal.state), signal.value if polarity is Polarity.HIGH_IS_WORSE else 1.0 - signal.value)


def worst(signals: Iterable[Signal], polarity: Polarity) -> Signal:
    """The signal nearest to the worst; of several pictures or text windows the worst counts.

    Raises `ValueError` if there are none: an empty set of measurements is not a measurement.
    """
    found = max(signals, key=lambda s: badness(s, polarity), default=None)
    if found is None:
        raise ValueError("worst() of no signals")
    return found

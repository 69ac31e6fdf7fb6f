"""The shipped floors where the text and the comparison meet: what is held, what passes, for which values."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pytest

from rambarde.guard.policy.evaluation import Evaluator, Facts
from rambarde.interfaces import parts
from rambarde.interfaces.settings import Settings
from rambarde.nouns.decision import Point
from rambarde.nouns.signal import Signal

WORDS = "prompt.touches_body"


@dataclass(frozen=True)
class Shipped:
    evaluator: Evaluator
    names: tuple[str, ...]

    def rules(self, *signals: Signal, action: str = "edit", without: str = "") -> set[str]:
        """The rules that fire at release, where every signal but these looked and found nothing."""
        context = Facts(
            action=action,
            surface="web",
            mode="standard",
            country="DE",
            age_assured=False,
            today=date(2026, 11, 22),
        )
        given = {name: Signal.absent(name) for name in self.names if name != without}
        decision = self.evaluator.decide(Point.RELEASE, context, given | {s.name: s for s in signals})
        return {fired.rule for fired in decision.fired}


@pytest.fixture(scope="module")
def shipped() -> Shipped:
    evaluator, _, catalogue = parts.judging(Settings())
    return Shipped(evaluator, tuple(catalogue))


def portrait() -> tuple[Signal, ...]:
    return (Signal.measured("lineage.photograph", 1.0), Signal.measured("input.person", 0.9))


UNTOLD = Signal.no_answer("change.exposure", "grey")


@pytest.mark.parametrize(
    ("words", "held"),
    [
        (Signal.measured(WORDS, 0.1), False),
        (Signal.measured(WORDS, 0.3), True),
        (Signal.measured(WORDS, 0.9), True),
        (Signal.no_answer(WORDS, "a language never learned"), True),
        (Signal.failed(WORDS, "late"), True),
    ],
)
def test_what_cannot_be_told_is_held_unless_the_words_leave_the_body_alone(
    shipped: Shipped, words: Signal, held: bool
) -> None:
    assert ("real-person-sexual-untold" in shipped.rules(*portrait(), UNTOLD, words)) is held


def test_a_missing_signal_of_the_words_holds(shipped: Shipped) -> None:
    assert "real-person-sexual-untold" in shipped.rules(*portrait(), UNTOLD, without=WORDS)


@pytest.mark.parametrize(
    ("value", "covers", "stopped"),
    [(0.45, 0.1, True), (0.35, 0.1, False), (0.45, 0.6, False), (0.55, 0.6, True)],
)
def test_weak_evidence_of_exposure_counts_unless_it_covers_up(
    shipped: Shipped, value: float, covers: float, stopped: bool
) -> None:
    found = shipped.rules(
        *portrait(),
        Signal.measured("prompt.exposure", value),
        Signal.measured("prompt.reduces_exposure", covers),
    )
    assert ("real-person-sexual" in found) is stopped


@pytest.mark.parametrize("name", ["prompt.degrading", "prompt.religious_dress"])
def test_degrading_words_weigh_more_beside_a_photograph(shipped: Shipped, name: str) -> None:
    named = Signal.measured("names.person", 0.95)
    for value, pictured, in_words in ((0.6, True, False), (0.85, True, True)):
        seen = (Signal.measured(name, value), Signal.measured("prompt.reduces_exposure", 0.1))
        assert ("real-person-degrading" in shipped.rules(*portrait(), *seen)) is pictured
        assert ("real-person-degrading" in shipped.rules(named, *seen, action="generate")) is in_words


def test_a_high_collar_is_no_noose(shipped: Shipped) -> None:
    covers = Signal.measured("prompt.reduces_exposure", 0.95)
    for value, stopped in ((0.6, False), (0.85, True)):
        found = shipped.rules(*portrait(), Signal.measured("prompt.degrading", value), covers)
        assert ("real-person-degrading" in found) is stopped


@pytest.mark.parametrize(("exposure", "stopped"), [(0.1, False), (0.3, True)])
def test_covering_up_excuses_no_hint_of_exposure(shipped: Shipped, exposure: float, stopped: bool) -> None:
    found = shipped.rules(
        *portrait(),
        Signal.measured("terms.exposure", 1.0),
        Signal.measured("prompt.reduces_exposure", 0.9),
        Signal.measured("prompt.exposure", exposure),
    )
    assert ("real-person-sexual" in found) is stopped

"""The shadow: what a candidate would have decided, and nothing that it does."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from rambarde.guard.policy.bundle import Bundle
from rambarde.guard.policy.evaluation import Evaluator, Facts
from rambarde.guard.policy.reading import read_policy
from rambarde.interfaces.governance import shadow
from rambarde.interfaces.governance.shadow import NOT_OFFERED, WAITING, ShadowRunner
from rambarde.interfaces.governance.tenure import Tenure
from rambarde.nouns.decision import Decision, Point
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.signal import Signal
from rambarde.store.shadows import Shadows
from tests.interfaces.governance.conftest import ADA, BEN, POLICY, STRICTER, House

pytestmark = pytest.mark.slow

PASSING = {"a": 0.0, "b": 0.0, "low": 1.0}
FRENCH = {**PASSING, "b": 0.07}
"""Only the stricter one's rule holds, from 2026-12-02."""


class Stage:
    """A running policy and whatever runs beside it."""

    def __init__(self, house: House) -> None:
        self.house = house
        house.found()
        house.clock.run(20 * 86400)
        self.shadows = Shadows(house.vault.database)
        self.tenure = house.tenure()
        self.runner = self.run(self.tenure)

    def run(self, tenure: Tenure) -> ShadowRunner:
        house = self.house
        runner = ShadowRunner(self.shadows, house.book, house.names, house.clock)
        tenure.listen(runner.holds)
        tenure.watcher = runner.saw
        return runner

    def begin(self, text: str) -> str:
        bundle, policy = Bundle.of(text.encode(), self.house.names)
        document = self.house.book.documents.put(bundle.as_bytes())
        self.shadows.start(policy.digest, document, by="Ada", reason="try", at=self.house.clock())
        self.runner.flush()
        return policy.digest

    def decide(
        self, id: str, values: dict[str, float], surface: str = "web", mode: str = "standard"
    ) -> Decision:
        signals = {name: Signal.measured(name, value) for name, value in values.items()}
        (day,) = self.tenure.days()
        facts = Facts("generate", surface, mode, "FR", False, day, "unknown")
        decision = self.tenure.current().decide(Point.ADMIT, facts, signals)
        self.tenure.saw(id, None, facts, signals, decision)
        return decision


@pytest.fixture
def stage(house: House) -> Stage:
    return Stage(house)


def test_differences_are_told_by_decision_and_all_are_counted(stage: Stage) -> None:
    stage.decide("before", FRENCH)
    candidate = stage.begin(STRICTER)
    decisions = [stage.decide(f"d{i}", FRENCH if i % 3 == 0 else PASSING) for i in range(10)]
    stage.runner.flush()
    assert {decision.outcome.word for decision in decisions} == {"allow"}, "the running one decides"
    told = [one.difference for one in stage.shadows.differences(candidate)]
    assert [one.decision for one in told] == ["d0", "d3", "d6", "d9"]
    assert {(d.running, d.candidate, d.rules, d.policy) for d in told} == {
        ("allow", "block", ("french",), stage.tenure.policy.digest)
    }
    tally = stage.shadows.counts(candidate)
    assert (tally.judged, dict(tally.differing)) == (10, {("allow", "block"): 4})


def test_a_restart_goes_on_and_a_stop_ends_it(stage: Stage) -> None:
    candidate = stage.begin(STRICTER)
    stage.decide("one", FRENCH)
    stage.runner.flush()
    stage.tenure = stage.house.again().tenure()
    stage.runner = stage.run(stage.tenure)
    stage.runner.flush()
    stage.decide("two", FRENCH)
    stage.shadows.stop(by="Ada", at=stage.house.clock())
    stage.decide("three", FRENCH)  # before it is known to have ended
    stage.runner.flush()
    stage.decide("four", FRENCH)
    stage.runner.flush()
    assert stage.shadows.counts(candidate).judged == 3
    assert [d.difference.decision for d in stage.shadows.differences(candidate)] == ["one", "two", "three"]


def test_what_one_candidate_judged_is_not_put_to_the_next(stage: Stage) -> None:
    first = stage.begin(STRICTER)
    stage.decide("one", FRENCH)
    stage.shadows.stop(by="Ada", at=stage.house.clock())
    write = stage.shadows.add

    def add(*args: Any, **named: Any) -> int:
        stage.decide("between", FRENCH)  # judged by the first, while the second is about to run
        return write(*args, **named)

    stage.shadows.add = add  # type: ignore[method-assign]
    second = stage.begin(POLICY)
    stage.shadows.add = write  # type: ignore[method-assign]
    stage.decide("two", FRENCH)
    stage.runner.flush()
    assert [d.difference.decision for d in stage.shadows.differences(first)] == ["one", "between"]
    assert stage.shadows.counts(second).judged == 1 and stage.shadows.differences(second) == ()


def test_a_mode_or_surface_that_the_candidate_drops_is_a_difference(stage: Stage) -> None:
    candidate = stage.begin(
        POLICY.replace("surfaces: [web, app]", "surfaces: [web]").replace(
            "  spicy: {relaxes: [adult], age_assured: true, countries: [DE, US-NV]}\n", ""
        )
    )
    stage.decide("web", PASSING)
    stage.decide("app", PASSING, surface="app")
    stage.decide("spicy", PASSING, mode="spicy")
    stage.runner.flush()
    told = [(one.difference.decision, one.difference.rules) for one in stage.shadows.differences(candidate)]
    assert told == [("app", (NOT_OFFERED,)), ("spicy", (NOT_OFFERED,))]


def test_a_measure_that_is_on_holds_beside_the_candidate_too(stage: Stage) -> None:
    """Else the report would say of the same policy that it lets through what the measure stops."""
    candidate = stage.begin(POLICY)
    stage.house.switch("stop", on=True)
    stage.tenure.renew()
    assert stage.decide("at once", PASSING).outcome.word == "block"
    stage.runner.flush()
    assert stage.decide("then", PASSING).outcome.word == "block"
    stage.runner.flush()
    assert stage.shadows.differences(candidate) == ()
    assert stage.shadows.counts(candidate).judged == 1, "not by the measures of before"
    stage.house.switch("stop", ADA, BEN, on=False)
    stage.tenure.renew()
    stage.runner.flush()
    assert stage.decide("off", FRENCH).allowed
    stage.runner.flush()
    assert stage.shadows.differences(candidate) == () and stage.shadows.counts(candidate).judged == 2


def test_a_candidate_begun_under_a_measure_is_judged_under_it(stage: Stage) -> None:
    stage.house.switch("careful", on=True)  # holds what STRICTER blocks
    stage.tenure.renew()
    candidate = stage.begin(STRICTER)
    stage.decide("one", FRENCH)
    stage.decide("two", PASSING)
    stage.runner.flush()
    told = [one.difference for one in stage.shadows.differences(candidate)]
    assert [(d.decision, d.running, d.candidate) for d in told] == [("one", "review", "block")]
    assert set(told[0].rules) == {"french", "measure-careful-b"}


def test_what_is_decided_again_about_an_output_is_counted_once(stage: Stage) -> None:
    candidate = stage.begin(STRICTER)
    for _ in range(3):
        stage.decide("one", FRENCH)
    stage.runner.flush()
    stage.decide("one", FRENCH)
    stage.decide("two", PASSING)
    stage.runner.flush()
    tally = stage.shadows.counts(candidate)
    assert (tally.judged, dict(tally.differing)) == (2, {("allow", "block"): 1})


def test_what_is_remembered_of_decisions_has_an_end(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadow, "REMEMBERED", 3)
    candidate = stage.begin(STRICTER)
    for id in ("a", "b", "c", "d", "b", "a"):
        stage.decide(id, PASSING)
    stage.runner.flush()
    assert len(stage.runner._seen) == 3 and stage.shadows.counts(candidate).judged == 5


def test_a_candidate_that_raises_hurts_nobody(
    stage: Stage, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidate = stage.begin(STRICTER)
    digest = read_policy(STRICTER.encode(), stage.house.names).digest
    real = Evaluator.decide

    def decide(self: Evaluator, *args: Any) -> Decision:
        if self.policy.digest == digest:
            raise RuntimeError("the prompt")
        return real(self, *args)

    monkeypatch.setattr(Evaluator, "decide", decide)
    with caplog.at_level(logging.ERROR):
        assert stage.decide("one", FRENCH).allowed
    assert "the shadow failed: RuntimeError" in caplog.text and "prompt" not in caplog.text
    stage.runner.flush()
    assert stage.shadows.counts(candidate).judged == 0


def test_a_candidate_that_cannot_be_read_is_said_and_judges_nothing(stage: Stage) -> None:
    for document in (b"garbage", Bundle(b"rambarde-policy: 1", b"x").as_bytes(), b"[" * 10_000):
        digest = stage.house.book.documents.put(document)
        stage.shadows.start(digest, digest, by="Ada", reason="try", at=stage.house.clock())
        stage.runner.flush()
        assert "cannot be read" in str(stage.runner.trouble)
        assert stage.decide("one", FRENCH).allowed
        stage.runner.flush()
        assert stage.shadows.counts(digest).judged == 0
        stage.shadows.stop(by="Ada", at=stage.house.clock())
        stage.runner.flush()
        assert stage.runner.trouble is None


def test_what_could_not_be_written_is_written_later(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    candidate = stage.begin(STRICTER)
    stage.decide("one", FRENCH)

    def failing(*_: object, **__: object) -> int:
        raise Fault(Kind.INTERNAL, "store_locked", "Busy.", remedy="Wait.")

    with monkeypatch.context() as patch:
        patch.setattr(stage.shadows, "add", failing)
        with pytest.raises(Fault):
            stage.runner.flush()
    stage.runner.flush()
    assert stage.shadows.counts(candidate).judged == 1
    assert len(stage.shadows.differences(candidate)) == 1


def test_what_is_too_much_is_dropped_and_said(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    candidate = stage.begin(STRICTER)
    for number in range(WAITING + 3):
        stage.decide(f"d{number}", PASSING)
    stage.runner.flush()
    assert stage.shadows.counts(candidate).judged == WAITING
    assert "3 decisions were not judged" in caplog.text

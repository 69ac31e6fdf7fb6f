"""What leaves, leaves under the policy in force: changes while a request is on its way, and clocks in doubt."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Sequence
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.guard.answer import Released
from rambarde.guard.arrival import Draft
from rambarde.guard.decide import decide
from rambarde.guard.inspect import Inspection
from rambarde.guard.policy.catalogue import catalogue
from rambarde.guard.policy.evaluation import Evaluator, Facts
from rambarde.guard.policy.language import Policy
from rambarde.guard.policy.reading import read_policy
from rambarde.nouns.decision import Decision, Outcome, Point
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.record import Ending
from rambarde.nouns.signal import Signal, Signals
from tests.guard.stand import FLOORS, LOOK, NOW, POLICY, TEXT, Happened, arrival, chain, evaluator

RULE = "rules:\n"
ALL = "when: {context: action, in: [generate]}, reason: r"
SHUT = POLICY.decode().replace(RULE, f"{RULE}  - {{id: shut, at: [admit, release], {ALL}, then: block}}\n")
AT_RELEASE = SHUT.replace("id: shut, at: [admit, release]", "id: shut, at: [release]")
HOLDING = AT_RELEASE.replace(f"{ALL}, then: block", f"{ALL}, then: review")
ELSEWHERE = POLICY.decode().replace("surfaces: [web]", "surfaces: [app]")
REWORDED = POLICY.decode().replace("reason: look", "reason: please look")
SWAPPED = POLICY.decode().replace('look: {version: "1"', 'look: {version: "2"')
LAW = POLICY.decode().replace(
    RULE,
    f"{RULE}  - {{id: old, at: [admit], {ALL}, then: block, until: 2026-01-01}}\n"
    f"  - {{id: new, at: [admit], {ALL}, then: review, from: 2026-12-02}}\n",
)


@functools.cache
def under(text: str) -> Evaluator:
    names = catalogue((TEXT, LOOK))
    return Evaluator(read_policy(text.encode(), names, floors=FLOORS), names)


def lapsed() -> Fault:
    return Fault(Kind.OVERLOADED, "policy_lapsed", "Not sure.", remedy="Wait.", retry_after=1)


class Holder:
    """A policy that a test exchanges. `asked`: how often `current` answered; `then` happens at the nth time."""

    def __init__(self, now: Evaluator | Fault) -> None:
        self.now = now
        self.last = evaluator().policy
        self.dates: Sequence[date] = (NOW.date(),)
        self.seen: list[tuple[str, int | None]] = []
        self.upstreams: list[tuple[str, str | None]] = []
        self.then: dict[int, Evaluator | Fault] = {}
        self.asked = 0

    @property
    def policy(self) -> Policy:
        return self.last

    def current(self) -> Evaluator:
        self.asked += 1
        self.now = self.then.get(self.asked, self.now)
        if isinstance(self.now, Fault):
            raise self.now
        self.last = self.now.policy
        return self.now

    def days(self) -> Sequence[date]:
        return self.dates

    def generates(self, upstream: str, model: str | None) -> None:
        self.upstreams.append((upstream, model))

    def saw(self, id: str, output: int | None, facts: Facts, signals: Signals, decision: Decision) -> None:
        self.seen.append((id, output))


async def during(
    step: str, happened: Happened, holder: Holder, now: Evaluator | Fault, draft: Draft
) -> object:
    """Run a request; while it is at `step`, another policy comes into force."""
    happened.waits[step], happened.reached[step] = asyncio.Event(), asyncio.Event()
    made = chain(happened, policies=holder)
    task = asyncio.create_task(made.run(arrival(happened, draft)))
    await asyncio.wait_for(happened.reached[step].wait(), 5)
    holder.now = now
    happened.waits[step].set()
    try:
        return await task
    except Fault as fault:
        return fault
    finally:
        made.inspector.close()


URL = Draft("a tree", deliver_url=True)


@pytest.mark.parametrize("text", [SHUT, AT_RELEASE, HOLDING])
async def test_a_request_in_flight_is_released_under_the_newer_policy(text: str) -> None:
    happened, holder = Happened(), Holder(evaluator())
    answer = await during("generate", happened, holder, under(text), URL)
    assert not isinstance(answer, Fault)
    assert not any(isinstance(image, Released) for image in answer.images)  # type: ignore[attr-defined]
    (record,) = happened.records
    assert record.policy == under(text).policy.digest
    assert record.admit is not None and record.admit.policy == record.policy
    assert record.ending is (Ending.HELD if text is HOLDING else Ending.REFUSED)
    assert happened.withdrawn == []


async def test_a_newer_policy_that_allows_as_much_lets_it_go() -> None:
    happened, holder = Happened(), Holder(evaluator())
    answer = await during("generate", happened, holder, under(REWORDED), URL)
    assert answer.ending is Ending.RELEASED  # type: ignore[attr-defined]
    assert [record.policy for record in happened.records] == [under(REWORDED).policy.digest]


@pytest.mark.parametrize(
    ("now", "code"),
    [
        (lapsed(), "policy_lapsed"),
        (under(ELSEWHERE), "surface_not_offered"),
        (under(SWAPPED), "policy_changed"),
    ],
    ids=["lapsed", "surface gone", "detector swapped"],
)
@pytest.mark.parametrize("step", ["generate", "record"])
async def test_what_may_not_be_judged_any_more_is_not_released(
    now: Evaluator | Fault, code: str, step: str
) -> None:
    happened, holder = Happened(), Holder(evaluator())
    answer = await during(step, happened, holder, now, URL)
    assert isinstance(answer, Fault) and answer.code == code
    (record,) = happened.records
    assert happened.kept == {}
    if step == "generate":
        assert record.ending is Ending.FAULT and record.fault is not None and record.fault.code == code
        assert happened.withdrawn == []
    else:
        assert record.ending is Ending.RELEASED and happened.withdrawn == [(record.id, code)]


@pytest.mark.parametrize("text", [SHUT, AT_RELEASE, HOLDING])
async def test_between_record_and_answer_a_release_is_withdrawn(text: str) -> None:
    happened, holder = Happened(), Holder(evaluator())
    answer = await during("record", happened, holder, under(text), URL)
    assert isinstance(answer, Fault) and (answer.code, answer.retry_after) == ("policy_changed", 1)
    assert [record.ending for record in happened.records] == [Ending.RELEASED]
    assert happened.withdrawn == [("dec_1", "policy_changed")] and happened.kept == {}
    assert happened.steps[-2:] == ["destroy", "withdraw"]


async def test_between_record_and_answer_what_may_still_go_goes() -> None:
    happened, holder = Happened(), Holder(evaluator())
    answer = await during("record", happened, holder, under(REWORDED), URL)
    assert answer.ending is Ending.RELEASED and happened.withdrawn == []  # type: ignore[attr-defined]


async def test_a_refusal_needs_no_second_look() -> None:
    happened, holder = Happened(), Holder(under(AT_RELEASE))
    answer = await during("record", happened, holder, lapsed(), URL)
    assert answer.ending is Ending.REFUSED and happened.withdrawn == []  # type: ignore[attr-defined]


async def test_a_lapsed_policy_generates_nothing_and_is_recorded_once() -> None:
    happened, holder = Happened(), Holder(lapsed())
    with pytest.raises(Fault) as fault:
        await chain(happened, policies=holder).run(arrival(happened, URL))
    assert fault.value.code == "policy_lapsed" and "generate" not in happened.steps
    (record,) = happened.records
    assert record.ending is Ending.FAULT and record.fault is not None and record.fault.code == "policy_lapsed"


async def test_a_last_look_that_breaks_withdraws_too(monkeypatch: pytest.MonkeyPatch) -> None:
    happened, holder = Happened(), Holder(evaluator())
    broken = Evaluator(under(REWORDED).policy, catalogue((TEXT, LOOK)))

    def fails(*_: object) -> Decision:
        raise RuntimeError("the prompt")

    monkeypatch.setattr(broken, "decide", fails)
    answer = await during("record", happened, holder, broken, URL)
    assert isinstance(answer, Fault) and answer.code == "internal" and "prompt" not in str(answer)
    assert (
        len(happened.records) == 1 and happened.withdrawn == [("dec_1", "internal")] and happened.kept == {}
    )


async def test_a_withdrawal_that_cannot_be_logged_still_releases_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    happened, holder = Happened(fails={"withdraw": RuntimeError()}), Holder(evaluator())
    answer = await during("record", happened, holder, under(SHUT), URL)
    assert isinstance(answer, Fault) and answer.code == "policy_changed" and happened.kept == {}
    assert "could not be added to the log" in caplog.text


@pytest.mark.parametrize("step", ["destroy", "withdraw"])
async def test_a_caller_who_goes_away_stops_no_withdrawal(step: str) -> None:
    happened, holder = Happened(), Holder(evaluator())
    happened.waits = {"record": asyncio.Event(), step: asyncio.Event()}
    happened.reached = {"record": asyncio.Event(), step: asyncio.Event()}
    made = chain(happened, policies=holder)
    task = asyncio.create_task(made.run(arrival(happened, URL)))
    await asyncio.wait_for(happened.reached["record"].wait(), 5)
    holder.now = under(SHUT)
    happened.waits["record"].set()
    await asyncio.wait_for(happened.reached[step].wait(), 5)
    task.cancel()
    await asyncio.sleep(0)
    happened.waits[step].set()
    with pytest.raises(asyncio.CancelledError):
        await task
    for _ in range(5):
        await asyncio.sleep(0)
    assert happened.withdrawn == [("dec_1", "policy_changed")] and happened.kept == {}


async def test_whenever_the_policy_changes_no_image_leaves_under_an_older_one() -> None:
    """At each moment at which the chain asks, the policy shuts: from that answer on nothing goes."""
    happened, holder = Happened(), Holder(evaluator())
    await chain(happened, policies=holder).run(arrival(happened, URL))
    asks = holder.asked
    assert asks >= 4
    for turn in range(1, asks + 1):
        for now in (under(SHUT), lapsed()):
            happened, holder = Happened(), Holder(evaluator())
            holder.then[turn] = now
            try:
                answer = await chain(happened, policies=holder).run(arrival(happened, URL))
            except Fault:
                pass
            else:
                assert not any(isinstance(image, Released) for image in answer.images)
            assert len(happened.records) == 1 and happened.kept == {}


async def test_the_generator_is_asked_for_by_name_before_it_generates() -> None:
    happened, holder = Happened(), Holder(evaluator())

    def refuse(upstream: str, model: str | None) -> None:
        raise Fault(Kind.FORBIDDEN, "launch_gate", f"{upstream} {model}", remedy="r")

    holder.generates = refuse  # type: ignore[method-assign]
    with pytest.raises(Fault) as fault:
        await chain(happened, policies=holder).run(arrival(happened))
    assert fault.value.code == "launch_gate" and "generate" not in happened.steps
    assert len(happened.records) == 1


async def test_the_shadow_sees_what_is_recorded_and_no_more() -> None:
    happened, holder = Happened(), Holder(evaluator())
    made = chain(happened, policies=holder)
    await made.check(arrival(happened, id="dec_0"))
    assert holder.seen == []
    await made.run(arrival(happened))
    assert holder.seen == [("dec_1", None), ("dec_1", 0)]


# ---- days in doubt -----------------------------------------------------------------------------------

DAYS = {date(2025, 12, 31): Outcome.BLOCK, date(2026, 6, 1): Outcome.ALLOW, date(2026, 12, 2): Outcome.REVIEW}


@given(st.lists(st.sampled_from(sorted(DAYS)), min_size=1, max_size=3))
def test_of_the_days_that_it_may_be_the_strictest_counts(days: list[date]) -> None:
    holder = Holder(under(LAW))
    holder.dates = days
    signals = {name: Signal.absent(name, "none") for name in catalogue((TEXT, LOOK))}
    seen = Inspection(signals)
    decision = decide(holder, under(LAW), Point.ADMIT, asked(), seen)
    assert decision.outcome is max(DAYS[day] for day in days)
    assert len(holder.seen) == len(days)


async def test_a_clock_in_doubt_counts_on_the_whole_path() -> None:
    for days, ending in (
        ((date(2026, 6, 1),), Ending.RELEASED),
        ((date(2026, 6, 1), date(2026, 12, 2)), Ending.HELD),
        ((date(2025, 12, 31), date(2026, 6, 1)), Ending.REFUSED),
    ):
        happened, holder = Happened(), Holder(under(LAW))
        holder.dates = days
        answer = await chain(happened, policies=holder).run(arrival(happened))
        assert answer.ending is ending


@functools.cache
def asked():  # type: ignore[no-untyped-def]
    from rambarde.guard.canonicalise import RequestLimits, canonicalise

    async def made():  # type: ignore[no-untyped-def]
        one = arrival(Happened())
        return await canonicalise(one, await one.read(), RequestLimits(), reserve=lambda _: None)

    return asyncio.run(made())

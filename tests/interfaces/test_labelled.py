"""Labelled rows judged by a chain: how many at a time, each once, and what is kept of the answers."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import cast

import pytest

from rambarde.guard.arrival import Arrival
from rambarde.guard.chain import Chain
from rambarde.guard.policy.catalogue import catalogue
from rambarde.guard.policy.reading import SHIPPED, read_policy, shipped
from rambarde.interfaces import parts
from rambarde.interfaces.labelled import AT_ONCE, Terms, gauges, judge, of_text
from rambarde.interfaces.settings import Settings
from rambarde.nouns.decision import Decision, Fired, Outcome, Point
from rambarde.nouns.fault import invalid
from rambarde.nouns.signal import Signal, Signals

TERMS = Terms("web", "standard", "unknown", False, {"input.person": Signal.measured("input.person", 1.0)})


@dataclass
class Slow:
    """A chain that answers after a while, and counts."""

    now: int = 0
    most: int = 0
    asked: list[tuple[str, str]] = field(default_factory=list)
    supposed: list[bool] = field(default_factory=list)

    async def check(self, arrival: Arrival, supposed: Signals | None = None) -> tuple[None, Decision]:
        text = (await arrival.read()).prompt
        self.asked.append((arrival.action.value, text))
        self.supposed.append(supposed is not None)
        self.now += 1
        self.most = max(self.most, self.now)
        await asyncio.sleep(0.001)
        self.now -= 1
        if text == "broken":
            raise RuntimeError("a defect")
        if text == "refused":
            raise invalid("prompt_empty", "x", remedy="y")
        fired = tuple(
            Fired(f"rule-{n}", Outcome.BLOCK, "r", assumed=word == "assumed")
            for n, word in enumerate(text.split())
            if word in ("assumed", "told")
        )
        signals = (Signal.measured("prompt.pose", 0.5), Signal.absent("input.known"))
        if text == "late":
            signals += (Signal.failed("terms.sexual", "late"),)
        outcome = Outcome.BLOCK if fired or text == "late" else Outcome.ALLOW
        return None, Decision(Point.ADMIT, outcome, fired, signals, "p")


def judged(
    slow: Slow, *requests: tuple[str, str], keep: frozenset[str] | None = None
) -> dict[tuple[str, str], object]:
    ticks: list[None] = []
    found = asyncio.run(
        judge(cast(Chain, slow), requests, TERMS, keep=keep, advance=lambda: ticks.append(None))
    )
    assert len(ticks) == len(requests)
    return dict(found)


def test_every_request_once_and_two_at_a_time() -> None:
    slow = Slow()
    requests = [("edit" if n % 2 else "generate", f"text {n}") for n in range(50)]
    assert set(judged(slow, *requests)) == set(requests)
    assert sorted(slow.asked) == sorted(requests) and slow.most == AT_ONCE
    assert all(given is (kind == "edit") for (kind, _), given in zip(slow.asked, slow.supposed, strict=True))


@pytest.mark.parametrize(
    ("text", "outcome", "assumed", "fault"),
    [
        ("nothing", Outcome.ALLOW, False, None),
        ("told assumed", Outcome.BLOCK, False, None),
        ("assumed assumed", Outcome.BLOCK, True, None),
        ("refused", None, False, "prompt_empty"),
        ("late", None, False, "detector_failed"),
    ],
)
def test_what_is_said_of_an_answer(
    text: str, outcome: Outcome | None, assumed: bool, fault: str | None
) -> None:
    answer = judged(Slow(), ("edit", text))["edit", text]
    assert (answer.outcome, answer.assumed, answer.fault) == (outcome, assumed, fault)  # type: ignore[attr-defined]


def test_only_what_is_wanted_is_kept() -> None:
    answer = judged(Slow(), ("edit", "x"), keep=frozenset({"prompt.pose"}))["edit", "x"]
    assert set(answer.signals) == {"prompt.pose"}  # type: ignore[attr-defined]
    assert set(judged(Slow(), ("edit", "x"))["edit", "x"].signals) == {"prompt.pose", "input.known"}  # type: ignore[attr-defined]


def test_a_defect_is_no_finding() -> None:
    with pytest.raises(RuntimeError, match="a defect"):
        judged(Slow(), ("edit", "x"), ("edit", "broken"), ("edit", "y"))


def test_the_gauges_are_the_signals_of_text_with_the_policys_thresholds() -> None:
    names = catalogue(d.info for d in parts.detectors(Settings()))
    found = {gauge.signal: gauge for gauge in gauges(read_policy(shipped(SHIPPED), names), names)}
    assert set(found) == set(of_text(names))
    assert not [name for name in found if name.startswith(("input.", "output.", "change.", "lineage."))]
    assert found["prompt.exposure"].family == "exposure" and {0.3, 0.4, 0.5} <= set(
        found["prompt.exposure"].thresholds
    )

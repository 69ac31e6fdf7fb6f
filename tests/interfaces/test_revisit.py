"""What was let go once: files and first answers stay here under a policy that would not let them go now."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from rambarde.guard.inspect import Inspector
from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.evaluation import Evaluator
from rambarde.guard.policy.reading import read_policy
from rambarde.guard.ports import FixedPolicy
from rambarde.interfaces.revisit import Revisit
from rambarde.nouns.decision import Point
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.signal import Polarity
from tests.guard.policy import conftest as shared
from tests.interfaces.governance.test_two_gateways import pair, wait

NAMES: Catalogue = {
    e.name: e
    for e in (
        shared.entry("a"),
        shared.entry("b"),
        shared.entry("low", Polarity.LOW_IS_WORSE),
        shared.entry("output.x", points=(Point.RELEASE,)),
    )
}
STRICTER = shared.POLICY.replace("signal: b, at_least: 0.2", "signal: b, at_least: 0.05")


def evaluator(text: str = shared.POLICY) -> Evaluator:
    return Evaluator(read_policy(text.encode(), NAMES, floors=shared.FLOORS.encode()), NAMES)


def never() -> datetime:
    raise AssertionError("the holder gives the days")


class Holder(FixedPolicy):
    """A policy that the test replaces."""

    def put(self, now: Evaluator) -> None:
        object.__setattr__(self, "evaluator", now)

    def days(self) -> tuple[date, ...]:
        return (date(2026, 11, 22),)


def decided(policy: str, outcome: str, point: str = "release", **signals: float) -> dict[str, object]:
    told: dict[str, object] = {name: {"state": "absent"} for name in NAMES}
    told |= {name: {"state": "value", "value": value} for name, value in signals.items()}
    return {"point": point, "outcome": outcome, "rules": [], "signals": told, "policy": policy}


def record(*outputs: dict[str, object]) -> dict[str, object]:
    now = evaluator().policy
    return {
        "schema": 1, "id": "dec_1", "received_at": "2026-11-22T10:00:00+00:00", "ending": "released",
        "fault": None, "detectors": {"d": f"1@{now.detectors[0].digest}"}, "action": "generate",
        "surface": "web", "mode": "standard", "country": "DE", "depicted": "DE", "age_assured": False,
        "admit": decided(now.digest, "allow", "admit", low=0.9, a=0.3, b=0.0),
        "outputs": [{"index": n, "item": f"item-{n}", "decision": one} for n, one in enumerate(outputs)],
    }  # fmt: skip


def visit(document: Mapping[str, object] | None, holder: Holder) -> Revisit:
    async def documents(_: str) -> Mapping[str, object] | None:
        return document

    nothing: Any = None
    return Revisit(documents, holder, nothing, nothing)


def holder(now: Evaluator | None = None) -> Holder:
    return Holder(now or evaluator(), never)


def refused(made: Revisit, item: str | None = None) -> str:
    try:
        asyncio.run(made.refuse("dec_1", item))
    except Fault as fault:
        return fault.code
    return ""


def test_under_the_policy_that_let_it_go_it_goes() -> None:
    mine = evaluator().policy.digest
    made = visit(record(decided(mine, "allow", b=0.1, a=0.3)), holder())
    assert refused(made) == "" and refused(made, "item-0") == ""


def test_a_stricter_policy_keeps_what_it_would_stop_and_only_that() -> None:
    mine = evaluator().policy.digest
    document = record(decided(mine, "allow", b=0.1, a=0.3), decided(mine, "allow", b=0.0, a=0.3))
    made = visit(document, holder(evaluator(STRICTER)))
    assert refused(made, "item-0") == "policy_changed"
    assert refused(made, "item-1") == ""
    assert refused(made) == "policy_changed", "an answer with both"


def test_what_a_person_released_from_review_stays_released_unless_it_is_blocked_now() -> None:
    mine = evaluator().policy.digest
    held = record(decided(mine, "review", b=0.15, a=0.1))
    assert refused(visit(held, holder(evaluator(STRICTER))), "new") == ""
    blocking = STRICTER.replace("signal: a, at_least: 0.2", "signal: a, at_least: 0.05")
    assert refused(visit(held, holder(evaluator(blocking))), "new") == "policy_changed"


def test_signals_of_other_detectors_say_nothing_to_a_new_policy() -> None:
    mine = evaluator().policy.digest
    swapped = shared.POLICY.replace("0" * 64, "1" * 64)
    made = visit(record(decided(mine, "allow", a=0.0)), holder(evaluator(swapped)))
    assert refused(made) == "policy_changed"


@pytest.mark.parametrize("document", [None, record()])
def test_without_a_record_of_it_nothing_goes(document: dict[str, object] | None) -> None:
    assert refused(visit(document, holder(evaluator(STRICTER)))) == "policy_changed"
    assert refused(visit(document, holder())) == "policy_changed"


def test_a_policy_that_changes_while_the_record_is_read_counts() -> None:
    mine = evaluator().policy.digest
    now = holder()

    async def documents(_: str) -> Mapping[str, object]:
        now.put(evaluator(STRICTER))
        return record(decided(mine, "allow", b=0.1, a=0.3))

    nothing: Any = None
    assert refused(Revisit(documents, now, nothing, nothing)) == "policy_changed"


def test_without_a_lease_nothing_goes() -> None:
    class Lapsed(Holder):
        def current(self) -> Evaluator:
            raise Fault(Kind.OVERLOADED, "policy_lapsed", "No lease.", remedy="Wait.")

    mine = evaluator().policy.digest
    made = visit(record(decided(mine, "allow", a=0.0)), Lapsed(evaluator(), never))
    assert refused(made) == "policy_lapsed"


@pytest.mark.slow
def test_files_and_first_answers_of_a_real_gateway(tmp_path: Path, inspector: Inspector) -> None:
    with pair(tmp_path, inspector, None) as two:
        one, other = two.gateways
        key = one.key()

        def ask() -> httpx.Response:
            return httpx.post(
                one.url + "/v1/images/generations",
                json={"prompt": "a quiet garden", "n": 1, "response_format": "url"},
                headers={"Authorization": f"Bearer {key}", "Idempotency-Key": "k-1"},
                timeout=20,
            )

        first = ask()
        assert first.status_code == 200
        path = httpx.URL(first.json()["data"][0]["url"]).path
        assert ask().headers["rambarde-repeated"] == "true"
        assert all(httpx.get(served.url + path).status_code == 200 for served in two.gateways)

        two.house.switch("no-images", on=True)
        wait(lambda: two.effective("no-images"))
        for served in (one, other):
            kept = httpx.get(served.url + path)
            assert kept.status_code == 404 and kept.json()["error"]["code"] == "policy_changed"
        again = ask()
        assert again.status_code == 404 and again.json()["error"]["code"] == "policy_changed"

        two.house.switch("no-images", "Ada Lovelace", "Ben Okri", on=False)
        wait(lambda: two.effective())
        assert httpx.get(one.url + path).status_code == 200 and ask().status_code == 200

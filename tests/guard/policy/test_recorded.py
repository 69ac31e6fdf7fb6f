"""Records read back: what was decided comes back as it was, and nothing that is not of the form does."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.guard.policy.recorded import parse, read, signal
from rambarde.nouns.decision import Decision, Point
from rambarde.nouns.fault import Fault
from rambarde.nouns.record import Ending
from rambarde.nouns.signal import Signal
from tests.samples import a_record

texts = st.text(max_size=20)
signals = st.one_of(
    st.builds(Signal.measured, texts, st.floats(0, 1).map(lambda value: round(value, 6))),
    st.builds(Signal.absent, texts, texts),
    st.builds(Signal.no_answer, texts, texts),
    st.builds(Signal.failed, texts, texts),
)


@given(signals)
def test_a_signal_comes_back(one: Signal) -> None:
    assert signal(one.name, json.loads(json.dumps(one.as_json())), "s") == one


def same(decision: Decision, case: Any) -> bool:
    return (decision.point, decision.outcome, decision.fired, decision.policy) == (
        case.point, case.outcome, case.fired, case.policy
    ) and {s.name: s for s in decision.signals} == dict(case.signals)  # fmt: skip


def test_decisions_come_back() -> None:
    record = a_record(3, rules=("r1", "r2"), output_rules=("r3",))
    record = replace(record, action="generate", age_assured=True)
    past = read(parse(json.dumps(record.as_json()).encode()))
    assert (past.id, past.day, past.ending, past.fault) == (record.id, date(2026, 1, 9), "released", None)
    admit, output = past.cases
    assert record.admit is not None and same(record.admit, admit) and same(record.outputs[0].decision, output)
    assert (admit.output, output.output, output.point) == (None, 0, Point.RELEASE)
    facts = admit.facts
    assert (facts.action, facts.surface, facts.mode, facts.country) == ("generate", "web", "standard", "FR")
    assert (facts.age_assured, facts.today, facts.depicted) == (True, date(2026, 1, 9), "unknown")


def test_the_day_is_that_of_utc() -> None:
    document = a_record().as_json() | {"received_at": "2026-01-10T00:30:00+02:00"}
    assert read(document).day == date(2026, 1, 9)


def test_a_record_that_does_not_say_who_is_depicted_means_unknown() -> None:
    document = a_record().as_json()
    document.pop("depicted", None)
    assert read(document).cases[0].facts.depicted == "unknown"
    assert read(document | {"depicted": "DE"}).cases[0].facts.depicted == "DE"


def test_a_record_without_decisions() -> None:
    record = replace(
        a_record(fault="prompt_too_long"), admit=None, outputs=(), action="", ending=Ending.FAULT
    )
    past = read(record.as_json())
    assert past.cases == () and past.fault == "prompt_too_long"


def test_lone_surrogates_in_a_claim() -> None:
    body = json.dumps(a_record(session="\ud800").as_json()).encode()
    assert read(parse(body)).id == "record-000000"


@pytest.mark.parametrize("body", [b"", b"no json", b"[]", b"null", b"\xff"])
def test_no_document(body: bytes) -> None:
    with pytest.raises(Fault) as refused:
        parse(body)
    assert refused.value.code == "record_damaged"


Change = Callable[[dict[str, Any]], object]
DAMAGE: dict[str, Change] = {
    "schema": lambda d: d.update(schema=2),
    "received_at": lambda d: d.update(received_at="yesterday"),
    "id": lambda d: d.update(id=7),
    "action": lambda d: d.update(action="paint"),
    "age_assured": lambda d: d.update(age_assured="yes"),
    "detectors": lambda d: d.update(detectors=None),
    "detectors.nudity": lambda d: d["detectors"].update(nudity=1),
    "outputs": lambda d: d.pop("outputs"),
    "admit.point": lambda d: d["admit"].update(point="release"),
    "admit": lambda d: d.update(admit=None),
    "admit.outcome": lambda d: d["admit"].update(outcome="maybe"),
    "admit.rules[0].floor": lambda d: d["admit"]["rules"][0].update(floor=1),
    "admit.rules[0].read": lambda d: d["admit"]["rules"][0].update(read=[1]),
    "admit.signals": lambda d: d["admit"].update(signals=[]),
    "admit.signals.nudity": lambda d: d["admit"]["signals"]["nudity"].update(state="good"),
    "admit.signals.nudity.value": lambda d: d["admit"]["signals"]["nudity"].update(value=1.5),
    "admit.signals.person.value": lambda d: d["admit"]["signals"]["person"].update(value=0.5),
    "admit.signals.x": lambda d: d["admit"]["signals"].update(x={"state": "absent", "more": 1}),
    "outputs[0].index": lambda d: d["outputs"][0].update(index=True),
    "outputs[0].decision": lambda d: d["outputs"][0].update(decision=None),
    "outputs[0].decision.policy": lambda d: d["outputs"][0]["decision"].update(policy=None),
    "depicted": lambda d: d.update(depicted=None),
}


@pytest.mark.parametrize("field", DAMAGE)
def test_what_is_not_of_the_form_is_named(field: str) -> None:
    document = json.loads(json.dumps(a_record(rules=("r1",)).as_json()))
    read(document)
    DAMAGE[field](document)
    with pytest.raises(Fault) as refused:
        read(document)
    assert (refused.value.code, refused.value.field) == ("record_damaged", field)

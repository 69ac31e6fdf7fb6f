"""The record: everything of a decision, nothing of the content, and the same after JSON."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest

from rambarde.nouns.decision import Decision, Evidence, Fired, Outcome, Point
from rambarde.nouns.record import SCHEMA, Ending, Record, decision_json
from rambarde.nouns.signal import Signal
from tests.samples import a_record

WORDS = "zebracoloured umbrellas"


def test_it_survives_json_and_every_field_is_in_it() -> None:
    record = a_record(1, rules=("adult",), output_rules=("nude",), session="s", fault="late")
    document = record.as_json()
    assert json.loads(json.dumps(document, allow_nan=False, sort_keys=True)) == document
    assert document.keys() - {"schema"} == {f.name for f in fields(Record)}
    assert document["schema"] == SCHEMA


def test_the_words_that_were_matched_stay_out() -> None:
    fired = Fired("adult", Outcome.BLOCK, "not offered", read=("terms.sexual",))
    signals = (Signal.measured("terms.sexual", 1.0), Signal.no_answer("output.face", "too small"))
    decision = Decision(
        Point.ADMIT, Outcome.BLOCK, (fired,), signals, "sha256:0", (Evidence("terms.sexual", WORDS),)
    )
    record = replace(a_record(), admit=decision)
    assert WORDS not in json.dumps(record.as_json())
    assert record.as_json()["admit"] == decision_json(decision)
    assert decision_json(decision)["signals"] == {
        "terms.sexual": {"state": "value", "value": 1.0},
        "output.face": {"state": "no_answer", "reason": "too small"},
    }


def test_there_is_no_field_for_content() -> None:
    """Whoever adds one comes here first: no prompt, pixels, face vectors, matched words or addresses."""
    forbidden = ("prompt", "text", "words", "evidence", "pixels", "face", "vector", "address", "ip", "data")
    assert {name for f in fields(Record) for name in f.name.split("_") if name in forbidden} == set()


@pytest.mark.parametrize("ending", Ending)
def test_every_ending_is_a_word(ending: Ending) -> None:
    assert a_record(ending=ending).as_json()["ending"] == ending.value


def test_times_carry_their_zone_and_stages_are_rounded() -> None:
    document = replace(a_record(), timings=(("decode", 1.23456), ("seal", 2.0))).as_json()
    assert str(document["received_at"]).endswith("+00:00")
    assert document["timings"] == {"decode": 1.235, "seal": 2.0}

"""A risk assessment is complete and fresh, or it is none."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from rambarde.guard.policy.assessment import KINDS, read_assessment
from rambarde.guard.policy.document import PolicyError

POLICY, OTHER, FILE = ("sha256:" + digit * 64 for digit in "123")
GOOD: dict[str, Any] = {
    "rambarde-assessment": 1,
    "title": "Kiosks",
    "policy": POLICY,
    "items": [{"item": "surface:kiosk"}, {"item": "upstream:openai/m", "changed": "2026-11-01"}],
    "evaluations": [
        {
            "kind": "probe",
            "file": "probe.json",
            "digest": FILE,
            "made_at": "2026-11-01T00:00:00Z",
            "covers": ["surface:kiosk", "upstream:openai/m"],
            "policy": POLICY,
        }
    ],
    "risks": [{"risk": "r", "severity": "high", "likelihood": "low", "mitigation": "m"}],
    "conclusion": "Go.",
}


def read(told: object) -> Any:
    return read_assessment(json.dumps(told).encode())


def test_what_it_says_is_what_is_signed() -> None:
    made = read(GOOD)
    subject = made.subject
    assert subject.items == ("surface:kiosk", "upstream:openai/m") and subject.policy == POLICY
    (one,) = subject.evaluations
    assert (one.digest, one.made_at) == (FILE, datetime(2026, 11, 1, tzinfo=UTC))
    assert one.covers == subject.items and not made.demo


@pytest.mark.parametrize("kind", KINDS)
def test_only_a_demo_measured_nothing(kind: str) -> None:
    told = copy.deepcopy(GOOD)
    told["evaluations"][0]["kind"] = kind
    assert read(told).demo == (kind == "demo")


def put(*path: Any, value: Any = None) -> Callable[[dict[str, Any]], None]:
    """Set what is at `path`, or take it away."""

    def change(told: dict[str, Any]) -> None:
        at: Any = told
        for step in path[:-1]:
            at = at[step]
        if value is None:
            del at[path[-1]]
        else:
            at[path[-1]] = value

    return change


EVALUATION = ("evaluations", 0)
WRONG = {
    "no version": put("rambarde-assessment"),
    "another version": put("rambarde-assessment", value=2),
    "a version that is true": put("rambarde-assessment", value=True),
    "no title": put("title"),
    "an empty conclusion": put("conclusion", value=""),
    "nothing assessed": put("items", value=[]),
    "no risk": put("risks", value=[]),
    "a risk without an answer": put("risks", 0, "mitigation"),
    "a severity of its own": put("risks", 0, "severity", value="mild"),
    "no evaluation": put("evaluations", value=[]),
    "one that covers another thing": put(*EVALUATION, "covers", value=["surface:web"]),
    "one that covers one of two": put(*EVALUATION, "covers", value=["surface:kiosk"]),
    "one older than the model": put(*EVALUATION, "made_at", value="2026-10-31T23:59:59Z"),
    "one older by its zone": put(*EVALUATION, "made_at", value="2026-11-01T00:59:59+01:00"),
    "one without a zone": put(*EVALUATION, "made_at", value="2026-11-02T00:00:00"),
    "one at no time": put(*EVALUATION, "made_at", value="lately"),
    "one under another policy": put(*EVALUATION, "policy", value=OTHER),
    "one under no policy": put(*EVALUATION, "policy"),
    "no digest": put(*EVALUATION, "digest", value="sha256:12"),
    "a kind of its own": put(*EVALUATION, "kind", value="feeling"),
    "no policy for a surface": put("policy"),
    "a model that never changed": put("items", 1, "changed"),
    "a model that changed on no day": put("items", 1, "changed", value="soon"),
    "a key that nobody knows": put("approved", value=True),
    "a misspelt item": put("items", 0, "item", value="surfaces:kiosk"),
    "an item without a name": put("items", 0, "item", value="surface:"),
    "an item that is a word": put("items", 0, "item", value="surface"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_missing_stale_or_not_understood_is_told_with_its_place(name: str) -> None:
    told = copy.deepcopy(GOOD)
    WRONG[name](told)
    covered = told.get("evaluations") or [{}]
    for item in told["items"]:  # what is misspelt is covered under the same word: that alone must not do
        if "item" in name and "covers" in covered[0]:
            covered[0]["covers"].append(item["item"])
    with pytest.raises(PolicyError) as error:
        read(told)
    assert error.value.line >= 1 and error.value.remedy


def test_a_later_evaluation_mends_an_older_one() -> None:
    told = copy.deepcopy(GOOD)
    told["evaluations"].insert(
        0, {**GOOD["evaluations"][0], "made_at": "2026-01-01T00:00:00Z", "policy": OTHER}
    )
    assert len(read(told).subject.evaluations) == 2

"""The lines that docs/detectors.md gives for the extra `nudenet`, on top of the shipped policy: proven, and played."""

from __future__ import annotations

import re
from datetime import date
from functools import cache
from pathlib import Path

import pytest

from rambarde.guard.policy.catalogue import Catalogue, catalogue
from rambarde.guard.policy.evaluation import Evaluator, Facts
from rambarde.guard.policy.language import Policy
from rambarde.guard.policy.proof.compare import compare
from rambarde.guard.policy.proof.prove import prove
from rambarde.guard.policy.reading import FLOORS, SHIPPED, read_floors, read_policy, shipped
from rambarde.interfaces import parts
from rambarde.interfaces.settings import Settings
from rambarde.nouns.decision import Outcome, Point
from rambarde.nouns.signal import Signal

DOCS = Path(__file__).parents[3] / "docs" / "detectors.md"
PIN = '  regions: {version: "1", digest: "sha256:' + "0" * 64 + '"}\n'


@cache
def names() -> Catalogue:
    return catalogue(d.info for d in parts.detectors(Settings()))


@cache
def text() -> bytes:
    """The shipped policy with the lines put where the document says, the mode relaxed as it says."""
    told = DOCS.read_text("utf-8").split("### `regions`")[1].split("### `writing`")[0]
    found = re.search(r"```yaml\nconditions:\n(.*?)\nrules:\n(.*?)```", told, re.S)
    assert found
    policy = shipped(SHIPPED).decode()
    policy = policy.replace("\nrules:\n", f"{PIN}\nconditions:\n{found[1]}\nrules:\n{found[2]}\n", 1)
    return policy.replace("nude-looking-output]", "nude-looking-output, exposed-output]").encode()


@cache
def policy() -> Policy:
    return read_policy(text(), names())


def outcome(mode: str, action: str, **values: float | None) -> tuple[Outcome, set[str]]:
    """The decision at release; a value of None is *no answer*, and what is not named looked and found nothing."""
    signals = {name: Signal.absent(name) for name in names()}
    for key, value in values.items():
        name = key.replace("__", ".")
        signals[name] = Signal.no_answer(name, "grey") if value is None else Signal.measured(name, value)
    facts = Facts(action, "web", mode, "DE", mode == "spicy", date(2026, 11, 22))
    decision = Evaluator(policy(), names()).decide(Point.RELEASE, facts, signals)
    return decision.outcome, {fired.rule for fired in decision.fired}


def test_every_invariant_holds() -> None:
    assert prove(policy(), names(), read_floors(shipped(FLOORS), names())[0]).holds


def test_it_is_not_more_permissive_than_the_shipped_policy() -> None:
    assert compare(read_policy(shipped(SHIPPED), names()), policy(), names()).not_more_permissive


PERSON = {"input__person": 0.9, "lineage__photograph": 1.0}
MORE = {"change__exposure": 0.3, "change__exposure_measured": 0.3}
SAME = {"change__exposure": 0.02, "change__exposure_measured": 0.02}
UNTOLD = {"change__exposure": None}


@pytest.mark.parametrize("mode", ["standard", "spicy"])
@pytest.mark.parametrize(
    ("seen", "least"),
    [
        ({"output__exposed": 0.7, "output__nudity": 0.7, **UNTOLD}, Outcome.BLOCK),
        ({"output__exposed": 0.7, **MORE}, Outcome.BLOCK),
        ({"output__exposed": 0.7, "prompt__pose": 0.35, **UNTOLD}, Outcome.BLOCK),
        ({"output__exposed": 0.7, **UNTOLD}, Outcome.REVIEW),
        ({"output__nudity": 0.89, **UNTOLD}, Outcome.REVIEW),
        ({"output__exposed": 0.4, **UNTOLD}, Outcome.ALLOW),
        ({"output__exposed": 0.7, "output__nudity": 0.89, **SAME}, Outcome.ALLOW),
    ],
    ids=str,
)
def test_two_kinds_of_evidence_refuse_and_one_waits(
    mode: str, seen: dict[str, float | None], least: Outcome
) -> None:
    """An edit of somebody's photograph, in the mode that relaxes most too."""
    assert outcome(mode, "edit", **PERSON, **seen, prompt__touches_body=0.1)[0] is least


def test_a_named_person_who_is_generated() -> None:
    shown = {"names__person": 0.9, "output__exposed": 0.7}
    assert outcome("spicy", "generate", **shown, output__nudity=0.7)[1] >= {"exposed-real-person"}
    assert outcome("spicy", "generate", **shown)[0] is Outcome.REVIEW


def test_nobody_real_is_the_modes_to_allow() -> None:
    shown = {"output__exposed": 0.9, "output__nudity": 0.9, "output__photograph": 0.9}
    assert outcome("spicy", "generate", **shown)[0] is Outcome.ALLOW
    assert outcome("standard", "generate", **shown)[0] is Outcome.REVIEW


def test_looks_beside_a_bare_region_refuse_in_photographs_only() -> None:
    shown = {"output__exposed": 0.6, "output__young_measured": 0.6}
    assert outcome("spicy", "generate", **shown, output__photograph=0.9)[0] is Outcome.BLOCK
    assert outcome("spicy", "generate", **shown, output__photograph=0.1)[0] is Outcome.ALLOW
    harmless = {"output__young_measured": 0.9, "output__bare": 0.9, "output__photograph": 0.9}
    assert outcome("standard", "edit", **PERSON, **SAME, **harmless)[0] is Outcome.ALLOW, "a swimming lesson"

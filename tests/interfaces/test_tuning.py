"""Thresholds that move together: what each step stops, beside deciding row by row, and what may never be moved."""

from __future__ import annotations

import random
from datetime import date
from itertools import pairwise

import pytest

from rambarde.guard.policy.catalogue import Catalogue, catalogue
from rambarde.guard.policy.evaluation import Evaluator, Facts
from rambarde.guard.policy.reading import SHIPPED, read_policy, shipped
from rambarde.interfaces import parts, tuning
from rambarde.interfaces.labelled import Terms
from rambarde.interfaces.settings import Settings
from rambarde.measure.evaluate import Judged
from rambarde.measure.exhibits import Exhibit
from rambarde.measure.rows import Row
from rambarde.nouns.decision import Outcome, Point
from rambarde.nouns.fault import Fault
from rambarde.nouns.signal import Polarity, Signal

pytestmark = pytest.mark.slow

NAMES: Catalogue = catalogue(d.info for d in parts.detectors(Settings()))
TERMS = Terms("web", "standard", "unknown", False, {})
DAY = date(2026, 12, 2)
TEXT = shipped(SHIPPED)
POLICY = read_policy(TEXT, NAMES)
OWN = b"""  - id: rude
    at: [admit]
    when: {all: [{signal: prompt.degrading, at_least: 0.4}, {signal: prompt.pose, at_least: 0.6}]}
    then: review
    reason: No.
"""
TWO = TEXT.replace(b"rules:\n", b"rules:\n" + OWN, 1)


def row(number: int) -> Row:
    return Row(str(number), str(number), "safe", "c", "en", "generate", "s")


def answers(text: bytes, number: int) -> tuple[list[Row], dict[tuple[str, str], Judged]]:
    """Rows with random signals of the text, and what the policy says of them."""
    turn = random.Random(7)
    evaluator = Evaluator(read_policy(text, NAMES), NAMES)
    rows, found = [row(n) for n in range(number)], {}
    for one in rows:
        signals = {
            name: Signal.absent(name)
            if name.startswith(("input.", "terms.", "names."))
            else Signal.measured(name, round(turn.random() ** 3, 6))
            for name, entry in NAMES.items()
            if Point.ADMIT in entry.points and entry.polarity is Polarity.HIGH_IS_WORSE
        }
        signals |= {n: Signal.measured(n, 0.9) for n in NAMES if n == "prompt.reduces_exposure"}
        decision = evaluator.decide(
            Point.ADMIT, Facts(one.kind, "web", "standard", "unknown", False, DAY), signals
        )
        found[one.kind, one.text] = Judged(
            decision.outcome, tuple(f.rule for f in decision.fired), False, signals
        )
    return rows, found


def test_each_step_stops_what_its_own_text_does() -> None:
    rows, found = answers(TWO, 200)
    made = tuning.tuning(TWO, "two", NAMES, (), TERMS, found, [DAY])
    assert [(k.rule, k.signal) for k in made.knobs] == [
        ("rude", "prompt.degrading"), ("rude", "prompt.pose"), ("sexual-content", "prompt.sexual"),
    ]  # fmt: skip
    assert [(k.signal, k.fixed) for k in made.fixed] == [("terms.sexual", "only 0 and 1 were measured")]
    assert made.stopped(0, rows, found) == sum(j.stopped for j in found.values())
    assert made.candidate(0) == TWO
    counts = [made.stopped(step, rows, found) for step in range(-400, 401, 100)]
    assert all(one >= two for one, two in pairwise(counts)) and counts[0] > counts[-1]
    for step in (-150, 80):
        again = Evaluator(read_policy(made.candidate(step), NAMES), NAMES)
        facts = Facts("generate", "web", "standard", "unknown", False, DAY)
        slow = [again.decide(Point.ADMIT, facts, j.signals or {}).outcome for j in found.values()]
        assert made.stopped(step, rows, found) == sum(o is not Outcome.ALLOW for o in slow)


def test_only_the_rules_that_are_named_move() -> None:
    rows, found = answers(TWO, 20)
    made = tuning.tuning(TWO, "two", NAMES, ["rude"], TERMS, found, [DAY])
    assert {k.rule for k in made.knobs} == {"rude"} and made.fixed == ()
    assert made.candidate(50).replace(OWN, b"") != TWO.replace(OWN, b"")  # the rule itself is another text
    before, after = (read_policy(text, NAMES) for text in (TWO, made.candidate(50)))
    assert [o.id for o, n in zip(before.rules, after.rules, strict=True) if o != n] == ["rude"]
    assert made.stopped(0, rows, found) >= made.stopped(50, rows, found)


def test_what_could_not_be_judged_is_stopped_at_every_step() -> None:
    _, found = answers(TEXT, 20)
    made = tuning.tuning(TEXT, "t", NAMES, (), TERMS, found, [DAY])
    lost = {("generate", "0"): Judged(None, fault="prompt_too_long")}
    assert [made.stopped(step, [row(0)], lost) for step in (-500, 0, 500)] == [1, 1, 1]


@pytest.mark.parametrize(
    ("rule", "code"),
    [
        ("minor-sexual", "rule_untouchable"),
        ("unchecked", "rule_untouchable"),
        ("eu-minor-words", "rule_untouchable"),
        ("sexual-output", "rule_not_at_admit"),
        ("nobody", "rule_unknown"),
    ],
)
def test_floors_and_law_are_not_tuned(rule: str, code: str) -> None:
    with pytest.raises(Fault) as caught:
        tuning.tunable(POLICY, [rule])
    assert caught.value.code == code and caught.value.field == "rule"


def test_a_candidate_that_differs_in_more_is_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were the patch wrong, the wrong policy would be proposed for signing."""
    rows, found = answers(TEXT, 20)
    for change in (
        (b"name: shipped", b"name: other"),
        (b"then: block", b"then: review"),
        (b"at_least: 0.6}", b"at_least: 0.9}"),
        (b"countries: [AT, ", b"countries: ["),
    ):
        made = tuning.tuning(TEXT, "t", NAMES, (), TERMS, found, [DAY])
        assert change[0] in TEXT
        monkeypatch.setattr(tuning, "patched", lambda text, *_, c=change, **__: text.replace(*c))
        with pytest.raises(Fault) as caught:
            made.stopped(5, rows, found)
        assert caught.value.code == "patch_changed_more"
        monkeypatch.undo()


BARER = b"""  - id: barer
    at: [release]
    when: {all: [{signal: change.exposure, at_least: 0.3}, {signal: prompt.pose, at_least: 0.6}]}
    then: review
    reason: No.
"""
SEEN = TEXT.replace(b"rules:\n", b"rules:\n" + BARER, 1)


def looks(number: int) -> tuple[list[Exhibit], dict[tuple[str, str], Judged]]:
    """Pictures and pairs with random signals of everything, but nothing that floors act on."""
    turn = random.Random(9)
    rows, found = [], {}
    for n in range(number):
        both = {"input": f"{n}.png", "output": f"{n}.jpg"} if n % 2 else {"image": f"{n}.jpg"}
        rows.append(Exhibit(str(n), "c", "s", "safe", **both))
        signals = {
            name: Signal.measured(name, round(turn.random(), 6))
            if name in ("output.nudity", "change.exposure", "prompt.pose")
            else Signal.measured(name, 0.9)
            if name == "prompt.reduces_exposure"
            else Signal.absent(name)
            for name in NAMES
        }
        found[rows[-1].key] = Judged(Outcome.ALLOW, (), False, signals)
    return rows, found


def test_pictures_move_the_rules_of_release_and_are_decided_at_both_points() -> None:
    rows, found = looks(120)
    made = tuning.tuning(SEEN, "seen", NAMES, (), TERMS, found, [DAY], tuning.PICTURES)
    assert [(k.rule, k.signal) for k in made.knobs] == [
        ("barer", "change.exposure"),
        ("sexual-output", "output.nudity"),
        ("nude-looking-output", "output.nudity"),
        ("nude-looking-output", "change.exposure"),
    ]
    assert {(k.signal, k.fixed) for k in made.fixed} == {
        (name, "no signal of the pictures") for name in ("prompt.pose", "prompt.sexual", "prompt.exposure")
    }
    counts = []
    for step in (-200, 0, 200):
        again = Evaluator(read_policy(made.candidate(step), NAMES), NAMES)
        slow = 0
        for one in rows:
            facts = Facts("edit" if one.input else "generate", "web", "standard", "unknown", False, DAY)
            signals = found[one.key].signals or {}
            slow += any(again.decide(p, facts, signals).outcome is not Outcome.ALLOW for p in Point)
        assert made.stopped(step, rows, found) == slow
        counts.append(slow)
    assert counts[0] > counts[1] > counts[2] >= 0


@pytest.mark.parametrize(
    ("rule", "code"), [("known-image", "rule_untouchable"), ("sexual-content", "rule_not_at_release")]
)
def test_pictures_say_nothing_of_what_is_asked_at_admit_only(rule: str, code: str) -> None:
    with pytest.raises(Fault) as caught:
        tuning.tunable(POLICY, [rule], tuning.PICTURES)
    assert caught.value.code == code

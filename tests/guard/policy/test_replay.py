"""Replaying: counts equal what deciding each recorded case again says, and what is not known is counted apart."""

from __future__ import annotations

import json
import random
from collections import Counter
from dataclasses import replace
from datetime import date

import pytest

from rambarde.guard.policy.catalogue import Catalogue
from rambarde.guard.policy.evaluation import Evaluator, Facts
from rambarde.guard.policy.language import Policy, Requirement
from rambarde.guard.policy.reading import read_policy
from rambarde.guard.policy.replay import Replay
from rambarde.nouns.decision import Decision, Outcome, Point
from rambarde.nouns.fault import Fault
from rambarde.nouns.record import OutputNote, Record
from rambarde.nouns.signal import Signal
from tests.guard.policy.conftest import BOTH, FLOORS, POLICY, entry
from tests.samples import a_record

PIN = "sha256:" + "0" * 64


@pytest.fixture
def old(names: Catalogue) -> Policy:
    return read_policy(POLICY.encode(), names, floors=FLOORS.encode())


@pytest.fixture
def new(names: Catalogue) -> Policy:
    """Stricter on `a` and `b`, without the rule that looks at what covers."""
    text = POLICY.replace(
        "at_least: 0.2}, {signal: b, at_least: 0.2}", "at_least: 0.1}, {signal: b, at_least: 0.1}"
    )
    start, rest = text.split("  - id: cover", 1)
    text = start + rest[rest.index("  - id: french") :]
    return read_policy(text.encode(), names, floors=FLOORS.encode())


def recorded(policy: Policy, names: Catalogue, number: int, draw: random.Random) -> Record:
    """A record as the chain would have made it."""
    evaluator = Evaluator(policy, names)
    facts = Facts("generate", "web", "standard", "FR", False, date(2026, 1, 9))

    def decide(point: Point) -> Decision:
        kinds = (
            lambda n: Signal.measured(n, round(draw.random(), 2)),
            lambda n: Signal.measured(n, round(draw.random(), 2)),
            Signal.absent,
            lambda n: Signal.no_answer(n, "small"),
            lambda n: Signal.failed(n, "late"),
        )
        signals = {
            e.name: draw.choices(kinds, (4, 4, 8, 1, 1))[0](e.name)
            for e in names.values()
            if point in e.points
        }
        return evaluator.decide(point, facts, signals)

    admit = decide(Point.ADMIT)
    outputs = tuple(
        OutputNote(index, decide(Point.RELEASE), "d" * 64)
        for index in range(draw.randint(1, 3) if admit.outcome is Outcome.ALLOW else 0)
    )
    return replace(a_record(number), admit=admit, outputs=outputs, detectors=(("d", f"1@{PIN}"),))


def body(record: Record) -> bytes:
    return json.dumps(record.as_json()).encode()


def test_the_same_policy_changes_nothing(old: Policy, names: Catalogue) -> None:
    draw, replay = random.Random(1), Replay(Evaluator(old, names), names)
    for number in range(200):
        assert replay.judge(body(recorded(old, names, number, draw))) == ()
    tally = replay.tally
    assert tally.records == 200 and tally.decisions > 250 and tally.changed == 0
    assert not (tally.lacking or tally.newly or tally.no_longer or tally.other_detectors or tally.unasked)


def test_counts_are_those_of_deciding_again(old: Policy, new: Policy, names: Catalogue) -> None:
    draw, evaluator = random.Random(2), Evaluator(new, names)
    replay = Replay(evaluator, names)
    steps: Counter[tuple[str, str, str]] = Counter()
    newly: Counter[str] = Counter()
    changed, told = [], []
    for number in range(300):
        record = recorded(old, names, number, draw)
        told += [(c.id, c.point, c.output, c.was, c.now) for c in replay.judge(body(record))]
        facts = Facts("generate", "web", "standard", "FR", False, date(2026, 1, 9))
        assert record.admit is not None
        for output, was in [(None, record.admit), *((o.index, o.decision) for o in record.outputs)]:
            now = evaluator.decide(was.point, facts, {s.name: s for s in was.signals})
            steps[was.point.value, was.outcome.word, now.outcome.word] += 1
            newly.update({f.rule for f in now.fired} - {f.rule for f in was.fired})
            if now.outcome is not was.outcome:
                changed.append((record.id, was.point, output, was.outcome, now.outcome))
    assert changed and told == changed
    assert replay.tally.told == steps and replay.tally.newly == newly
    assert replay.tally.changed == len(changed) and replay.tally.no_longer.keys() == {"cover"}
    looser = sum(1 for c in changed if c[1] is Point.ADMIT and c[4] is Outcome.ALLOW)
    assert replay.tally.unasked == looser > 0


def test_a_signal_that_was_not_measured_is_counted_apart(old: Policy, names: Catalogue) -> None:
    """The new policy stands on a detector that did not run then."""
    more = {**names, "e": replace(entry("e"), points=BOTH, detector="e")}
    policy = replace(old, detectors=(*old.detectors, Requirement("e", "1", PIN)))
    replay = Replay(Evaluator(policy, more), more)
    record = recorded(old, names, 0, random.Random(0))
    quiet = Decision(
        Point.ADMIT, Outcome.ALLOW, (), tuple(Signal.absent(n) for n in ("a", "b", "low")), old.digest
    )
    (one,) = replay.judge(body(replace(record, admit=quiet, outputs=())))
    assert (one.was, one.now, one.lacking) == (Outcome.ALLOW, Outcome.BLOCK, ("e",))
    assert one.rules == ("unchecked",) and one.other_detectors == ("e",)
    tally = replay.tally
    assert not tally.told and tally.lacking == {("admit", "allow", "block"): 1}
    assert tally.lacks == {"e": 1} and tally.other_detectors == {"e": 1}


@pytest.mark.parametrize(
    ("had", "other"),
    [
        (f"1@{PIN}", False),
        (f"1@{PIN}+sha256:data", False),
        (f"1@{PIN[:-1]}1", True),
        (f"2@{PIN}", True),
        (f"1@{PIN}0", True),
    ],
)
def test_detectors_of_another_version_are_counted(
    had: str, other: bool, old: Policy, names: Catalogue
) -> None:
    replay = Replay(Evaluator(old, names), names)
    replay.judge(body(replace(recorded(old, names, 0, random.Random(0)), detectors=(("d", had),))))
    assert replay.tally.other_detectors == ({"d": 1} if other else {})


def test_records_that_ended_before_anything_was_measured(old: Policy, names: Catalogue) -> None:
    replay = Replay(Evaluator(old, names), names)
    assert replay.judge(body(replace(a_record(fault="n_out_of_range"), admit=None, outputs=()))) == ()
    assert (replay.tally.records, replay.tally.before_signals, replay.tally.decisions) == (1, 1, 0)


def test_what_is_no_record_is_counted_and_named(old: Policy, names: Catalogue) -> None:
    replay = Replay(Evaluator(old, names), names)
    with pytest.raises(Fault) as refused:
        replay.judge(b"{}")
    assert refused.value.code == "record_damaged"
    assert (replay.tally.records, replay.tally.unreadable) == (1, 1)


def test_on_another_day(old: Policy, names: Catalogue) -> None:
    """`french` begins on 2 December: on the record's own day it does not hold."""
    signals = (Signal.measured("a", 0.0), Signal.measured("b", 0.15), Signal.measured("low", 1.0))
    admit = Decision(Point.ADMIT, Outcome.ALLOW, (), signals, old.digest)
    record = body(replace(a_record(), admit=admit, outputs=()))
    assert Replay(Evaluator(old, names), names).judge(record) == ()
    (one,) = Replay(Evaluator(old, names), names, on=date(2026, 12, 2)).judge(record)
    assert (one.now, one.rules) == (Outcome.BLOCK, ("french",))

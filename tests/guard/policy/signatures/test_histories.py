"""Whole histories, valid and not, against a slow and obvious reading of the same list."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rambarde.guard.policy.proof.compare import Verdict
from rambarde.guard.policy.signatures.change import SignedChange
from rambarde.guard.policy.signatures.history import Entry
from rambarde.guard.policy.signatures.people import Person, Roster
from rambarde.guard.policy.signatures.standing import Standing
from rambarde.guard.policy.signatures.subject import (
    Assessment,
    ChangeKind,
    People,
    PolicyText,
    Prepared,
    Subject,
    SwitchOff,
    SwitchOn,
)
from rambarde.nouns.fault import Fault
from tests.guard.policy.signatures.stand import ADA, BEN, CLEO, DAN, HOUR, ROSTER, T0, change, fold, key, sha

EVERYBODY = (ADA, BEN, CLEO, DAN)
ROSTERS = (
    ROSTER,
    Roster((ADA, BEN)),
    Roster((ADA, CLEO, DAN)),
    Roster(EVERYBODY, demo=True),
    Roster((ADA, BEN, CLEO, replace(DAN, revoked=T0 + 5 * HOUR))),
    Roster((ADA, replace(BEN, until=T0 + 8 * HOUR), CLEO)),
)
MEASURES = ("no-people", "no-images")


@dataclass(frozen=True)
class Step:
    """What somebody tries: mostly a sensible change, now and then one with a flaw."""

    subject: Subject
    signers: tuple[Person, ...]
    verdict: Verdict | None
    hours: int
    flaw: str | None


POLICIES = st.builds(
    PolicyText, st.sampled_from([sha("a"), sha("b"), sha("c")]), st.just(sha("f")), st.none()
)
SUBJECTS = st.one_of(
    POLICIES,
    POLICIES,
    st.builds(Prepared, st.sampled_from(MEASURES), st.just(True), st.integers(1, 90)),
    st.builds(Prepared, st.sampled_from(MEASURES), st.booleans(), st.integers(1, 90)),
    st.builds(SwitchOn, st.sampled_from(MEASURES), st.booleans()),
    st.builds(SwitchOn, st.sampled_from(MEASURES), st.booleans()),
    st.builds(SwitchOff, st.sampled_from(MEASURES)),
    st.builds(SwitchOff, st.sampled_from(MEASURES)),
    st.sampled_from(ROSTERS).map(People),
    st.just(Assessment(("surface:web",), ())),
)
SIGNERS = st.one_of(
    st.sampled_from([(ADA, CLEO), (ADA, BEN), (CLEO, ADA), (ADA,), (CLEO,), (BEN,), ()]),
    st.sampled_from([(ADA, CLEO), (CLEO, ADA, BEN)]),
    st.lists(st.sampled_from(EVERYBODY), max_size=3, unique=True).map(tuple),
)
FLAWS = st.sampled_from(
    [*[None] * 24, "replay", "skip", "other history", "stale", "forged", "twice", "old key"]
)
STEPS = st.builds(
    Step, SUBJECTS, SIGNERS, st.sampled_from([*Verdict]), st.sampled_from([-1, 0, 0, 1, 3]), FLAWS
)


RUNNING = [
    Step(PolicyText(sha("a"), sha("f"), None), (ADA, BEN), None, 0, None),
    Step(Prepared("no-people", True, 5), (BEN,), None, 0, None),
    Step(Prepared("no-images", False, 5), (BEN,), None, 0, None),
    Step(SwitchOn("no-images", False), (), None, 1, None),
]
"""Where most histories begin, so that there is something to loosen."""
HISTORIES = st.tuples(st.sampled_from([[], RUNNING, RUNNING]), st.lists(STEPS, min_size=4, max_size=20)).map(
    lambda pair: pair[0] + pair[1]
)


def attempt(standing: Standing, step: Step, at, before: list[Entry]) -> SignedChange:
    if step.flaw == "replay" and before:
        return before[-1].signed
    facts: dict[str, object] = {}
    subject = step.subject
    if isinstance(subject, PolicyText):
        verdict = step.verdict if standing.policy else Verdict.LOOSENED
        loose = verdict in (Verdict.LOOSENED, Verdict.BOTH)
        facts = {"verdict": verdict, "proof": sha("p"), "loosened": ("more",) if loose else ()}
        subject = replace(subject, compared=sha("stale") if step.flaw == "stale" else standing.policy)
    if step.flaw == "skip":
        facts["sequence"] = standing.sequence + 2
    if step.flaw == "other history":
        facts["previous"] = sha("other")
    made = SignedChange(change(standing, subject, at, **facts))
    for one in step.signers:
        made = made.sign(key("old" if step.flaw == "old key" else one.name), one.name, at)
    if step.flaw == "twice" and step.signers:
        one = step.signers[0]
        made = made.sign(key(one.name), one.name.upper(), at)
    if step.flaw == "forged" and made.signatures:
        made = replace(made, change=replace(made.change, reason="something else"))
    return made


def live(steps: list[Step]) -> tuple[Standing, list[Entry]]:
    """Try each step on what stands; keep what took effect."""
    at = T0
    standing = Standing.start()
    entries: list[Entry] = []
    founding = SignedChange(change(standing, People(ROSTER)))
    for one in (ADA, CLEO):
        founding = founding.sign(key(one.name), one.name, T0)
    entries.append(Entry(founding, T0))
    standing = standing.after(founding, at=T0)
    for step in steps:
        at += timedelta(hours=step.hours)
        made = attempt(standing, step, at, entries)
        before = repr(standing)
        try:
            after = standing.after(made, at=at)
        except Fault as fault:
            assert fault.remedy
            assert repr(standing) == before
            continue
        assert step.flaw in (None, "stale", "forged", "twice", "old key", "replay"), step.flaw
        if step.signers:
            assert step.flaw not in ("forged", "twice", "old key")
        if isinstance(step.subject, PolicyText):
            assert step.flaw != "stale"
        look_at(standing, made, after, at)
        entries.append(Entry(made, at))
        standing = after
    return standing, entries


def look_at(before: Standing, made: SignedChange, after: Standing, at) -> None:
    """What must hold of every step that took effect, said without the code under test."""
    assert after.sequence == before.sequence + 1 and after.last == made.digest
    assert after.demo >= before.demo
    assert before.roster is not None and after.roster is not None
    listed = {person.name: person for person in before.roster.people}
    people = {signature.name for signature in made.signatures}
    assert len(people) == len(made.signatures) and people <= listed.keys()
    for name in people:
        assert listed[name].revoked is None or listed[name].revoked > at  # type: ignore[operator]
        assert listed[name].until is None or listed[name].until > at  # type: ignore[operator]
    loosens = (
        made.change.verdict in (Verdict.LOOSENED, Verdict.BOTH)
        or bool(before.on.keys() - after.on.keys())
        or any(
            new not in before.roster.people and new.revoked is None
            for new in after.roster.people
            if new.name not in listed
        )
        or (before.policy is None and after.policy is not None)
    )
    if loosens:
        assert len(people) >= 2 and any(listed[name].accountable for name in people)
    if made.change.kind is not ChangeKind.MEASURE_ON:
        assert people


def reference(entries: list[Entry]) -> tuple[str | None, set[str], bool]:
    """The policy in force, the measures that are on, and whether this is a demo: read off the list, last one wins."""
    policy, demo = None, False
    for entry in entries:
        subject = entry.signed.as_json()["change"]["subject"]  # type: ignore[index, call-overload]
        if "policy" in subject and "floors" in subject:
            policy = subject["policy"]
        if "people" in subject and subject["people"]["demo"]:
            demo = True
    on = set()
    for name in MEASURES:
        switches = [
            entry.signed.change.kind
            for entry in entries
            if entry.signed.change.kind in (ChangeKind.MEASURE_ON, ChangeKind.MEASURE_OFF)
            and entry.signed.change.subject.name == name  # type: ignore[union-attr]
        ]
        if switches and switches[-1] is ChangeKind.MEASURE_ON:
            on.add(name)
    return policy, on, demo


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(HISTORIES)
@pytest.mark.slow
def test_histories_agree_with_the_obvious_reading(steps: list[Step]) -> None:
    standing, entries = live(steps)
    assert (standing.policy, set(standing.on), standing.demo) == reference(entries)
    written = [Entry.parse(entry.canonical()) for entry in entries]
    assert fold(written) == standing


@settings(max_examples=40, deadline=None)
@given(HISTORIES, st.data())
def test_no_history_can_be_reordered_repeated_or_cut(steps: list[Step], data: st.DataObject) -> None:
    standing, entries = live(steps)
    place = data.draw(st.integers(0, len(entries) - 1))
    repeated = [*entries[: place + 1], *entries[place:]]
    with pytest.raises(Fault) as refused:
        fold(repeated)
    assert refused.value.code == "change_out_of_turn"
    cut = entries[:place] + entries[place + 1 :]
    if place < len(entries) - 1:
        with pytest.raises(Fault):
            fold(cut)
        swapped = list(entries)
        swapped[place : place + 2] = reversed(swapped[place : place + 2])
        with pytest.raises(Fault):
            fold(swapped)
    else:  # the last one can be left out: that is why the log's checkpoints are witnessed
        assert fold(cut).sequence == standing.sequence - 1


def test_the_steps_do_take_effect() -> None:
    """The properties above would be empty if next to nothing were accepted."""
    everything = [
        Step(PolicyText(sha("a"), sha("f"), None), (ADA, BEN), None, 0, None),
        Step(Prepared("no-people", True, 5), (BEN,), None, 1, None),
        Step(SwitchOn("no-people", True), (), None, 1, None),
        Step(PolicyText(sha("b"), sha("f"), None), (BEN,), Verdict.TIGHTENED, 1, None),
        Step(PolicyText(sha("c"), sha("f"), None), (BEN,), Verdict.LOOSENED, 0, None),
        Step(SwitchOff("no-people"), (BEN,), None, 0, None),
        Step(SwitchOff("no-people"), (BEN, CLEO), None, 0, None),
        Step(People(Roster(EVERYBODY, demo=True)), (ADA, BEN), None, 0, None),
        Step(Assessment(("surface:web",), ()), (CLEO,), None, 0, None),
        Step(People(Roster((ADA, CLEO, DAN))), (CLEO,), None, 0, None),
    ]
    standing, entries = live(everything)
    assert len(entries) == 1 + len(everything) - 3
    assert standing.policy == sha("b") and not standing.on and standing.demo

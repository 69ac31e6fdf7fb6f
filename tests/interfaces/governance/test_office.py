"""The office: who must sign what, and that a change is all or nothing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from rambarde.guard.policy.catalogue import Entry
from rambarde.guard.policy.proof.compare import Verdict
from rambarde.guard.policy.signatures.change import SignedChange
from rambarde.guard.policy.signatures.subject import ChangeKind
from rambarde.interfaces.governance import account
from rambarde.interfaces.governance.govern import office
from rambarde.nouns.decision import Point
from rambarde.nouns.fault import Fault
from rambarde.nouns.signal import Polarity
from tests.interfaces.governance.conftest import (
    ADA,
    BEN,
    CAREFUL,
    CLEO,
    LOOSER,
    POLICY,
    START,
    STOP,
    STRICTER,
    Clock,
    House,
    roster,
)

pytestmark = pytest.mark.slow


def refused(ask: Callable[[], object]) -> str:
    with pytest.raises(Fault) as fault:
        ask()
    return fault.value.code


def test_a_document_says_by_its_first_key_what_it_is(house: House) -> None:
    house.found()
    kinds = [
        house.proposal(text).kind for text in (roster().as_yaml(), STRICTER, STOP.replace("stop", "halt"))
    ]
    assert kinds == [ChangeKind.PEOPLE, ChangeKind.POLICY, ChangeKind.MEASURE]
    assert refused(lambda: house.proposal("name: x\n")) == "document_unknown"
    assert refused(lambda: house.proposal("- x\n")) == "policy_invalid"


@pytest.mark.parametrize("signers", [(), (ADA,), (ADA, ADA), (BEN,), ("Mallory", ADA)])
def test_a_loosening_needs_two_people(house: House, signers: tuple[str, ...]) -> None:
    house.found()
    refused(lambda: house.adopt(LOOSER, *signers))
    assert house.standing.policy == house.digest(POLICY)


def test_one_of_the_two_answers_for_it(house: House) -> None:
    house.found()
    house.adopt(LOOSER, BEN, CLEO)
    assert house.standing.policy == house.digest(LOOSER)
    house.adopt(STRICTER, BEN)  # and one is enough to tighten
    assert house.standing.policy == house.digest(STRICTER)


def test_switching_a_measure_off_needs_two_people(house: House) -> None:
    house.found()
    house.switch("stop", on=True)
    for signers in ((), (ADA,), (BEN,), (CLEO,), (BEN, BEN)):
        refused(lambda s=signers: house.switch("stop", *s, on=False))  # type: ignore[misc]
        assert "stop" in house.standing.on
    house.switch("stop", ADA, BEN, on=False)
    assert house.standing.on == {}
    assert refused(lambda: house.switch("stop", ADA, BEN, on=False)) == "measure_not_on"


def test_a_measure_says_when_somebody_must_look_again_and_stays_on_after(house: House, clock: Clock) -> None:
    house.found()
    house.switch("stop", on=True)
    on = house.standing.on["stop"]
    assert (on.since, on.review_at) == (START, START + timedelta(days=2))
    assert (on.by, on.reason, on.breaker) == (ADA, "now", False)
    clock.run(30 * 86400)
    assert [one.name for one in house.tenure().in_force.measures] == ["stop"]


def test_a_breaker_switches_on_what_its_signers_allowed(house: House) -> None:
    house.found()
    assert refused(lambda: house.switch("careful", on=True, breaker=True)) == "measure_no_breaker"
    assert house.standing.on == {}
    house.switch("stop", on=True, breaker=True)
    assert house.standing.on["stop"].breaker
    assert refused(lambda: house.switch("stop", on=False, breaker=True)) == "signatures_missing"


def test_what_was_not_prepared_cannot_be_switched(house: House) -> None:
    house.found()
    assert refused(lambda: house.switch("geoblock-de", on=True)) == "measure_unknown"
    house.switch("stop", on=True)
    assert refused(lambda: house.switch("stop", on=True)) == "measure_already_on"
    softer = STOP.replace("then: block", "then: review")
    assert refused(lambda: house.adopt(softer, ADA, BEN)) == "measure_already_on", "nor replaced while on"


SPECIAL = STOP.replace("name: stop", "name: special")


def test_a_prepared_measure_is_replaced_by_two(house: House) -> None:
    """One could put in its place what hardly does anything, and nobody would know before it is needed."""
    house.found()
    weaker = STOP.replace("[generate, edit]", "[edit]")
    assert refused(lambda: house.adopt(weaker, BEN)) == "signatures_missing"
    assert refused(lambda: house.adopt(weaker, ADA)) == "signatures_missing"
    house.adopt(SPECIAL, BEN)
    house.adopt(weaker, BEN, CLEO)
    assert house.book.document(house.standing.measures["stop"].document) == weaker.encode()


@pytest.mark.parametrize(
    "when",
    [
        "{context: mode, in: [nosuchmode]}",
        "{context: surface, in: [web, nowhere]}",
        "{all: [{context: surface, in: [web]}, {context: surface, in: [app]}]}",
    ],
)
def test_a_measure_that_can_never_fire_is_refused(house: House, when: str) -> None:
    house.found()
    idle = SPECIAL.replace("{context: action, in: [generate, edit]}", when)
    assert idle != SPECIAL
    with pytest.raises(Fault) as fault:
        house.adopt(idle, ADA, BEN)
    assert fault.value.code == "measure_idle" and fault.value.remedy
    assert "special" not in house.standing.measures


def test_a_policy_that_leaves_a_measure_without_its_detector_is_refused(house: House) -> None:
    """Before it is in the log: else the measure fails at the hour when it is needed."""
    house.found()
    house.names["far"] = Entry("far", Polarity.HIGH_IS_WORSE, tuple(Point), "elsewhere", "")  # type: ignore[index]
    pin = '  d: {version: "1", digest: "sha256:' + "0" * 64 + '"}\n'
    wide = POLICY.replace(pin, pin + pin.replace("  d:", "  elsewhere:"))
    assert wide != POLICY
    house.assess(wide)
    house.adopt(wide, ADA, BEN)
    house.adopt(CAREFUL.replace("name: careful", "name: far").replace("signal: b", "signal: far"), BEN)
    house.assess(LOOSER)
    with pytest.raises(Fault, match="elsewhere") as fault:
        house.adopt(LOOSER, ADA, BEN)
    assert fault.value.code == "measure_unfit" and house.standing.policy == house.digest(wide)


def test_several_steps_are_taken_together_or_not_at_all(house: House) -> None:
    before = house.found()
    first = house.proposal(STRICTER)
    one = house.signed(house.change(first), BEN)
    after = before.after(one, at=house.clock())
    second = house.office.proposal(LOOSER.encode(), before, source="b.yaml")
    change = house.office.change(second, after, by=ADA, reason="r", at=house.clock())
    refused(lambda: house.office.adopt(house.log, [(first, one), (second, house.signed(change, BEN))]))
    assert house.standing == before


def test_a_paper_is_of_the_document_and_the_moment_it_was_made_for(house: House) -> None:
    house.found()
    proposal = house.proposal(STRICTER)
    paper = house.signed(house.change(proposal), BEN)
    other = house.proposal(STRICTER.replace("not in France", "nowhere in France"))
    assert refused(lambda: house.office.adopt(house.log, [(other, paper)])) == "change_stale"
    house.switch("careful", on=True)
    assert refused(lambda: house.office.adopt(house.log, [(proposal, paper)])) == "change_out_of_turn"


def test_a_paper_survives_being_written_down_and_no_edit(house: House) -> None:
    house.found()
    proposal = house.proposal(LOOSER)
    paper = house.signed(house.change(proposal), ADA, BEN)
    text = paper.canonical()
    edited = SignedChange.parse(text.replace(b'"reason":"because"', b'"reason":"becausE"'))
    assert refused(lambda: house.office.adopt(house.log, [(proposal, edited)])) == "signature_invalid"
    house.office.adopt(house.log, [(proposal, SignedChange.parse(text))])


@pytest.mark.parametrize(
    "lie",
    [{"loosened": ("a region nobody minds",)}, {"tightened": ("so much",)}, {"proof": "sha256:" + "ab" * 32}],
)
def test_what_the_signers_read_is_what_is_found_here(house: House, lie: dict[str, Any]) -> None:
    """Though all of them signed it: the history would keep it for good."""
    house.found()
    proposal = house.proposal(LOOSER)
    change = replace(house.change(proposal), **lie)
    before = house.standing
    assert refused(lambda: house.office.adopt(house.log, [(proposal, house.signed(change, ADA, BEN))])) == (
        "change_misdeclared"
    )
    assert house.standing == before
    with pytest.raises(Fault, match="other regions"):
        house.office.agrees(change, proposal)


DUTIFUL = POLICY.replace(
    "    reason: look at it\n", "    reason: look at it\n    follow: [preserve, notify]\n"
)


def test_a_duty_that_falls_away_needs_two_and_is_told(house: House) -> None:
    house.found(DUTIFUL)
    for text in (POLICY, DUTIFUL.replace("[preserve, notify]", "[notify]")):
        proposal = house.proposal(text)
        assert proposal.verdict is Verdict.LOOSENED
        assert "`preserve` no longer follows where `cover` asked for it" in proposal.loosened
        assert refused(lambda t=text: house.adopt(t, BEN)) == "signatures_missing"  # type: ignore[misc]
    house.adopt(POLICY, ADA, BEN)
    back = house.proposal(DUTIFUL)
    assert back.verdict is Verdict.LOOSENED, "it keeps more of people"
    assert back.loosened == ("kept of people: `preserve` follows where `cover` fires, and did not",)
    assert back.tightened == ("reworded: `cover`: `follow` nothing becomes preserve, notify",)
    assert refused(lambda: house.adopt(DUTIFUL, BEN)) == "signatures_missing"
    told = house.proposal(
        POLICY.replace("reason: look at it\n", "reason: look at it\n    follow: [notify]\n")
    )
    assert told.verdict is Verdict.NOT_MORE_PERMISSIVE and told.loosened == ()
    house.adopt(DUTIFUL, ADA, BEN)


def test_a_larger_sample_needs_two_and_a_smaller_one_needs_one(house: House) -> None:
    sampled = "evidence:\n  sample: {rate: 0.001, days: 30}\nmodes:\n"
    house.found()
    small, large = (
        POLICY.replace("modes:\n", text, 1) for text in (sampled, sampled.replace("0.001", "0.1"))
    )
    for text, before in ((small, "none"), (large, "0.001")):
        assert house.proposal(text).loosened[0].endswith(f"of all decisions, before {before}")
        assert refused(lambda t=text: house.adopt(t, BEN)) == "signatures_missing"  # type: ignore[misc]
        house.adopt(text, ADA, BEN)
    house.adopt(small, BEN)


def test_other_words_need_one_and_are_told(house: House) -> None:
    house.found()
    text = POLICY.replace("not in France", "nowhere in France")
    proposal = house.proposal(text)
    assert proposal.verdict is Verdict.NOT_MORE_PERMISSIVE
    words = "reworded: `french`: the reason “not in France” becomes “nowhere in France”"
    assert proposal.tightened == (words,)
    told = list(account.told(SignedChange(house.change(proposal)), house.standing))
    assert words in told, "and not as a tightening"
    house.adopt(text, BEN)


def test_signers_are_told_more_than_a_few_regions(house: House) -> None:
    """Eleven regions, each of another country and threshold."""
    rules = "".join(
        f"  - {{id: r{n}, at: [admit], when: {{signal: b, at_least: 0.9}}, then: block, reason: r,"
        f" countries: [{code}], from: {2030 + n}-01-01, until: {2030 + n}-06-01}}\n"
        for n, code in enumerate(("DE", "IT", "ES", "PT", "NL", "BE", "AT", "PL", "SE", "FI", "DK"))
    )
    many = POLICY.replace("modes:\n", rules + "modes:\n")
    house.found(many)
    proposal = house.proposal(POLICY)
    assert proposal.verdict is Verdict.LOOSENED and len(proposal.loosened) >= 11
    assert not any("and more" in line for line in proposal.loosened)
    assert house.signed(house.change(proposal), ADA, BEN).canonical()


def test_one_desk_is_all_a_command_needs(house: House) -> None:
    house.found()
    desk = office(house.vault, house.names)
    assert desk.book.read().standing == house.standing
    assert CAREFUL.encode() == house.book.document(house.standing.measures["careful"].document)
    assert refused(lambda: desk.book.document(None)) == "document_missing"

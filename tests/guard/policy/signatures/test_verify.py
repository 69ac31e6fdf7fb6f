"""Enough of the right people, with keys that counted then and count now: each way to fail has its own fault."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from rambarde.guard.policy.proof.compare import Verdict
from rambarde.guard.policy.signatures.change import SignedChange
from rambarde.guard.policy.signatures.people import Person, Roster
from rambarde.guard.policy.signatures.standing import Standing
from rambarde.guard.policy.signatures.verify import ANSWERED, LEEWAY, NONE, ONE, TWO, Need, need_of, verify
from rambarde.nouns.fault import Fault
from tests.guard.policy.signatures.stand import (
    ADA,
    BEN,
    BOTH,
    CLEO,
    DAN,
    HOUR,
    T0,
    key,
    person,
    policy,
    signed,
)

ROSTER = Roster((ADA, BEN, CLEO, DAN))
CHANGE = policy(Standing.start(), "p")
TICK = timedelta(microseconds=1)


def refused(made: SignedChange, need: Need = TWO, *, at=T0, roster: Roster = ROSTER) -> Fault:
    with pytest.raises(Fault) as fault:
        verify(made, roster, need=need, at=at)
    assert fault.value.remedy and fault.value.field == "signatures"
    return fault.value


def with_ada(**times: object) -> Roster:
    return Roster((replace(ADA, **times), BEN, CLEO, DAN))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("people", "holds"),
    [
        ((), (NONE,)),
        ((BEN,), (NONE, ONE)),
        ((CLEO,), (NONE, ONE, ANSWERED)),
        ((BEN, DAN), (NONE, ONE)),
        ((BEN, CLEO), (NONE, ONE, ANSWERED, TWO)),
        ((ADA, CLEO), (NONE, ONE, ANSWERED, TWO)),
        ((ADA, BEN), (NONE, ONE, ANSWERED, TWO)),
    ],
)
def test_who_is_enough(people: tuple[Person, ...], holds: tuple[Need, ...]) -> None:
    made = signed(CHANGE, *people)
    for need in (NONE, ONE, ANSWERED, TWO):
        if need in holds:
            assert verify(made, ROSTER, need=need, at=T0) == people
        else:
            assert refused(made, need).code == "signatures_missing"


def test_who_can_still_sign_is_told() -> None:
    roster = Roster((*ROSTER.people, person("Eve Stone", BOTH, revoked=T0)))
    fault = refused(signed(CHANGE, BEN, DAN), roster=roster)
    assert fault.message == (
        "this change needs the signature of 2 different people, one of them accountable; "
        "Ben Okri (policy), Dan Rao (policy) signed."
    )
    assert (
        fault.remedy == "These can still sign: Ada Lovelace (accountable, policy), Cléo Durand (accountable)."
    )
    assert "Dan Rao" in refused(signed(CHANGE, BEN)).remedy
    assert "one accountable person; nobody signed" in refused(signed(CHANGE), ANSWERED).message
    alone = Roster((ADA, replace(CLEO, until=T0 + HOUR)))
    assert "name more people" in refused(signed(CHANGE, ADA), at=T0 + HOUR, roster=alone).remedy


def test_what_each_verdict_needs() -> None:
    assert {verdict: need_of(verdict) for verdict in Verdict} == {
        Verdict.EQUIVALENT: ONE,
        Verdict.NOT_MORE_PERMISSIVE: ONE,
        Verdict.TIGHTENED: ONE,
        Verdict.LOOSENED: TWO,
        Verdict.BOTH: TWO,
    }
    assert need_of(None) == TWO


def test_strangers_and_strange_keys() -> None:
    eve = person("Eve Stone")
    assert "not among those" in refused(signed(CHANGE, ADA, eve)).message
    as_ben = signed(CHANGE, ADA).sign(key("another"), "Ben Okri", T0)
    fault = refused(as_ben)
    assert fault.code == "signature_unknown_key" and "listed for Ben Okri" in fault.message
    # A known person's key under another known person's name is that person's no more.
    assert refused(SignedChange(CHANGE).sign(key("Dan Rao"), "Ben Okri", T0)).code == "signature_unknown_key"


@pytest.mark.parametrize("spelling", ["Ada Lovelace", "ada lovelace", "ADA  Lovelace", "Ａda Lovelace"])
def test_one_person_is_one_however_spelt(spelling: str) -> None:
    made = signed(CHANGE, ADA)
    assert refused(made.sign(key("Ada Lovelace"), spelling, T0 + TICK)).code == "signature_twice"
    assert refused(made.sign(key("another key"), spelling, T0)).code == "signature_twice"
    alone = SignedChange(CHANGE).sign(key("Ada Lovelace"), spelling, T0)
    assert verify(alone, ROSTER, need=ANSWERED, at=T0) == (ADA,)


def test_one_key_under_two_names() -> None:
    made = signed(CHANGE, ADA).sign(key("Ada Lovelace"), "Ben Okri", T0)
    fault = refused(made)
    assert fault.code == "signature_twice" and "Ada Lovelace and Ben Okri" in fault.message


def test_a_signature_is_of_this_change_this_name_and_this_time() -> None:
    good = signed(CHANGE, ADA, BEN)
    ada, ben = good.signatures
    other = signed(replace(CHANGE, reason="another"), ADA, BEN)
    for wrong in (
        replace(good, change=other.change),
        replace(good, signatures=(ada, replace(ben, value=ada.value))),
        replace(good, signatures=(ada, replace(ben, signed_at=T0 + TICK))),
        replace(good, signatures=(replace(ada, name="ada lovelace"), ben)),
        replace(good, signatures=(replace(ada, value="0" * 128), ben)),
    ):
        assert refused(wrong).code == "signature_invalid"


def test_every_signature_must_hold_also_a_third() -> None:
    good = signed(CHANGE, ADA, BEN, DAN)
    *two, dan = good.signatures
    broken = replace(good, signatures=(*two, replace(dan, value="0" * 128)))
    assert refused(broken).code == "signature_invalid"
    assert refused(broken, NONE).code == "signature_invalid"


def test_clocks() -> None:
    def by_ada(at) -> SignedChange:
        return signed(CHANGE, BEN).sign(key("Ada Lovelace"), "Ada Lovelace", at)

    for fine in (T0 - LEEWAY, T0, T0 + LEEWAY):
        verify(by_ada(fine), ROSTER, need=TWO, at=T0)
    assert refused(by_ada(T0 + LEEWAY + TICK)).code == "signature_from_future"
    assert refused(by_ada(T0 - LEEWAY - TICK)).code == "signature_too_early"
    with pytest.raises(ValueError, match="zone"):
        verify(by_ada(T0), ROSTER, need=TWO, at=T0.replace(tzinfo=None))


def test_a_key_counts_for_its_time() -> None:
    made = signed(CHANGE, ADA, BEN, at=T0)
    later = T0 + HOUR
    for roster, at, code in [
        (with_ada(since=T0), T0, None),
        (with_ada(since=T0 + TICK), T0, "signature_too_early"),
        (with_ada(until=T0 + TICK), T0, None),
        (with_ada(until=T0), T0, "signature_expired"),
        (with_ada(until=later), later, "signature_expired"),
        (with_ada(until=later), later - TICK, None),
        (with_ada(revoked=T0), T0, "signature_revoked"),
        (with_ada(revoked=later), later, "signature_revoked"),
        (with_ada(revoked=later), later - TICK, None),
        (with_ada(until=T0, revoked=T0), T0, "signature_revoked"),
    ]:
        if code is None:
            verify(made, roster, need=TWO, at=at)
        else:
            fault = refused(made, at=at, roster=roster)
            assert fault.code == code and "Ada Lovelace" in fault.message

"""Kind by kind: what a change needs, what it does, and that a refused one does nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from rambarde.guard.policy.proof.compare import Verdict
from rambarde.guard.policy.signatures.change import FIRST, SignedChange
from rambarde.guard.policy.signatures.history import Entry, change_id, next_id
from rambarde.guard.policy.signatures.people import Person, Role, Roster
from rambarde.guard.policy.signatures.standing import Assessed, Measure, On, Standing
from rambarde.guard.policy.signatures.subject import (
    Assessment,
    Evaluation,
    People,
    PolicyText,
    Prepared,
    Swapped,
    SwitchOff,
    SwitchOn,
)
from rambarde.guard.policy.signatures.verify import TWO
from rambarde.nouns.fault import Fault, Kind
from tests.guard.policy.signatures.stand import (
    ADA,
    BEN,
    CLEO,
    DAN,
    HOUR,
    ROSTER,
    T0,
    change,
    fold,
    founded,
    key,
    person,
    policy,
    running,
    sha,
    signed,
)

EVE = person("Eve Stone")


def refused(standing: Standing, made: SignedChange, at: Any = T0) -> Fault:
    before = repr(standing)
    with pytest.raises(Fault) as fault:
        standing.after(made, at=at)
    assert fault.value.remedy and fault.value.field and repr(standing) == before
    return fault.value


# People.


def test_the_first_people_sign_themselves() -> None:
    start = Standing.start()
    first = change(start, People(ROSTER))
    for people in [(), (ADA,), (BEN,), (ADA, EVE)]:
        assert refused(start, signed(first, *people)).code in ("signatures_missing", "signature_unknown_key")
    standing = start.after(signed(first, BEN, CLEO), at=T0)
    assert standing.roster == ROSTER and standing.sequence == 1 and not standing.demo
    assert next_id(standing) == "change-00000002"


def test_two_of_the_first_people_without_an_accountable_one() -> None:
    start = Standing.start()
    first = change(start, People(Roster((ADA, BEN, DAN))))
    assert refused(start, signed(first, BEN, DAN)).code == "signatures_missing"


@pytest.mark.parametrize(
    "subject", [PolicyText(sha("p"), sha("f"), None), Prepared("x", True, 1), SwitchOn("x", False)]
)
def test_nothing_goes_before_people(subject: Any) -> None:
    start = Standing.start()
    assert refused(start, signed(change(start, subject), ADA, BEN)).code == "roster_missing"


def test_new_people_need_two_of_the_old() -> None:
    standing = founded()
    wider = change(standing, People(Roster((*ROSTER.people, EVE))))
    for people in [(ADA,), (CLEO,)]:
        assert refused(standing, signed(wider, *people)).code == "signatures_missing"
    assert refused(standing, signed(wider, ADA, EVE)).code == "signature_unknown_key"
    assert standing.after(signed(wider, BEN, CLEO), at=T0).roster == Roster((*ROSTER.people, EVE))


@pytest.mark.parametrize("signer", [ADA, BEN, CLEO])
def test_one_can_revoke_anybody_and_oneself(signer: Person) -> None:
    standing = founded()
    less = Roster((ADA, replace(BEN, revoked=T0), CLEO))
    after = standing.after(signed(change(standing, People(less)), signer), at=T0)
    assert after.roster == less
    assert refused(after, signed(policy(after, "p"), ADA, BEN, at=T0)).code == "signature_revoked"
    back = signed(change(after, People(ROSTER)), CLEO)
    assert refused(after, back).code == "signatures_missing"
    assert after.after(back.sign(key("Ada Lovelace"), "Ada Lovelace", T0), at=T0).roster == ROSTER


def test_nobody_can_lock_everybody_out() -> None:
    standing = founded()
    late = Roster((replace(ADA, since=T0 + 2 * HOUR), BEN, replace(CLEO, until=T0 + HOUR)))
    made = signed(change(standing, People(late)), ADA, CLEO)
    assert standing.after(made, at=T0).roster == late
    fault = refused(standing, made, at=T0 + HOUR)
    assert fault.code == "roster_locks_out" and "Ben Okri could sign" in fault.message


def test_demo_is_never_forgotten() -> None:
    standing = founded(replace(ROSTER, demo=True))
    assert standing.demo
    real = change(standing, People(ROSTER))
    assert refused(standing, signed(real, ADA)).code == "signatures_missing"
    after = standing.after(signed(real, ADA, BEN), at=T0)
    assert after.demo and after.roster is not None and not after.roster.demo
    plain = founded()
    made = signed(change(plain, People(replace(ROSTER, demo=True))), ADA, BEN)
    assert plain.after(made, at=T0).demo


# Policies.


def test_the_first_policy_counts_as_loosened() -> None:
    standing = founded()
    first = policy(standing, "one")
    assert refused(standing, signed(first, ADA)).code == "signatures_missing"
    assert standing.need(replace(first, verdict=Verdict.TIGHTENED)) == TWO
    after = standing.after(signed(first, ADA, BEN), at=T0)
    assert (after.policy, after.policy_document) == (sha("one"), sha("one.yaml"))
    tight = policy(standing, "one", verdict=Verdict.TIGHTENED)
    assert refused(standing, signed(tight, ADA, BEN)).code == "change_contradicts"


@pytest.mark.parametrize("verdict", Verdict)
def test_what_a_policy_needs(verdict: Verdict) -> None:
    standing = running()
    one = signed(policy(standing, "two", verdict=verdict), BEN)
    if verdict in (Verdict.LOOSENED, Verdict.BOTH):
        assert refused(standing, one).code == "signatures_missing"
        one = one.sign(key(CLEO.name), CLEO.name, T0)
    assert standing.after(one, at=T0).policy == sha("two")


def test_a_policy_compared_with_another_is_stale() -> None:
    standing = running()
    for compared in (None, sha("zero")):
        subject = PolicyText(sha("two"), sha("floors"), compared)
        fault = refused(standing, signed(policy(standing, "two", subject=subject), ADA, BEN))
        assert fault.code == "change_stale" and sha("one") in fault.message and fault.kind is Kind.CONFLICT
    early = founded()
    subject = PolicyText(sha("two"), sha("floors"), sha("one"))
    made = signed(policy(early, "two", verdict=Verdict.TIGHTENED, subject=subject), ADA, BEN)
    assert refused(early, made).code == "change_stale"


def test_facts_that_do_not_fit_each_other() -> None:
    standing = running()
    swaps = (Swapped("head", "1 a", "2 b"),)
    new = (Swapped("head", None, "2 b"),)

    def made(verdict: Verdict, swaps: tuple[Swapped, ...] = (), **facts: Any) -> SignedChange:
        subject = PolicyText(sha("two"), sha("floors"), standing.policy, swaps)
        return signed(policy(standing, "two", verdict=verdict, subject=subject, **facts), ADA, BEN)

    for wrong in (
        made(Verdict.TIGHTENED, proof=None),
        made(Verdict.TIGHTENED, document=None),
        made(Verdict.TIGHTENED, swaps),
        made(Verdict.EQUIVALENT, swaps),
        made(Verdict.LOOSENED, swaps),
        made(Verdict.TIGHTENED, loosened=("on `web`",)),
        made(Verdict.LOOSENED, loosened=()),
        made(Verdict.BOTH, loosened=()),
        made(Verdict.BOTH, new, loosened=()),
    ):
        assert refused(standing, wrong).code == "change_contradicts"
    unsaid = replace(policy(standing, "two"), verdict=None)
    assert refused(standing, signed(unsaid, ADA, BEN)).field == "change.verdict"
    assert standing.after(made(Verdict.BOTH, swaps, loosened=()), at=T0).policy == sha("two")
    assert standing.after(made(Verdict.NOT_MORE_PERMISSIVE, new), at=T0).policy == sha("two")


# Measures.


def test_a_measure_is_prepared_switched_on_and_off() -> None:
    standing = running()
    assert standing.measures == {"no-people": Measure(sha("document"), breaker=False, review_days=7)}
    on = change(standing, SwitchOn("no-people", breaker=False), T0 + HOUR, by="Night Shift", reason="now")
    after = standing.after(SignedChange(on), at=T0 + HOUR + timedelta(minutes=1))
    week = timedelta(days=7)
    assert after.on == {"no-people": On(T0 + HOUR, T0 + HOUR + week, "Night Shift", "now", False)}
    assert after.policy == standing.policy and after.measures == standing.measures

    again = change(after, SwitchOn("no-people", breaker=False), T0 + HOUR)
    assert refused(after, SignedChange(again), at=T0 + HOUR).code == "measure_already_on"
    prepare = change(after, Prepared("no-people", breaker=True, review_days=1))
    assert refused(after, signed(prepare, ADA)).code == "measure_already_on"

    off = change(after, SwitchOff("no-people"))
    for people in [(), (ADA,), (BEN,)]:
        assert refused(after, signed(off, *people)).code == "signatures_missing"
    ended = after.after(signed(off, ADA, BEN), at=T0)
    assert ended.on == {} and ended.measures == standing.measures
    fault = refused(ended, signed(change(ended, SwitchOff("no-people")), ADA, BEN))
    assert fault.code == "measure_not_on"
    assert (
        ended.after(signed(change(ended, Prepared("no-people", True, 1)), ADA, BEN), at=T0)
        .measures["no-people"]
        .breaker
    )


def test_only_what_was_prepared_and_by_a_breaker_only_where_allowed() -> None:
    standing = running()
    unknown = change(standing, SwitchOn("no-images", breaker=False))
    fault = refused(standing, SignedChange(unknown))
    assert fault.code == "measure_unknown" and "no-people" in fault.remedy
    by_breaker = change(standing, SwitchOn("no-people", breaker=True), by="breaker: refusals")
    assert refused(standing, SignedChange(by_breaker)).code == "measure_no_breaker"
    allow = change(standing, Prepared("no-people", breaker=True, review_days=7))
    assert refused(standing, signed(allow, BEN)).code == "signatures_missing", "it could be a weaker one"
    allowed = standing.after(signed(allow, ADA, BEN), at=T0)
    by_breaker = change(allowed, SwitchOn("no-people", breaker=True), by="breaker: refusals")
    assert allowed.after(SignedChange(by_breaker), at=T0).on["no-people"].breaker


def test_a_measure_only_tightens() -> None:
    standing = running()
    subject = Prepared("no-images", breaker=False, review_days=7)
    assert refused(standing, SignedChange(change(standing, subject))).code == "signatures_missing"
    for wrong in ({"verdict": Verdict.LOOSENED}, {"verdict": Verdict.BOTH}, {"loosened": ("on `web`",)}):
        made = signed(change(standing, subject, **wrong), ADA, BEN)
        assert refused(standing, made).code == "measure_loosens"
    no_document = signed(change(standing, subject, document=None), ADA)
    assert refused(standing, no_document).code == "change_contradicts"
    on = change(standing, SwitchOn("no-people", False), loosened=("on `web`",))
    assert refused(standing, SignedChange(on)).code == "measure_loosens"


def test_a_signature_under_a_switch_must_hold_although_it_needs_none() -> None:
    standing = running()
    on = change(standing, SwitchOn("no-people", breaker=False))
    assert refused(standing, signed(on, EVE)).code == "signature_unknown_key"
    assert standing.after(signed(on, BEN), at=T0).on


# Assessments.


def test_an_assessment_is_answered_for() -> None:
    standing = running()
    items = ("surface:web", "mode:spicy")
    evaluation = Evaluation(sha("report"), T0 - HOUR, ("mode:spicy",))
    subject = Assessment(items, (evaluation,), sha("one"))
    unsigned = change(standing, subject)
    assert refused(standing, signed(unsigned, BEN)).code == "signatures_missing"
    after = standing.after(signed(unsigned, BEN, CLEO), at=T0)
    document = sha("document")
    assert after.assessed == {
        "surface:web": Assessed(document, (), sha("one"), T0, ("Cléo Durand",)),
        "mode:spicy": Assessed(document, (evaluation,), sha("one"), T0, ("Cléo Durand",)),
    }
    newer = change(after, Assessment(("mode:spicy",), ()), T0 + HOUR)
    later = after.after(signed(newer, ADA), at=T0 + HOUR)
    assert later.assessed["mode:spicy"].at == T0 + HOUR and not later.assessed["mode:spicy"].evaluations
    assert later.assessed["surface:web"] == after.assessed["surface:web"]

    future = Assessment(items, (replace(evaluation, made_at=T0 + HOUR),))
    assert refused(standing, signed(change(standing, future), CLEO)).code == "change_contradicts"
    bare = change(standing, subject, document=None)
    assert refused(standing, signed(bare, CLEO)).code == "change_contradicts"


# Turns and clocks.


def test_out_of_turn() -> None:
    early = founded()
    first = signed(policy(early, "one"), ADA, BEN)
    standing = early.after(first, at=T0)
    fault = refused(standing, first)
    assert fault.code == "change_out_of_turn" and "the next one is change 3" in fault.message
    for wrong in ({"sequence": 2}, {"sequence": 4}, {"previous": early.last}, {"previous": FIRST}):
        made = signed(policy(standing, "two", **wrong), ADA, BEN)
        assert refused(standing, made).code == "change_out_of_turn"


def test_a_change_follows_what_was_signed_under_the_one_before() -> None:
    """Two versions of a change that differ in their signatures are two histories."""
    early = founded()
    unsigned = policy(early, "one")
    two, three = (early.after(signed(unsigned, *p), at=T0) for p in [(ADA, BEN), (ADA, BEN, CLEO)])
    assert two.last != three.last
    assert refused(two, signed(policy(three, "x"), ADA)).field == "change.previous"


def test_a_change_from_the_future() -> None:
    standing = running()
    made = signed(policy(standing, "two", created_at=T0 + HOUR), ADA)
    assert refused(standing, made).code == "change_from_future"
    assert standing.after(made, at=T0 + HOUR)


def test_a_clock_set_back_revives_no_key() -> None:
    standing = running()
    less = Roster((replace(ADA, revoked=T0 + HOUR), BEN, CLEO))
    standing = standing.after(signed(change(standing, People(less)), BEN), at=T0 + 2 * HOUR)
    backdated = signed(policy(standing, "two"), ADA, at=T0)
    assert refused(standing, backdated, at=T0).code == "signature_revoked"
    with pytest.raises(ValueError, match="zone"):
        standing.after(backdated, at=T0.replace(tzinfo=None))


# Histories.


def test_a_later_expiry_undoes_nothing() -> None:
    roster = Roster((replace(ADA, until=T0 + HOUR), BEN, CLEO, DAN))
    start = Standing.start()
    entries = [Entry(signed(change(start, People(roster)), ADA, BEN), T0)]
    standing = fold(entries)
    entries.append(Entry(signed(policy(standing, "one"), ADA, BEN), T0))
    standing = fold(entries)
    year = T0 + timedelta(days=365)
    gone = Roster((replace(BEN, revoked=year), CLEO, DAN))
    entries.append(Entry(signed(change(standing, People(gone), year), CLEO), year))
    written = [Entry.parse(entry.canonical()) for entry in entries]
    assert fold(written) == fold(entries) and fold(written).policy == sha("one")
    assert fold(written[2:], fold(written[:2])) == fold(written)
    with pytest.raises(Fault) as fault:
        fold([entries[0], replace(entries[1], at=year)])
    assert fault.value.code == "signature_expired"


def test_ids() -> None:
    assert [change_id(n) for n in (1, 99_999_999, 100_000_000)] == [
        "change-00000001",
        "change-99999999",
        "change-100000000",
    ]


def test_roles_are_what_they_were_when_signed() -> None:
    standing = founded()
    lower = Roster((replace(ADA, roles=frozenset({Role.POLICY})), BEN, CLEO))
    standing = standing.after(signed(change(standing, People(lower)), BEN), at=T0)
    assert refused(standing, signed(policy(standing, "p"), ADA, BEN)).code == "signatures_missing"


def test_nobody_locks_out_the_others_alone() -> None:
    standing = founded()
    soon = T0 + HOUR / 60
    alone = Roster((replace(ADA, until=soon), BEN, replace(CLEO, until=soon)))
    made = signed(change(standing, People(alone)), BEN)
    assert refused(standing, made).code == "signatures_missing"
    assert standing.after(made.sign(key(ADA.name), ADA.name, T0), at=T0).roster == alone

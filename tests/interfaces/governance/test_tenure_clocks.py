"""The tenure when clocks jump or disagree."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rambarde.guard.policy.evaluation import Facts
from rambarde.guard.policy.signatures.history import Entry
from rambarde.interfaces.governance.tenure import BEHIND, Tenure
from rambarde.nouns.decision import Outcome, Point
from rambarde.nouns.signal import Signal
from rambarde.prove.commitment import commit
from tests.interfaces.governance.conftest import ADA, BEN, POLICY, START, STRICTER, Clock, House
from tests.interfaces.governance.test_tenure import code, ending
from tests.samples import a_record

pytestmark = pytest.mark.slow


FRENCH = {"a": 0.0, "b": 0.15, "low": 1.0}
"""The rule `french` holds from 2026-12-02 to 2027-12-02."""


def outcome(tenure: Tenure) -> Outcome:
    signals = {name: Signal.measured(name, value) for name, value in FRENCH.items()}
    told = []
    for day in tenure.days():
        facts = Facts("generate", "web", "standard", "FR", False, day, "unknown")
        told.append(tenure.current().decide(Point.ADMIT, facts, signals).outcome)
    return max(told)


@pytest.mark.parametrize(
    ("starts", "hours", "wanted"),
    [
        (0, 0, Outcome.ALLOW),  # before the rule
        (0, 24 * 14, Outcome.BLOCK),  # set forward into it
        (0, 24 * 500, Outcome.ALLOW),  # set forward past it
        (14, 0, Outcome.BLOCK),
        (14, -24 * 14, Outcome.BLOCK),  # set back to before it: it does not end
        (14, 24 * 500, Outcome.BLOCK),  # set forward past its end: it does not end
    ],
)
def test_where_the_clock_jumped_the_rules_of_both_days_hold(
    house: House, clock: Clock, starts: int, hours: int, wanted: Outcome
) -> None:
    house.found()
    clock.run(starts * 86400)
    tenure = house.tenure()
    assert len(tenure.days()) == 1 and tenure.trouble is None
    clock.jump(hours=hours)
    assert outcome(tenure) is wanted
    assert len(tenure.days()) == (1 if hours == 0 else 2)
    assert ("clock_jumped" in (tenure.trouble or "")) == (hours != 0)


def test_a_clock_that_is_set_right_again_is_in_no_doubt(house: House, clock: Clock) -> None:
    house.found()
    tenure = house.tenure()
    clock.jump(days=3)
    assert len(tenure.days()) == 2
    clock.jump(days=-3, seconds=30)  # what a time server corrects is no jump
    assert len(tenure.days()) == 1 and tenure.trouble is None


def test_no_gateway_starts_with_a_clock_behind_what_was_recorded(house: House, clock: Clock) -> None:
    house.found()
    clock.run(3600)
    house.log.append([commit("record", {**a_record(1).as_json(), "received_at": clock().isoformat()})])
    clock.jump(seconds=-BEHIND.total_seconds())
    house.tenure()
    clock.jump(seconds=-1)
    assert code(house.tenure) == "clock_behind"
    assert code(lambda: house.adopt(STRICTER, BEN)) == "clock_behind", (
        "nor does it bring back keys that ended"
    )
    clock.jump(hours=-1)
    assert code(house.book.read) == "change_from_future", "nor with one that is behind the changes"


def test_another_gateways_clock_that_is_ahead_keeps_none_from_starting(house: House, clock: Clock) -> None:
    house.found()
    clock.jump(days=3650)
    house.book.leases.renew("ahead", sequence=1, policy="p", next_id="none")
    clock.jump(days=-3650)
    house.tenure()
    assert [one.gateway for one in house.book.leases.holders(timedelta(seconds=2))] == ["ahead"]
    assert house.book.leases.purge() == 1


def test_a_change_from_the_future_is_taken_when_its_time_has_come(house: House, clock: Clock) -> None:
    """Were it taken, every key with an end would have ended; were it void, it could undo a tightening."""
    house.found()
    tenure = house.tenure()
    change = house.office.switch("stop", house.standing, on=True, by=ADA, reason="now")
    house.slip_in(Entry(house.signed(change), clock() + timedelta(minutes=30)).canonical())
    for _ in range(2):
        assert code(tenure.renew) == "change_from_future"
        assert code(tenure.current) is not None and tenure.standing.sequence == 5
    assert code(house.again().tenure) == "change_from_future"
    clock.run(1500)
    tenure.renew()
    assert [one.name for one in tenure.in_force.measures] == ["stop"]


def test_a_change_that_is_dated_back_revives_no_key(house: House, clock: Clock) -> None:
    """Ben's key ends; then he signs with a clock that was set back to before that, past our own office."""
    house.adopt(ending(BEN, START + timedelta(hours=2)).as_yaml(), ADA, BEN)
    house.assess(POLICY)
    house.adopt(POLICY, ADA, BEN)
    clock.run(3 * 3600)
    tenures = [house.tenure(), house.tenure()]
    for tenure in tenures:
        tenure.renew()
    assert code(lambda: house.adopt(STRICTER, BEN)) == "signature_expired"
    clock.jump(hours=-2)
    proposal = house.proposal(STRICTER)
    house.book.documents.put(proposal.kept)
    body = Entry(house.signed(house.change(proposal), BEN), clock()).canonical()
    clock.jump(hours=2)
    house.slip_in(body)
    for tenure in tenures:
        tenure.renew()
        void = tenure.story.lines[-1].void
        assert void is not None and void.code == "signature_expired"
        assert tenure.current().policy.digest == house.digest(POLICY)
    again = house.again().tenure()
    assert again.policy.digest == house.digest(POLICY), "and those who start later are told"

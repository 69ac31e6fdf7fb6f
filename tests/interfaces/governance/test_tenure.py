"""The tenure: a policy is held by lease, and what is not surely in force lets nothing go."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from rambarde.guard.policy.signatures.people import Roster
from rambarde.guard.ports import PolicyHolder
from rambarde.interfaces.governance.charter import InForce
from rambarde.interfaces.governance.tenure import LEASE, Tenure
from rambarde.nouns.fault import Fault, Kind
from tests.interfaces.governance.conftest import ADA, BEN, POLICY, STRICTER, Clock, House, roster

pytestmark = pytest.mark.slow


def code(ask: Callable[[], object]) -> str | None:
    try:
        ask()
    except Fault as fault:
        return fault.code
    return None


def ending(name: str, until: datetime) -> Roster:
    people = (replace(one, until=until) if one.name == name else one for one in roster().people)
    return Roster(tuple(people))


def wait(until: Callable[[], bool], seconds: float = 5.0) -> float:
    start = time.monotonic()
    while not until():
        assert time.monotonic() - start < seconds, "it took too long"
        time.sleep(0.005)
    return time.monotonic() - start


def test_the_lease_is_two_seconds_and_not_one_moment_more(house: House, clock: Clock) -> None:
    house.found()
    tenure: PolicyHolder = (held := house.tenure())
    held.renew()
    clock.run(LEASE - 0.001)
    assert tenure.current().policy.digest == house.digest(POLICY)
    clock.run(0.001)
    with pytest.raises(Fault) as lapsed:
        tenure.current()
    assert (lapsed.value.kind, lapsed.value.code) == (Kind.OVERLOADED, "policy_lapsed")
    assert lapsed.value.retry_after == 1 and "policy_lapsed" in str(held.trouble)
    held.renew()
    assert tenure.current() and held.trouble is None


def test_the_lease_counts_from_before_the_question(
    house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.found()
    tenure, renew = house.tenure(), house.book.leases.renew

    def slow(*args: object, **named: object) -> object:
        found = renew(*args, **named)  # type: ignore[arg-type]
        clock.run(1.5)
        return found

    monkeypatch.setattr(house.book.leases, "renew", slow)
    tenure.renew()
    clock.run(0.49)
    assert code(tenure.current) is None
    clock.run(0.01)
    assert code(tenure.current) == "policy_lapsed"


def test_a_machine_that_slept_knows_nothing(house: House, clock: Clock) -> None:
    house.found()
    tenure = house.tenure()
    clock.run(3600)
    assert code(tenure.current) == "policy_lapsed"
    assert len(tenure.days()) == 1, "both clocks went on: nothing is in doubt"


def test_what_is_closed_releases_nothing(house: House) -> None:
    house.found()
    tenure = house.tenure()
    tenure.start()
    wait(lambda: bool(house.book.leases.holders(timedelta(seconds=2))))
    tenure.close()
    tenure.close()
    assert code(tenure.current) == "policy_lapsed"
    assert house.book.leases.holders(timedelta(seconds=2)) == ()


def test_a_change_is_taken_by_the_thread_and_told(house: House) -> None:
    house.found()
    tenure = house.tenure(every=0.02)
    told: list[InForce] = []
    tenure.listen(told.append)
    tenure.start()
    house.switch("stop", on=True)
    wait(lambda: bool(tenure.in_force.measures))
    assert [len(one.measures) for one in told] == [0, 1]
    house.switch("stop", ADA, BEN, on=False)
    wait(lambda: not tenure.in_force.measures)
    assert tenure.policy.digest == house.digest(POLICY)


def test_several_changes_are_taken_in_one_renewal(house: House) -> None:
    house.found()
    tenure = house.tenure()
    house.adopt(STRICTER, BEN)
    house.switch("stop", on=True)
    house.switch("careful", on=True)
    tenure.renew()
    assert tenure.standing == house.standing
    assert [one.name for one in tenure.in_force.measures] == ["careful", "stop"]


def test_a_demo_roster_is_told_though_the_policy_stays(house: House) -> None:
    """Else the checkpoints would not say DEMO before the next policy."""
    house.found()
    tenure = house.tenure()
    told: list[bool] = []
    tenure.listen(lambda now: told.append(now.standing.demo))
    house.adopt(roster(demo=True).as_yaml(), ADA, BEN)
    tenure.renew()
    assert told == [False, True]


def test_a_listener_that_fails_stops_the_release(house: House, clock: Clock) -> None:
    house.found()
    tenure = house.tenure()
    fails = [False]

    def listener(_: InForce) -> None:
        if fails[0]:
            raise RuntimeError

    tenure.listen(listener)
    fails[0] = True
    house.switch("careful", on=True)
    with pytest.raises(RuntimeError):
        tenure.renew()
    clock.run(LEASE)
    assert code(tenure.current) == "policy_lapsed"
    fails[0] = False
    tenure.renew()
    assert [one.name for one in tenure.in_force.measures] == ["careful"]


# ---- a database that is gone, or hangs ---------------------------------------------------------------


@pytest.fixture
def real(house: House) -> Tenure:
    """A lease of half a second by the real clock."""
    house.found()
    made = Tenure(house.book, house.charter, lease=0.5, every=0.05)
    house.opened.append(made.close)
    made.start()
    return made


def test_a_database_that_is_gone_stops_the_release_and_comes_back(
    house: House, real: Tenure, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    gone = threading.Event()
    renew = house.book.leases.renew

    def failing(*args: object, **named: object) -> object:
        if gone.is_set():
            raise Fault(Kind.INTERNAL, "store_unreachable", "Gone.", remedy="Wait.")
        return renew(*args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(house.book.leases, "renew", failing)
    for _ in range(2):
        assert code(real.current) is None
        gone.set()
        took = wait(lambda: code(real.current) == "policy_lapsed")
        assert 0.3 < took < 0.7
        gone.clear()
        wait(lambda: code(real.current) is None)
    assert "store_unreachable" in caplog.text


def test_a_renewal_that_hangs_stops_the_release_and_the_rest_goes_on(
    house: House, real: Tenure, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, chores = threading.Event(), []
    renew = house.book.leases.renew
    real.chores.append(lambda: chores.append(1))

    def hanging(*args: object, **named: object) -> object:
        done.wait(20)
        return renew(*args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(house.book.leases, "renew", hanging)
    wait(lambda: code(real.current) == "policy_lapsed")
    seen = len(chores)
    wait(lambda: len(chores) > seen)
    done.set()
    wait(lambda: code(real.current) is None)


def test_a_gateway_stops_though_the_renewal_hangs(
    house: House, real: Tenure, monkeypatch: pytest.MonkeyPatch
) -> None:
    done, asked = threading.Event(), threading.Event()
    renew = house.book.leases.renew

    def hanging(*args: object, **named: object) -> object:
        asked.set()
        done.wait(20)
        return renew(*args, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(house.book.leases, "renew", hanging)
    monkeypatch.setattr("rambarde.interfaces.governance.tenure.STOPPING", 0.1)
    asked.wait(5)
    start = time.monotonic()
    real.close()
    assert time.monotonic() - start < 2
    done.set()
    time.sleep(0.1)
    assert code(real.current) == "policy_lapsed", "also when the renewal answers at last"


def test_chores_that_take_long_or_fail_do_not_touch_the_lease(house: House, real: Tenure) -> None:
    """A candidate's proof may take half a minute; meanwhile the policy in force is as sure as ever."""
    done, ran = threading.Event(), threading.Event()

    def failing() -> None:
        raise Fault(Kind.NOT_FOUND, "x", "x.", remedy="x.")

    def broken() -> None:
        raise RuntimeError

    def long() -> None:
        ran.set()
        done.wait(20)

    real.chores += [failing, broken, long]
    assert ran.wait(5), "one that fails keeps no other from its turn"
    end = time.monotonic() + 1.2
    while time.monotonic() < end:
        assert code(real.current) is None
        time.sleep(0.02)
    done.set()


# ---- while a change is taken -------------------------------------------------------------------------


def test_a_database_that_is_busy_is_asked_again(
    house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.found()
    tenure = house.tenure()
    house.switch("stop", on=True)
    for kind in (Kind.OVERLOADED, Kind.INTERNAL):
        with monkeypatch.context() as patch:

            def busy(_: str, kind: Kind = kind) -> bytes:
                raise Fault(kind, "store_busy", "Busy.", remedy="Wait.")

            patch.setattr(house.book.documents, "get", busy)
            assert code(tenure.renew) == "store_busy"
        assert tenure.standing.sequence == 5 and code(tenure.current) == "policy_changing"
    tenure.renew()
    assert code(tenure.current) is None and [one.name for one in tenure.in_force.measures] == ["stop"]


def test_what_could_not_be_read_is_held_when_it_is_back(
    house: House, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.found()
    tenure = house.tenure()
    house.adopt(STRICTER, BEN)
    with monkeypatch.context() as patch:
        patch.setattr(house.book.documents, "get", lambda _: None)
        tenure.renew()
    assert tenure.standing.sequence == 6 and code(tenure.current) == "policy_unholdable"
    for _ in range(6):
        clock.run(0.4)
        tenure.renew()
    assert code(tenure.current) is None and tenure.policy.digest == house.digest(STRICTER)


def test_each_caller_gets_a_fault_of_their_own(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    house.found()
    tenure = house.tenure()
    house.adopt(STRICTER, BEN)
    monkeypatch.setattr(house.book.documents, "get", lambda _: None)
    tenure.renew()
    found = []
    for _ in range(3):
        with pytest.raises(Fault) as stopped:
            tenure.current()
        found.append(stopped.value)
    assert len({id(one) for one in found}) == 3
    assert {len(traceback.extract_tb(one.__traceback__)) for one in found} == {2}


def test_nothing_is_decided_while_detectors_are_swapped(house: House) -> None:
    house.found()
    tenure = house.tenure()
    seen: list[str | None] = []
    tenure.listen(lambda _: seen.append(code(tenure.current)))
    house.adopt(STRICTER, BEN)
    tenure.renew()
    assert seen == [None, "policy_changing"] and code(tenure.current) is None

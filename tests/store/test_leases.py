"""Leases: a renewal says what a gateway holds and never misses the change that comes next."""

from __future__ import annotations

import threading
from datetime import datetime, timedelta
from functools import partial

import pytest
import sqlalchemy as sa

from rambarde.nouns.custody import Committed, Logged
from rambarde.nouns.fault import Fault
from rambarde.prove.commitment import commit
from rambarde.store.database import Database
from rambarde.store.leases import CHANGE, RUNNING, Holder, Leases, change_id
from rambarde.store.ledger import Ledger, LedgerTransaction
from tests.samples import START, a_record
from tests.store.conftest import Clock

SECOND = timedelta(seconds=1)
POLICY = "sha256:" + "ab" * 32


@pytest.fixture
def leases(database: Database) -> Leases:
    return Leases(database)


def _change(database: Database, *sequences: int, kind: str = CHANGE) -> list[Committed]:
    batch = [commit(kind, {"id": change_id(sequence), "sequence": sequence}) for sequence in sequences]
    with Ledger(database).writing() as truth:
        truth.add(truth.size(), batch)
    return batch


def test_a_renewal_tells_of_the_next_change(database: Database, leases: Leases) -> None:
    renew = partial(leases.renew, "g1", sequence=0, policy=POLICY, next_id=change_id(1))
    assert renew() is None
    _change(database, 1, kind="policy")
    assert renew() is None, "another kind of entry is no change"
    (change,) = _change(database, 1)
    found = renew()
    assert found is not None
    assert (found.index, found.committed) == (1, change)
    assert found == Ledger(database).find(CHANGE, change_id(1))
    assert leases.renew("g1", sequence=1, policy=POLICY, next_id=change_id(2)) is None


def test_who_holds_what(leases: Leases, clock: Clock) -> None:
    assert leases.holders(SECOND) == ()
    leases.renew("g2", sequence=1, policy=POLICY, next_id="none", host="b")
    clock.forward(seconds=1.5)
    started = clock()
    leases.renew("g1", sequence=3, policy=POLICY, next_id="none", host="a", state="the policy is unproven")
    first = Holder("g1", "a", 3, POLICY, "the policy is unproven", started)
    assert leases.holders(SECOND) == (first,)
    assert [holder.gateway for holder in leases.holders(2 * SECOND)] == ["g1", "g2"]
    clock.forward(seconds=1)
    leases.renew("g1", sequence=4, policy="other", next_id="none", host="a")
    assert leases.holders(SECOND) == (Holder("g1", "a", 4, "other", RUNNING, started + SECOND),)
    leases.drop("g1")
    leases.drop("g1")
    assert leases.holders(SECOND) == ()


def test_a_gateway_whose_clock_is_ahead_is_live(database: Database, leases: Leases, clock: Clock) -> None:
    clock.forward(hours=1)
    leases.renew("g1", sequence=1, policy=POLICY, next_id="none")
    clock.forward(hours=-1)
    assert [holder.gateway for holder in leases.holders(SECOND)] == ["g1"]


def test_old_leases_are_forgotten(leases: Leases, clock: Clock) -> None:
    leases.renew("old", sequence=1, policy=POLICY, next_id="none")
    clock.forward(hours=23)
    leases.renew("new", sequence=1, policy=POLICY, next_id="none")
    assert leases.purge() == 0
    clock.forward(hours=1)
    assert leases.purge() == 1
    assert [holder.gateway for holder in leases.holders(timedelta(days=9))] == ["new"]
    assert leases.purge(clock() + timedelta(days=1)) == 1
    leases.renew("near", sequence=1, policy=POLICY, next_id="none")
    clock.forward(minutes=1)
    leases.renew("ahead", sequence=1, policy=POLICY, next_id="none")
    clock.forward(minutes=-6)
    assert leases.purge() == 1, "nobody would wait for it to be a day old"
    assert [holder.gateway for holder in leases.holders(timedelta(days=9))] == ["near"]


@pytest.mark.parametrize("odd", ["", "\0", "\ud800", "a b", "x" * 65])
def test_odd_gateways_get_no_lease(leases: Leases, odd: str) -> None:
    with pytest.raises(Fault) as refused:
        leases.renew(odd, sequence=1, policy=POLICY, next_id="none")
    assert refused.value.code == "bad_gateway_id"
    assert leases.holders(SECOND) == ()


@pytest.mark.parametrize("odd", ["\0", "\ud800", "é\u200b😀", "x" * 5000, ""])
def test_any_host_and_cause_can_be_said(leases: Leases, odd: str) -> None:
    leases.renew("g", sequence=1, policy=POLICY, next_id="none", host=odd, state=odd)
    (holder,) = leases.holders(SECOND)
    assert len(holder.host) <= 128 and len(holder.state) <= 500
    assert bool(holder.host) == bool(holder.state) == bool(odd)


def test_the_history_in_order_and_in_pages(
    database: Database, leases: Leases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rambarde.store.leases._PAGE", 4)
    assert list(leases.changes()) == []
    batch = [*_change(database, 2, 1, 3), *_change(database, *range(4, 13))]
    _change(database, 13, kind="policy")
    ordered = [batch[1], batch[0], *batch[2:]]
    assert [change.committed for change in leases.changes()] == ordered
    assert [change.index for change in leases.changes()] == [1, 0, *range(2, 12)]
    for after in (1, 4, 11, 12, 99):
        assert [change.committed for change in leases.changes(after)] == ordered[after:]
    assert change_id(12) == "change-00000012"
    for wrong in (-1, 10**8):
        with pytest.raises(ValueError):
            change_id(wrong)


def test_a_change_under_an_odd_id_is_not_passed_over(database: Database, leases: Leases) -> None:
    _change(database, 1)
    with Ledger(database).writing() as truth:
        truth.add(1, [commit(CHANGE, {"id": id}) for id in ("a", "change-1", "z")])
    assert {change.committed.id for change in leases.changes()} == {"a", "change-00000001", "change-1", "z"}


def test_values_of_another_type_are_damage(database: Database, leases: Leases) -> None:
    if database.dialect != "sqlite":
        pytest.skip("PostgreSQL does not let them in")
    _change(database, 1)
    leases.renew("g", sequence=0, policy=POLICY, next_id="none")
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE log_entries SET body = 'text'"))
    with pytest.raises(Fault) as noticed:
        leases.renew("g", sequence=0, policy=POLICY, next_id=change_id(1))
    assert noticed.value.code == "store_damaged"
    with pytest.raises(Fault) as noticed:
        list(leases.changes())
    assert noticed.value.code == "store_damaged"
    for change in ("renewed_at = 'when'", "sequence = 'first', renewed_at = 9e15"):
        with database.writing() as connection:
            connection.execute(sa.text(f"UPDATE leases SET {change}"))
        with pytest.raises(Fault) as noticed:
            leases.holders(SECOND)
        assert noticed.value.code == "store_damaged"


def test_a_renewal_that_fails_renews_nothing(database: Database, leases: Leases, clock: Clock) -> None:
    leases.renew("g", sequence=0, policy=POLICY, next_id="none")
    before = leases.holders(SECOND)
    with database.writing() as connection:
        connection.execute(sa.text("ALTER TABLE log_entries RENAME COLUMN salt TO pepper"))
    clock.forward(seconds=0.5)
    with pytest.raises(Fault):
        leases.renew("g", sequence=0, policy=POLICY, next_id="none")
    assert leases.holders(SECOND) == before


def test_the_latest_time(database: Database, leases: Leases, clock: Clock) -> None:
    assert leases.latest_time() is None
    with Ledger(database).writing() as truth:
        truth.add(0, [commit("record", a_record(n).as_json()) for n in (5, 3)])
    assert leases.latest_time() == START + timedelta(seconds=5)
    clock.now = START + timedelta(days=1)
    leases.renew("g", sequence=0, policy=POLICY, next_id="none")
    assert leases.latest_time() == clock()
    clock.now = START - timedelta(days=1)
    assert leases.latest_time() == START + timedelta(seconds=5), "a lease from the future is no witness"
    leases.renew("g", sequence=0, policy=POLICY, next_id="none")
    assert leases.latest_time() == START + timedelta(seconds=5)
    with Ledger(database).writing() as truth:
        truth.add(2, [commit("record", a_record(6).as_json())])
    assert leases.latest_time() == START + timedelta(seconds=6)


def test_gateways_renew_at_once_and_each_sees_every_change_once(
    database: Database, leases: Leases, place: str, clock: Clock
) -> None:
    """Eight gateways on two connections renew as fast as they can while changes come: none misses one."""
    other = Database.open(place, clock=clock)
    last, errors = 12, list[BaseException]()
    seen: dict[str, list[int]] = {f"g{n}": [] for n in range(8)}

    def follow(gateway: str, leases: Leases) -> None:
        try:
            sequence = 0
            for _ in range(2000):
                change = leases.renew(
                    gateway, sequence=sequence, policy=f"p{sequence}", next_id=change_id(sequence + 1)
                )
                if change is not None:
                    sequence += 1
                    assert change.committed.id == change_id(sequence)
                    seen[gateway].append(change.index)
                elif sequence == last:
                    return
        except BaseException as error:
            errors.append(error)

    threads = [
        threading.Thread(target=follow, args=(gateway, Leases([database, other][number % 2])))
        for number, gateway in enumerate(seen)
    ]
    for thread in threads:
        thread.start()
    for sequence in range(1, last + 1):
        _change(database, sequence)
    for thread in threads:
        thread.join()
    other.close()
    assert errors == []
    assert all(indexes == list(range(last)) for indexes in seen.values())
    assert {(h.gateway, h.sequence, h.policy) for h in leases.holders(SECOND)} == {
        (gateway, last, f"p{last}") for gateway in seen
    }


def test_what_is_read_is_as_new_as_the_lease(database: Database, clock: Clock) -> None:
    """A renewal that waits for a lock sees what was logged meanwhile, and its time is not flattered by it."""
    started, asked = clock(), threading.Event()

    def telling() -> datetime:
        now = clock()
        asked.set()
        return now

    database.clock = telling
    leases, found = Leases(database), list[Logged | None]()
    renewal = threading.Thread(
        target=lambda: found.append(leases.renew("g", sequence=0, policy="p", next_id=change_id(1)))
    )
    with database.writing() as connection:
        if database.dialect == "postgresql":
            connection.execute(sa.text("LOCK TABLE leases IN ACCESS EXCLUSIVE MODE"))
        renewal.start()
        assert asked.wait(10)
        clock.forward(seconds=3)
        LedgerTransaction(connection).add(0, [commit(CHANGE, {"id": change_id(1)})])
    renewal.join()
    assert found[0] is not None and found[0].index == 0
    (holder,) = leases.holders(10 * SECOND)
    assert holder.renewed_at == started


def test_the_next_change_is_found_by_an_index(database: Database, leases: Leases) -> None:
    query = leases._next.params(next_id=change_id(1)).compile(
        database._engine, compile_kwargs={"literal_binds": True}
    )
    explain = "EXPLAIN QUERY PLAN " if database.dialect == "sqlite" else "EXPLAIN "
    with database.reading() as connection:
        if database.dialect == "postgresql":
            connection.execute(sa.text("SET LOCAL enable_seqscan = off"))
        plan = " ".join(str(row) for row in connection.exec_driver_sql(explain + str(query)))
    assert "index" in plan.lower() and "scan log_entries" not in plan.lower(), plan

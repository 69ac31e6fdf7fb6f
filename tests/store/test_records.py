"""Reading through many records: the same bodies as `find` gives, in its order, page after page."""

from __future__ import annotations

from datetime import timedelta

import pytest

from rambarde.nouns.record import Ending
from rambarde.prove.commitment import commit
from rambarde.store import records as module
from rambarde.store.database import Database
from rambarde.store.ledger import Ledger
from rambarde.store.records import Records, Wanted
from tests.samples import START, a_record

MANY = 23


@pytest.fixture
def records(database: Database, monkeypatch: pytest.MonkeyPatch) -> Records:
    monkeypatch.setattr(module, "_PAGE", 5)
    ledger = Ledger(database)
    kept = [
        a_record(
            number,
            surface="api" if number % 3 else "web",
            ending=Ending.FAULT if number % 4 == 0 else Ending.RELEASED,
            rules=("r1",) if number % 2 else (),
        )
        for number in range(MANY)
    ]
    with ledger.writing() as truth:
        # Something else stands in the log between records.
        truth.add(0, [commit("policy", {"id": "p1"})])
        truth.add(1, [commit("record", record.as_json()) for record in kept[:7]])
        truth.add(8, [commit("policy", {"id": "p2"})])
        truth.add(9, [commit("record", record.as_json()) for record in kept[7:]])
    return Records(database)


@pytest.mark.parametrize(
    "wanted",
    [
        None,
        Wanted(since=START + timedelta(seconds=3), until=START + timedelta(seconds=14)),
        Wanted(until=START + timedelta(seconds=5)),
        Wanted(surface="web"),
        Wanted(ending=Ending.FAULT),
        Wanted(rule="r1", surface="api"),
        Wanted(surface="nowhere"),
    ],
    ids=str,
)
def test_bodies_are_those_that_find_gives(records: Records, wanted: Wanted | None) -> None:
    found = [(stored.id, stored.body) for stored in records.find(wanted)]
    assert list(records.bodies(wanted)) == found
    assert records.count(wanted) == len(found)
    assert wanted is not None or len(found) == MANY


def test_no_record(database: Database) -> None:
    assert list(Records(database).bodies()) == []

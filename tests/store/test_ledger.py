"""The ledger and the records in it: exact bytes back, in order, found by what they say."""

from __future__ import annotations

from datetime import timedelta

import pytest
import sqlalchemy as sa

from rambarde.nouns.custody import Committed
from rambarde.nouns.fault import Fault
from rambarde.nouns.record import Ending, Record
from rambarde.prove.commitment import commit
from rambarde.prove.ports import Ledger as Port
from rambarde.store.database import Database
from rambarde.store.ledger import Ledger
from rambarde.store.records import Records, Wanted
from tests.samples import START, a_record


@pytest.fixture
def ledger(database: Database) -> Ledger:
    port: Port = Ledger(database)
    assert isinstance(port, Ledger)
    return port


def _commit(record: Record) -> Committed:
    return commit("record", record.as_json())


def _add(ledger: Ledger, *records: Record) -> list[Committed]:
    batch = [_commit(record) for record in records]
    with ledger.writing() as truth:
        truth.add(truth.size(), batch)
    return batch


def test_what_goes_in_comes_out(ledger: Ledger) -> None:
    batch = _add(ledger, *(a_record(i, rules=("r2", "r1"), output_rules=("r3",)) for i in range(5)))
    rows = list(ledger.rows(0, 100))
    assert [row.index for row in rows] == [0, 1, 2, 3, 4]
    assert [row.committed for row in rows] == batch
    assert rows[0].columns["rules"] == ["r1", "r2", "r3"]
    for row in rows:
        assert row.columns == ledger.columns("record", row.committed.body)
    with ledger.reading() as view:
        assert view.size() == 5
        assert list(view.entries(1, 3)) == [(1, batch[1].entry), (2, batch[2].entry)]
    assert ledger.find("record", "record-000003") == rows[3]
    assert ledger.find("policy", "record-000003") is None
    assert ledger.at([4, 0]) == [rows[0], rows[4]]
    assert list(ledger.strays()) == []


def test_an_empty_log(ledger: Ledger) -> None:
    with ledger.reading() as view:
        assert (view.size(), view.checkpoint(), list(view.entries(0, 10))) == (0, None, [])
    assert ledger.pinned() is None
    assert list(ledger.rows(0, 10)) == []


def test_checkpoint_and_pin(ledger: Ledger) -> None:
    for note in ("first", "second"):
        with ledger.writing() as truth:
            truth.set_checkpoint(note)
        with ledger.reading() as view:
            assert view.checkpoint() == note
    assert ledger.pin("one") == ledger.pin("two") == ledger.pinned() == "one"


def test_an_id_enters_once(ledger: Ledger) -> None:
    _add(ledger, a_record(1))
    with pytest.raises(Fault) as refused:
        _add(ledger, a_record(2), a_record(1))
    assert refused.value.code == "already_logged"
    with ledger.reading() as view:
        assert view.size() == 1


def test_other_kinds_have_no_columns_but_their_id(ledger: Ledger, database: Database) -> None:
    with ledger.writing() as truth:
        truth.add(0, [commit("policy", {"id": "p1", "rules": []})])
    (row,) = ledger.rows(0, 1)
    assert row.columns == ledger.columns("policy", row.committed.body) == {"id": "p1"}
    assert Records(database).count() == 0


@pytest.mark.parametrize("odd", ["\ud800", "a\0b", "x" * 5000, "é\u200b😀", ""])
def test_any_claim_can_be_recorded(ledger: Ledger, odd: str) -> None:
    (item,) = _add(ledger, a_record(0, country=odd, session=odd))
    (row,) = ledger.rows(0, 1)
    assert row.committed == item
    assert row.columns == ledger.columns("record", item.body)


@pytest.mark.parametrize("body", [b"{}", b"[]", b"null", b"no json", b'{"id":"x"}', b"\xff"])
def test_a_body_that_is_no_record(ledger: Ledger, body: bytes) -> None:
    with pytest.raises(ValueError):
        ledger.columns("record", body)


def test_a_value_of_another_type_is_damage(ledger: Ledger, database: Database) -> None:
    if database.dialect != "sqlite":
        pytest.skip("PostgreSQL does not let it in")
    _add(ledger, a_record(0))
    with database.writing() as connection:
        connection.execute(sa.text("UPDATE records SET received_at = 'when'"))
    with pytest.raises(Fault) as refused:
        list(ledger.rows(0, 1))
    assert refused.value.code == "store_damaged"


@pytest.fixture
def records(ledger: Ledger, database: Database) -> Records:
    endings = [Ending.RELEASED, Ending.REFUSED, Ending.FAULT]
    _add(
        ledger,
        *(
            a_record(
                i,
                surface=["web", "app"][i % 2],
                ending=endings[i % 3],
                rules=("minor-sexual",) if i % 5 == 0 else (),
                fault="too_large" if i % 7 == 0 else None,
            )
            for i in range(30)
        ),
    )
    return Records(database)


def test_get(records: Records) -> None:
    found = records.get("record-000007")
    assert found is not None
    assert found.index == 7
    assert found.document()["surface"] == "app"
    assert records.get("nobody") is None


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (Wanted(), list(range(30))),
        (Wanted(surface="app"), list(range(1, 30, 2))),
        (Wanted(ending=Ending.REFUSED), list(range(1, 30, 3))),
        (Wanted(rule="minor-sexual"), list(range(0, 30, 5))),
        (Wanted(rule="minor-sexual", surface="app"), [5, 15, 25]),
        (Wanted(fault="too_large"), [0, 7, 14, 21, 28]),
        (Wanted(since=START + timedelta(seconds=10), until=START + timedelta(seconds=13)), [10, 11, 12]),
        (Wanted(surface="nowhere"), []),
        (Wanted(country="FR", mode="standard", credential="cabc"), list(range(30))),
    ],
)
def test_find(records: Records, wanted: Wanted, expected: list[int], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rambarde.store.records._PAGE", 4)
    assert [r.index for r in records.find(wanted)] == expected
    assert [r.index for r in records.find(wanted, newest_first=True)] == expected[::-1]
    assert [r.index for r in records.find(wanted, limit=6)] == expected[:6]
    assert [r.index for r in records.find(wanted, limit=4, newest_first=True)] == expected[::-1][:4]
    assert list(records.find(wanted, limit=0)) == []
    assert records.count(wanted) == len(expected)

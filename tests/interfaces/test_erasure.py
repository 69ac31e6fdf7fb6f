"""Erasing: the record and its salt are gone, the log verifies, and it says who did it and why."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from rambarde.interfaces.archive import Archive
from rambarde.interfaces.erasure import Eraser
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.nouns.appeal import Plea
from rambarde.nouns.custody import Shelf
from rambarde.nouns.fault import Fault
from rambarde.nouns.hold import Scope
from rambarde.nouns.lineage import Fingerprint
from rambarde.prove.erasure import ranges
from rambarde.prove.holds import Holds
from rambarde.prove.key import open_signer
from rambarde.prove.log import FOLDER, Log
from rambarde.prove.receipt import Receipt, make_receipt
from rambarde.prove.recorder import LogRecorder
from rambarde.prove.report import Report
from rambarde.prove.verify import verify_log
from rambarde.store.appeals import Appeals
from rambarde.store.database import FILE
from rambarde.store.ledger import Ledger
from rambarde.store.records import Records
from tests.postgres import NewDatabase
from tests.samples import START, a_record

SAID: dict[str, Any] = {"person": "A. Person", "reason": "asked for by letter"}
SIZE = 600


class Hall:
    """A vault and a log with records of two accounts."""

    def __init__(self, data: Path, database: str = "", **settings: Any) -> None:
        self.vault = Vault.open(Settings(data=str(data), database=database, **settings))
        self.ledger = Ledger(self.vault.database)
        self.log = Log.open(data / FOLDER, open_signer(data), self.ledger)
        self.recorder = LogRecorder(self.log)
        self.records = Records(self.vault.database)

    def write(self, count: int = SIZE) -> None:
        async def all() -> None:
            await asyncio.gather(*(self.recorder.record(record(number)) for number in range(count)))

        asyncio.run(all())

    def verify(self) -> Report:
        self.log.publish()
        return verify_log(self.vault.data / FOLDER, self.log._signer.verifier, self.ledger)

    def eraser(self) -> Eraser:
        return Eraser(self.vault, self.recorder, self.archive())

    def archive(self) -> Archive:
        return Archive.open(self.vault, Settings(), self.recorder.put)

    def close(self) -> None:
        self.recorder.close()
        self.log.close()
        self.vault.close()


def record(number: int) -> Any:
    return replace(
        a_record(number, rules=("a-rule",)), account="secret-account" if number % 3 == 0 else "other"
    )


def id_of(number: int) -> str:
    return f"record-{number:06d}"


@pytest.fixture
def hall(tmp_path: Path) -> Iterator[Hall]:
    made = Hall(tmp_path / "data")
    made.write()
    yield made
    made.close()


def said(hall: Hall, kind: str) -> list[dict[str, Any]]:
    return [json.loads(body) for _, body in hall.ledger.bodies(kind)]


def test_one_record(hall: Hall) -> None:
    entry = hall.ledger.place("record", id_of(7))
    before = (
        make_receipt(hall.vault.data / FOLDER, hall.log._signer.verifier, hall.ledger, id_of(7))
        if hall.verify()
        else None
    )
    done = hall.eraser().record(id_of(7), **SAID)
    assert (done.records, done.indexes) == (1, (SIZE,))
    assert hall.records.get(id_of(7)) is None and hall.records.count() == SIZE - 1
    after = hall.ledger.place("record", id_of(7))
    assert entry is not None and after == (entry[0], entry[1], b"", b"")
    assert said(hall, "erasure")[0] | SAID == said(hall, "erasure")[0]
    assert said(hall, "erasure")[0]["ranges"] == [[entry[0], entry[0]]]
    report = hall.verify()
    assert report.ok, report
    assert any(note.startswith("1 documents were erased") for note in report.notes)
    sealed = make_receipt(hall.vault.data / FOLDER, hall.log._signer.verifier, hall.ledger, id_of(7))
    assert Receipt.parse(json.dumps(sealed.as_json()).encode()).check().said is None
    assert before.check().said is not None, "the caller keeps what it was given"
    with pytest.raises(Fault) as refused:
        hall.eraser().record(id_of(7), **SAID)
    assert refused.value.code == "record_unknown"


def test_nothing_of_it_is_left_in_the_files(hall: Hall) -> None:
    """Not the salt, not the account: neither in the database nor in its write-ahead file."""
    place = hall.ledger.place("record", id_of(9))
    assert place is not None
    salts = [place[2], b"secret-account"]
    files = [p for p in hall.vault.data.rglob("*") if p.is_file()]
    assert all(any(salt in file.read_bytes() for file in files) for salt in salts)
    hall.eraser().account("secret-account", **SAID)
    assert not any(
        salt in file.read_bytes() for file in hall.vault.data.rglob("*") if file.is_file() for salt in salts
    )


def test_an_account_with_all_that_is_kept(hall: Hall) -> None:
    keep = hall.vault.items.keep
    life = timedelta(hours=1)

    async def fill() -> None:
        await keep(Shelf.ORIGINAL, b"x", media_type="image/png", life=life, record=id_of(3))
        await keep(Shelf.HELD, b"x", media_type="image/png", life=life, record=id_of(6))
        await keep(Shelf.HELD, b"x", media_type="image/png", life=life, record=id_of(7))
        for account, place in (("secret-account", "a"), ("other", "b")):
            await hall.vault.lineage.remember(
                Fingerprint(place * 64, None),
                original="o",
                expires_at=hall.vault.database.clock() + life,
                account=account,
            )

    asyncio.run(fill())
    done = hall.eraser().account("secret-account", **SAID)
    assert (done.records, done.also) == (
        200,
        {
            "items": 2,
            "appeals": 0,
            "fingerprints": 0,
            "exposures": 1,
            "evidence": 0,
        },
    )
    assert {json.loads(body)["account"] for _, body in hall.records.bodies()} == {"other"}
    assert "secret-account" not in json.dumps(said(hall, "erasure"))
    assert hall.verify().ok
    assert hall.eraser().account("secret-account", **SAID).indexes == ()


def test_holds_and_appeals_keep(hall: Hall) -> None:
    asyncio.run(
        Appeals(hall.vault.database, hall.vault.cipher).add(
            id_of(3), Plea("why"), opened=None, life=timedelta(days=1), most_open=1, most=1
        )
    )
    holds = Holds(hall.ledger, hall.vault.database.clock, hall.recorder.put)
    holds.set(Scope(decisions=(id_of(6),)), **SAID)
    eraser = hall.eraser()
    for number, code in ((3, "erasure_appealed"), (6, "erasure_held")):
        with pytest.raises(Fault) as refused:
            eraser.record(id_of(number), **SAID)
        assert refused.value.code == code
    done = eraser.account("secret-account", **SAID)
    assert (done.records, done.kept_by_hold, done.kept_by_appeal) == (198, 1, 1)
    assert hall.records.get(id_of(3)) and hall.records.get(id_of(6))

    assert holds.lift("hold-1", person="B. Person", reason="over").lifted is None, "it takes two"
    assert eraser.account("secret-account", **SAID).kept_by_hold == 1
    assert hall.records.count() == SIZE - 198
    assert hall.verify().ok


def test_where_holds_cannot_be_read_nothing_is_erased(hall: Hall) -> None:
    Holds(hall.ledger, hall.vault.database.clock, hall.recorder.put).set(Scope(surface="tests"), **SAID)
    with hall.vault.database.writing() as connection:
        connection.execute(sa.text("UPDATE log_entries SET body = :b WHERE kind = 'hold'"), {"b": b"{}"})
    for erase in (lambda e: e.account("other", **SAID), lambda e: e.record(id_of(1), **SAID)):
        with pytest.raises(Fault) as refused:
            erase(hall.eraser())
        assert refused.value.code == "hold_unreadable"
    assert hall.records.count() == SIZE


def test_retention(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hall.vault.database, "clock", lambda: START + timedelta(days=1, seconds=300))
    done = hall.eraser().retention(1, **SAID)
    assert done.records == 300 and hall.records.count() == 300
    assert [len(one["ranges"]) for one in said(hall, "erasure")] != []
    report = hall.verify()
    assert report.ok, report


def test_access_is_logged_before_it_is_given(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    given = hall.eraser().access("secret-account", **SAID)
    assert len(given.document["records"]) == 200  # type: ignore[arg-type]
    entry = said(hall, "access")[0]
    assert entry["count"] == 200 and "secret-account" not in json.dumps(entry)
    assert entry["account"] == hall.vault.cipher.blind(entry["id"], "secret-account")
    monkeypatch.setattr(hall.log, "append", _full)
    with pytest.raises(Fault) as refused:
        hall.eraser().access("secret-account", **SAID)
    assert refused.value.code == "not_recorded"
    with pytest.raises(Fault) as refused:
        hall.eraser().record(id_of(7), **SAID)
    assert refused.value.code == "not_recorded"
    assert hall.records.get(id_of(7)) is not None, "what cannot be logged is not erased"


def _full(_batch: object, **_how: object) -> None:
    raise OSError(28, "No space left on device")


@pytest.mark.parametrize("field", ["person", "reason"])
def test_nobody_erases_without_name_and_reason(hall: Hall, field: str) -> None:
    with pytest.raises(Fault) as refused:
        hall.eraser().record(id_of(7), **(SAID | {field: " "}))
    assert refused.value.code == f"missing_{field}"


def test_a_record_that_vanished_or_came_back(hall: Hall) -> None:
    eraser = hall.eraser()
    eraser.record(id_of(300), **SAID)
    found = hall.ledger.find("record", id_of(301))
    assert found is not None
    with hall.vault.database.writing() as connection:
        for table in ("record_rules", "records"):
            connection.execute(sa.text(f"DELETE FROM {table} WHERE seq = {found.index}"))
        connection.execute(
            sa.text(f"UPDATE log_entries SET body = x'', salt = x'' WHERE seq = {found.index}")
        )
    assert [(f.code, f.index) for f in hall.verify().findings] == [("erased_unlogged", found.index)]
    hall.recorder.close()
    hall.log.close()
    with sqlite3.connect(hall.vault.data / FILE) as database:  # a backup of one row
        place = hall.ledger.place("record", id_of(300))
        assert place is not None
        database.execute(
            "UPDATE log_entries SET body = x'7b7d', salt = ? WHERE seq = ?", (bytes(32), place[0])
        )
    report = verify_log(hall.vault.data / FOLDER, hall.log._signer.verifier, hall.ledger)
    assert {f.code for f in report.findings} == {"erased_unlogged", "commitment_mismatch"}


def test_a_whole_row_from_a_backup(hall: Hall) -> None:
    stored = hall.ledger.find("record", id_of(300))
    assert stored is not None
    hall.eraser().record(id_of(300), **SAID)
    with hall.vault.database.writing() as connection:
        connection.execute(
            sa.text("UPDATE log_entries SET body = :body, salt = :salt WHERE seq = :seq"),
            {"body": stored.committed.body, "salt": stored.committed.salt, "seq": stored.index},
        )
    codes = {(f.code, f.index) for f in hall.verify().findings}
    assert ("columns_changed", stored.index) in codes or ("erased_present", stored.index) in codes


def test_erasures_in_the_middle_of_a_process_that_dies(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    """After what lies beside the records, before the log: the next run finds the records and finishes."""
    eraser = hall.eraser()
    monkeypatch.setattr(hall.log, "append", _full)
    with pytest.raises(Fault):
        eraser.account("secret-account", **SAID)
    monkeypatch.undo()
    assert hall.records.count() == SIZE
    assert eraser.account("secret-account", **SAID).records == 200
    assert hall.verify().ok


def test_ranges() -> None:
    assert ranges([]) == []
    assert ranges([5, 1, 2, 3, 5, 9, 10]) == [[1, 3], [5, 5], [9, 10]]


@pytest.mark.slow
def test_postgresql(new_postgres: NewDatabase, tmp_path: Path) -> None:
    hall = Hall(tmp_path / "data", new_postgres())
    hall.write(300)
    assert hall.eraser().account("secret-account", **SAID).records == 100
    report = hall.verify()
    assert report.ok, report
    assert hall.records.count() == 200
    hall.close()

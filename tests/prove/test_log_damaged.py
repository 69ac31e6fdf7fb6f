"""A log whose files or database were changed: it does not start, and says why."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import sqlalchemy as sa

from rambarde.nouns.fault import Fault
from rambarde.prove.key import open_signer
from rambarde.prove.log import Log
from rambarde.prove.note import Signer, sign_checkpoint
from rambarde.store.database import FILE
from tests.prove.conftest import House, build


def _change(path: Path, place: int = -1) -> None:
    data = bytearray(path.read_bytes())
    data[place] ^= 1
    path.write_bytes(bytes(data))


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("tile/0/002.p/88", "log_disagrees"),
        ("tile/0/001", "log_disagrees"),
        ("tile/entries/002.p/88", "log_disagrees"),
        ("tile/entries/001", "log_disagrees"),
        ("tile/1/000.p/2", "log_disagrees"),
        ("checkpoint", "log_damaged"),
    ],
)
def test_a_changed_file_stops_the_start(house: House, path: str, code: str) -> None:
    house.add(600)
    _change(house.folder / path, place=-3)
    with pytest.raises(Fault) as refused:
        house.reopen()
    assert refused.value.code == code
    assert "rambarde log verify" in refused.value.remedy


def test_the_remedy_works(house: House) -> None:
    """As `log_disagrees` says: move the folder away and start again."""
    house.add(600)
    _change(house.folder / "tile/0/001")
    with pytest.raises(Fault):
        house.reopen()
    house.folder.rename(house.data / "away")
    house.reopen()
    assert house.verify().ok


def _sql(house: House, statement: str) -> None:
    with house.database.writing() as connection:
        connection.execute(sa.text(statement))


@pytest.mark.parametrize(
    ("statement", "code"),
    [
        ("DELETE FROM record_rules WHERE seq >= 590", None),
        ("UPDATE log_entries SET entry = CAST('x' AS BLOB) WHERE seq = 590", "log_disagrees"),
        ("UPDATE log_entries SET entry = 'text' WHERE seq = 590", "store_damaged"),
        ("UPDATE log_head SET checkpoint = replace(checkpoint, '600', '601')", "log_damaged"),
        ("DELETE FROM log_head", "log_damaged"),
        ("UPDATE instance SET value = 'other' WHERE name = 'log_key'", "log_key_mismatch"),
    ],
)
def test_a_changed_database_stops_the_start(house: House, statement: str, code: str | None) -> None:
    house.add(600)
    _sql(house, statement)
    if code is None:
        house.reopen()
        return
    with pytest.raises(Fault) as refused:
        house.reopen()
    assert refused.value.code == code


def test_a_cut_database_stops_the_start(house: House) -> None:
    house.add(600)
    for table in ("record_rules", "records", "log_entries"):
        _sql(house, f"DELETE FROM {table} WHERE seq >= 590")
    with pytest.raises(Fault) as refused:
        house.reopen()
    assert refused.value.code == "log_truncated"


def test_a_changed_database_is_not_written_over_the_log(house: House) -> None:
    house.add(600)
    _sql(house, "UPDATE log_entries SET entry = CAST('x' AS BLOB) WHERE seq = 3")
    shutil.rmtree(house.folder)
    with pytest.raises(Fault) as refused:
        house.reopen()
    assert refused.value.code == "log_disagrees"
    assert not house.folder.exists()


def test_an_older_database_does_not_fork_the_log(house: House, tmp_path: Path) -> None:
    house.add(10)
    house.close()
    shutil.copy(house.data / FILE, tmp_path / "backup.db")
    house = build(house.data)
    house.add(10)
    house.close()
    shutil.copy(tmp_path / "backup.db", house.data / FILE)
    with pytest.raises(Fault) as refused:
        build(house.data)
    assert refused.value.code == "log_rolled_back"


def test_a_fork_is_seen(house: House) -> None:
    house.add(10)
    note = sign_checkpoint(open_signer(house.data), 10, bytes(32))
    (house.folder / "checkpoint").write_text(note)
    with pytest.raises(Fault) as refused:
        house.reopen()
    assert refused.value.code == "log_forked"
    assert {finding.code for finding in house.verify().findings} >= {"log_forked", "root_mismatch"}


def test_another_key_is_refused(house: House) -> None:
    house.add(1)
    with pytest.raises(Fault) as refused:
        Log.open(house.folder, Signer("other", bytes(32)), house.ledger)
    assert refused.value.code == "log_key_mismatch"

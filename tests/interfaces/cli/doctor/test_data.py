"""`rambarde doctor` on a data folder whose keys, database or log are broken."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from rambarde.guard.inspect import Inspector
from rambarde.interfaces.checkup.row import Status
from rambarde.prove.log import FOLDER
from rambarde.store.cipher import VARIABLE
from tests.interfaces.cli.doctor.conftest import FAIL, OK, WARN, mended, rows
from tests.interfaces.library.conftest import opened, paint

pytestmark = pytest.mark.slow


# Keys.


def test_a_server_key_that_is_none(data: Path) -> None:
    (data / "server.key").write_text("not base64")
    found = rows(data)
    mended(found["server key"], FAIL, "Restore")
    mended(found["credentials"], FAIL)
    assert found["log"].status is OK


def test_a_server_key_that_cannot_be_read(data: Path) -> None:
    (data / "server.key").unlink()
    (data / "server.key").mkdir(mode=0o700)
    mended(rows(data)["server key"], FAIL, "owner")


def test_keys_that_others_can_read(data: Path) -> None:
    for name in ("server.key", "log.key"):
        (data / name).chmod(0o644)
    found = rows(data)
    mended(found["server key"], FAIL, "chmod", "600")
    mended(found["log key"], FAIL, "chmod", "600")


def test_keys_that_are_gone(data: Path) -> None:
    """They are not made anew: that would hide the loss."""
    for name in ("server.key", "log.key"):
        (data / name).unlink()
    found = rows(data)
    mended(found["server key"], FAIL, "Restore")
    mended(found["log key"], FAIL, "Restore")
    assert not (data / "server.key").exists() and not (data / "log.key").exists()


def test_keys_of_another_database(data: Path, inspector: Inspector, tmp_path: Path) -> None:
    with opened(tmp_path / "other", inspector):
        pass
    for name in ("server.key", "log.key", "log.pub"):
        shutil.copy(tmp_path / "other" / name, data / name)
    found = rows(data)
    mended(found["server key"], FAIL, "Restore")
    mended(found["log key"], FAIL, "another")
    mended(found["log"], FAIL, "verify`:")


def test_the_server_key_of_the_environment(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, (data / "server.key").read_text())
    (data / "server.key").unlink()
    assert VARIABLE in rows(data)["server key"].detail
    monkeypatch.setenv(VARIABLE, "AAAA")
    mended(rows(data)["server key"], FAIL)


# Folder, database, log.


def test_folders(data: Path, tmp_path: Path) -> None:
    data.chmod(0o777)
    mended(rows(data)["data folder"], WARN, "chmod", "700")
    (tmp_path / "file").write_text("")
    mended(rows(tmp_path / "file")["data folder"], FAIL, "--data")
    mended(rows(tmp_path / "file" / "below")["data folder"], FAIL)


@pytest.mark.parametrize(("revision", "status"), [("9999", FAIL), ("branch", FAIL), ("0001", WARN)])
def test_another_schema(data: Path, revision: str, status: Status) -> None:
    with closing(sqlite3.connect(data / "rambarde.db")) as database, database:
        database.execute("UPDATE alembic_version SET version_num = ?", (revision,))
    found = rows(data)
    mended(found["database"], status, "schema", revision)
    assert found["server key"].status is OK and found["log"].status is OK
    assert "could not be compared" in found["log"].detail
    with closing(sqlite3.connect(data / "rambarde.db")) as database:
        assert database.execute("SELECT version_num FROM alembic_version").fetchone() == (revision,)


def test_a_database_that_is_none(data: Path) -> None:
    for name in ("rambarde.db-wal", "rambarde.db-shm"):
        (data / name).unlink(missing_ok=True)
    (data / "rambarde.db").write_bytes(b"no database at all" * 100)
    found = rows(data)
    mended(found["database"], FAIL)
    assert found["log"].status is OK


def test_databases_elsewhere(data: Path, tmp_path: Path) -> None:
    assert rows(data, database=f"sqlite:///{data / 'rambarde.db'}")["database"].status is OK
    mended(rows(data, database=f"sqlite:///{tmp_path / 'gone.db'}")["database"], WARN)
    mended(rows(data, database="mysql://user@host/name")["database"], FAIL, "postgresql")
    assert not (tmp_path / "gone.db").exists()


def test_a_database_older_than_the_log(data: Path, inspector: Inspector, tmp_path: Path) -> None:
    backup = Path(shutil.copytree(data, tmp_path / "backup"))
    with opened(data, inspector) as guard:
        guard.wrap(paint)("a quiet garden")
    for path in data.glob("rambarde.db*"):
        path.unlink()
    for path in backup.glob("rambarde.db*"):
        shutil.copy(path, data / path.name)
    mended(rows(data)["log"], FAIL, "Restore", "fork")


@pytest.mark.parametrize("what", ["checkpoint", "tile/0/000.p/9", "tile/entries/000.p/9", "gone"])
def test_a_log_that_was_changed(data: Path, what: str) -> None:
    path = data / FOLDER / ("tile/0/000.p/9" if what == "gone" else what)
    content = bytearray(path.read_bytes())
    content[40] ^= 1
    path.write_bytes(content)
    if what == "gone":
        path.unlink()
    mended(rows(data)["log"], FAIL, "`rambarde log verify`")


def test_a_database_with_an_entry_less(data: Path) -> None:
    with closing(sqlite3.connect(data / "rambarde.db")) as database, database:
        last = database.execute("SELECT MAX(seq) FROM log_entries").fetchone()[0]
        for table in ("record_rules", "records", "log_entries"):
            database.execute(f"DELETE FROM {table} WHERE seq = ?", (last,))
    mended(rows(data)["log"], FAIL, f"{last} entries", "signed", str(last + 1))


def test_no_credential(data: Path) -> None:
    with closing(sqlite3.connect(data / "rambarde.db")) as database, database:
        database.execute("DELETE FROM credentials")
    mended(rows(data)["credentials"], FAIL, "rambarde", "keys", "create")

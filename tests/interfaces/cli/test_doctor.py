"""`rambarde doctor`: it finds what is broken, says how to mend it, and goes on; it changes nothing."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rambarde.guard.detectors import nudity
from rambarde.guard.detectors.known import KnownDetector
from rambarde.guard.inspect import Inspector
from rambarde.interfaces import parts
from rambarde.interfaces.checkup import checkup as whole
from rambarde.interfaces.checkup import generator, machine
from rambarde.interfaces.checkup.checkup import checkup
from rambarde.interfaces.checkup.government import government
from rambarde.interfaces.checkup.machine import clock, disk
from rambarde.interfaces.checkup.models import models
from rambarde.interfaces.checkup.row import Row, Status, examined, ok
from rambarde.interfaces.cli.main import app
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.prove.log import FOLDER
from rambarde.store.cipher import VARIABLE, Cipher
from rambarde.store.database import Database
from tests.interfaces.cli.governed import Town, tightened
from tests.interfaces.test_library import opened, paint

pytestmark = pytest.mark.slow

OK, WARN, FAIL = Status.OK, Status.WARN, Status.FAIL


@pytest.fixture(scope="module")
def made(inspector: Inspector, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with three records and a credential."""
    data = tmp_path_factory.mktemp("doctor") / "data"
    with opened(data, inspector) as guard:
        for _ in range(3):
            guard.wrap(paint)("a quiet garden")
        guard._gateway.vault.credentials.create("web")
    return data


@pytest.fixture
def data(made: Path, tmp_path: Path) -> Path:
    """A copy, to break."""
    return Path(shutil.copytree(made, tmp_path / "data"))


@pytest.fixture(autouse=True)
def without_models(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading all models takes seconds; tests that are about something else leave them out."""
    if "models" not in request.keywords and request.node.get_closest_marker("slow") is None:
        monkeypatch.setattr(whole, "models", lambda _: iter([ok("policy", "left out")]))


def rows(data: Path, **settings: Any) -> dict[str, Row]:
    return {row.check: row for row in checkup(Settings(data=str(data), **settings))}


def mended(row: Row, status: Status, *words: str) -> None:
    """A row of this status that says what it found and what to do."""
    assert row.status is status, row
    assert row.remedy and all(word in f"{row.detail} {row.remedy}" for word in words), row


def tree(folder: Path) -> dict[str, str]:
    """What is in a folder, without SQLite's own files."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.suffix not in (".db-wal", ".db-shm") and path.name != "rambarde.db"
    }


# What is well.


def test_all_is_well_and_stays_as_it_is(data: Path) -> None:
    before = tree(data)
    found = rows(data)
    assert {row.status for row in found.values()} == {OK}, [r for r in found.values() if r.status is not OK]
    assert "9 entries" in found["log"].detail and "surfaces web" in found["credentials"].detail
    assert tree(data) == before


def test_before_the_first_start(tmp_path: Path) -> None:
    found = rows(tmp_path / "data")
    for check in ("data folder", "database", "server key", "log key", "log"):
        mended(found[check], WARN)
    mended(found["credentials"], FAIL, "keys", "create")
    assert not (tmp_path / "data").exists()


def test_beside_a_running_guard(data: Path, inspector: Inspector) -> None:
    with opened(data, inspector) as guard:
        guard.wrap(paint)("a quiet garden")
        assert {row.status for row in rows(data).values()} == {OK}
        guard.wrap(paint)("a quiet garden")
    assert "11 entries" in rows(data)["log"].detail


def test_the_library_needs_less(tmp_path: Path) -> None:
    found = {row.check for row in checkup(Settings(data=str(tmp_path)), library=True)}
    assert "credentials" not in found and not any(check.startswith("upstream") for check in found)


def test_json_and_exit_status(data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(data.parent)
    result = CliRunner().invoke(app, ["doctor", "--data", str(data), "--json"])
    report = json.loads(result.stdout)
    assert report["ok"] is True and result.exit_code == 0
    assert list(report["checks"][0]) == ["check", "status", "detail", "remedy"]
    (data / "server.key").write_text("no key")
    result = CliRunner().invoke(app, ["doctor", "--data", str(data), "--json"])
    assert json.loads(result.stdout)["ok"] is False and result.exit_code == 1
    result = CliRunner().invoke(app, ["doctor", "--data", str(data)])
    assert result.exit_code == 1 and "→ Restore it" in result.stdout and "1 to mend." not in result.stdout


def test_a_settings_file_that_cannot_be_used(data: Path, tmp_path: Path) -> None:
    (tmp_path / "rambarde.toml").write_text("prot = 1\n")
    arguments = ["doctor", "--data", str(data), "--config", str(tmp_path / "rambarde.toml"), "--json"]
    first, *others = json.loads(CliRunner().invoke(app, arguments).stdout)["checks"]
    assert (first["check"], first["status"]) == ("settings", "fail")
    assert "port" in first["remedy"] and {row["status"] for row in others} == {"ok"}


# Models.


@pytest.mark.slow
def test_every_required_detector_is_tried(data: Path) -> None:
    found = rows(data)
    policy = parts.judging(Settings())[0].policy
    for requirement in policy.detectors:
        row = found[f"detector {requirement.name}"]
        assert row.status in (OK, WARN) and " ms" in row.detail, row
    assert found["policy"].status is OK


@pytest.mark.slow
def test_weights_that_are_broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Damaged, and missing: the row says so, and the other detectors have theirs."""
    (tmp_path / "open-nsfw.onnx").write_bytes(b"no network")
    monkeypatch.setattr(nudity, "files", lambda _: tmp_path)
    found = {row.check: row for row in models(Settings())}
    mended(found["detector nudity"], FAIL, "load:", "again:")
    assert found["detector faces"].status is OK and found["policy"].status is OK
    (tmp_path / "open-nsfw.onnx").unlink()
    found = {row.check: row for row in models(Settings())}
    mended(found["detector nudity"], FAIL, "FileNotFoundError:")


@pytest.mark.slow
def test_another_digest_and_a_broken_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(KnownDetector, "digest", property(lambda _: "sha256:" + "0" * 64))
    monkeypatch.setattr(nudity.NudityDetector, "inspect", lambda *_: 1 / 0)
    found = {row.check: row for row in models(Settings())}
    mended(found["detector known"], FAIL, "2@sha256:000000000000…", "`rambarde policy detectors`")
    mended(found["detector nudity"], FAIL, "ZeroDivisionError")
    assert found["policy"].status is OK


@pytest.mark.slow
def test_a_part_that_cannot_be_built(monkeypatch: pytest.MonkeyPatch) -> None:
    """The policy cannot be read without its signals: it says what to mend first."""
    real = parts.detector

    def detector(point: Any, settings: Settings) -> Any:
        if point.name == "persons":
            raise ImportError("gone")
        return real(point, settings)

    monkeypatch.setattr(parts, "detector", detector)
    found = {row.check: row for row in models(Settings())}
    mended(found["detector persons"], FAIL)
    mended(found["policy"], FAIL, "Mend", "persons")
    assert found["detector head"].status in (OK, WARN)


@pytest.mark.slow
def test_a_policy_that_does_not_parse(tmp_path: Path) -> None:
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "rambarde-policy: 1\nname: mine\nsurfaces: [web]\nrules: []\nmodes: {}\ndetectors: {}\n"
    )
    found = {row.check: row for row in models(Settings(policy=str(policy)))}
    mended(found["policy"], FAIL)
    assert found["detector nudity"].status in (OK, WARN)
    found = {row.check: row for row in models(Settings(policy=str(tmp_path / "gone.yaml")))}
    mended(found["policy"], FAIL, "Check", "path")


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


# The generator.


@pytest.fixture
def listening() -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1"


def test_a_generator_that_listens(data: Path, listening: str) -> None:
    row = rows(data, upstream="openai", upstream_url=listening)["upstream openai"]
    assert row.status is OK and "nothing was generated" in row.detail


def test_a_generator_that_does_not(data: Path, listening: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        gone = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
    mended(rows(data, upstream="openai", upstream_url=gone)["upstream openai"], FAIL, "Start", "reached:")
    monkeypatch.setattr(generator, "SECONDS", 0.3)
    tls = listening.replace("http:", "https:")
    mended(rows(data, upstream="openai", upstream_url=tls)["upstream openai"], FAIL, "reached:")
    mended(rows(data, upstream="openai")["upstream openai"], FAIL, "upstream_url`,")
    mended(rows(data, upstream="gone")["upstream gone"], FAIL, "Installed:")


# The machine.


def test_disk_and_clock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = type(shutil.disk_usage(tmp_path))
    for free, status in ((10**6, FAIL), (5 * 10**8, WARN), (10**10, OK)):
        monkeypatch.setattr(shutil, "disk_usage", lambda _, free=free: usage(10**12, 10**12 - free, free))
        (row,) = disk(tmp_path / "not" / "there")
        assert row.status is status and str(tmp_path) in row.detail
    now = datetime(2026, 6, 1, tzinfo=UTC)
    for at, newest, status in (
        (now, None, OK),
        (now, now + timedelta(minutes=1), OK),
        (now, now + timedelta(hours=1), FAIL),
        (datetime(1970, 1, 1, tzinfo=UTC), None, FAIL),
    ):
        assert next(clock(at, newest)).status is status


def test_packages_that_are_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_installed", lambda name: name not in ("onnxruntime", "psycopg"))
    found = {row.check: row for row in machine.packages()}
    mended(found["packages"], FAIL, "onnxruntime")
    assert "psycopg" in found["extra postgresql"].detail and found["extra postgresql"].status is OK
    monkeypatch.setattr(machine, "OLDEST", (99, 0))
    mended(next(machine.python()), FAIL, "3", "11")


def test_a_check_that_breaks_is_a_row() -> None:
    def broken() -> Iterator[Row]:
        yield ok("first", "well")
        raise OSError(5, os.strerror(5))

    first, second = examined("disk", broken)
    assert first.status is OK
    mended(second, FAIL, "OSError:")


# Governance.


def test_how_governance_stands(governed: Town) -> None:
    found = rows(governed.folder / "d")
    assert found["governance"].status is OK and "change 3" in found["governance"].detail
    assert found["signers"].status is OK and found["lease"].detail == "no gateway runs"
    mended(found["measures"], WARN, "None is prepared", "docs/emergency.md")
    assert "policy file" not in found


def test_before_anybody_is_named(town: Town) -> None:
    town.keys("Ada Lovelace")
    town("people", fails="roster_missing")  # opens the data folder
    mended(rows(town.folder / "d")["governance"], WARN, "No policy was adopted", "policy-signing.md")


def test_a_policy_file_that_is_not_in_force(governed: Town) -> None:
    data, file = governed.folder / "d", governed.folder / "policy.yaml"
    assert rows(data, policy=str(file))["policy file"].status is OK
    governed.write("policy.yaml", tightened(governed.read("policy.yaml")))
    mended(rows(data, policy=str(file))["governance"], FAIL, "changed since")
    (governed.folder / "policy.yaml.change.json").unlink()
    mended(rows(data, policy=str(file))["policy file"], FAIL, "nobody signed it", "rambarde policy sign")
    governed.sign("policy.yaml", "Ben Okri")
    mended(rows(data, policy=str(file))["policy file"], WARN, "signed and not in force", "adopt")


def test_measures_and_signers_that_somebody_must_look_at(governed: Town) -> None:
    governed.rambarde("policy", "measure", "shipped", "no-images", "-o", "m.yaml")
    governed.adopted("m.yaml", "Ben Okri")
    governed("measure", "on", "no-images", "--as", "Ben Okri", "--reason", "Now.")
    text = governed("people", "--yaml").stdout
    soon = (datetime.now(UTC) + timedelta(days=20)).date()
    text += f'- name: Cléo Durand\n  roles: [policy]\n  key: "{_cleo(governed)}"\n  until: {soon}\n'
    governed.adopted(governed.write("people.yaml", text), "Ada Lovelace", "Ben Okri")
    data = governed.folder / "d"
    found = rows(data)
    assert found["measures"].status is OK and "no-images" in found["governance"].detail
    mended(found["signers"], WARN, f"Cléo Durand until {soon}")
    later = [row for row in _at(data, datetime.now(UTC) + timedelta(days=3)) if row.check == "measures"]
    mended(later[0], WARN, "no-images", "overdue")


def _cleo(town: Town) -> str:
    town.keys("Cléo Durand")
    return town.line("Cléo Durand")


def _at(data: Path, now: datetime) -> list[Row]:
    database = Database.open(data, clock=lambda: now)
    try:
        vault = Vault.over(data, database, Cipher.open(data))
        return list(government(Settings(data=str(data)), vault))
    finally:
        database.close()

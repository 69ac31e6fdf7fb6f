"""`rambarde doctor`: it finds what is broken, says how to mend it, and goes on; it changes nothing."""

from __future__ import annotations

import json
import os
import shutil
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rambarde.guard.inspect import Inspector
from rambarde.interfaces import sealing
from rambarde.interfaces.checkup import generator, machine
from rambarde.interfaces.checkup.checkup import checkup
from rambarde.interfaces.checkup.government import government
from rambarde.interfaces.checkup.machine import clock, disk
from rambarde.interfaces.checkup.row import Row, examined, ok
from rambarde.interfaces.cli.main import app
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.prove.manifest.authority import make_chain
from rambarde.store.cipher import Cipher
from rambarde.store.database import Database
from tests.interfaces.cli.doctor.conftest import FAIL, OK, WARN, mended, rows, tree
from tests.interfaces.cli.governed import Town, tightened
from tests.interfaces.library.conftest import opened, paint

pytestmark = pytest.mark.slow


OWN_CHAIN = {"provenance": WARN, "provider": WARN}
"""What a gateway hears that signs with a chain of its own and names nobody."""


# What is well.


def test_all_is_well_and_stays_as_it_is(data: Path) -> None:
    before = tree(data)
    found = rows(data)
    assert {check: row.status for check, row in found.items() if row.status is not OK} == OWN_CHAIN
    mended(found["provenance"], WARN, "self-signed", "untrusted", "publish")
    mended(found["provider"], WARN, "`provider`")
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
        assert {check: r.status for check, r in rows(data).items() if r.status is not OK} == OWN_CHAIN
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
    assert "port" in first["remedy"] and {row["check"] for row in others if row["status"] != "ok"} == set(
        OWN_CHAIN
    )


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


# What images are signed with.


def test_the_sealing_chain(data: Path) -> None:
    def said(days: float, age: float = 1) -> Row:
        now = datetime.now(UTC)
        made = make_chain("x", now - timedelta(days=age), life=timedelta(days=days + age))
        sealing.install(Settings(data=str(data)), made.bundle, replace=True)
        return rows(data)["provenance"]

    mended(said(10), WARN, "expires", "new chain")
    mended(said(-1, age=30), FAIL, "expired")
    path = data / sealing.FILE
    path.write_bytes(path.read_bytes()[:200])
    mended(rows(data)["provenance"], FAIL)
    sealing.make(Settings(data=str(data)), datetime.now(UTC), replace=True)
    mended(rows(data)["provenance"], WARN, "self-signed")

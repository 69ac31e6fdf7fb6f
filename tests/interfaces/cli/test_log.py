"""`rambarde log verify` and `rambarde policy detectors`."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from pathlib import Path

import pytest

from rambarde.guard.detectors.contract import MissingExtra
from rambarde.guard.detectors.regions import RegionsDetector
from rambarde.interfaces import parts
from rambarde.interfaces.checkup import models
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.wiring import wire
from rambarde.prove.key import read_verifier
from tests.interfaces.cli.conftest import Rambarde
from tests.samples import a_record


@pytest.fixture
def logged(tmp_path: Path) -> Path:
    """A data folder with five records in its log."""
    data = tmp_path / "d"
    gateway = wire(Settings(data=str(data)), demo=True)

    async def write() -> None:
        await asyncio.gather(*(gateway.recorder.record(a_record(number)) for number in range(5)))

    asyncio.run(write())
    gateway.chain.inspector.close()
    gateway.abandon()
    return data


def test_a_good_log_verifies(rambarde: Rambarde, logged: Path) -> None:
    report = json.loads(rambarde("log", "verify", "--data", str(logged), "--json").stdout)
    assert report["ok"] is True and report["findings"] == []
    assert "5" in rambarde("log", "verify", "--data", str(logged)).stdout


def test_the_published_folder_verifies_with_the_key_alone(rambarde: Rambarde, logged: Path) -> None:
    key = str(read_verifier(logged))
    rambarde("log", "verify", "--folder", str(logged / "log"), "--key", key)
    rambarde(
        "log", "verify", "--folder", str(logged / "log"), "--key", "nonsense", fails="verifier_key_invalid"
    )


def test_one_flipped_byte_is_found(rambarde: Rambarde, logged: Path) -> None:
    with sqlite3.connect(logged / "rambarde.db") as database:
        (body,) = database.execute("SELECT body FROM log_entries WHERE seq = 3").fetchone()
        flipped = bytes(body[:40]) + bytes([body[40] ^ 1]) + bytes(body[41:])
        database.execute("UPDATE log_entries SET body = ? WHERE seq = 3", (flipped,))
    result = rambarde("log", "verify", "--data", str(logged), "--json", status=1)
    report = json.loads(result.stdout)
    assert report["ok"] is False and report["findings"]
    assert rambarde("log", "verify", "--data", str(logged), status=1).stdout


@pytest.mark.usefixtures("with_models")
def test_detectors_are_printed_as_a_policy_needs_them(rambarde: Rambarde) -> None:
    found = json.loads(rambarde("policy", "detectors", "--json").stdout)
    plain = rambarde("policy", "detectors").stdout.splitlines()
    assert plain[0] == "detectors:" and len(plain) == 1 + len(found)
    for line, (name, one) in zip(plain[1:], sorted(found.items()), strict=True):
        assert line == f'  {name}: {{version: "{one["version"]}", digest: "{one["digest"]}"}}'


def test_a_detector_whose_extra_is_missing_is_named(
    rambarde: Rambarde, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The others are printed still; a policy that requires it hears from `doctor` what to install."""

    def missing(_: object) -> None:
        raise MissingExtra("nudenet")

    monkeypatch.setattr(RegionsDetector, "load", missing)
    monkeypatch.setattr(parts, "detectors", lambda _: (RegionsDetector(),))
    lines = rambarde("policy", "detectors").stdout.splitlines()
    assert lines[-1] == "# regions is an extra; pip install 'rambarde[nudenet]'"
    assert not [line for line in lines if line.startswith("  regions")]
    row = models._row("regions", RegionsDetector(), {}, None)
    assert "its extra is not installed" in row.detail and "pip install 'rambarde[nudenet]'" in row.remedy


def test_the_version_and_no_command(rambarde: Rambarde) -> None:
    assert rambarde("--version").stdout.count(".") >= 1
    assert "serve" in rambarde("--help").stdout

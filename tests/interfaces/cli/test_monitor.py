"""`rambarde monitor`: the rates in a terminal, what people decided, and a folder of others' images."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest

from rambarde.interfaces.desk import recording
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.measure.monitor.tally import FINDING, RECORD
from rambarde.nouns.sighting import Alarm
from rambarde.store.ledger import Ledger
from rambarde.store.monitor import Monitor
from tests.interfaces.cli.governed import Rambarde
from tests.interfaces.conftest import png
from tests.measure.monitor import documents

ALARM = Alarm("alarm-1-breaker", "breaker", 1, 9, 8.5, 4.0, 1.0, measure="no-images")
NAMED = ("--as", "Ann Lee", "--reason", "Seen it.", "--data", "d")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A log with one released image and one alarm."""
    vault = Vault.open(Settings(data=str(tmp_path / "d")))
    with recording(vault) as recorder:
        body = json.loads(documents.record(0, 0).body)
        now = datetime.now(UTC).isoformat()
        more = {"credential": "c", "route": "/", "action": "generate", "policy": "p", "fault": None}
        recorder.put(RECORD, body | more | {"received_at": now, "finished_at": now})
    monitor = Monitor(vault.database)
    monitor.lead("one", documents.NOON - documents.NOON.replace(minute=0, hour=11))
    monitor.advance(
        0, next=1, minute=1, cells=(), streams={}, uncounted=0, raised=[(ALARM, False)], channels=()
    )
    vault.close()
    return tmp_path / "d"


def test_without_a_gateway_it_says_that_nobody_counts(rambarde: Rambarde) -> None:
    result = rambarde("monitor", "--data", "d", status=1)
    assert "NOBODY COUNTS NOW" in result.stdout and "unknown" in result.stdout
    found = json.loads(rambarde("monitor", "--data", "d", "--json", status=1).stdout)
    assert found["windows"][0]["all"]["released"]["value"] is None and not found["counting"]["running"]


def test_a_finding_is_in_the_log_and_counts_once(rambarde: Rambarde, data: Path) -> None:
    told = json.loads(rambarde("monitor", "finding", "dec_0", "--source", "notice", *NAMED, "--json").stdout)
    assert told == {"finding": "notice-dec_0-0", "verdict": "problematic", "source": "notice"}
    vault = Vault.open(Settings(data=str(data)))
    logged = Ledger(vault.database).find(FINDING, "notice-dec_0-0")
    vault.close()
    assert logged is not None and json.loads(logged.committed.body)["person"] == "Ann Lee"
    rambarde("monitor", "finding", "dec_0", "--source", "notice", *NAMED, fails="already_found")


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (("dec_9", "--source", "notice"), "record_unknown"),
        (("dec_0", "--source", "notice", "--index", "1"), "not_released"),
        (("dec_0", "--source", "sample"), "not_in_sample"),
        (("dec_0", "--source", "rumour"), "finding_invalid"),
        (("dec_0", "--source", "notice", "--clean"), "finding_invalid"),
    ],
)
def test_what_cannot_be_found_is_refused(
    rambarde: Rambarde, data: Path, more: tuple[str, ...], code: str
) -> None:
    rambarde("monitor", "finding", *more, *NAMED, fails=code)


def test_an_alarm_is_confirmed_by_a_person_once(rambarde: Rambarde, data: Path) -> None:
    result = rambarde("monitor", "confirm", ALARM.id, "--verdict", "right", *NAMED)
    assert "no-images stays on until two people switch it off" in result.stdout
    found = json.loads(rambarde("monitor", "--data", "d", "--json", status=0).stdout)
    assert found["alarms"][0]["confirmed"] == {"by": "Ann Lee", "verdict": "right", "reason": "Seen it."}
    rambarde("monitor", "confirm", ALARM.id, "--verdict", "wrong", *NAMED, fails="already_found")
    rambarde("monitor", "confirm", "alarm-0", "--verdict", "wrong", *NAMED, fails="alarm_unknown")
    rambarde("monitor", "confirm", ALARM.id, "--verdict", "perhaps", *NAMED, fails="finding_invalid")


@pytest.mark.slow
def test_a_source_is_judged_and_resumed(rambarde: Rambarde, tmp_path: Path) -> None:
    folder = tmp_path / "in"
    folder.mkdir()
    for n in range(3):
        (folder / f"{n}.png").write_bytes(png(np.full((80, 80, 3), 40 * n, np.uint8)))
        os.utime(folder / f"{n}.png", (1_767_960_000 + n, 1_767_960_000 + n))
    arguments = ("monitor", "--source", "in", "--once", "--data", "d", "--json")
    first, second = (json.loads(rambarde(*arguments).stdout) for _ in range(2))
    assert (first["new"], second["new"]) == (3, 0) and first["all"]["images"] == second["all"]["images"] == 3
    assert first["all"]["problematic"] == 0 and first["tests"] == ["nudity:nudity>=0.6"]


def test_options_that_do_nothing_are_refused(rambarde: Rambarde) -> None:
    rambarde("monitor", "--once", fails="source_missing")
    rambarde("monitor", "--source", ".", "--baseline", "0", fails="baseline_invalid")
    rambarde("monitor", "--source", ".", "--test", "x", fails="recheck_invalid")

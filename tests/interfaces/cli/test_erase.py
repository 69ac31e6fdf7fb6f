"""`rambarde erase`, `access` and `retention`, as somebody types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rambarde.interfaces.cli.main import app
from rambarde.nouns.fault import Fault
from rambarde.nouns.hold import Scope
from rambarde.prove.holds import Holds
from tests.interfaces.test_erasure import SAID, Hall, id_of

pytestmark = pytest.mark.slow
ACCOUNT = "secret-account"
WHO = ("--by", "A. Person", "--reason", "asked for by letter")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Six records, two of them of the account; one of these is held."""
    hall = Hall(tmp_path / "data")
    hall.write(6)
    Holds(hall.ledger, hall.vault.database.clock, hall.recorder.put).set(
        Scope(decisions=(id_of(3),)), **SAID | {"reason": "a secret order"}
    )
    hall.close()
    return tmp_path / "data"


def run(data: Path, *words: str) -> Any:
    done = CliRunner().invoke(app, [*words, "--data", str(data), "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return json.loads(done.stdout)


def said(data: Path, *words: str) -> str:
    done = CliRunner().invoke(app, [*words, "--data", str(data)], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_access_writes_one_new_file_and_says_what_is_in_it(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "given.json"
    told = run(data, "access", ACCOUNT, *WHO, "--out", str(out))
    assert (told["records"], told["holds"], told["sealed_left_out"], told["log"]) == (2, 1, 0, 7)
    given = json.loads(out.read_text())
    assert [one["id"] for one in given["holds"]] == ["hold-1"] and "secret order" not in out.read_text()
    assert out.stat().st_mode & 0o077 == 0
    with pytest.raises(Fault) as refused:
        run(data, "access", ACCOUNT, *WHO, "--out", str(out))
    assert refused.value.code == "access_unwritable"
    other = tmp_path / "other.json"
    assert "2 records, 0 kept" in said(data, "access", ACCOUNT, *WHO, "--out", str(other), "--no-holds")
    assert json.loads(other.read_text())["holds"] == []


def test_erasing_says_what_stays_and_why(data: Path) -> None:
    done = run(data, "erase", "account", ACCOUNT, *WHO)
    assert (done["records"], done["kept_by_hold"], done["kept_by_duty"]) == (1, 1, 0)
    assert "1 stay under a hold" in said(data, "erase", "account", ACCOUNT, *WHO)


def test_retention_by_command(data: Path) -> None:
    rows = {row["type"]: row for row in run(data, "retention", "show")}
    assert rows["record"]["count"] == 6 and rows["record"]["life"] == "until erased"
    assert {"appeal", "evidence/sample", "fingerprint", "original", "outcome"} <= rows.keys()
    kept = run(data, "retention", "run", *WHO)
    assert kept == {"expired": {}, "log": [], "records": None}
    assert "Records are kept until somebody erases them" in said(data, "retention", "run", *WHO)
    gone = run(data, "retention", "run", *WHO, "--days", "1")["records"]
    assert (gone["records"], gone["kept_by_hold"]) == (5, 1)
    assert {row["type"]: row["count"] for row in run(data, "retention", "show")}["record"] == 1

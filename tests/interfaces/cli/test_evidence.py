"""`rambarde hold`, `evidence` and `keys rotate`, as somebody types them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rambarde.guard.policy.keeping import Keeping
from rambarde.interfaces.archive import Archive
from rambarde.interfaces.cli.main import app
from rambarde.interfaces.desk import recording
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.nouns.fault import Fault
from tests.interfaces.test_archive import PROMPT, STRONG, decision, matter

WHO = ("--by", "Ann", "--purpose", "appeal 7")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with evidence of `a`, and sealed evidence of `s`."""
    folder = tmp_path / "data"
    settings = Settings(data=str(folder))
    vault = Vault.open(settings)
    try:
        with recording(vault) as recorder:
            archive = Archive.open(vault, settings, recorder.put)
            archive._keep(matter(decision("preserve"), account="a", id="dec_a"))
            archive._keep(matter(STRONG, account="s", id="dec_s", keeping=Keeping(established=("US",))))
            archive.evidence.ship()
    finally:
        vault.close()
    return folder


def run(data: Path, *words: str) -> list[dict[str, Any]]:
    done = CliRunner().invoke(app, [*words, "--data", str(data), "--json"], catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return [json.loads(line) for line in done.output.splitlines()]


def code(data: Path, *words: str) -> str:
    with pytest.raises(Fault) as fault:
        CliRunner().invoke(app, [*words, "--data", str(data)], catch_exceptions=False)
    return fault.value.code


@pytest.mark.slow
def test_a_hold_is_set_listed_and_lifted_by_two(data: Path) -> None:
    (hold,) = run(
        data, "hold", "set", "--by", "Ann", "--reason", "order 12", "--account", "a", "--since", "2026-01-01"
    )
    assert hold["active"] and hold["scope"]["since"] == "2026-01-01T00:00:00+00:00"
    assert [one["id"] for one in run(data, "hold", "list")] == [hold["id"]]
    assert {i["frozen"] for i in run(data, "evidence", "list", *WHO, "--account", "a")} == {True}
    lift = ("hold", "lift", hold["id"], "--reason", "over", "--by")
    assert run(data, *lift, "Ann")[0]["active"]
    assert code(data, *lift, "ann ") == "hold_same_person"
    assert not run(data, *lift, "Bo")[0]["active"]
    assert run(data, "hold", "list") == [] and len(run(data, "hold", "list", "--lifted")) == 1


def test_times_are_said_with_a_zone(data: Path) -> None:
    for odd in ("yesterday", "2026-01-09T10:00:00"):
        assert code(data, "hold", "set", "--by", "A", "--reason", "r", "--since", odd) == "bad_time"


def test_items_are_listed_and_shown_to_who_says_why(data: Path, tmp_path: Path) -> None:
    listed = run(data, "evidence", "list", *WHO)
    assert len(listed) == 4 and PROMPT not in json.dumps(listed)
    prompt = next(i["id"] for i in listed if i["part"] == "prompt" and not i["sealed"])
    out = tmp_path / "words.json"
    run(data, "evidence", "show", prompt, *WHO, "--out", str(out))
    assert json.loads(out.read_text())["prompt"] == PROMPT and out.stat().st_mode & 0o777 == 0o600
    assert code(data, "evidence", "show", prompt, *WHO, "--out", str(out)) == "file_exists"
    assert code(data, "evidence", "show", prompt, "--by", " ", "--purpose", "p") == "missing_person"


def test_sealed_items_are_given_out_by_no_command(data: Path, tmp_path: Path) -> None:
    sealed = [i["id"] for i in run(data, "evidence", "list", *WHO, "--account", "s")]
    assert len(sealed) == 2
    for id in sealed:
        out = tmp_path / id
        assert code(data, "evidence", "show", id, *WHO, "--out", str(out)) == "evidence_sealed"
        assert not out.exists()
        assert run(data, "evidence", "show", id, *WHO)[0]["sealed"]


def test_a_bundle_and_its_key_go_to_two_files(data: Path, tmp_path: Path) -> None:
    out = tmp_path / "case.zip"
    assert code(data, "evidence", "bundle", str(out), *WHO) == "bundle_scope"
    assert code(data, "evidence", "bundle", str(out), *WHO, "--account", "nobody") == "bundle_empty"
    assert not out.exists()
    (made,) = run(data, "evidence", "bundle", str(out), *WHO, "--account", "a")
    assert (made["records"], made["items"], made["key"]) == (0, 2, f"{out}.key")
    done = CliRunner().invoke(app, ["evidence", "verify", str(out), "--key", f"{out}.key", "--json"])
    assert done.exit_code == 0 and json.loads(done.output)["opened"] == 2
    assert code(
        data, "evidence", "bundle", str(tmp_path / "x.zip"), *WHO, "--key-out", str(out), "--case", "c"
    ) == ("file_exists")


def test_keys_are_rotated_and_the_old_one_dropped(data: Path) -> None:
    (first,) = run(data, "keys", "rotate")
    assert first["rewrapped"] == 4 and len(first["keys"]) == 2
    assert run(data, "keys", "rotate", "--resume")[0]["rewrapped"] == 0
    assert run(data, "keys", "rotate", "--drop")[0]["keys"] == [first["key"]]
    prompt = next(
        i["id"] for i in run(data, "evidence", "list", *WHO, "--account", "a") if i["part"] == "prompt"
    )
    assert run(data, "evidence", "show", prompt, *WHO, "--out", str(data / "out"))


def test_a_credential_is_a_surfaces_or_an_auditors(data: Path) -> None:
    assert run(data, "keys", "create", "--auditor")[0]["surface"] == "#auditor"
    assert code(data, "keys", "create", "--auditor", "--surface", "web") == "credential_which"
    assert code(data, "keys", "create") == "credential_which"

"""`rambarde policy measure`: on by one person in one command, everywhere; off by two; looked at in time."""

from __future__ import annotations

import itertools
import json
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2 as httpx
import pytest

from rambarde.guard.inspect import Inspector
from rambarde.interfaces.cli import measures
from rambarde.interfaces.governance import charter
from rambarde.interfaces.governance.tenure import steady
from rambarde.interfaces.probing import effect
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.prove.note import Verifier, open_checkpoint
from rambarde.store.policies import Policies
from tests.interfaces.cli.conftest import building
from tests.interfaces.cli.governed import ADA, BEN, CLEO, Town
from tests.interfaces.probing.test_effect import TARGETS
from tests.interfaces.serving import serving

pytestmark = [pytest.mark.timeout(120), pytest.mark.slow]


@pytest.fixture(scope="module")
def prepared(founded: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With `no-people` prepared by one."""
    folder = tmp_path_factory.mktemp("prepared")
    shutil.copytree(founded, folder, dirs_exist_ok=True)
    with building(folder) as town:
        town.rambarde("policy", "measure", "shipped", "no-people", "-o", "no-people.yaml")
        town.adopted("no-people.yaml", BEN)
    return folder


@pytest.fixture
def ready(prepared: Path, town: Town) -> Town:
    shutil.copytree(prepared, town.folder, dirs_exist_ok=True)
    return town


def off(town: Town, name: str, file: str, *more: str, **expected: object) -> str:
    return town(
        *("measure", "off", "no-people", "--as", name, "--key", file, "--yes", *more), **expected
    ).stdout


def lines(town: Town) -> tuple[str, ...]:
    note, key = town.read("d/log/checkpoint"), Verifier.parse(town.read("d/log.pub"))
    return open_checkpoint(note, key).extensions


def test_on_is_one_command_of_one_person(ready: Town) -> None:
    (listed,) = ready.lines("measure", "list")
    assert (listed["name"], listed["on"], listed["breaker"]) == ("no-people", False, True)
    before = lines(ready)
    made = ready.json("measure", "on", "no-people", "--as", "Anybody", "--reason", "It is 3 a.m.")
    assert made["on"] and made["sequence"] == 5 and made["seconds"] > 0
    left = datetime.fromisoformat(made["review_at"]) - datetime.now(UTC)
    assert timedelta(days=6) < left <= timedelta(days=7)
    (listed,) = ready.lines("measure", "list")
    assert listed["on"] and listed["by"] == "Anybody" and not listed["overdue"]
    assert "ON" in ready("measure", "list").stdout
    # The checkpoint names the policy with its measures, and not the one without.
    assert lines(ready) != before and len(lines(ready)) == len(before)
    ready("measure", "on", "no-people", "--as", ADA, "--reason", "again", fails="measure_already_on")
    ready("measure", "on", "no-such", "--as", ADA, "--reason", "r", fails="measure_unknown")


def test_each_switch_starts_a_probe_and_one_that_cannot_begin_is_told(
    ready: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    started: list[object] = []
    monkeypatch.setattr(effect, "_start", started.append)
    ready.write("rambarde.toml", 'probe_targets = "targets.toml"\n')
    targets = ready.folder / ready.write("targets.toml", TARGETS)
    made = ready.json("measure", "on", "no-people", "--breaker", "--as", "rates", "--reason", "r")
    assert made["probe"] == {"state": "running", "why": ""} and len(started) == 1
    targets.unlink()
    off(ready, ADA, "ada.key", "--reason", "r")
    assert len(started) == 1
    assert "Its effect is NOT probed: FileNotFoundError." in off(ready, BEN, "ben.key")
    states = [(one.on, one.state) for one in effect.effects(Settings(data=str(ready.folder / "d")))]
    assert states == [(False, "failed"), (True, "running")]
    assert not any(one["on"] for one in ready.lines("measure", "list"))


def test_a_breaker_switches_on_what_its_signers_allowed_and_is_named_as_one(ready: Town) -> None:
    by = ("--breaker", "--as", "rate-monitor", "--reason", "3 problematic images a minute.")
    ready.rambarde("policy", "measure", "geoblock", "ID", "-o", "geo.yaml")
    ready.adopted("geo.yaml", BEN)
    ready("measure", "on", "geoblock-id", *by, fails="measure_no_breaker")
    assert not any(one["on"] for one in ready.lines("measure", "list"))
    made = ready.json("measure", "on", "no-people", *by)
    assert made["on"] and made["breaker"]
    listed = {one["name"]: one for one in ready.lines("measure", "list")}
    assert (listed["no-people"]["by"], listed["no-people"]["by_breaker"]) == ("rate-monitor", True)
    assert listed["geoblock-id"]["by_breaker"] is None
    last = ready.changes()[-1]
    assert (last["kind"], last["by"], last["breaker"]) == ("measure-on", "rate-monitor", True)
    assert "rate-monitor was entered as a breaker" in ready("history").stdout
    # It has no key, so it cannot lift what it did.
    ready(
        "measure",
        "off",
        "no-people",
        "--as",
        "rate-monitor",
        "--key",
        "ben.key",
        "--yes",
        "--reason",
        "r",
        fails="signature_unknown_key",
    )


def test_it_was_proven_when_it_was_prepared(ready: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """In an emergency nobody waits for a proof."""

    def no_time(*_: object) -> None:
        raise AssertionError("there is no time to prove anything now")

    monkeypatch.setattr(charter, "prove", no_time)
    assert ready.json("measure", "on", "no-people", "--as", BEN, "--reason", "Now.")["on"]


def test_off_is_the_same_command_by_two(ready: Town) -> None:
    before = lines(ready)
    off(ready, ADA, "ada.key", "--reason", "r", fails="measure_not_on")
    ready("measure", "on", "no-people", "--as", BEN, "--reason", "Now.")
    off(ready, ADA, "ada.key", fails="reason_missing")
    told = off(ready, BEN, "ben.key", "--reason", "It is over.")
    assert "still on" in told and "Ada Lovelace" in told
    pending = ready.folder / "d" / "measure-off-no-people.change.json"
    kept = pending.read_bytes()
    off(ready, BEN, "ben.key", fails="signature_twice")
    off(ready, ADA, "ada.key", "--reason", "Another.", fails="reason_differs")
    assert pending.read_bytes() == kept and ready.lines("measure", "list")[0]["on"]
    assert "is off" in off(ready, ADA, "ada.key")
    assert not ready.lines("measure", "list")[0]["on"] and not pending.exists()
    assert lines(ready)[:2] == before[:2], "policy and floors; only the count of changes has moved on"
    # Replayed, it switches nothing off.
    ready("measure", "on", "no-people", "--as", BEN, "--reason", "Again.")
    pending.write_bytes(kept)
    off(ready, ADA, "ada.key", fails="change_stale")


def test_nobody_accountable_cannot_switch_off(ready: Town) -> None:
    ready.keys(CLEO)
    ready("measure", "on", "no-people", "--as", BEN, "--reason", "Now.")
    off(ready, CLEO, "cleo.key", "--reason", "r", fails="signature_unknown_key")
    off(ready, BEN, "cleo.key", "--reason", "r", fails="signature_unknown_key")
    assert not list((ready.folder / "d").glob("*.change.json"))


def test_what_lies_in_the_folder_switches_off_only_its_own(ready: Town) -> None:
    ready.rambarde("policy", "measure", "geoblock", "ID", "US-CA", "-o", "geo.yaml")
    ready.adopted("geo.yaml", BEN)
    for name in ("no-people", "geoblock-id-us-ca"):
        ready("measure", "on", name, "--as", BEN, "--reason", "Now.")
    off(ready, BEN, "ben.key", "--reason", "It is over.")
    folder = ready.folder / "d"
    shutil.move(
        folder / "measure-off-no-people.change.json", folder / "measure-off-geoblock-id-us-ca.change.json"
    )
    ready(
        *("measure", "off", "geoblock-id-us-ca", "--as", ADA, "--key", "ada.key", "--yes"),
        fails="change_stale",
    )
    assert all(one["on"] for one in ready.lines("measure", "list"))
    ready("measure", "off", "../x", "--as", ADA, "--key", "ada.key", "--yes", fails="measure_unknown")


def test_an_overdue_review_is_marked(ready: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    ready("measure", "on", "no-people", "--as", BEN, "--reason", "Now.")
    real = measures.governed

    def later(chosen: Settings):  # type: ignore[no-untyped-def]
        opened = real(chosen)
        office = opened.__enter__()
        office.office.book.clock = lambda: datetime.now(UTC) + timedelta(days=8)
        opened.__enter__ = lambda: office  # type: ignore[method-assign]
        return _Again(office, opened)

    monkeypatch.setattr(measures, "governed", later)
    assert ready.lines("measure", "list")[0]["overdue"]
    assert "OVERDUE" in ready("measure", "list").stdout.replace("\n", "")


class _Again:
    def __init__(self, office: object, opened: object) -> None:
        self.office, self.opened = office, opened

    def __enter__(self) -> object:
        return self.office

    def __exit__(self, *error: object) -> None:
        self.opened.__exit__(*error)  # type: ignore[attr-defined]


def test_documents_are_never_overwritten_and_must_be_known(town: Town) -> None:
    run = town.rambarde
    run("policy", "measure", "shipped", "no-images", "-o", "m.yaml")
    run("policy", "measure", "shipped", "no-people", "-o", "m.yaml", fails="file_exists")
    run("policy", "measure", "shipped", "no-fun", "-o", "n.yaml", fails="measure_unknown")
    run("policy", "measure", "geoblock", "Atlantis", "-o", "n.yaml", fails="country_invalid")
    run("policy", "measure", "shipped", "no-people", "-o", "none/m.yaml", fails="file_unwritable")
    assert "no-images" in town.read("m.yaml") and not (town.folder / "n.yaml").exists()
    run("policy", "starter", "-o", "m.yaml", fails="file_exists")


@pytest.mark.slow
def test_a_running_gateway_holds_it_within_two_seconds(ready: Town, inspector: Inspector) -> None:
    ready("measure", "on", "no-people", "--as", BEN, "--reason", "Warm: the proof is made now.")
    for name, file in ((BEN, "ben.key"), (ADA, "ada.key")):
        off(ready, name, file, *(("--reason", "r") if name == BEN else ()))
    with serving(Path(ready.folder / "d"), inspector=inspector, demo=False) as running:
        made = ready.json("measure", "on", "no-people", "--as", BEN, "--reason", "Now.")
        assert len(made["gateways"]["holding"]) == 1 and made["gateways"]["seconds"] < 2
        assert "no-people" in running.gateway.government.tenure.standing.on
        off(ready, BEN, "ben.key", "--reason", "r")
        assert "1 gateway holds it" in off(ready, ADA, "ada.key")
        assert not running.gateway.government.tenure.standing.on


@pytest.mark.slow
def test_a_gateway_that_may_release_nothing_is_not_ready(ready: Town, inspector: Inspector) -> None:
    with serving(Path(ready.folder / "d"), inspector=inspector, demo=False) as running:
        tenure = running.gateway.government.tenure
        assert httpx.get(f"{running.url}/readyz").json() == {"ready": True, "unfit": {}, "policy": []}
        far = itertools.count(steady() + 60, 10)
        tenure._boot = lambda: float(next(far))  # each renewal takes longer than the lease
        answer = httpx.get(f"{running.url}/readyz")
        assert answer.status_code == 503 and answer.json()["policy"][0].startswith("policy_lapsed")


def test_what_was_switched_is_kept_with_its_document(ready: Town) -> None:
    vault = Vault.open(Settings(data=str(ready.folder / "d")))
    try:
        change = json.loads(ready.read("no-people.yaml.change.json"))["change"]
        kept = Policies(vault.database, vault.cipher).get(change["document"])
        assert kept == (ready.folder / "no-people.yaml").read_bytes()
    finally:
        vault.close()

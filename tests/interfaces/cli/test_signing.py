"""`rambarde policy key`, `sign`, `adopt`, `people`, `gate`: from nothing to a policy that two people answer for."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rambarde.guard.policy.signatures.key import FileKey
from rambarde.interfaces.cli.main import app
from rambarde.interfaces.governance.adoption import acknowledged
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.prove.note import Verifier, open_checkpoint
from rambarde.store.leases import RUNNING, Leases
from rambarde.store.policies import Policies, digest_of
from tests.interfaces.cli.governed import ADA, BEN, CLEO, FILES, Town, filled, tightened

pytestmark = [pytest.mark.timeout(120), pytest.mark.slow]


# Keys.


def test_a_key_is_made_once_and_for_its_owner_alone(town: Town) -> None:
    made = json.loads(town.rambarde("policy", "key", "ada.key", "--json").stdout)
    file = town.folder / "ada.key"
    assert file.stat().st_mode & 0o777 == 0o600 and made["key"].startswith("ssh-ed25519 AAAA")
    before = file.read_bytes()
    town.rambarde("policy", "key", "ada.key", fails="key_exists")
    assert file.read_bytes() == before


def test_a_locked_key_signs_with_its_passphrase(town: Town) -> None:
    run = CliRunner()
    made = run.invoke(app, ["policy", "key", "ada.key", "--passphrase"], input="a long word\na long word\n")
    assert made.exit_code == 0 and b"ENCRYPTED" in (town.folder / "ada.key").read_bytes()
    town.keys(BEN)
    ada = FileKey.read(town.folder / "ada.key", b"a long word")
    assert ada.public
    people = town.write(
        "people.yaml",
        "rambarde-people: 1\npeople:\n"
        f'  - {{name: {ADA}, roles: [accountable], key: "{made.stdout.strip()}"}}\n'
        f'  - {{name: {BEN}, roles: [policy], key: "{town.line(BEN)}"}}\n',
    )
    sign = ["policy", "sign", people, "--as", ADA, "--key", "ada.key", "--reason", "r", "--data", "d"]
    wrong = run.invoke(app, [*sign, "--yes"], input="another word\n")
    assert getattr(wrong.exception, "code", None) == "key_passphrase_wrong"
    assert run.invoke(app, [*sign, "--yes"], input="a long word\n").exit_code == 0


# People.


def test_the_first_people_sign_themselves(town: Town) -> None:
    people = town.people(ADA, BEN)
    first = town.sign(people, ADA).stdout
    assert "Ada Lovelace (accountable, policy)" in first and "These can still sign: Ben Okri" in first
    town("adopt", people, fails="signatures_missing")
    town("people", fails="roster_missing")
    second = town("sign", people, "--as", BEN, "--key", FILES[BEN], "--yes").stdout
    assert f"complete: `rambarde policy adopt {people}`" in second
    town("adopt", people)
    shown = town("people").stdout
    assert ADA in shown and BEN in shown and "SHA256:" in shown
    assert town.json("people")["people"][0]["current"] is True


def test_what_people_prints_is_what_it_reads(governed: Town) -> None:
    text = governed("people", "--yaml").stdout
    governed.write("people.yaml", text)
    # The same people again: nobody is added, so one of them is enough.
    told = governed.sign("people.yaml", BEN).stdout
    assert "must sign: one person" in told and "complete" in told


def test_nobody_signs_without_saying_yes(town: Town) -> None:
    people = town.people(ADA, BEN)
    sign = ["policy", "sign", people, "--as", ADA, "--key", "ada.key", "--reason", "r", "--data", "d"]
    for answer in ("n\n", "\n", ""):
        assert CliRunner().invoke(app, sign, input=answer).exit_code == 1
        assert not (town.folder / "people.yaml.change.json").exists()
    assert CliRunner().invoke(app, sign, input="y\n").exit_code == 0
    assert (town.folder / "people.yaml.change.json").exists()


def test_a_key_is_needed_and_only_one(town: Town) -> None:
    people = town.people(ADA, BEN)
    town("sign", people, "--as", ADA, "--reason", "r", "--yes", fails="key_which")
    town(
        "sign",
        people,
        "--as",
        ADA,
        "--reason",
        "r",
        "--agent",
        "--key",
        "ada.key",
        "--yes",
        fails="key_which",
    )
    town("sign", people, "--as", ADA, "--key", "ada.key", "--yes", fails="reason_missing")
    town("sign", "none.yaml", "--as", ADA, "--key", "ada.key", "--yes", fails="document_unreadable")
    town.write("other.yaml", "hello: 1\n")
    town("sign", "other.yaml", "--as", ADA, "--key", "ada.key", "--yes", fails="document_unknown")


def test_a_signature_that_would_not_count_is_not_written(town: Town) -> None:
    people = town.people(ADA, BEN)
    town.keys(CLEO)
    town.sign(people, ADA)
    before = town.read("people.yaml.change.json")
    town("sign", people, "--as", ADA, "--key", "ada.key", "--yes", fails="signature_twice")
    town("sign", people, "--as", "ADA  LOVELACE", "--key", "ada.key", "--yes", fails="signature_twice")
    town("sign", people, "--as", CLEO, "--key", "cleo.key", "--yes", fails="signature_unknown_key")
    town("sign", people, "--as", BEN, "--key", "cleo.key", "--yes", fails="signature_unknown_key")
    town("sign", people, "--as", BEN, "--key", "ada.key", "--yes", fails="signature_twice")
    town("sign", people, "--as", BEN, "--key", "ben.key", "--reason", "x", "--yes", fails="reason_differs")
    assert town.read("people.yaml.change.json") == before


def test_a_change_that_was_edited_between_two_signatures(town: Town) -> None:
    people = town.people(ADA, BEN)
    town.sign(people, ADA)
    signed = town.read("people.yaml.change.json")
    town.write("people.yaml.change.json", signed.replace("because", "because of nothing"))
    town("sign", people, "--as", BEN, "--key", "ben.key", "--yes", fails="signature_invalid")
    town.write("people.yaml.change.json", signed.replace('"by":', ' "by":'))
    town("sign", people, "--as", BEN, "--key", "ben.key", "--yes", fails="change_invalid")
    town.write("people.yaml.change.json", signed)
    town.keys(CLEO)
    text = town.read("people.yaml") + f'  - {{name: {CLEO}, roles: [policy], key: "{town.line(CLEO)}"}}\n'
    town.write("people.yaml", text)
    town("sign", people, "--as", BEN, "--key", "ben.key", "--yes", fails="change_stale")


@contextmanager
def an_agent(*keys: Path) -> Iterator[Path]:
    with tempfile.TemporaryDirectory(prefix="rb-agent-") as folder:
        place = Path(folder) / "s"
        agent = subprocess.Popen(["ssh-agent", "-D", "-a", str(place)], stdout=subprocess.DEVNULL)
        try:
            deadline = time.monotonic() + 10
            while not place.exists() and time.monotonic() < deadline:
                time.sleep(0.01)
            for key in keys:
                environment = {**os.environ, "SSH_AUTH_SOCK": str(place)}
                subprocess.run(["ssh-add", "-q", key], env=environment, check=True, capture_output=True)
            yield place
        finally:
            agent.terminate()
            agent.wait(10)


@pytest.mark.skipif(
    shutil.which("ssh-agent") is None or shutil.which("ssh-add") is None, reason="no ssh-agent is installed"
)
def test_with_an_ssh_agent(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    people = town.people(ADA, BEN)
    monkeypatch.delenv("SSH_AUTH_SOCK", raising=False)
    town("sign", people, "--as", ADA, "--agent", "--reason", "r", "--yes", fails="agent_unreachable")
    with an_agent(town.folder / "ada.key") as socket:
        monkeypatch.setenv("SSH_AUTH_SOCK", str(socket))
        town("sign", people, "--as", ADA, "--agent", "--reason", "r", "--yes")
        town("sign", people, "--as", BEN, "--agent", "--yes", fails="agent_lacks_key")
        town("sign", people, "--as", CLEO, "--agent", "--yes", fails="signature_unknown_key")
    town("sign", people, "--as", BEN, "--key", "ben.key", "--yes")
    town("adopt", people)


# The gate.


@pytest.mark.slow
def test_the_gate_is_shut_until_the_form_is_filled_in_and_signed(town: Town) -> None:
    town.adopted(town.people(ADA, BEN), ADA, BEN)
    policy = town.policy()
    shut = town.json("gate", policy, status=1)
    items = {one["item"] for one in shut["items"]}
    assert not shut["open"] and {"surface:web", "mode:spicy", "upstream:sketch/*"} <= items
    assert all(one["lacks"] for one in shut["items"]) and shut["unproven"] is None
    town("sign", policy, "--as", ADA, "--key", "ada.key", "--reason", "r", "--yes", fails="launch_gate")
    form = town("gate", policy, "--template").stdout
    town.write("assessment.yaml", form)
    town("sign", "assessment.yaml", "--as", ADA, "--key", "ada.key", "--reason", "r", fails="policy_invalid")
    assessment = town.assessed(policy)
    town.sign(assessment, BEN)
    town("adopt", assessment, fails="signatures_missing")
    told = town("sign", assessment, "--as", ADA, "--key", "ada.key", "--yes").stdout
    assert "1 evaluation lies beside it, with the digest it names" in told
    # A policy may be signed on what an assessment leads to, and both come into force at once.
    town("sign", policy, "--as", ADA, "--key", "ada.key", "--reason", "r", "--yes", fails="launch_gate")
    town("sign", policy, "--after", assessment, "--as", ADA, "--key", "ada.key", "--reason", "r", "--yes")
    told = town("sign", policy, "--after", assessment, "--as", BEN, "--key", "ben.key", "--yes").stdout
    assert f"adopt {assessment} {policy}" in told
    town("adopt", policy, fails="change_out_of_turn")
    town("adopt", assessment, policy)
    assert town.json("gate", policy)["open"] and town("gate", "--template").stdout.startswith("# Nothing")
    head = open_checkpoint(town.read("d/log/checkpoint"), Verifier.parse(town.read("d/log.pub")))
    assert f"policy {town.json('gate')['policy']}" in head.extensions


def test_an_evaluation_must_be_the_one_that_was_made(town: Town) -> None:
    town.adopted(town.people(ADA, BEN), ADA, BEN)
    assessment = town.assessed(town.policy())
    town.write("report.json", '{"rows": 31}')
    sign = ("sign", assessment, "--as", ADA, "--key", "ada.key", "--reason", "r", "--yes")
    town(*sign, fails="evaluation_differs")
    (town.folder / "report.json").unlink()
    town(*sign, fails="evaluation_missing")
    text = town.read(assessment)
    town.write(assessment, text.replace("file: report.json", "file: ../report.json"))
    town(*sign, fails="evaluation_missing")
    town.write(assessment, text.replace("    file: report.json\n", ""))
    assert "NOT SEEN" in town(*sign).stdout


def test_an_evaluation_is_kept_with_its_assessment(governed: Town) -> None:
    vault = Vault.open(Settings(data=str(governed.folder / "d")))
    try:
        assert Policies(vault.database, vault.cipher).get(digest_of(b'{"rows": 30}')) == b'{"rows": 30}'
    finally:
        vault.close()


@pytest.mark.slow
def test_a_new_mode_needs_an_assessment_of_its_own(governed: Town) -> None:
    text = governed.read("policy.yaml").replace("\nmodes:\n", "\nmodes:\n  calm: {}\n", 1)
    policy = governed.policy(text)
    shut = governed.json("gate", policy, status=1)
    lacking = [one["item"] for one in shut["items"] if one["lacks"]]
    assert lacking == ["mode:calm"] and not [one for one in shut["items"] if one["lacks"] and one["live"]]
    sign = ("sign", policy, "--as", ADA, "--key", "ada.key", "--reason", "r", "--yes")
    governed(*sign, fails="launch_gate")
    governed.adopted(governed.assessed(policy), ADA)
    governed.json("gate", policy)
    governed.sign(policy, ADA, BEN)
    governed("adopt", policy)


# Gateways.


@contextmanager
def leased(folder: Path) -> Iterator[Leases]:
    vault = Vault.open(Settings(data=str(folder / "d")))
    try:
        yield Leases(vault.database)
    finally:
        vault.close()


def test_a_gateway_that_does_not_hold_it_is_named(governed: Town) -> None:
    policy = governed.policy(tightened(governed.read("policy.yaml")))
    governed.sign(policy, ADA)
    with leased(governed.folder) as leases:
        # Gateways whose clock is ahead count as live.
        leases._database.clock = lambda: datetime.now(UTC) + timedelta(hours=1)
        leases.renew("one", sequence=4, policy="p", next_id="none", host="h1")
        leases.renew("two", sequence=4, policy="p", next_id="none", host="h2", state="policy_unholdable")
    result = governed.json("adopt", policy, status=1)
    assert result["gateways"]["holding"] == ["one on h1"]
    assert result["gateways"]["refusing"] == [{"gateway": "two on h2", "state": "policy_unholdable"}]


def test_a_gateway_whose_clock_is_behind_is_waited_for(
    governed: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs, and may be the one that does not hold the change: nobody says that all hold it."""
    monkeypatch.setattr("rambarde.interfaces.cli.governed.PATIENT", 0.2)
    policy = governed.policy(tightened(governed.read("policy.yaml")))
    governed.sign(policy, ADA)
    with leased(governed.folder) as leases:
        leases._database.clock = lambda: datetime.now(UTC) - timedelta(seconds=5)
        leases.renew("slow", sequence=3, policy="p", next_id="none", host="h1")
        leases._database.clock = lambda: datetime.now(UTC) - timedelta(minutes=5)
        leases.renew("gone", sequence=3, policy="p", next_id="none", host="h2")
    assert governed.json("adopt", policy, status=1)["gateways"]["waiting"] == ["slow on h1"]


def test_it_waits_for_those_that_are_behind_and_not_for_ever(governed: Town) -> None:
    spent = [0.0]
    with leased(governed.folder) as leases:
        leases.renew("one", sequence=3, policy="p", next_id="none")
        leases.renew("two", sequence=2, policy="p", next_id="none")

        def sleep(seconds: float) -> None:
            spent[0] += seconds
            if spent[0] > 1.0:
                leases.renew("two", sequence=3, policy="p", next_id="none")

        answer = acknowledged(leases, 3, clock=lambda: spent[0], sleep=sleep)
        assert answer.everywhere and 1.0 < answer.seconds < 1.2
        assert {one.gateway for one in answer.holding} == {"one", "two"}
        assert all(one.state == RUNNING for one in answer.holding)

        def only(seconds: float) -> None:
            spent[0] += seconds

        answer = acknowledged(leases, 4, patience=0.5, clock=lambda: spent[0], sleep=only)
        assert not answer.everywhere and len(answer.waiting) == 2 and answer.seconds < 0.7


def test_the_form_helper_fills_every_hole(governed: Town) -> None:
    assert "<" not in filled("a: <b>\nkind: <c>\n", "f", b"")

"""Putting governance together: what starts, what does not, and what every checkpoint says."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import httpx2 as httpx
import pytest
import sqlalchemy as sa

from rambarde.guard.inspect import Inspector
from rambarde.guard.policy.catalogue import Catalogue, catalogue
from rambarde.guard.policy.reading import SHIPPED, read_policy, shipped
from rambarde.guard.policy.signatures.change import SignedChange
from rambarde.guard.policy.signatures.key import FileKey
from rambarde.interfaces import parts
from rambarde.interfaces.governance.govern import Government, govern
from rambarde.interfaces.governance.office import pending
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.nouns.fault import Fault
from rambarde.nouns.record import Record
from rambarde.prove.key import open_signer
from rambarde.prove.log import FOLDER, Log
from rambarde.prove.note import open_checkpoint
from rambarde.store.ledger import Ledger
from rambarde.store.schema import log_entries
from tests.interfaces.governance.conftest import ADA, BEN, STOP, House, roster
from tests.interfaces.governance.test_two_gateways import LOOSER, STRICTER, TEXT, Now, Slow
from tests.interfaces.serving import serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def all_names() -> Catalogue:
    return catalogue(detector.info for detector in parts.detectors(Settings()))


class Start:
    """A gateway's governance, opened and closed as a process would."""

    def __init__(self, folder: Path, names: Catalogue) -> None:
        self.folder, self.names = folder, names
        self.government: Government | None = None

    def __call__(self, *, demo: bool = False, **settings: object) -> Government:
        self.stop()
        made = Settings(data=str(self.folder), **settings)  # type: ignore[arg-type]
        self.vault = Vault.open(made)
        try:
            self.log = Log.open(self.folder / FOLDER, open_signer(self.folder), Ledger(self.vault.database))
            try:
                self.government = govern(made, self.vault, self.names, self.log, is_demo=demo)
            except BaseException:
                self.log.close()
                raise
        except BaseException:
            self.vault.close()
            raise
        return self.government

    def stop(self) -> None:
        if self.government is not None:
            self.government.tenure.close()
            self.log.close()
            self.vault.close()
            self.government = None

    def lines(self) -> tuple[str, ...]:
        """The extension lines of the newest checkpoint."""
        with Ledger(self.vault.database).reading() as view:
            note = view.checkpoint()
        assert note is not None
        return open_checkpoint(note, open_signer(self.folder).verifier).extensions


@pytest.fixture
def start(tmp_path: Path, all_names: Catalogue) -> Iterator[Start]:
    made = Start(tmp_path / "data", all_names)
    yield made
    made.stop()


@pytest.fixture
def people(start: Start) -> Iterator[House]:
    """The same folder, governed by people."""
    start.folder.mkdir()
    house = House(start.folder, Now(), start.names)
    house.adopt(roster().as_yaml(), ADA, BEN)
    house.assess(TEXT, "upstream:slow/*")
    yield house
    house.close()


def refused(ask: Callable[[], object]) -> str:
    with pytest.raises(Fault) as fault:
        ask()
    return fault.value.code


def test_without_an_adopted_policy_no_gateway_starts(start: Start, people: House) -> None:
    assert refused(start) == "policy_missing"
    people.adopt(TEXT, ADA, BEN)
    assert start().tenure.policy.digest == people.digest(TEXT)
    assert start().trouble == ()


def test_a_file_must_be_signed_to_start_and_is_adopted_if_it_is(
    start: Start, people: House, tmp_path: Path
) -> None:
    file = tmp_path / "policy.yaml"
    assert refused(lambda: start(policy=str(file))) == "policy_unreadable"
    file.write_text(TEXT)
    assert refused(lambda: start(policy=str(file))) == "policy_unsigned"
    proposal = people.proposal(TEXT)
    pending(file).write_bytes(people.signed(people.change(proposal), ADA).canonical())
    assert refused(lambda: start(policy=str(file))) == "signatures_missing"
    pending(file).write_bytes(people.signed(people.change(proposal), ADA, BEN).canonical())
    assert start(policy=str(file)).tenure.policy.digest == people.digest(TEXT)
    file.write_text(STRICTER)
    pending(file).unlink()
    assert refused(lambda: start(policy=str(file))) == "policy_unsigned", "though another is in force"
    assert start().tenure.policy.digest == people.digest(TEXT)


def test_the_shadow_hears_of_measures(start: Start, people: House) -> None:
    people.adopt(TEXT, ADA, BEN)
    people.adopt(STOP, BEN)
    government = start()
    assert government.shadow._measures == ()
    people.switch("stop", on=True)
    government.tenure.renew()
    assert [one.name for one in government.shadow._measures] == ["stop"]


def test_what_was_not_assessed_does_not_start(start: Start, people: House, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(LOOSER)
    proposal = people.proposal(LOOSER)
    pending(file).write_bytes(people.signed(people.change(proposal), ADA, BEN).canonical())
    assert refused(lambda: start(policy=str(file))) == "launch_gate"


def test_an_upstream_that_nobody_assessed_generates_nothing(start: Start, people: House) -> None:
    people.adopt(TEXT, ADA, BEN)
    tenure = start().tenure
    tenure.generates("slow", "any-model")
    assert refused(lambda: tenure.generates("openai:m", None)) == "launch_gate"
    assert refused(lambda: tenure.generates("slower", None)) == "launch_gate"


# ---- the demo ----------------------------------------------------------------------------------------


def test_a_demo_starts_with_one_command_and_says_demo(start: Start) -> None:
    government = start(demo=True)
    assert government.tenure.policy.digest == read_policy(shipped(SHIPPED), start.names).digest
    assert government.trouble == () and government.tenure.standing.demo
    assert set(government.tenure.standing.measures) == {"no-images", "no-people", "no-real-person-edits"}
    government.tenure.generates("whatever", "model")
    assert start.log.extensions[-1] == "DEMO"
    sequence = government.tenure.standing.sequence
    assert start(demo=True).tenure.standing.sequence == sequence, "a second start changes nothing"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "example.org", "", "127.0.0.1.example.org"])
def test_a_demo_listens_on_loopback_only(start: Start, host: str) -> None:
    assert refused(lambda: start(demo=True, host=host)) == "demo_not_loopback"
    assert start(demo=True).tenure.standing.sequence > 0, "and nothing was adopted before that was asked"
    assert refused(lambda: start(host=host)) == "demo_not_loopback", "for good, also without --demo"
    for near in ("127.0.0.1", "127.8.8.8", "::1", "localhost"):
        start(host=near)


def test_what_people_adopt_on_a_demos_folder_is_under_a_checkpoint_that_says_demo(
    start: Start, tmp_path: Path
) -> None:
    start(demo=True)
    start.stop()
    house = House(start.folder, Now(), start.names)
    try:
        file = tmp_path / "policy.yaml"
        file.write_text(STRICTER)
        change = replace(house.change(house.proposal(STRICTER)), by="Demo One")
        key = FileKey.read(start.folder / "demo-signers" / "demo-one.key")
        pending(file).write_bytes(SignedChange(change).sign(key, "Demo One", house.clock()).canonical())
    finally:
        house.close()
    start(policy=str(file))
    assert "DEMO" in start.lines(), "the change itself was logged before the policy was held"
    assert "DEMO" in start.log.extensions


def test_a_demo_takes_its_own_policy(start: Start, tmp_path: Path) -> None:
    file = tmp_path / "policy.yaml"
    file.write_text(LOOSER)
    start(demo=True)
    assert (
        start(demo=True, policy=str(file)).tenure.policy.digest
        == read_policy(LOOSER.encode(), start.names).digest
    )


def test_a_folder_governed_by_people_has_no_demo(start: Start, people: House) -> None:
    assert refused(lambda: start(demo=True)) == "not_a_demo"
    people.adopt(TEXT, ADA, BEN)
    before = people.standing
    start(demo=True)  # the same policy: there is nothing for a demo's signers to do
    assert people.standing == before and "DEMO" not in start.log.extensions


def test_a_demo_roster_on_a_running_gateway_is_told_in_its_checkpoints(start: Start, people: House) -> None:
    people.adopt(TEXT, ADA, BEN)
    government = start()
    assert "DEMO" not in start.log.extensions
    people.adopt(roster(demo=True).as_yaml(), ADA, BEN)
    government.tenure.renew()
    assert start.log.extensions[-1] == "DEMO"


def test_and_one_that_others_can_reach_stops(start: Start, people: House) -> None:
    people.adopt(TEXT, ADA, BEN)
    government = start(host="0.0.0.0")
    people.adopt(roster(demo=True).as_yaml(), ADA, BEN)
    assert refused(government.tenure.renew) == "demo_not_loopback"
    assert refused(lambda: start(host="0.0.0.0")) == "demo_not_loopback"


# ---- between record and answer, for real -------------------------------------------------------------


@pytest.mark.slow
def test_a_release_that_the_policy_overtook_is_withdrawn_in_the_log(
    tmp_path: Path, inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    with serving(tmp_path, upstream=Slow(), inspector=inspector) as served:
        gateway, tenure = served.gateway, served.gateway.government.tenure
        office, record = gateway.government.office, gateway.recorder.record

        async def recorded(one: Record) -> object:
            receipt = await record(one)
            change = office.switch(
                "no-images", office.book.read().standing, on=True, by="Demo One", reason="now"
            )
            office.adopt(gateway.log, [(None, SignedChange(change))])
            await asyncio.to_thread(tenure.renew)
            return receipt

        monkeypatch.setattr(gateway.recorder, "record", recorded)
        response = httpx.post(
            served.url + "/v1/images/generations",
            json={"prompt": "a quiet garden", "response_format": "url"},
            headers={"Authorization": f"Bearer {served.key()}"},
            timeout=20,
        )
        assert response.status_code == 503 and response.json()["error"]["code"] == "policy_changed"
        id = response.headers["rambarde-decision"]
        (output,) = served.record(id)["outputs"]  # type: ignore[misc]
        with gateway.vault.database.reading() as connection:
            kinds = connection.execute(
                sa.select(log_entries.c.kind, log_entries.c.body).where(log_entries.c.id == id)
            ).all()
        assert sorted(row.kind for row in kinds) == ["record", "withdrawal"]
        assert b"policy_changed" in next(bytes(row.body) for row in kinds if row.kind == "withdrawal")
        item = str(output["item"])
        assert httpx.get(f"{served.url}/files/{item}").status_code in (404, 410)
        assert served.count() == 1

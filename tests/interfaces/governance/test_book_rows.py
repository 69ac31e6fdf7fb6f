"""The book where rows of the log were altered, hidden or put between: nothing is loosened."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from rambarde.guard.policy.proof.compare import Verdict
from rambarde.guard.policy.signatures.canonical import canonical
from rambarde.guard.policy.signatures.history import Entry
from rambarde.interfaces.governance import dossier
from rambarde.nouns.fault import Fault
from rambarde.prove.commitment import commit
from rambarde.prove.key import open_signer
from rambarde.prove.log import FOLDER
from rambarde.store.schema import log_entries, log_head
from tests.interfaces.governance.conftest import (
    ADA,
    BEN,
    LOOSER,
    STRICTER,
    House,
)
from tests.interfaces.governance.test_book import slipped
from tests.samples import a_record

pytestmark = pytest.mark.slow


def edit(house: House, sequence: int, **values: object) -> None:
    with house.vault.database.writing() as connection:
        connection.execute(
            sa.update(log_entries).where(log_entries.c.id == f"change-{sequence:08d}").values(**values)
        )


@pytest.mark.parametrize(
    "values",
    [
        {"body": b"{}"},
        {"salt": b"\0" * 32},
        {"salt": b""},
        {"id": "change-00000006x"},
        {"id": "x"},
        {"id": "change-00000099"},
        {"kind": "policy-chang3"},
    ],
    ids=str,
)
def test_a_measure_does_not_go_off_because_its_row_was_altered(
    house: House, values: dict[str, object]
) -> None:
    """Were the change void afterwards, whoever can write to the database could switch a measure off."""
    house.found()
    house.switch("stop", on=True)
    tenure = house.tenure()
    edit(house, 6, **values)
    with pytest.raises(Fault) as refused:
        house.again().tenure()
    assert refused.value.code == "history_damaged"
    tenure.renew()
    assert [one.name for one in tenure.in_force.measures] == ["stop"], "what is held is held"


@pytest.mark.parametrize("values", [{"kind": "policy-chang3"}, {"kind": "x", "id": "x"}], ids=str)
def test_a_change_that_is_hidden_before_it_was_taken_stops_the_renewal(
    house: House, values: dict[str, object]
) -> None:
    house.found()
    tenure = house.tenure()
    house.switch("stop", on=True)
    house.log.append([commit("record", a_record(1).as_json())])
    edit(house, 6, **values)
    with pytest.raises(Fault) as refused:
        tenure.renew()
    assert refused.value.code == "history_damaged"
    with pytest.raises(Fault) as other:
        house.switch("careful", on=True)
    assert other.value.code == "history_damaged", "nor is its number given to another"


def test_a_checkpoint_that_this_log_did_not_sign_counts_nothing(house: House) -> None:
    house.found()
    for note in ("", "x\n1\n\n"):
        with house.vault.database.writing() as connection:
            connection.execute(sa.update(log_head).values(checkpoint=note))
        with pytest.raises(Fault) as refused:
            house.again().book.read()
        assert refused.value.code in ("history_damaged", "log_damaged")


def test_a_row_between_two_changes_moves_none_out_of_its_turn(house: House) -> None:
    house.found()
    house.slip_in(b"{}", id="change-00000005x")
    with pytest.raises(Fault) as refused:
        house.again().tenure()
    assert refused.value.code == "history_damaged"


def test_a_next_row_that_is_not_what_was_logged_stops_the_renewal(house: House) -> None:
    house.found()
    tenure = house.tenure()
    house.switch("stop", on=True)
    edit(house, 6, body=b"{}")
    with pytest.raises(Fault) as refused:
        tenure.renew()
    assert refused.value.code == "history_damaged"
    house.clock.run(2.0)
    with pytest.raises(Fault) as lapsed:
        tenure.current()
    assert lapsed.value.code == "policy_lapsed"


def test_a_time_that_no_calendar_has_is_void(house: House) -> None:
    """Switching on needs no signature, so anybody could write this one."""
    house.found()
    tenure = house.tenure()
    end = datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)
    change = replace(
        house.office.switch("stop", house.standing, on=True, by=ADA, reason="now"), created_at=end
    )
    house.slip_in(canonical(Entry(house.signed(change), end).as_json()))
    tenure.renew()
    assert tenure.story.lines[-1].void is not None
    house.switch("stop", on=True)
    tenure.renew()
    assert set(tenure.standing.on) == {"stop"}


def test_a_history_with_a_change_that_counts_for_nothing_can_be_exported(house: House) -> None:
    house.found()
    slipped(house, LOOSER, BEN, verdict=Verdict.TIGHTENED, loosened=())
    house.adopt(STRICTER, BEN)
    verifier = open_signer(house.folder).verifier
    data = dossier.export(house.book, house.folder / FOLDER, verifier)
    found = dossier.verify(data, verifier)
    assert found.story.standing.policy == house.digest(STRICTER)
    assert any(remark.startswith("Change 6 is well signed") for remark in found.remarks)

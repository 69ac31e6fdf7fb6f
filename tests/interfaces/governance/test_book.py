"""The book: what the log says is all that counts, and whoever writes to the database loosens nothing."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa

from rambarde.guard.policy.proof.compare import Verdict
from rambarde.guard.policy.signatures.canonical import canonical
from rambarde.guard.policy.signatures.history import Entry
from rambarde.guard.policy.signatures.subject import PolicyText
from rambarde.nouns.fault import Fault
from rambarde.store.schema import log_entries, policy_documents
from tests.interfaces.governance.conftest import ADA, BEN, LOOSER, POLICY, STRICTER, House


def edit(house: House, sequence: int, **values: object) -> None:
    with house.vault.database.writing() as connection:
        connection.execute(
            sa.update(log_entries).where(log_entries.c.id == f"change-{sequence:08d}").values(**values)
        )


def test_a_story_tells_each_change_and_where_it_leads(house: House) -> None:
    standing = house.found()
    story = house.book.read()
    assert story.standing == standing and standing.sequence == 5
    assert [line.sequence for line in story.lines] == [1, 2, 3, 4, 5]
    assert all(line.void is None for line in story.lines)
    assert story.policy_line is story.lines[2]
    assert story.lines[2].before.policy is None and standing.policy == house.digest(POLICY)


def test_two_changes_of_one_number_are_one_change(house: House) -> None:
    house.found()
    other = house.again()
    first = house.office.switch("stop", house.standing, on=True, by=ADA, reason="now")
    second = other.office.switch("careful", other.standing, on=True, by=BEN, reason="now")
    house.book.add(house.log, [Entry(house.signed(first), house.clock())])
    with pytest.raises(Fault) as late:
        other.book.add(other.log, [Entry(other.signed(second), other.clock())])
    assert late.value.code == "change_out_of_turn"
    assert set(other.standing.on) == {"stop"}


GARBAGE = [
    b"",
    b"\xff\x00",
    b"null",
    b"[" * 100_000,
    b'{"id":"change-00000006"}',
    b"9" * 5000,
    b'{"a":NaN}',
    json.dumps(
        {"id": "change-00000006", "at": "2026-11-20T12:00:00+00:00", "change": {}, "signatures": []}
    ).encode(),
]


@pytest.mark.parametrize("body", GARBAGE, ids=range(len(GARBAGE)))
def test_garbage_takes_a_number_and_nothing_else(house: House, body: bytes) -> None:
    before = house.found()
    tenure = house.tenure()
    house.slip_in(body)
    tenure.renew()
    for story in (tenure.story, house.book.read()):
        assert story.lines[-1].void is not None
        now = story.standing
        assert replace(now, sequence=5, last=before.last) == before and now.sequence == 6
    assert tenure.current().policy.digest == before.policy
    after = house.switch("stop", on=True)  # and the history goes on
    tenure.renew()
    assert after.sequence == 7 and tenure.standing == after
    assert [one.name for one in tenure.in_force.measures] == ["stop"]


def slipped(house: House, text: str, *names: str, **facts: object) -> None:
    """A policy change as an attacker would write it, with its document in the database."""
    proposal = house.proposal(text)
    house.book.documents.put(proposal.kept)
    change = replace(house.change(proposal), **facts)  # type: ignore[arg-type]
    house.slip_in(Entry(house.signed(change, *names), house.clock()).canonical())


@pytest.mark.parametrize("signers", [(), (ADA,), (BEN,), ("Mallory", "Trudy"), (ADA, ADA)])
def test_a_loosening_that_too_few_signed_is_void(house: House, signers: tuple[str, ...]) -> None:
    before = house.found()
    tenure = house.tenure()
    slipped(house, LOOSER, *signers)
    tenure.renew()
    assert tenure.story.lines[-1].void is not None
    assert tenure.current().policy.digest == before.policy == house.again().tenure().policy.digest


def test_a_measure_is_not_switched_off_by_one_or_by_an_older_paper(house: House) -> None:
    house.found()
    house.switch("stop", on=True)
    off = house.office.switch("stop", house.standing, on=False, by=ADA, reason="over")
    paper = Entry(house.signed(off, ADA, BEN), house.clock())
    house.slip_in(Entry(house.signed(off, ADA), house.clock()).canonical())
    assert "stop" in house.standing.on
    house.slip_in(paper.canonical())  # its number is taken
    assert "stop" in house.standing.on and house.book.read().lines[-1].void is not None


def test_an_older_signed_change_is_not_taken_twice(house: House) -> None:
    house.found()
    loose = house.adopt(LOOSER, ADA, BEN)
    old = house.book.read().lines[-1].logged.committed.body
    house.adopt(POLICY, BEN)
    tenure = house.tenure()
    house.slip_in(old)
    tenure.renew()
    assert tenure.policy.digest == house.digest(POLICY) != loose.policy


def test_what_is_not_what_it_says_stops_the_release_until_another_follows(house: House) -> None:
    """One person signs a loosening and calls it a tightening: every gateway sees it for itself."""
    house.found()
    tenure = house.tenure()
    slipped(house, LOOSER, BEN, verdict=Verdict.TIGHTENED, loosened=())
    tenure.renew()
    assert tenure.story.lines[-1].void is None, "by its form it holds"
    with pytest.raises(Fault) as stopped:
        tenure.current()
    assert stopped.value.code == "policy_unholdable" and "policy_unholdable" in str(tenure.trouble)
    with pytest.raises(Fault) as no_start:
        house.again().tenure()
    assert no_start.value.code == "change_misdeclared"
    (held,) = house.book.leases.holders(within=house.clock() - datetime(2026, 1, 1, tzinfo=UTC))
    assert held.state == "policy_unholdable"
    house.adopt(POLICY, BEN)  # a tightening, compared with what was slipped in
    tenure.renew()
    assert tenure.current().policy.digest == house.digest(POLICY) and tenure.trouble is None


def test_a_document_that_nobody_has_can_be_followed_by_two(house: House) -> None:
    """The history names a policy that is in no database: it cannot be compared with, and so counts as none."""
    house.found()
    tenure = house.tenure()
    before = house.standing
    change = replace(
        house.change(house.proposal(STRICTER)),
        document="sha256:" + "d" * 64,
        subject=PolicyText("sha256:" + "e" * 64, "sha256:" + "f" * 64, before.policy),
    )
    house.slip_in(Entry(house.signed(change, BEN), house.clock()).canonical())
    tenure.renew()
    with pytest.raises(Fault, match="document_missing"):
        tenure.current()
    house.assess(STRICTER)
    with pytest.raises(Fault) as one:
        house.adopt(STRICTER, BEN)
    assert one.value.code == "signatures_missing"
    house.adopt(STRICTER, ADA, BEN)
    tenure.renew()
    assert tenure.current().policy.digest == house.digest(STRICTER)


def test_the_words_of_a_policy_cannot_be_edited(house: House) -> None:
    house.found()
    tenure = house.tenure()
    with house.vault.database.writing() as connection:
        rows = connection.execute(sa.select(policy_documents)).mappings().all()
        for row in rows:
            edited = bytes(row["data"]).replace(b"at_least: 0.1", b"at_least: 0.9")
            same = policy_documents.c.digest == row["digest"]
            connection.execute(sa.update(policy_documents).where(same).values(data=edited))
    assert tenure.current().policy.digest == house.digest(POLICY), "what is held is held"
    with pytest.raises(Fault) as refused:
        house.again().tenure()
    assert refused.value.code == "policy_document_damaged"
    house.switch("stop", on=True)
    tenure.renew()
    with pytest.raises(Fault) as stopped:
        tenure.current()
    assert stopped.value.code == "policy_unholdable"


# ---- rows that were altered, hidden or put between -----------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {"body": b"{}"},
        {"salt": b"\0" * 32},
        {"salt": b""},
        {"id": "change-00000006x"},
        {"id": "x"},
        {"id": "change-00000099"},
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

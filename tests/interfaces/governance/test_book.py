"""The book: what the log says is all that counts, and whoever writes to the database loosens nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest
import sqlalchemy as sa

from rambarde.guard.policy.language import Policy
from rambarde.guard.policy.proof.compare import Verdict
from rambarde.guard.policy.signatures.history import Entry
from rambarde.guard.policy.signatures.subject import PolicyText
from rambarde.interfaces.governance.book import read as read_by_form
from rambarde.interfaces.governance.charter import Charter
from rambarde.nouns.fault import Fault, Kind
from rambarde.store.schema import policy_documents, policy_proofs
from tests.interfaces.governance.conftest import (
    ADA,
    BEN,
    CAREFUL,
    LOOSER,
    POLICY,
    STRICTER,
    House,
    assessed,
)

pytestmark = pytest.mark.slow


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


BETWEEN = POLICY.replace("{signal: b, at_least: 0.1}", "{signal: b, at_least: 0.4}")


@pytest.mark.parametrize("live", [True, False])
def test_a_loosening_under_another_name_is_nothing_that_others_are_compared_with(
    house: House, live: bool
) -> None:
    """One person signs a loosening and calls it a tightening, and then honestly tightens it a little."""
    before = house.found()
    tenure = house.tenure()
    slipped(house, LOOSER, BEN, verdict=Verdict.TIGHTENED, loosened=())
    if live:
        tenure.renew()
    liar = house.book.read().lines[-1]
    assert liar.void is not None and liar.void.code == "change_misdeclared"
    # As the liar's own tool sees it: the policy in force is the one that was slipped in.
    formal = read_by_form(line.logged for line in house.book.read().lines).standing
    assert formal.policy == house.digest(LOOSER)
    proposal = house.office.proposal(BETWEEN.encode(), formal, source="p3")
    assert proposal.verdict is Verdict.TIGHTENED, "compared with what was slipped in"
    house.book.documents.put(proposal.kept)
    change = house.office.change(proposal, formal, by=BEN, reason="r", at=house.clock())
    house.slip_in(Entry(house.signed(change, BEN), house.clock()).canonical())
    tenure.renew()
    for one in (tenure, house.again().tenure()):
        void = one.story.lines[-1].void
        assert void is not None and void.code == "change_stale"
        assert one.current().policy.digest == before.policy == one.standing.policy and one.trouble is None
    with pytest.raises(Fault) as refused:
        house.adopt(BETWEEN, BEN)
    assert refused.value.code == "signatures_missing"
    house.adopt(STRICTER, BEN)  # and the history goes on
    tenure.renew()
    assert tenure.policy.digest == house.digest(STRICTER) == house.again().tenure().policy.digest


@pytest.mark.parametrize("found", ["sealed", "read anew"])
def test_nothing_rests_on_what_cannot_be_compared(house: House, found: str) -> None:
    """The same with the policy in force hidden, so that nobody can say that the lie is one."""
    before = house.found()
    tenure = house.tenure()
    proposal = house.proposal(LOOSER)
    with house.vault.database.writing() as connection:
        gone = policy_documents.c.digest == before.policy_document
        row = connection.execute(sa.select(policy_documents).where(gone)).mappings().one()
        connection.execute(sa.delete(policy_documents).where(gone))
    house.book.documents.put(proposal.kept)
    change = replace(house.change(proposal), verdict=Verdict.TIGHTENED, loosened=())
    house.slip_in(Entry(house.signed(change, BEN), house.clock()).canonical())
    formal = read_by_form(line.logged for line in house.book.read().lines).standing
    second = house.office.proposal(BETWEEN.encode(), formal, source="p3")
    house.book.documents.put(second.kept)
    change = house.office.change(second, formal, by=BEN, reason="r", at=house.clock())
    house.slip_in(Entry(house.signed(change, BEN), house.clock()).canonical())
    tenure.renew()
    for line in tenure.story.lines[-2:]:
        assert line.void is None and line.unread is not None
    with pytest.raises(Fault) as stopped:
        tenure.current()
    assert stopped.value.code == "policy_unholdable"
    if found == "read anew":
        with house.vault.database.writing() as connection:
            connection.execute(sa.delete(policy_proofs))
    with pytest.raises(Fault) as no_start:
        house.again().tenure()
    assert no_start.value.code == "policy_unchecked" and "backup" in no_start.value.remedy
    with house.vault.database.writing() as connection:
        connection.execute(sa.insert(policy_documents).values(**row))
    house.clock.run(2.1)
    tenure.renew()
    for one in (tenure, house.again().tenure()):
        assert one.current().policy.digest == before.policy and one.trouble is None
        assert [line.void.code for line in one.story.lines[-2:] if line.void] == [
            "change_misdeclared",
            "change_stale",
        ]


def test_what_two_put_in_place_of_an_unreadable_one_stays_when_that_is_back(house: House) -> None:
    house.found()
    proposal = house.proposal(LOOSER)
    change = replace(house.change(proposal), verdict=Verdict.TIGHTENED, loosened=())
    house.slip_in(Entry(house.signed(change, BEN), house.clock()).canonical())  # without its document
    house.assess(STRICTER)
    house.adopt(STRICTER, ADA, BEN)
    house.book.documents.put(proposal.kept)
    assert house.again().tenure().policy.digest == house.digest(STRICTER)


@pytest.mark.parametrize("kind", ["measure", "assessment", "demo"])
def test_a_document_that_says_otherwise_makes_its_change_void(house: House, kind: str) -> None:
    """Signed by whoever must, past the office: the gateways look for themselves."""
    before = house.found()
    if kind == "measure":
        honest = house.proposal(CAREFUL.replace("careful", "quiet"))
        told = replace(honest, subject=replace(honest.subject, breaker=True))  # type: ignore[call-arg]
    else:
        data = assessed(house.digest(POLICY), ["surface:kiosk"], house.clock())
        if kind == "demo":
            told = house.proposal(data.replace(b'"examples"', b'"demo"'))
        else:
            honest = house.proposal(data)
            told = replace(honest, subject=replace(honest.subject, policy=None))  # type: ignore[call-arg]
    house.book.documents.put(told.kept)
    house.slip_in(Entry(house.signed(house.change(told), ADA, BEN), house.clock()).canonical())
    tenure = house.tenure()
    void = tenure.story.lines[-1].void
    assert void is not None and void.code == "change_misdeclared"
    assert (tenure.standing.measures, tenure.standing.assessed) == (before.measures, before.assessed)


def test_an_assessment_that_cannot_be_read_lets_nothing_go_live_and_undoes_nothing(house: House) -> None:
    house.found()
    more = POLICY.replace("surfaces: [web, app]", "surfaces: [web, app, kiosk]")
    data = assessed(house.digest(more), ["surface:kiosk"], house.clock())
    proposal = house.proposal(data)
    house.slip_in(Entry(house.signed(house.change(proposal), ADA), house.clock()).canonical())
    assert "surface:kiosk" not in house.standing.assessed
    slipped(house, more, ADA, BEN)
    line = house.book.read().lines[-1]
    assert line.void is None and line.unread is not None and line.unread.code == "policy_unchecked"
    with pytest.raises(Fault) as no_start:
        house.again().tenure()
    assert no_start.value.code == "policy_unchecked" and "surface:kiosk" in no_start.value.message
    house.book.documents.put(data)
    assert "kiosk" in house.again().tenure().policy.surfaces


def test_a_later_release_goes_on_with_what_was_found_of_old(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It cannot read the first policy any more; what one person tightened since is no lie for that."""
    house.found()
    first = house.standing.policy_document
    house.adopt(STRICTER, BEN)

    def old(self: Charter, document: str | None, real: Callable[..., Policy] = Charter._read) -> Policy:
        if document == first:
            raise Fault(Kind.INTERNAL, "bundle_damaged", "Old.", remedy="r")
        return real(self, document)

    monkeypatch.setattr(Charter, "_read", old)
    assert house.again().tenure().policy.digest == house.digest(STRICTER)
    house.adopt(BETWEEN, ADA, BEN)
    house.adopt(STRICTER, BEN)
    assert house.again().tenure().policy.digest == house.digest(STRICTER)
    with house.vault.database.writing() as connection:
        connection.execute(sa.update(policy_proofs).values(mac="0" * 64))
    with pytest.raises(Fault) as unknown:
        house.again().tenure()
    assert unknown.value.code in ("change_misdeclared", "policy_unchecked"), (
        "nor is it trusted without its seal"
    )
    assert house.book.read().lines[-1].void is None


def test_what_was_found_of_one_history_is_not_found_of_another(house: House) -> None:
    house.found()
    slipped(house, LOOSER, BEN, verdict=Verdict.TIGHTENED, loosened=())
    with house.vault.database.writing() as connection:
        rows = connection.execute(sa.select(policy_proofs)).mappings().all()
        sealed = [row for row in rows if row["key"].startswith("changes:")]
        sound = dict(sealed[-1])
    assert house.book.read().lines[-1].void is not None
    with house.vault.database.writing() as connection:
        chain = policy_proofs.c.key == f"changes:{house.book.read().chain}"
        connection.execute(sa.update(policy_proofs).where(chain).values(body=sound["body"], mac=sound["mac"]))
    assert house.again().book.read().lines[-1].void is not None


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

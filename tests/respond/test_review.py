"""Review: a verdict is logged before it takes effect, the first one stands, and some things nobody looks at."""

from __future__ import annotations

import json
from contextlib import ExitStack
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from rambarde.nouns.appeal import Attachment, Plea
from rambarde.nouns.custody import Shelf
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.review import Judgement, Matter, Verdict
from rambarde.prove.key import read_verifier
from rambarde.prove.log import FOLDER
from rambarde.prove.verify import verify_log
from rambarde.respond.judgement import KIND, log_id
from rambarde.respond.review import FILE_LIFE, STALE
from rambarde.respond.secluded import fired, secluded
from rambarde.store.cipher import Cipher
from rambarde.store.ledger import Ledger
from tests.respond.conftest import PROMPT, WEEK, Office, an_office, run_together
from tests.store.conftest import Clock

ANN = {"person": "Ann Example", "reason": "It is a statue."}


async def test_what_waits(office: Office, clock: Clock) -> None:
    held = await office.hold(0)
    clock.forward(hours=1)
    appeal = await office.desk.appeals.submit(await office.refuse(1), Plea("It was a statue."))
    clock.forward(hours=1)
    first, second = await office.desk.review.waiting()
    assert (first.id, first.matter, first.record, first.index) == (held, Matter.HELD, "record-000000", 1)
    assert first.rules == ("nude-looking-output",), "those of its own image only"
    assert first.expires_at - first.created_at == WEEK
    assert (second.id, second.matter, second.record) == (appeal.id, Matter.APPEAL, "record-000001")
    assert (second.rules, second.opened) == (("real-person-degrading",), None)
    assert await office.desk.review.waiting(limit=1) == (first, second), "as many of each"


async def test_what_a_reviewer_sees(office: Office) -> None:
    held = await office.hold()
    shown = await office.desk.review.show(held)
    assert shown.words == {"prompt": PROMPT} and shown.record["id"] == "record-000000"
    assert await office.desk.review.picture(held) == Attachment(b"the picture", "image/png")
    for number in (1, -1, 99):
        with pytest.raises(Fault) as caught:
            await office.desk.review.picture(held, number)
        assert caught.value.code == "no_picture"
    for odd in ("", "nothing", "\0", "../..", "\ud800", "x" * 500):
        with pytest.raises(Fault) as caught:
            await office.desk.review.show(odd)
        assert caught.value.code == "nothing_waits"


async def test_releasing(office: Office, clock: Clock) -> None:
    held, review = await office.hold(), office.desk.review
    pending = await review.status(held)
    assert pending is not None and (pending.word, pending.record) == ("pending", "record-000000")
    decided = await review.decide(held, Verdict.RELEASE, **ANN)
    assert (decided.person, decided.reason, decided.index) == ("Ann Example", "It is a statue.", 1)
    status = await review.status(held)
    assert status is not None and status.word == "released" and status.file is not None
    assert status.file != held and status.until == clock() + FILE_LIFE
    kept = await office.vault.items.take(status.file, Shelf.FILE)
    assert kept is not None and (kept.data, kept.media_type, kept.record, kept.meta) == (
        b"the picture",
        "image/png",
        "record-000000",
        {},
    )
    assert await office.vault.items.take(held, Shelf.HELD) is None
    assert await review.waiting() == ()
    clock.now += FILE_LIFE
    for _ in range(2):
        late = await review.status(held)
        assert late is not None and (late.word, late.file) == ("expired", None)
        await office.vault.items.purge()


async def test_the_log_holds_the_verdict_and_no_content(office: Office, tmp_path: Path) -> None:
    held = await office.hold()
    await office.desk.review.decide(held, Verdict.DESTROY, **ANN)
    entry = Ledger(office.vault.database).find(KIND, log_id(held))
    assert entry is not None
    document = json.loads(entry.committed.body)
    assert document == {
        "id": log_id(held),
        "subject": held,
        "matter": "held",
        "record": "record-000000",
        "index": 1,
        "outcome": "destroy",
        "person": "Ann Example",
        "reason": "It is a statue.",
        "decided_at": "2026-01-09T12:00:00.123456+00:00",
    }
    report = verify_log(tmp_path / FOLDER, read_verifier(tmp_path), Ledger(office.vault.database))
    assert report.ok, str(report)


async def test_destroying(office: Office) -> None:
    held, review = await office.hold(), office.desk.review
    await review.decide(held, Verdict.DESTROY, **ANN)
    assert await office.vault.items.look(held, Shelf.HELD) is None
    status = await review.status(held)
    assert status is not None and status.word == "destroyed"
    with pytest.raises(Fault) as caught:
        await review.picture(held)
    assert caught.value.code == "nothing_waits"


async def test_what_nobody_decides_expires(office: Office, clock: Clock) -> None:
    held, review = await office.hold(), office.desk.review
    clock.now += WEEK
    for _ in range(2):
        status = await review.status(held)
        assert status is not None and status.word == "expired"
        assert await review.waiting() == ()
        with pytest.raises(Fault) as caught:
            await review.decide(held, Verdict.RELEASE, **ANN)
        assert caught.value.code == "nothing_waits"
        await office.vault.items.purge()
    assert await review.judgement(held) is None
    clock.forward(days=91)
    await office.desk.tidy()
    assert await review.status(held) is None
    assert await review.status("never-was-" * 3) is None


async def test_the_same_again_changes_nothing_and_another_conflicts(office: Office, clock: Clock) -> None:
    held, review = await office.hold(), office.desk.review
    first = await review.decide(held, Verdict.RELEASE, **ANN)
    status = await review.status(held)
    clock.forward(minutes=5)
    assert await review.decide(held, Verdict.RELEASE, person=" Ann Example ", reason=ANN["reason"]) == first
    assert await review.status(held) == status
    for other in (
        {"verdict": Verdict.DESTROY, **ANN},
        {"verdict": Verdict.RELEASE, "person": "Bob", "reason": "It is a statue."},
        {"verdict": Verdict.RELEASE, "person": "Ann Example", "reason": "Another."},
        {"verdict": Verdict.UPHELD, **ANN},
    ):
        with pytest.raises(Fault) as caught:
            await review.decide(held, **other)  # type: ignore[arg-type]
        assert (caught.value.kind, caught.value.code) == (Kind.CONFLICT, "already_decided")
        assert "Ann Example decided this at 2026-01-09 12:00 UTC: release" in caught.value.message
    assert await review.status(held) == status


@pytest.mark.parametrize("round", range(3))
def test_two_people_at_once(place: str, tmp_path: Path, clock: Clock, cipher: Cipher, round: int) -> None:
    with ExitStack() as stack:
        offices = [stack.enter_context(an_office(place, tmp_path, clock, cipher)) for _ in range(4)]
        import asyncio

        held = asyncio.run(offices[0].hold())
        verdicts = [Verdict.RELEASE, Verdict.DESTROY, Verdict.RELEASE, Verdict.DESTROY]
        found = run_together(
            *(
                office.desk.review.decide(held, verdict, person=f"Person {n}", reason="Because.")
                for n, (office, verdict) in enumerate(zip(offices, verdicts, strict=True))
            )
        )
        winners = [one for one in found if isinstance(one, Judgement)]
        losers = [one for one in found if not isinstance(one, Judgement)]
        assert len(winners) == 1, found
        assert all(isinstance(one, Fault) and one.code == "already_decided" for one in losers), losers
        assert all(winners[0].person in str(one) for one in losers)
        status = asyncio.run(offices[1].desk.review.status(held))
        released = winners[0].verdict is Verdict.RELEASE
        assert status is not None and status.word == ("released" if released else "destroyed")
        assert asyncio.run(offices[2].vault.items.listed(Shelf.HELD)) == ()
        assert len(asyncio.run(offices[2].vault.items.listed(Shelf.FILE))) == int(released)


def test_the_same_person_twice_at_once(place: str, tmp_path: Path, clock: Clock, cipher: Cipher) -> None:
    import asyncio

    with ExitStack() as stack:
        offices = [stack.enter_context(an_office(place, tmp_path, clock, cipher)) for _ in range(3)]
        held = asyncio.run(offices[0].hold())
        found = run_together(*(one.desk.review.decide(held, Verdict.RELEASE, **ANN) for one in offices))
        assert all(isinstance(one, Judgement) for one in found), found
        assert len(asyncio.run(offices[0].vault.items.listed(Shelf.FILE))) == 1


async def test_what_cannot_be_logged_does_not_take_effect(office: Office) -> None:
    held = await office.hold()
    read_only = replace(office.desk.review, journal=replace(office.desk.review.journal, recorder=None))  # type: ignore[type-var]
    with pytest.raises(Fault, match="reading"):
        await read_only.decide(held, Verdict.RELEASE, **ANN)
    status = await office.desk.review.status(held)
    assert status is not None and status.word == "pending"
    assert len(await office.desk.review.waiting()) == 1
    await office.desk.review.decide(held, Verdict.DESTROY, person="Bob", reason="Real.")


@pytest.mark.parametrize("verdict", [Verdict.RELEASE, Verdict.DESTROY])
@pytest.mark.parametrize("dies_at", ["keep", "destroy", "take"])
async def test_a_process_that_dies_after_logging_leaves_nothing_undone(
    office: Office, verdict: Verdict, dies_at: str
) -> None:
    held, review = await office.hold(), office.desk.review

    class Dying:
        def __getattr__(self, name: str) -> object:
            if name == dies_at:
                raise RuntimeError("the power went")
            return getattr(office.vault.items, name)

    if verdict is Verdict.RELEASE or dies_at == "destroy":
        with pytest.raises(RuntimeError):
            await replace(review, shelves=Dying()).decide(held, verdict, **ANN)  # type: ignore[arg-type]
        assert await review.waiting() == (), "decided, so it does not wait"
        status = await review.status(held)
        assert status is not None and status.word == "pending"
        assert await review.settle() == 1
    else:
        await review.decide(held, verdict, **ANN)
    status = await review.status(held)
    assert status is not None
    assert status.word == ("released" if verdict is Verdict.RELEASE else "destroyed")
    assert await office.vault.items.listed(Shelf.HELD) == ()
    assert await review.settle() == 0


async def test_a_verdict_that_comes_too_late_releases_nothing(office: Office, clock: Clock) -> None:
    held, review = await office.hold(), office.desk.review

    class Slow:
        def __getattr__(self, name: str) -> object:
            if name == "take":
                clock.now += WEEK
            return getattr(office.vault.items, name)

    with pytest.raises(Fault) as caught:
        await replace(review, shelves=Slow()).decide(held, Verdict.RELEASE, **ANN)  # type: ignore[arg-type]
    assert caught.value.code == "decided_too_late"
    status = await review.status(held)
    assert status is not None and status.word == "expired"
    assert await office.vault.items.listed(Shelf.FILE) == ()


async def test_what_was_begun_and_never_logged_is_forgotten(office: Office, clock: Clock) -> None:
    held, review = await office.hold(), office.desk.review
    await office.desk.register.begin(held, Matter.HELD, "record-000000")
    assert await review.settle() == 0
    assert len(await review.waiting()) == 1
    clock.now += STALE + timedelta(seconds=1)
    await review.settle()
    assert await office.desk.register.get(held) is None
    await review.decide(held, Verdict.RELEASE, **ANN)


@pytest.mark.parametrize(
    ("person", "reason", "code"),
    [
        ("", "x", "missing_person"),
        (" \n", "x", "missing_person"),
        ("Ann", "", "missing_reason"),
        ("A" * 201, "x", "too_long_person"),
        ("Ann", "x" * 2001, "too_long_reason"),
        ("Ann\nBob", "x", "unprintable_person"),
        ("Ann", "x\x1b[2J", "unprintable_reason"),
        ("Ann", "\ud800", "unprintable_reason"),
    ],
)
async def test_who_and_why_are_required(office: Office, person: str, reason: str, code: str) -> None:
    held = await office.hold()
    with pytest.raises(Fault) as caught:
        await office.desk.review.decide(held, Verdict.RELEASE, person=person, reason=reason)
    assert caught.value.code == code
    assert await office.desk.review.judgement(held) is None


async def test_a_verdict_fits_its_matter(office: Office) -> None:
    held = await office.hold(0)
    appeal = await office.desk.appeals.submit(await office.refuse(1), Plea("No."))
    for id, verdict in ((held, Verdict.UPHELD), (appeal.id, Verdict.RELEASE)):
        with pytest.raises(Fault) as caught:
            await office.desk.review.decide(id, verdict, **ANN)
        assert caught.value.code == "verdict_unfit"


@pytest.mark.parametrize("where", ["rule", "admit"])
@pytest.mark.parametrize("rule", ["minor-sexual", "minor-sexual-output", "minor-sexual-looks-young"])
async def test_what_nobody_is_asked_to_look_at(office: Office, rule: str, where: str) -> None:
    if where == "rule":
        held = await office.hold(rule=rule)
    else:
        held = await office.hold(admit=(rule,))
    review = office.desk.review
    assert await review.waiting() == ()
    for call in (
        review.show(held),
        review.picture(held),
        review.decide(held, Verdict.RELEASE, **ANN),
        review.decide(held, Verdict.DESTROY, **ANN),
    ):
        with pytest.raises(Fault) as caught:
            await call
        assert caught.value.code == "not_viewable"
    assert await review.judgement(held) is None


def test_what_is_secluded() -> None:
    def record(**rule: object) -> dict[str, object]:
        decision = {"rules": [{"rule": "x", "follow": [], **rule}]}
        return {"admit": None, "outputs": [{"index": 0, "decision": decision}]}

    assert not secluded(record())
    assert secluded(record(rule="minor-sexual"))
    assert secluded(record(follow=["preserve", "child-safety-queue"]))
    assert not secluded({}) and not secluded({"admit": 5, "outputs": "?"})
    assert [r["rule"] for r in fired(record(), 0)] == ["x"] and list(fired(record(), 1)) == []


async def test_a_held_image_without_its_record_is_not_listed(office: Office) -> None:
    item = await office.vault.items.keep(
        Shelf.HELD, b"x", media_type="image/png", life=WEEK, record="record-000009"
    )
    assert await office.desk.review.waiting() == ()
    with pytest.raises(Fault) as caught:
        await office.desk.review.show(item)
    assert caught.value.code == "nothing_waits"

"""Appeals: heard without an account, read by a person, and kept no longer than stated."""

from __future__ import annotations

import asyncio
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from rambarde.guard.arrival import Draft
from rambarde.nouns.appeal import Appeal, Attachment, Plea
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.record import Ending
from rambarde.nouns.review import Matter, Verdict
from rambarde.respond.appeals import MOST, MOST_OPEN, RETENTION
from rambarde.store.cipher import Cipher
from tests.respond.conftest import Office, an_office, run_together, upload
from tests.store.conftest import Clock

PICTURE = b"\x89PNG pretended"
ANN = {"person": "Ann Example", "reason": "You are right: it is a statue."}


async def test_what_can_be_appealed_against(office: Office) -> None:
    appeals = office.desk.appeals
    refusal = await appeals.refusal(await office.refuse(0))
    assert refusal.reasons == ("because of real-person-degrading",)
    assert (refusal.rules, refusal.held, refusal.attachable) == (("real-person-degrading",), False, True)
    await office.hold(1)
    assert (await appeals.refusal("record-000001")).held
    unlike = [await office.refuse(2, ending=ending) for ending in (Ending.RELEASED,)]
    for id in (*unlike, "dec_" + "0" * 32, "", "\0" * 9, "../../etc", "\ud800" * 9, "x" * 900):
        with pytest.raises(Fault) as caught:
            await appeals.refusal(id)
        assert (caught.value.kind, caught.value.code) == (Kind.NOT_FOUND, "unknown_decision")
        with pytest.raises(Fault, match="no such decision"):
            await appeals.submit(id, Plea("x"))


async def test_from_appeal_to_answer(office: Office, clock: Clock) -> None:
    appeals, review = office.desk.appeals, office.desk.review
    decision = await office.refuse()
    appeal = await appeals.submit(decision, Plea("It was a statue.\r\nReally.", " me@example.org "))
    assert len(appeal.id) >= 22 and appeal.expires_at == clock() + RETENTION
    reply = await appeals.reply(decision, appeal.id)
    assert (reply.outcome, reply.reason) == (None, None)
    shown = await review.show(appeal.id)
    assert shown.words == {"text": "It was a statue.\nReally.", "email": "me@example.org"}
    clock.forward(days=1)
    decided = await review.decide(appeal.id, Verdict.UPHELD, **ANN)
    assert (decided.matter, decided.record, decided.index) == (Matter.APPEAL, decision, None)
    reply = await appeals.reply(decision, appeal.id)
    assert (reply.outcome, reply.reason, reply.decided_at) == ("upheld", ANN["reason"], clock())
    assert await review.waiting() == ()
    with pytest.raises(Fault) as caught:
        await review.decide(appeal.id, Verdict.REJECTED, **ANN)
    assert caught.value.code == "already_decided"
    assert await review.status(appeal.id) is None, "an appeal is no held image"
    for other, reference in (("record-000009", appeal.id), (decision, "x" * 32), (decision, "\0")):
        with pytest.raises(Fault) as caught:
            await appeals.reply(other, reference)
        assert caught.value.code == "unknown_appeal"
    clock.now += RETENTION
    with pytest.raises(Fault):
        await appeals.reply(decision, appeal.id)
    await office.desk.tidy()
    assert await office.desk.cabinet.get(appeal.id) is None


@pytest.mark.parametrize(
    ("asked", "attached"),
    [
        (Draft("a tree"), Plea("t", prompt="a tree")),
        (Draft("a tree\nand a bird"), Plea("t", prompt="a tree\r\nand a bird")),
        (Draft("a tree"), Plea("t", prompt="  a tree\r\n")),
        (Draft("", images=(upload(PICTURE),)), Plea("t", pictures=(Attachment(PICTURE, "image/png"),))),
        (
            Draft("a hat", images=(upload(PICTURE), upload(b"2")), n=3, size="512x512", model="dall-e-2"),
            Plea("t", None, "a hat", (Attachment(PICTURE, ""), Attachment(b"2", ""))),
        ),
        (
            Draft(
                "a tree",
                output_format="webp",
                deliver_url=True,
                options=(("quality", "hd"), ("background", "opaque"), ("style", "natural")),
            ),
            Plea("t", prompt="a tree"),
        ),
    ],
    ids=["words", "line ends", "spaces", "picture", "both", "settings"],
)
async def test_attached_content_opens_the_commitment(office: Office, asked: Draft, attached: Plea) -> None:
    decision = await office.refuse(draft=asked)
    appeal = await office.desk.appeals.submit(decision, attached)
    assert appeal.opened is True
    (waiting,) = await office.desk.review.waiting()
    assert (waiting.opened, waiting.pictures) == (True, len(attached.pictures))


@pytest.mark.parametrize(
    "attached",
    [
        Plea("t", prompt="another tree"),
        Plea("t", None, "a tree", (Attachment(PICTURE, "image/png"),)),
        Plea("t", None, None, (Attachment(b"another", "image/png"),)),
    ],
)
async def test_other_content_does_not(office: Office, attached: Plea) -> None:
    decision = await office.refuse(draft=Draft("a tree"))
    assert (await office.desk.appeals.submit(decision, attached)).opened is False


async def test_what_is_kept_may_be_less_than_what_opens(office: Office) -> None:
    decision = await office.refuse(draft=Draft("a hat", images=(upload(PICTURE),)))
    plea = Plea("t", None, "a hat", (Attachment(PICTURE, "image/png"),))
    kept = replace(plea, pictures=(Attachment(b"stripped", "image/png"),))
    appeal = await office.desk.appeals.submit(decision, plea, kept=kept)
    assert appeal.opened is True
    assert await office.desk.review.picture(appeal.id) == Attachment(b"stripped", "image/png")


async def test_deciding_erases_what_was_attached(office: Office) -> None:
    decision = await office.refuse(draft=Draft("a tree"))
    plea = Plea("t", "me@example.org", "a tree", (Attachment(PICTURE, "image/png"),) * 2)
    appeal = await office.desk.appeals.submit(decision, plea)
    assert (await office.desk.review.show(appeal.id)).words["prompt"] == "a tree"
    for number in range(2):
        assert (await office.desk.review.picture(appeal.id, number)).data == PICTURE
    await office.desk.review.decide(appeal.id, Verdict.REJECTED, **ANN)
    kept = await office.desk.cabinet.get(appeal.id)
    assert kept is not None and kept.plea == Plea("t", "me@example.org") and kept.pictures == 0
    for number in range(2):
        assert await office.desk.cabinet.picture(appeal.id, number) is None


async def test_nothing_can_be_attached_where_nobody_may_look(office: Office) -> None:
    decision = await office.refuse(rules=("minor-sexual",), draft=Draft("a tree"))
    appeals = office.desk.appeals
    assert not (await appeals.refusal(decision)).attachable
    for plea in (
        Plea("t", prompt="a tree"),
        Plea("t", pictures=(Attachment(PICTURE, "image/png"),)),
    ):
        with pytest.raises(Fault) as caught:
            await appeals.submit(decision, plea)
        assert caught.value.code == "attachment_not_accepted"
    appeal = await appeals.submit(decision, Plea("It was about a tree."))
    (waiting,) = await office.desk.review.waiting()
    assert waiting.id == appeal.id, "the person is heard all the same"
    with pytest.raises(Fault):
        await office.desk.review.picture(appeal.id)


@pytest.mark.parametrize(
    ("plea", "code"),
    [
        (Plea(""), "missing_text"),
        (Plea(" \r\n "), "missing_text"),
        (Plea("x" * 4001), "too_long_text"),
        (Plea("x\0y"), "unprintable_text"),
        (Plea("x", "not an address"), "bad_email"),
        (Plea("x", "a@b\nBcc: c@d"), "bad_email"),
        (Plea("x", "a" * 250 + "@example.org"), "bad_email"),
        (Plea("x", None, "y" * 32_001), "too_long_prompt"),
        (Plea("x", None, None, (Attachment(b"1", ""),) * 11), "too_many_pictures"),
    ],
)
async def test_what_is_not_taken(office: Office, plea: Plea, code: str) -> None:
    decision = await office.refuse()
    with pytest.raises(Fault) as caught:
        await office.desk.appeals.submit(decision, plea)
    assert caught.value.code == code
    assert await office.desk.review.waiting() == ()


async def test_so_many_and_no_more(office: Office) -> None:
    appeals, review = office.desk.appeals, office.desk.review
    decision, other = await office.refuse(0), await office.refuse(1)
    made: list[Appeal] = []
    while len(made) < MOST:
        made.append(await appeals.submit(decision, Plea("x")))
        if len(made) % MOST_OPEN == 0 and len(made) < MOST:
            for call in (appeals.submit(decision, Plea("x")), appeals.room(decision)):
                with pytest.raises(Fault) as caught:
                    await call
                assert (caught.value.kind, caught.value.code) == (Kind.RATE_LIMITED, "appeals_open")
            for one in made[-MOST_OPEN:]:
                await review.decide(one.id, Verdict.REJECTED, **ANN)
    with pytest.raises(Fault) as caught:
        await appeals.submit(decision, Plea("x"))
    assert caught.value.code == "appeals_used_up"
    assert await appeals.submit(other, Plea("x"))


def test_the_limit_holds_for_many_at_once(place: str, tmp_path: Path, clock: Clock, cipher: Cipher) -> None:
    with ExitStack() as stack:
        offices = [stack.enter_context(an_office(place, tmp_path, clock, cipher)) for _ in range(4)]
        decision = asyncio.run(offices[0].refuse())
        found = run_together(
            *(offices[n % 4].desk.appeals.submit(decision, Plea(f"number {n}")) for n in range(8))
        )
        assert sum(isinstance(one, Appeal) for one in found) == MOST_OPEN, found
        assert all(isinstance(one, Appeal) or getattr(one, "code", "") == "appeals_open" for one in found)


def test_nothing_of_it_is_on_disk(tmp_path: Path, clock: Clock, cipher: Cipher) -> None:
    async def hand_in(office: Office) -> None:
        picture = Attachment(b"zebrapicture" * 9, "")
        plea = Plea("zebracoloured text", "zebra@example.org", "zebra prompt", (picture,))
        await office.desk.appeals.submit(await office.refuse(), plea)

    with an_office(str(tmp_path), tmp_path, clock, cipher) as office:
        asyncio.run(hand_in(office))
        everything = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())
    assert b"zebra" not in everything and len(everything) > 10_000

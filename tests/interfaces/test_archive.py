"""The archive: kept only what a rule, a hold or the sample asks for; frozen by holds; every access in the log."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rambarde.guard.evidence import Matter
from rambarde.guard.policy.keeping import Keeping
from rambarde.guard.seal import Sealed
from rambarde.interfaces.archive import Archive
from rambarde.interfaces.desk import recording
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.nouns.caller import Caller, Context
from rambarde.nouns.custody import Shelf
from rambarde.nouns.decision import Decision, Fired, Outcome, Point
from rambarde.nouns.evidence import Part, Why
from rambarde.nouns.fault import Fault
from rambarde.nouns.hold import Scope
from rambarde.nouns.request import Action, Picture, Request, Text
from rambarde.store.cipher import Cipher
from rambarde.store.database import Database
from rambarde.store.ledger import Ledger

PROMPT = "a lighthouse at dusk"


def png(level: int) -> bytes:
    out = io.BytesIO()
    Image.fromarray(np.full((8, 8, 3), level, np.uint8)).save(out, "PNG")
    return out.getvalue()


INPUT, OUTPUT = png(10), png(200)
DIGEST = sha256(OUTPUT).hexdigest()


@dataclass
class Made:
    decision: Decision
    sealed: Sealed = field(default_factory=lambda: Sealed(OUTPUT, "image/png", DIGEST, None, DIGEST, None))


@dataclass
class Stand:
    vault: Vault
    archive: Archive
    now: list[datetime]

    async def keep(self, matter: Matter) -> None:
        await self.archive.keep(matter)

    @property
    def items(self) -> list[tuple[str, bool]]:
        return sorted((i.part.value, i.content) for i in self.archive.evidence.find())

    def logged(self, event: str) -> list[dict[str, object]]:
        rows = Ledger(self.vault.database).rows(0, 10_000)
        found = [json.loads(row.committed.body) for row in rows if row.committed.kind == "custody"]
        return [document for document in found if document["event"] == event]


@pytest.fixture
def stand(tmp_path: Path) -> Iterator[Stand]:
    now = [datetime(2026, 1, 9, 12, tzinfo=UTC)]
    vault = Vault.over(tmp_path, Database.open(tmp_path, clock=lambda: now[0]), Cipher(bytes(32)))
    try:
        with recording(vault) as recorder:
            archive = replace(Archive.open(vault, Settings(), recorder.put), draw=lambda: 0.5)
            yield Stand(vault, archive, now)
    finally:
        vault.close()


def decision(
    *follow: str, rule: str = "r", outcome: Outcome = Outcome.BLOCK, assumed: bool = False
) -> Decision:
    fired = Fired(rule, outcome, "why", follow=() if assumed else follow, assumed=assumed)
    return Decision(Point.ADMIT, outcome, (fired,), (), "p")


ALLOWED = Decision(Point.ADMIT, Outcome.ALLOW, (), (), "p")


def matter(
    admit: Decision = ALLOWED,
    *made: Decision,
    account: str | None = "a",
    keeping: Keeping | None = None,
    id: str = "dec_1",
) -> Matter:
    picture = Picture(INPUT, "image/png", sha256(INPUT).hexdigest(), np.zeros((8, 8, 3), np.uint8))
    request = Request(
        id=id,
        action=Action.EDIT,
        prompt=Text(PROMPT, PROMPT, PROMPT),
        caller=Caller("c", "web", context=Context(account=account)),
        received_at=datetime(2026, 1, 9, 12, tzinfo=UTC),
        digest="d",
        images=(picture,),
    )
    return Matter(request, admit, keeping or Keeping(), tuple(Made(one) for one in made))


async def test_nothing_is_kept_unless_something_says_so(stand: Stand) -> None:
    for one in (matter(), matter(decision("notify", "intent-evidence")), matter(ALLOWED, decision())):
        await stand.keep(one)
    assert stand.items == [] and stand.logged("kept") == []


async def test_a_rule_preserves_prompt_inputs_and_outputs(stand: Stand) -> None:
    await stand.keep(matter(ALLOWED, decision("preserve"), ALLOWED))
    assert stand.items == [("input", True), ("output", True), ("output", True), ("prompt", True)]
    (document,) = stand.logged("kept")
    assert PROMPT not in json.dumps(document) and '"a"' not in json.dumps(document)
    prompt = next(i for i in stand.archive.evidence.find() if i.part is Part.PROMPT)
    assert json.loads(stand.archive.evidence.open(prompt.id))["prompt"] == PROMPT
    assert prompt.expires_at - prompt.kept_at == timedelta(days=365)
    stand.now[0] += timedelta(days=366)
    await stand.archive.tidy()
    assert stand.items == [] and len(stand.logged("erased")) == 1


async def test_what_is_only_assumed_preserves_nothing(stand: Stand) -> None:
    await stand.keep(matter(decision("preserve", assumed=True)))
    assert stand.items == []


async def test_a_hold_keeps_what_comes_and_freezes_what_is_there(stand: Stand) -> None:
    item = await stand.vault.items.keep(
        Shelf.HELD, b"held", media_type="image/png", life=timedelta(hours=1), record="dec_0"
    )
    hold = stand.archive.holds.set(Scope(account="a", decisions=()), person="Ann", reason="an order")
    old = stand.archive.holds.set(Scope(decisions=("dec_0",)), person="Ann", reason="an order")
    await stand.keep(matter(ALLOWED, ALLOWED))
    await stand.keep(matter(ALLOWED, ALLOWED, account="b", id="dec_2"))
    assert stand.items == [("input", True), ("output", True), ("prompt", True)]
    stand.now[0] += timedelta(days=4000)
    await stand.archive.tidy()
    await stand.vault.items.purge()
    assert len(stand.items) == 3 and await stand.vault.items.look(item, Shelf.HELD) is not None
    assert await stand.vault.items.take(item, Shelf.HELD) is None, "frozen is not shown"
    assert not await stand.vault.items.destroy(item), "it had expired, and stays"
    assert await stand.vault.items.look(item, Shelf.HELD) is not None
    for id in (hold.id, old.id):
        for person in ("Ann", "Bo"):
            stand.archive.holds.lift(id, person=person, reason="it is over")
    await stand.archive.tidy()
    await stand.vault.items.purge()
    assert stand.items == [] and await stand.vault.items.look(item, Shelf.HELD) is None


async def test_what_is_destroyed_under_a_hold_is_only_withdrawn(stand: Stand) -> None:
    stand.archive.holds.set(Scope(decisions=("dec_0",)), person="Ann", reason="an order")
    item = await stand.vault.items.keep(
        Shelf.FILE, b"file", media_type="image/png", life=timedelta(hours=1), record="dec_0"
    )
    assert await stand.vault.items.destroy(item)
    assert await stand.vault.items.take(item, Shelf.FILE) is None
    assert await stand.vault.items.look(item, Shelf.FILE) is not None


async def test_the_duty_hold_freezes_until_two_people_lift_it(stand: Stand) -> None:
    for n in range(3):
        await stand.keep(matter(decision("hold", rule="doubt"), id=f"dec_{n}"))
    (hold,) = stand.archive.holds.active()
    assert hold.scope == Scope(case="rule/doubt") and len(stand.items) == 6
    stand.now[0] += timedelta(days=4000)
    await stand.archive.tidy()
    assert len(stand.items) == 6
    for person in ("Ann", "Bo"):
        stand.archive.holds.lift(hold.id, person=person, reason="r")
    await stand.archive.tidy()
    assert stand.items == []


@pytest.mark.parametrize(("rate", "kept"), [(0.0, 0), (0.4, 0), (0.6, 3)])
async def test_the_sample_draws_at_its_rate(stand: Stand, rate: float, kept: int) -> None:
    await stand.keep(matter(ALLOWED, ALLOWED, keeping=Keeping(sample_rate=rate, sample_days=30)))
    found = stand.archive.evidence.find()
    assert len(found) == kept
    assert {(i.why, i.expires_at - i.kept_at) for i in found} <= {(Why.SAMPLE, timedelta(days=30))}


SAMPLED = Keeping(sample_rate=1, sample_days=30)
WEAK = decision(rule="minor-sexual-looks")
STRONG = decision("preserve", "child-safety-queue", rule="minor-sexual")


async def test_on_weak_evidence_no_picture_is_kept_for_anybody(stand: Stand) -> None:
    await stand.keep(matter(ALLOWED, WEAK, keeping=SAMPLED))
    assert stand.items == []
    stand.archive.holds.set(Scope(account="a"), person="Ann", reason="r")
    await stand.keep(matter(ALLOWED, WEAK, keeping=SAMPLED))
    assert stand.items == [("prompt", True)]


@pytest.mark.parametrize(
    ("keeping", "content", "days"),
    [
        (Keeping(), False, 365),
        (Keeping(established=("FR",)), False, 365),
        (Keeping(established=("FR", "US")), True, 365),
        (Keeping(established=("US",), sealed=(("US", 0),)), False, 365),
        (Keeping(established=("US", "FR"), sealed=(("FR", 0),)), False, 365),
        (Keeping(established=("FR",), sealed=(("FR", 90),)), True, 90),
    ],
)
async def test_strong_evidence_is_sealed_as_the_jurisdictions_oblige(
    stand: Stand, keeping: Keeping, content: bool, days: int
) -> None:
    """By injected signals; an ordinary grey square stands in."""
    stand.archive.holds.set(Scope(account="a"), person="Ann", reason="r")
    await stand.keep(matter(ALLOWED, STRONG, keeping=keeping))
    found = stand.archive.evidence.find()
    assert {(i.part.value, i.content) for i in found} == {(p, content) for p in ("prompt", "input", "output")}
    assert {(i.sealed, i.expires_at - i.kept_at) for i in found} == {(True, timedelta(days=days))}
    for item in found:
        for content_asked in (True, False):
            try:
                _, data = stand.archive.show(item.id, person="Ann", purpose="p", content=content_asked)
                assert data is None and not content_asked
            except Fault as fault:
                assert fault.code == "evidence_sealed" and content_asked
    assert stand.logged("opened") == []


async def test_every_access_is_in_the_log_before_it_happens(stand: Stand) -> None:
    await stand.keep(matter(decision("preserve")))
    item = stand.archive.evidence.find()[0]
    with pytest.raises(Fault) as nobody:
        stand.archive.show(item.id, person="", purpose="p", content=True)
    assert nobody.value.code == "missing_person"
    stand.archive.show(item.id, person="Ann", purpose="appeal 7", content=True)
    stand.archive.show(item.id, person="Bo", purpose="report")
    stand.archive.listed(Scope(account="a"), person="Cy", purpose="audit")
    opened, shown, listed = (stand.logged(event)[0] for event in ("opened", "shown", "listed"))
    assert (opened["person"], opened["purpose"], opened["items"]) == ("Ann", "appeal 7", [item.id])
    assert (shown["person"], listed["person"], len(listed["items"])) == ("Bo", "Cy", 2)  # type: ignore[arg-type]
    assert len(stand.archive.evidence.documents([item.id])) == 4


async def test_what_is_over_cannot_be_opened_before_it_is_erased(stand: Stand) -> None:
    await stand.keep(matter(decision("preserve")))
    item = stand.archive.evidence.find()[0]
    stand.now[0] += timedelta(days=366)
    with pytest.raises(Fault) as fault:
        stand.archive.show(item.id, person="Ann", purpose="p", content=True)
    assert fault.value.code == "evidence_unknown"


async def test_what_cannot_be_logged_is_not_kept(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise Fault("internal", "not_recorded", "m", remedy="r")  # type: ignore[arg-type]

    monkeypatch.setattr(type(stand.archive.custody), "kept", broken)
    with pytest.raises(Fault) as fault:
        await stand.keep(matter(decision("preserve")))
    assert fault.value.code == "not_recorded" and stand.items == []

"""Retention: every type goes when its time is over, a hold keeps it, and the log says how much went."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, cast

import pytest

from rambarde.interfaces.desk import Desk
from rambarde.interfaces.retention import EVERY, NOBODY, Retention
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.tracing import register
from rambarde.nouns.appeal import Plea
from rambarde.nouns.custody import Shelf
from rambarde.nouns.evidence import NewItem, Part, Why
from rambarde.nouns.fault import Fault
from rambarde.nouns.fingerprint import Output, Prints
from rambarde.nouns.hold import About, Scope
from rambarde.nouns.lineage import Fingerprint
from rambarde.nouns.review import Matter
from rambarde.prove.holds import Holds
from rambarde.store.subjects import Subjects
from tests.interfaces.test_erasure import SAID, Hall, id_of, said
from tests.samples import START

DAY = timedelta(days=1)
ACCOUNT = "secret-account"
SETTINGS = Settings(fingerprint_days=30, appeal_days=20)


class Clocked(Hall):
    """A hall with one record of the account, one thing of each type that is kept for it, and a clock that is set."""

    def __init__(self, data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(data, earlier_hours=2)
        self.now = START
        monkeypatch.setattr(self.vault.database, "clock", lambda: self.now)
        self.write(1)

    def job(self, settings: Settings = SETTINGS) -> Retention:
        desk = Desk.of(self.vault, settings, self.recorder)
        prints = register(self.vault, settings)
        return Retention(self.vault, settings, desk, self.archive(), prints, self.recorder)

    def fill(self) -> None:
        asyncio.run(self._fill())

    async def _fill(self) -> None:
        id, keep, job = id_of(0), self.vault.items.keep, self.job()
        for shelf in Shelf:
            await keep(shelf, b"x", media_type="image/png", life=DAY, record=id)
        ends = self.now + DAY
        await self.vault.lineage.remember(
            Fingerprint("a" * 64, None), original="o", expires_at=ends, account=ACCOUNT
        )
        output = Output(id, 0, "web", "sketch", self.now)
        await job.prints.add([(output, Prints(bytes(32), None, None, b""))])
        await job.desk.cabinet.add(id, PLEA, opened=None, life=20 * DAY, most_open=1, most=1)
        await job.desk.register.begin("subject", Matter.HELD, id)
        await job.desk.register.finish("subject", "released")
        about = About(id, ACCOUNT, "web", self.now)
        for why, days in ((Why.RULE, 10), (Why.SAMPLE, 5)):
            item = NewItem(about, Part.PROMPT, 0, why, "r", "application/json", 1, "0" * 64, days * DAY, b"x")
            job.archive.custody.kept(job.archive.evidence.add([item]))

    def after(self, days: float) -> dict[str, int]:
        """What `job` erases, once so many days are over since the start."""
        self.now = START + timedelta(days=days)
        job = self.job()
        asyncio.run(job.expire())
        job.tell()
        return {name: count for name, count in job.gone.items() if count} or self._last()

    def _last(self) -> dict[str, int]:
        told = said(self, "erasure")
        return told[-1]["also"] if told and told[-1]["at"] == self.now.isoformat() else {}


PLEA = Plea("why I was refused", "a@example.org", "a prompt")


@pytest.fixture
def hall(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Clocked]:
    made = Clocked(tmp_path / "data", monkeypatch)
    made.fill()
    yield made
    made.close()


TIMES = (
    (0.09, {"earlier": 1}),
    (1.01, {"answer": 1, "file": 1, "held": 1, "original": 1, "recheck": 1}),
    (5.01, {"evidence": 1}),
    (10.01, {"evidence": 1}),
    (20.01, {"appeal": 1}),
    (30.01, {"exposure": 1, "fingerprint": 1}),
    (90.01, {"outcome": 1}),
    (91.02, {"outcome": 1}),
)
"""Days, and what is erased then; the second outcome is that of the held image that nobody decided."""


def test_every_type_goes_in_its_time_and_the_log_says_so(hall: Clocked) -> None:
    for days, gone in TIMES:
        assert hall.after(days - 0.02) == {}, days
        assert hall.after(days) == gone, days
        told = said(hall, "erasure")[-1]
        assert told["scope"] == "retention" and told["also"] == gone and told["person"] == NOBODY
    ages = Subjects(hall.vault.database).ages()
    assert {name: count for name, (count, _) in ages.items() if count} == {"record": 1}
    assert hall.verify().ok


def test_a_hold_keeps_every_type_until_it_is_lifted(hall: Clocked) -> None:
    holds = Holds(hall.ledger, hall.vault.database.clock, hall.recorder.put)
    holds.set(Scope(account=ACCOUNT), **SAID)
    assert hall.after(100) == {"outcome": 1}, "an outcome names nobody and shows nothing"
    with pytest.raises(Fault) as refused:
        hall.eraser().record(id_of(0), **SAID)
    assert refused.value.code == "erasure_held"
    left = hall.eraser().account(ACCOUNT, **SAID)
    assert (left.records, left.kept_by_hold, left.evidence_left) == (0, 1, {"rule": 1, "sample": 1})
    assert set(left.also.values()) == {0}
    for person in ("B. Person", "C. Person"):
        holds.lift("hold-1", person=person, reason="over")
    every = "answer appeal earlier evidence exposure file fingerprint held original recheck"
    gone = hall.after(100.1)
    assert " ".join(sorted(gone)) == every


def test_records_and_what_expired_are_told_once_an_hour(hall: Clocked) -> None:
    job = hall.job(replace(SETTINGS, record_days=1))
    hall.now = START + 40 * DAY
    asyncio.run(job.expire())
    asyncio.run(job.hourly())
    assert said(hall, "erasure") == [] and hall.records.count() == 1
    hall.now += EVERY
    asyncio.run(job.hourly())
    records, expired = said(hall, "erasure")
    assert records["count"] == 1 and records["person"] == NOBODY and hall.records.count() == 0
    assert expired["also"]["evidence"] == 2 and not +job.gone
    asyncio.run(job.hourly())
    job.last()
    assert len(said(hall, "erasure")) == 2 and hall.verify().ok


def test_a_log_that_takes_nothing_keeps_the_count(hall: Clocked, monkeypatch: pytest.MonkeyPatch) -> None:
    job = hall.job()
    job.gone["file"] = 3
    with monkeypatch.context() as broken:
        broken.setattr(hall.log, "append", lambda *_, **__: (_ for _ in ()).throw(OSError(28, "full")))
        job.last()
        assert job.gone["file"] == 3
    assert job.tell() and said(hall, "erasure")[-1]["also"] == {"file": 3}


def test_access_gives_all_there_is(hall: Clocked) -> None:
    """Also appeals and the facts of evidence, of what is sealed nothing; and that a hold is, not why."""
    archive, about = hall.archive(), About(None, ACCOUNT, "web", hall.now)
    for sealed in (True, False):  # of a request that ended in a fault: there is no record of it
        item = NewItem(about, Part.INPUT, 0, Why.RULE, "r", "image/png", 1, "1" * 64, DAY, b"x", None, sealed)
        archive.evidence.add([item])
    Holds(hall.ledger, hall.vault.database.clock, hall.recorder.put).set(Scope(account=ACCOUNT), **SAID)
    given = hall.eraser().access(ACCOUNT, **SAID)
    document = given.document
    counts = {name: len(part) for name, part in document.items() if isinstance(part, list)}
    assert counts == {
        "records": 1,
        "kept": 6,
        "fingerprints": 1,
        "traced_by": 1,
        "outcomes": 1,
        "appeals": 1,
        "evidence": 3,
        "holds": 1,
    }
    assert given.withheld == 1 and "sealed" not in str(document["evidence"]).replace("'sealed': False", "")
    (appeal,) = cast(list[Any], document["appeals"])
    assert (appeal["text"], appeal["email"], appeal["prompt"]) == (
        "why I was refused",
        "a@example.org",
        "a prompt",
    )
    assert SAID["reason"] not in str(document["holds"]) and SAID["person"] not in str(document["holds"])
    assert hall.eraser().access(ACCOUNT, **SAID, holds=False).document["holds"] == []
    assert hall.eraser().access("other", **SAID).document["appeals"] == []


def test_what_a_duty_keeps_stays_with_its_record(hall: Clocked) -> None:
    asyncio.run(hall.job().desk.cabinet.close(appealed(hall), "upheld", hall.now))
    with pytest.raises(Fault) as refused:
        hall.eraser().record(id_of(0), **SAID)
    assert refused.value.code == "erasure_owed"
    done = hall.eraser().account(ACCOUNT, **SAID)
    assert (done.records, done.kept_by_duty) == (0, 1) and done.evidence_left == {"rule": 1, "sample": 1}
    hall.now += 6 * DAY
    assert hall.eraser().retention(1, **SAID).kept_by_duty == 1
    hall.now += 5 * DAY
    done = hall.eraser().account(ACCOUNT, **SAID)
    assert (done.records, done.kept_by_duty, done.evidence_left) == (1, 0, {})
    assert done.also == {"items": 6, "appeals": 1, "fingerprints": 1, "exposures": 1, "evidence": 2}
    erased = [one for one in said(hall, "custody") if one["event"] == "erased"]
    assert sum(len(one["items"]) for one in erased) == 2
    assert hall.verify().ok


def appealed(hall: Clocked) -> str:
    (one,) = asyncio.run(hall.job().desk.cabinet.waiting())
    return one.id

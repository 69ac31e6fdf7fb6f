"""Re-checks in the background: every draw ends in one verdict in the log, whatever dies; nothing is kept after it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from rambarde.guard.detectors.contract import DetectorInfo, Reading, Subject
from rambarde.interfaces.monitor.recheck import LIFE, TRIES, Drawing, Rechecking, inspector, wanted
from rambarde.interfaces.settings import Settings
from rambarde.measure.monitor.recheck import read
from rambarde.nouns.custody import Receipt, Shelf
from rambarde.nouns.decision import Outcome
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.request import Picture
from rambarde.nouns.sighting import Draw
from rambarde.nouns.signal import Signal, SignalSpec
from rambarde.store.cipher import Cipher
from rambarde.store.database import Database
from rambarde.store.items import Items
from rambarde.store.monitor import Monitor
from rambarde.store.rechecks import Rechecks
from tests.interfaces.conftest import png
from tests.interfaces.monitor.conftest import Clock, write
from tests.measure.monitor.documents import RULE, decision, record


class Marker:
    """A detector of tests: white pictures are marked, grey ones give no answer, black ones crash it."""

    info = DetectorInfo("marker", "1", Subject.PICTURE, (SignalSpec("mark"),), 5.0)
    digest = "sha256:00"

    def load(self) -> None: ...

    def inspect(self, subject: Picture, /) -> Reading:
        level = int(subject.rgb[0, 0, 0])
        if level == 0:
            raise RuntimeError("crash")
        if level == 128:
            return Reading((Signal.no_answer("mark", "grey"),))
        return Reading((Signal.measured("mark", 1.0 if level == 255 else 0.0),))


TESTS = read(["marker:mark>=0.5"], "recheck")


def picture(level: int) -> bytes:
    import numpy as np

    return png(np.full((64, 64, 3), level, np.uint8))


@dataclass
class Bench:
    """A worker over a database. `logged` are the verdicts; a `broken` log refuses so many times."""

    database: Database
    clock: Clock
    logged: dict[str, dict[str, Any]]
    broken: int = 0

    def __post_init__(self) -> None:
        self.items = Items(self.database, Cipher(bytes(32)))
        self.queue, self.monitor = Rechecks(self.database), Monitor(self.database)
        looking = inspector(Settings(workers=0), TESTS, [Marker()])
        self.worker = Rechecking(
            TESTS, looking, self.database, self.items, self.queue, self.monitor, self.put
        )
        self.worker.load()

    def put(self, kind: str, document: Mapping[str, object]) -> Receipt:
        if self.broken:
            self.broken -= 1
            raise Fault(Kind.INTERNAL, "not_recorded", "no", remedy="wait")
        assert kind == "recheck"
        if document["id"] in self.logged:
            raise Fault(Kind.CONFLICT, "not_recorded", "", remedy="") from Fault(
                Kind.CONFLICT, "already_logged", "", remedy=""
            )
        self.logged[str(document["id"])] = json.loads(json.dumps(document))
        return Receipt(0, 1)

    async def draw(self, level: int, record: str = "dec_0", id: str = "chk_1") -> str:
        item = await self.items.keep(
            Shelf.RECHECK, picture(level), media_type="image/png", life=LIFE, record=record
        )
        self.queue.add([Draw(id, record, 0, 0.25, item)])
        return item

    async def work(self, rounds: int = 12) -> None:
        for _ in range(rounds):
            with suppress(Fault):
                await self.worker.one()
            self.clock.forward(seconds=70)


@pytest.fixture
def bench(database: Database, clock: Clock) -> Iterator[Bench]:
    write(database, record(0, 1), record(1, 2, decision(RULE)))
    made = Bench(database, clock, {})
    yield made
    made.worker.close()


@pytest.mark.parametrize(
    ("level", "verdict"), [(255, "problematic"), (10, "clean"), (128, "unknown"), (0, "unknown")]
)
async def test_every_draw_ends_in_one_verdict_and_its_bytes_are_gone(
    bench: Bench, level: int, verdict: str
) -> None:
    item = await bench.draw(level)
    await bench.work()
    (document,) = bench.logged.values()
    assert (document["verdict"], document["record"], document["share"]) == (verdict, "dec_0", 0.25)
    assert document["detectors"] == {"marker": "1@sha256:00"} and document["tests"] == ["marker:mark>=0.5"]
    assert bench.queue.waiting() == 0 and await bench.items.look(item, Shelf.RECHECK) is None


async def test_what_was_never_released_is_looked_at_by_nobody(bench: Bench) -> None:
    items = [await bench.draw(255, "dec_1", "chk_a"), await bench.draw(255, "dec_none", "chk_b")]
    await bench.work()
    assert not bench.logged and bench.queue.waiting() == 0
    assert [await bench.items.look(item, Shelf.RECHECK) for item in items] == [None, None]


async def test_a_draw_waits_for_its_record(bench: Bench) -> None:
    await bench.draw(255, "dec_7")
    await bench.work(1)
    assert bench.queue.waiting() == 1 and not bench.logged
    write(bench.database, record(7, 3))
    await bench.work(2)
    assert [one["verdict"] for one in bench.logged.values()] == ["problematic"]


async def test_a_log_that_refuses_is_asked_again(bench: Bench) -> None:
    bench.broken = 2
    await bench.draw(255)
    await bench.work()
    assert [one["verdict"] for one in bench.logged.values()] == ["problematic"]


async def test_killed_after_the_log_had_it_there_is_no_second_verdict(bench: Bench) -> None:
    await bench.draw(255)
    bench.logged["chk_1"] = {"verdict": "problematic"}
    await bench.work()
    assert list(bench.logged.values()) == [{"verdict": "problematic"}] and bench.queue.waiting() == 0


async def test_what_ends_whoever_looks_at_it_is_given_up_as_unknown(bench: Bench) -> None:
    await bench.draw(255)
    for _ in range(TRIES):
        assert bench.queue.claim(timedelta(seconds=60)) is not None  # and then the process was killed
        bench.clock.forward(seconds=61)
    await bench.work(1)
    assert [(one["verdict"], one["why"]) for one in bench.logged.values()] == [
        ("unknown", "the process that looked at it ended")
    ]


async def test_what_waited_too_long_is_unknown(bench: Bench) -> None:
    await bench.draw(255)
    bench.clock.forward(minutes=31)
    await bench.work(1)
    assert [one["why"] for one in bench.logged.values()] == ["late: its time was over"]


@dataclass
class _Sealed:
    data: bytes
    media_type: str = "image/png"


@dataclass
class _Verdict:
    outcome: Outcome
    floor_hit: bool = False


@dataclass
class _Made:
    decision: _Verdict
    sealed: _Sealed


@dataclass
class _Matter:
    made: list[_Made]

    @property
    def request(self) -> Any:
        return type("Request", (), {"id": "dec_0"})


class _Inner:
    kept = 0

    async def keep(self, matter: object) -> None:
        self.kept += 1


def drawing(bench: Bench, share: float = 1.0) -> tuple[Drawing, _Inner]:
    inner = _Inner()
    return Drawing(inner, share, bench.database, bench.items, bench.queue), inner


def made(*outcomes: Outcome, floor: bool = False) -> Any:
    return _Matter([_Made(_Verdict(one, floor), _Sealed(b"x")) for one in outcomes])


async def test_only_what_is_released_is_drawn(bench: Bench) -> None:
    one, inner = drawing(bench)
    await one.keep(made(Outcome.ALLOW, Outcome.REVIEW, Outcome.BLOCK, Outcome.ALLOW))
    assert bench.queue.waiting() == 2 and inner.kept == 1
    await one.keep(made(Outcome.ALLOW, Outcome.BLOCK, floor=True))
    assert bench.queue.waiting() == 2, "a floor stops the batch"


async def test_the_share_is_the_share(bench: Bench) -> None:
    one, _ = drawing(bench, 0.2)
    for _ in range(20):
        await one.keep(made(*[Outcome.ALLOW] * 20))
    assert 45 < bench.queue.waiting() < 120


async def test_a_draw_that_cannot_be_kept_stops_no_release(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, inner = drawing(bench)

    async def fails(*_: object, **__: object) -> str:
        raise Fault(Kind.INTERNAL, "store_full", "full", remedy="free some")

    monkeypatch.setattr(bench.items, "keep", fails)
    await one.keep(made(Outcome.ALLOW))
    assert (one.missed, inner.kept) == (1, 1)


def test_settings_that_look_at_nothing_are_refused() -> None:
    assert wanted(Settings(), []) == ()
    for settings, code in (
        (Settings(recheck_share=0.1), "recheck_missing"),
        (Settings(recheck_share=0.1, recheck=("x",)), "recheck_invalid"),
        (Settings(recheck_share=0.1, recheck=("nudity:nudity>=0.5",)), "recheck_same"),
    ):
        with pytest.raises(Fault) as caught:
            wanted(settings, ["nudity"])
        assert caught.value.code == code
    for test in ("nobody:x>=0.5", "nudity:other>=0.5", "terms:sexual>=0.5"):
        with pytest.raises(Fault) as caught:
            inspector(Settings(), read([test], "recheck"))
        assert caught.value.code == "recheck_unknown"


async def test_a_detector_that_cannot_be_loaded_makes_it_unknown(bench: Bench) -> None:
    class Broken(Marker):
        def load(self) -> None:
            raise OSError("no weights")

    bench.worker.inspector = inspector(Settings(workers=0), TESTS, [Broken()])
    bench.worker.load()
    await bench.draw(255)
    await asyncio.wait_for(bench.work(), 20)
    assert [one["verdict"] for one in bench.logged.values()] == ["unknown"]

"""Two real gateways on one database, under traffic: what one person switches is in force on both within two seconds."""

from __future__ import annotations

import asyncio
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
import skimage

from rambarde.guard.inspect import Inspector
from rambarde.guard.policy.catalogue import Catalogue, catalogue
from rambarde.guard.policy.reading import SHIPPED, read_policy, shipped
from rambarde.guard.upstreams.contract import Generated
from rambarde.interfaces import parts
from rambarde.interfaces.governance.office import pending
from rambarde.interfaces.governance.tenure import LEASE
from rambarde.interfaces.settings import Settings
from rambarde.nouns.request import Request
from rambarde.store.leases import RUNNING
from tests.interfaces.conftest import png
from tests.interfaces.governance.conftest import ADA, BEN, Clock, House, roster
from tests.interfaces.serving import Served, serving
from tests.postgres import NewDatabase

GARDEN = png(skimage.data.gravel()[:256, :256])
TEXT = shipped(SHIPPED).decode()
NUDITY = "output.nudity, at_least: 0.6"
STRICTER = TEXT.replace(NUDITY, "output.nudity, at_least: 0.5")
LOOSER = TEXT.replace(NUDITY, "output.nudity, at_least: 0.7")
assert len({TEXT, STRICTER, LOOSER}) == 3


class Now(Clock):
    """The machine's own clocks."""

    def __init__(self) -> None: ...

    def __call__(self) -> datetime:
        return datetime.now(UTC)

    def boot(self) -> float:
        return time.monotonic()


@dataclass
class Slow:
    """A generator that takes its time and answers one picture."""

    seconds: float = 0.02
    name: str = "slow"
    started: threading.Event = field(default_factory=threading.Event)

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def generate(self, request: Request, *, deadline: float) -> tuple[Generated, ...]:
        self.started.set()
        await asyncio.sleep(self.seconds)
        return (Generated(GARDEN),)


@dataclass
class Pair:
    """Two gateways, and people who govern them from a third process, so to speak."""

    house: House
    gateways: tuple[Served, Served]
    upstreams: tuple[Slow, Slow]
    file: Path

    def holds(self, digest: str) -> bool:
        return all(one.gateway.government.tenure.policy.digest == digest for one in self.gateways)

    def effective(self, *measures: str) -> bool:
        held = [one.gateway.government.tenure.in_force for one in self.gateways]
        return all(tuple(m.name for m in one.measures) == measures for one in held)

    def write(self, text: str, *names: str) -> None:
        if names:
            proposal = self.house.proposal(text)
            pending(self.file).write_bytes(self.house.signed(self.house.change(proposal), *names).canonical())
        else:
            pending(self.file).unlink(missing_ok=True)
        self.file.write_text(text)


@contextmanager
def pair(tmp_path: Path, inspector: Inspector, place: str | None, seconds: float = 0.02) -> Iterator[Pair]:
    one, two, file = tmp_path / "one", tmp_path / "two", tmp_path / "policy.yaml"
    one.mkdir()
    names = catalogue(detector.info for detector in parts.detectors(Settings()))
    house = House(one, Now(), names, place=place)
    try:
        house.adopt(roster().as_yaml(), ADA, BEN)
        house.assess(TEXT, "upstream:slow/*")
        house.adopt(TEXT, ADA, BEN)
        for name in ("no-images", "no-people"):
            house.adopt(shipped(f"measures/{name}.yaml"), BEN)
        if place is not None:  # two machines share the database and the keys, and nothing else
            shutil.copytree(one, two, ignore=shutil.ignore_patterns("log", "*.lock", "rambarde.db*"))
        file.write_text(TEXT)
        upstreams = Slow(seconds), Slow(seconds)
        with ExitStack() as stack:
            gateways = tuple(
                stack.enter_context(
                    serving(
                        one if place is None else folder,
                        upstream=upstream,
                        inspector=inspector,
                        demo=False,
                        policy=str(file),
                        database=place or "",
                        rate_per_minute=100_000,
                    )
                )
                for folder, upstream in zip((one, two), upstreams, strict=True)
            )
            assert len(gateways) == 2
            yield Pair(house, gateways, upstreams, file)
    finally:
        house.close()
        inspector.require(pins(names))


def pins(names: Catalogue) -> Any:
    return read_policy(TEXT.encode(), names).detectors


@pytest.fixture(params=["sqlite", "postgresql"])
def place(request: pytest.FixtureRequest) -> str | None:
    if request.param == "sqlite":
        return None
    new: NewDatabase = request.getfixturevalue("new_postgres")
    return new()


@pytest.fixture
def two(tmp_path: Path, inspector: Inspector, place: str | None) -> Iterator[Pair]:
    with pair(tmp_path, inspector, place) as made:
        yield made


def ask(served: Served, key: str, client: httpx.Client | None = None) -> httpx.Response:
    return (client or httpx).post(
        served.url + "/v1/images/generations",
        json={"prompt": "a quiet garden", "n": 1},
        headers={"Authorization": f"Bearer {key}"},
        timeout=20,
    )


@dataclass
class Traffic:
    """Callers who never pause. Every answer with the gateway that gave it and the moment it was there."""

    pair: Pair
    answers: list[tuple[int, float, int, str]] = field(default_factory=list)
    stop: threading.Event = field(default_factory=threading.Event)

    def __enter__(self) -> Traffic:
        keys = [one.key() for one in self.pair.gateways]
        self.threads = [
            threading.Thread(target=self._call, args=(which, keys[which]))
            for which in (0, 1)
            for _ in range(2)
        ]
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join(20)

    def _call(self, which: int, key: str) -> None:
        with httpx.Client() as client:
            while not self.stop.is_set():
                response = ask(self.pair.gateways[which], key, client)
                code = "" if response.status_code == 200 else response.json()["error"]["code"]
                self.answers.append((which, time.monotonic(), response.status_code, code or ""))

    def images(self, which: int | None = None) -> list[float]:
        return [at for one, at, status, _ in self.answers if status == 200 and which in (None, one)]

    def refused(self, which: int) -> list[float]:
        return [at for one, at, status, _ in self.answers if status != 200 and one == which]


def wait(until: Any, seconds: float = 20.0) -> float:
    start = time.monotonic()
    while not until():
        assert time.monotonic() - start < seconds, "it took too long"
        time.sleep(0.01)
    return time.monotonic() - start


@pytest.mark.slow
def test_a_measure_is_in_force_on_both_within_two_seconds_under_traffic(two: Pair) -> None:
    with Traffic(two) as traffic:
        wait(lambda: all(len(traffic.images(which)) >= 3 for which in (0, 1)), 20)
        two.house.switch("no-images", on=True)
        logged = time.monotonic()
        time.sleep(LEASE)

        def went_on(which: int) -> bool:
            return len([at for at in traffic.refused(which) if at > logged + LEASE]) >= 2

        wait(lambda: all(went_on(which) for which in (0, 1)))
        assert two.effective("no-images")
    last = {which: max(traffic.images(which)) - logged for which in (0, 1)}
    for which in (0, 1):
        assert last[which] <= LEASE, f"gateway {which} let an image go {last[which]:.2f} s after the change"
    print(f"\nthe last images left {last[0]:+.3f} s and {last[1]:+.3f} s after the change was in the log")
    holders = two.house.book.leases.holders(timedelta(seconds=LEASE))
    assert len(holders) == 2
    assert {(one.sequence, one.state) for one in holders} == {(two.house.standing.sequence, RUNNING)}
    digests = {one.gateway.government.tenure.policy.digest for one in two.gateways}
    assert digests == {one.policy for one in holders} and len(digests) == 1

    # Off again: two people, no restart, and images flow.
    two.house.switch("no-images", ADA, BEN, on=False)
    wait(lambda: two.effective())
    for one in two.gateways:
        assert ask(one, one.key()).status_code == 200


@pytest.mark.slow
def test_a_request_in_flight_is_released_under_the_newer_policy(tmp_path: Path, inspector: Inspector) -> None:
    with pair(tmp_path, inspector, None, seconds=1.5) as two:
        answers: dict[int, httpx.Response] = {}
        threads = []
        for which, served in enumerate(two.gateways):
            key = served.key()

            def call(which: int = which, served: Served = served, key: str = key) -> None:
                answers[which] = ask(served, key)

            threads.append(threading.Thread(target=call))
            threads[-1].start()
        for upstream in two.upstreams:
            assert upstream.started.wait(20)
        before = two.gateways[0].count()
        two.house.switch("no-images", on=True)
        for thread in threads:
            thread.join(20)
        assert before == 0 and two.gateways[0].count() == 2, "one record each"
        for which, served in enumerate(two.gateways):
            response = answers[which]
            assert response.status_code != 200 and "b64_json" not in response.text
            record = served.record(response.headers["rambarde-decision"])
            assert record["ending"] == "refused"
            assert record["policy"] == served.gateway.government.tenure.policy.digest
            assert [served.gateway.government.tenure.in_force.measures[0].name] == ["no-images"]


@pytest.mark.slow
def test_a_database_that_is_gone_stops_both_and_no_record_is_doubled(
    tmp_path: Path, inspector: Inspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pair(tmp_path, inspector, None) as two:
        first, second = two.gateways
        leases = first.gateway.government.office.book.leases
        real = leases.renew

        def failing(*_: object, **__: object) -> object:
            raise ConnectionError

        monkeypatch.setattr(leases, "renew", failing)
        time.sleep(LEASE + 0.1)
        count = first.count()
        response = ask(first, first.key())
        assert response.status_code == 503 and response.headers["retry-after"] == "1"
        assert response.json()["error"]["code"] == "policy_lapsed"
        assert first.count() == count + 1
        assert ask(second, second.key()).status_code == 200, "the other has its own lease"
        monkeypatch.setattr(leases, "renew", real)
        wait(lambda: first.gateway.government.tenure.trouble is None)
        assert ask(first, first.key()).status_code == 200


@pytest.mark.slow
def test_a_file_is_adopted_by_both_or_by_none(two: Pair) -> None:
    governments = [one.gateway.government for one in two.gateways]
    old = two.house.digest(TEXT)

    def said(code: str) -> bool:
        return all(any(code in line for line in one.trouble) for one in governments)

    two.write(STRICTER)
    wait(lambda: said("policy_unsigned"))
    two.write(LOOSER, BEN)
    wait(lambda: said("signatures_missing"))
    two.write("rambarde-policy: 1\n")
    wait(lambda: said("policy_invalid"))
    assert two.holds(old) and two.house.standing.policy == old
    for one in two.gateways:
        assert ask(one, one.key()).status_code == 200, "and the service goes on by the old one"
    two.write(STRICTER, BEN)
    stricter = two.house.digest(STRICTER)
    signed = wait(lambda: two.house.standing.policy == stricter)
    took = wait(lambda: two.holds(stricter))
    print(f"\na signed file was in the log after {signed:.2f} s, and in force on both {took:.2f} s later")
    wait(lambda: not any(one.trouble for one in governments))
    assert two.house.standing.sequence == 6, "once"
    two.write(LOOSER, ADA, BEN)
    wait(lambda: two.holds(two.house.digest(LOOSER)))
    for one in two.gateways:
        assert ask(one, one.key()).status_code == 200


@pytest.mark.slow
def test_another_detector_than_the_installed_lets_nothing_go(tmp_path: Path, inspector: Inspector) -> None:
    with pair(tmp_path, inspector, None) as two:
        installed = next(one.digest for one in inspector.required if one.name == "nudity")
        swapped = TEXT.replace(installed, "sha256:" + "7" * 64)
        two.house.assess(swapped, "upstream:slow/*")
        with Traffic(two) as traffic:
            wait(lambda: all(traffic.images(which) for which in (0, 1)), 20)
            two.house.adopt(swapped, ADA, BEN)
            logged = time.monotonic()
            time.sleep(LEASE)
            wait(lambda: all(any(at > logged + LEASE for at in traffic.refused(w)) for w in (0, 1)))
        assert max(traffic.images()) <= logged + LEASE
        assert {status for *_, status, _ in traffic.answers} & {500} == set()
        two.house.adopt(TEXT, ADA, BEN)
        wait(lambda: two.holds(two.house.digest(TEXT)))
        for one in two.gateways:
            assert ask(one, one.key()).status_code == 200

"""What the log costs: recording, proving, verifying; beside one plain SQLite commit per entry.

    python bench/log.py [--rounds 5] [--records 5000] [--entries 1000000] [--core 0] [--database URL]

Everything runs in one process pinned to one core. Recording is end to end: from a finished record to its receipt,
durable and under a signed checkpoint, with all tiles published at the end of the clock. Rounds alternate with the
baseline, which inserts the same bodies into one table of SQLite, a commit for each. The large log has bodies of the
same size and is made without waiting for the disk. With --database everything goes into that empty PostgreSQL database,
whose own processes are not pinned and not in the processor time. Table on stdout, numbers in bench/results/log.json.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from rambarde.nouns.decision import Decision, Fired, Outcome, Point
from rambarde.nouns.record import Ending, InputNote, OutputNote, Record
from rambarde.nouns.signal import Signal
from rambarde.prove.commitment import canonical, commit
from rambarde.prove.key import open_signer, read_verifier
from rambarde.prove.log import Log
from rambarde.prove.proofs import prove_inclusion
from rambarde.prove.recorder import LogRecorder
from rambarde.prove.verify import verify_log
from rambarde.store.database import Database
from rambarde.store.ledger import Ledger

RESULTS = Path(__file__).parent / "results" / "log.json"
CALLERS = (1, 32, 512)
POLICY = "sha256:" + "a" * 64
START = datetime(2026, 1, 9, 12, 0, tzinfo=UTC)


def decision(point: Point, *rules: str) -> Decision:
    """With ten signals, as a usual one has."""
    names = (
        "nudity",
        "exposure",
        "person",
        "minor",
        "named",
        "photo",
        "degrading",
        "violence",
        "asks",
        "sexual",
    )
    fired = tuple(
        Fired(rule, Outcome.BLOCK, f"because of {rule}", floor=True, read=names[:2]) for rule in rules
    )
    signals = tuple(Signal.measured(name, 0.0625 * place) for place, name in enumerate(names))
    return Decision(point, Outcome.BLOCK if rules else Outcome.ALLOW, fired, signals, POLICY)


PATTERN = Record(
    id="",
    received_at=START,
    finished_at=START,
    route="/v1/images/edits",
    action="edit",
    credential="c0123456789abcdef",
    surface="web",
    mode="standard",
    country="FR",
    plan="free",
    account="a-pseudonym-of-the-operator",
    session="s-0123456789",
    age_assured=False,
    depicted="unknown",
    ending=Ending.RELEASED,
    policy=POLICY,
    floors="sha256:" + "b" * 64,
    detectors=tuple((f"detector-{number}", "1@sha256:" + "c" * 64) for number in range(10)),
    request="0" * 64,
    n=1,
    size="1024x1024",
    upstream="openai",
    inputs=(InputNote("image/png", 1024, 1024),),
    admit=decision(Point.ADMIT),
    outputs=(OutputNote(0, decision(Point.RELEASE), "d" * 64, "e" * 64, None),),
    lineage="f" * 32,
    timings=tuple((f"stage-{number}", 1.234) for number in range(8)),
)


def records(first: int, count: int) -> Iterator[Record]:
    for number in range(first, first + count):
        at = START + timedelta(milliseconds=number)
        admit = decision(Point.ADMIT, "a-rule") if number % 10 == 0 else PATTERN.admit
        yield replace(PATTERN, id=f"dec_{number:032x}", received_at=at, finished_at=at, admit=admit)


class Clock:
    """Wall and processor seconds of a block."""

    def __enter__(self) -> Clock:
        self._wall, self._processor = time.perf_counter(), time.process_time()
        return self

    def __exit__(self, *_: object) -> None:
        self.wall = time.perf_counter() - self._wall
        self.processor = time.process_time() - self._processor


class Place:
    """A data folder with a log."""

    def __init__(self, data: Path, url: str = "") -> None:
        self.data = data
        data.mkdir(parents=True, exist_ok=True)
        self.database = Database.open(url or data)
        self.ledger = Ledger(self.database)
        self.log = Log.open(data / "log", open_signer(data), self.ledger, extensions=(f"policy {POLICY}",))
        self.recorder = LogRecorder(self.log)

    def close(self) -> None:
        self.recorder.close()
        self.log.close()
        self.database.close()


async def record_all(recorder: LogRecorder, found: list[Record], callers: int) -> list[float]:
    """Milliseconds each record waited."""
    waiting, waits = iter(found), []

    async def caller() -> None:
        for record in waiting:
            start = time.perf_counter()
            await recorder.record(record)
            waits.append((time.perf_counter() - start) * 1000)

    await asyncio.gather(*(caller() for _ in range(callers)))
    return waits


def recording(folder: Path, rounds: int, count: int, url: str) -> dict[str, Any]:
    cells: dict[str, list[dict[str, float]]] = {}
    made = 0
    place = Place(folder / "gateway", url)
    plain = sqlite3.connect(folder / "plain.db", isolation_level=None)
    plain.execute("PRAGMA journal_mode=WAL").close()
    plain.execute("PRAGMA synchronous=FULL").close()
    plain.execute("CREATE TABLE entries (seq INTEGER PRIMARY KEY, id TEXT UNIQUE, body BLOB)").close()
    try:
        for number in range(rounds):
            for callers in CALLERS:
                some = max(200, count // 20) if callers == 1 else count
                batch = list(records(made, some))
                made += some
                with Clock() as clock:
                    waits = asyncio.run(record_all(place.recorder, batch, callers))
                    place.log.publish()
                cells.setdefault(f"{callers} callers", []).append(cell(some, clock, waits))
            bodies = [
                (record.id, canonical(record.as_json())) for record in records(made, max(200, count // 20))
            ]
            made += len(bodies)
            waits = []
            with Clock() as clock:
                for row in bodies:
                    start = time.perf_counter()
                    plain.execute("BEGIN IMMEDIATE")
                    plain.execute("INSERT INTO entries (id, body) VALUES (?, ?)", row)
                    plain.execute("COMMIT")
                    waits.append((time.perf_counter() - start) * 1000)
            cells.setdefault("SQLite, a commit each", []).append(cell(len(bodies), clock, waits))
            print(
                f"round {number + 1} of {rounds}: {cells['512 callers'][-1]['per_second']:.0f}/s", flush=True
            )
    finally:
        plain.close()
        place.close()
    return {
        "body_bytes": len(canonical(next(records(0, 1)).as_json())),
        **{name: {key: [one[key] for one in found] for key in found[0]} for name, found in cells.items()},
    }


def cell(count: int, clock: Clock, waits: list[float]) -> dict[str, float]:
    ordered = sorted(waits)
    return {
        "records": count,
        "per_second": count / clock.wall,
        "per_processor_second": count / clock.processor,
        "p50_ms": statistics.median(ordered),
        "p99_ms": ordered[int(len(ordered) * 0.99)],
    }


def build(data: Path, entries: int, url: str) -> Place:
    """A log of `entries` in `data`, or the one that is there already."""
    genuine, os.fsync = os.fsync, lambda _handle: None
    place = Place(data, url)
    with Clock() as building:
        for first in range(place.log.size, entries, 20_000):
            batch = list(records(first, min(20_000, entries - first)))
            place.log.append([commit("record", record.as_json(), finite=True) for record in batch])
        place.log.publish()
    os.fsync = genuine
    print(f"{entries} entries, built in {building.wall:.0f} s", flush=True)
    return place


def large(data: Path, entries: int, url: str) -> dict[str, Any]:
    """A log of `entries`: proofs of random ones, and verifying with and without its database."""
    place = build(data, entries, url)
    verifier, chance = read_verifier(data), random.Random(7)
    ids = [f"dec_{chance.randrange(entries):032x}" for _ in range(1000)]
    proofs: list[float] = []
    for id in ids:
        start = time.perf_counter()
        prove_inclusion(data / "log", verifier, place.ledger, id)
        proofs.append((time.perf_counter() - start) * 1000)
    found: dict[str, Any] = {
        "entries": entries,
        "proof_p50_ms": statistics.median(proofs),
        "proof_p99_ms": sorted(proofs)[990],
        "proof_least_ms": min(proofs),
    }
    for name, ledger in (("folder", None), ("folder and database", place.ledger)):
        with Clock() as clock:
            report = verify_log(data / "log", verifier, ledger)
        assert report.ok and report.entries == entries, report
        found[f"verify {name}"] = {"seconds": clock.wall, "processor_seconds": clock.processor}
        print(f"verify {name}: {clock.wall:.1f} s, {clock.processor:.1f} s of processor time", flush=True)
    place.close()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--records", type=int, default=5000)
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--core", type=int, default=0)
    parser.add_argument("--folder", type=Path, help="where to write; it needs 5 GB a million entries")
    parser.add_argument("--large", type=Path, help="data folder of the large log, kept and used again")
    parser.add_argument("--database", default="", help="URL of an empty PostgreSQL database; default: SQLite")
    chosen = parser.parse_args()
    if chosen.database and chosen.rounds and chosen.entries:
        parser.error("--database: give --rounds 0 or --entries 0, one database takes one log")
    os.sched_setaffinity(0, {chosen.core})
    with tempfile.TemporaryDirectory(dir=chosen.folder) as name:
        found: dict[str, Any] = {
            "machine": {"python": platform.python_version(), "load": os.getloadavg()},
            "recording": recording(Path(name), chosen.rounds, chosen.records, chosen.database)
            if chosen.rounds
            else {},
            "large": large(chosen.large or Path(name) / "large", chosen.entries, chosen.database)
            if chosen.entries
            else {},
        }
    for what, cells in found["recording"].items():
        if isinstance(cells, dict):
            middle = {key: statistics.median(values) for key, values in cells.items()}
            print(f"{what:>24}: " + ", ".join(f"{key} {value:,.1f}" for key, value in middle.items()))
    print(json.dumps(found["large"], indent=1))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()

"""A source: a folder into which images arrive that others published, counted by the minute as they come.

They are judged by our detectors and shown to nobody; of each only its verdict is kept, in a small database of its own,
so that a watch that was stopped goes on where it was. An image is counted in the minute its file was last written.
"""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from rambarde.interfaces.monitor.recheck import inspector
from rambarde.interfaces.scan import Found, Scanned, Scanner, files
from rambarde.interfaces.settings import Settings
from rambarde.measure.monitor import change
from rambarde.measure.monitor.rates import Weighed, counted, estimated
from rambarde.measure.monitor.recheck import CLEAN, PROBLEMATIC, UNKNOWN, Test, judged
from rambarde.measure.monitor.view import WINDOWS, power
from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.nouns.signal import Signal

QUIET = 2.0
"""Seconds for which a file must not have been written to, so that it is whole."""
STREAM = "source"
_TABLES = """
CREATE TABLE IF NOT EXISTS seen (path TEXT, size INTEGER, written INTEGER, minute INTEGER, verdict TEXT, sha256 TEXT,
    PRIMARY KEY (path, size, written)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS seen_minute ON seen (minute);
CREATE TABLE IF NOT EXISTS stand (id INTEGER PRIMARY KEY, folder TEXT, tests TEXT, score REAL, minute INTEGER,
    alarm INTEGER);
"""


@dataclass(slots=True)
class Source:
    """A watched folder. `baseline` is how many problematic images a minute are usual there."""

    folder: Path
    state: Path
    tests: tuple[Test, ...]
    scanner: Scanner
    baseline: float
    clock: Callable[[], float] = time.time
    _db: sqlite3.Connection = field(init=False)

    def __post_init__(self) -> None:
        if not self.folder.is_dir():
            raise invalid("no_folder", f"{self.folder} is no folder.", remedy="Name one.", field="source")
        words = " ".join(map(str, self.tests))
        try:
            self._db = sqlite3.connect(self.state, isolation_level=None)
            self._db.executescript(_TABLES)
            self._db.execute(
                "INSERT OR IGNORE INTO stand VALUES (1, ?, ?, 0, NULL, NULL)",
                (str(self.folder.resolve()), words),
            )
            folder, tests = self._db.execute("SELECT folder, tests FROM stand").fetchone()
        except sqlite3.Error as error:
            raise Fault(
                Kind.INTERNAL,
                "source_state",
                f"{self.state} cannot keep what was seen: {type(error).__name__}.",
                remedy="Name another file with --state.",
                field="state",
            ) from error
        if (folder, tests) != (str(self.folder.resolve()), words):
            raise Fault(
                Kind.CONFLICT,
                "source_other",
                f"{self.state} is of another folder, or of other tests ({tests}).",
                remedy="Name another file with --state: two instruments give no one rate.",
                field="state",
            )

    @classmethod
    def open(
        cls, folder: Path, state: Path, tests: tuple[Test, ...], settings: Settings, baseline: float
    ) -> Source:
        """Load the detectors of the tests. Raises `Fault`."""
        looking = inspector(settings, tests)
        try:
            looking.load(pin=True)
            if looking.unfit:
                raise Fault(
                    Kind.INTERNAL,
                    "detectors_unfit",
                    f"These detectors cannot answer: {', '.join(sorted(looking.unfit))}.",
                    remedy="Run `rambarde doctor`, or install what they need.",
                    field="test",
                )
            return cls(folder, state, tests, Scanner(looking), baseline)
        except BaseException:
            looking.close()
            raise

    def close(self) -> None:
        self._db.close()
        self.scanner.close()

    async def look(self, tell: Callable[[int], None] = lambda count: None) -> int:
        """Judge what is new; returns how many. What is stopped in between loses nothing that was judged."""
        keys: list[tuple[str, int, int]] = []
        done = 0
        async with aclosing(self.scanner.scan(self._new(keys))) as scanned:
            async for one in scanned:
                self._keep(keys[done], one)
                done += 1
                tell(done)
        return done

    def watch(self) -> list[dict[str, Any]]:
        """Take the minutes that are over; returns the alarms. A file that came late counts in the last of them."""
        test, now = change.plan(self.baseline), int(self.clock() // 60)
        score, minute, alarm = self._db.execute("SELECT score, minute, alarm FROM stand").fetchone()
        first = self._db.execute("SELECT min(minute) FROM seen WHERE minute > ?", (-1,)).fetchone()[0]
        if first is None:
            return []
        begin = first if minute is None else minute + 1
        found = self._counts(begin, now, late=minute is not None)
        alarms, at = [], begin
        for at in sorted(found):
            score = max(0.0, score - (at - begin) * test.reference)
            score, begin = test.after(score, found[at]), at + 1
            if test.alarms(score):
                if alarm is None or at - alarm >= 60:
                    alarms.append({"minute": at, "count": found[at], "baseline": test.baseline})
                    alarm = at
                score = 0.0
        if now > begin:
            score = max(0.0, score - (now - begin) * test.reference)
        self._db.execute(
            "UPDATE stand SET score = ?, minute = ?, alarm = ?", (score, max(now - 1, at), alarm)
        )
        self._db.execute(
            "UPDATE seen SET verdict = substr(verdict, 2) WHERE minute < ? AND verdict LIKE '+%'", (now,)
        )
        return alarms

    def view(self) -> dict[str, Any]:
        """The rates, in numbers."""
        now = self.clock() / 60
        return {
            "tests": list(map(str, self.tests)),
            "windows": [self._window(length, now) for length in WINDOWS],
            "all": self._window(None, now),
            "change": power(STREAM, change.plan(self.baseline), 0.0),
        }

    def _window(self, length: int | None, now: float) -> dict[str, Any]:
        since = int(now) - length + 1 if length else -1
        rows = self._db.execute(
            "SELECT ltrim(verdict, '+'), count(*), count(DISTINCT sha256), min(minute) FROM seen WHERE minute >= ? "
            "GROUP BY 1",
            (since,),
        ).fetchall()
        found = {verdict: int(count) for verdict, count, _, _ in rows}
        first = min((int(row[3]) for row in rows), default=int(now))
        minutes = max(1 / 60, min(now - first, length - 1 + now % 1) if length else now - first)
        weighed = {word: Weighed(n, float(n), float(n)) for word, n in found.items()}
        whole = estimated(
            weighed.get(PROBLEMATIC, Weighed()),
            weighed.get(CLEAN, Weighed()),
            weighed.get(UNKNOWN, Weighed()),
            minutes,
        )
        return {
            "minutes": length,
            "counted_minutes": round(minutes, 3),
            "images": sum(found.values()),
            "different": sum(int(row[2]) for row in rows),
            "problematic": found.get(PROBLEMATIC, 0),
            "unknown": found.get(UNKNOWN, 0),
            "per_minute": whole.as_json(),
            "images_per_minute": counted(sum(found.values()), minutes).as_json(),
        }

    def _new(self, keys: list[tuple[str, int, int]]) -> Iterator[Found]:
        """Files that were not judged yet and are whole; their keys go to `keys` in the same order."""
        for one in files([self.folder]):
            try:
                found = one.path.stat()
            except OSError:
                continue  # taken away again
            if one.error is not None or (
                self.clock() - found.st_mtime < QUIET and found.st_mtime <= self.clock()
            ):
                continue  # a folder that cannot be read, or a file that is being written: the next look
            key = (str(one.path), found.st_size, found.st_mtime_ns)
            known = self._db.execute(
                "SELECT 1 FROM seen WHERE path = ? AND size = ? AND written = ?", key
            ).fetchone()
            if known is None:
                keys.append(key)
                yield one

    def _keep(self, key: tuple[str, int, int], one: Scanned) -> None:
        signals: dict[str, Signal] = {signal.name: signal for signal in one.signals}
        word = judged(self.tests, signals).word if signals else UNKNOWN
        minute = int(min(key[2] / 1e9, self.clock()) // 60)
        # The plus says that no watched minute has it yet.
        self._db.execute(
            "INSERT OR IGNORE INTO seen VALUES (?, ?, ?, ?, ?, ?)", (*key, minute, f"+{word}", one.sha256)
        )

    def _counts(self, begin: int, now: int, *, late: bool) -> dict[int, int]:
        rows: Sequence[tuple[int, int]] = self._db.execute(
            "SELECT minute, count(*) FROM seen WHERE verdict = ? AND minute < ? GROUP BY minute",
            (f"+{PROBLEMATIC}", now),
        ).fetchall()
        found: dict[int, int] = {}
        for minute, count in rows:
            at = max(now - 1, begin) if late and minute < begin else minute
            found[at] = found.get(at, 0) + count
        return found


async def follow(
    source: Source,
    every: float,
    tell: Callable[[list[dict[str, Any]], int], None],
    judged: Callable[[int], None],
    *,
    once: bool,
) -> None:
    """Look again and again, and tell each time: alarms, and how many were new. `judged` hears of each on the way."""
    while True:
        new = await source.look(judged)
        tell(source.watch(), new)
        if once:
            return
        await asyncio.sleep(every)

"""What the monitor costs: processor time of counting a stream of records, and of showing it.

    python bench/monitor.py [--rate 100] [--minutes 5] [--recheck 0.05] [--problematic 0.2]

Records of the real form (a policy of eleven rules, forty signals) are put into a real log at `rate` a second of a clock
that is moved by hand; the counter looks every second, as in a gateway, and a page asks for the numbers every two. Only
the counter's and the page's own processor time is counted, not that of making the log. The numbers go to stdout and
to bench/results/monitor.json.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from rambarde.interfaces.monitor.count import Counter
from rambarde.interfaces.monitor.snapshot import Snapshots
from rambarde.store.alarms import Alarms
from rambarde.store.database import Database
from rambarde.store.monitor import Monitor
from rambarde.store.rechecks import Rechecks
from rambarde.store.schema import log_entries

RESULTS = Path(__file__).parent / "results" / "monitor.json"
START = datetime(2026, 1, 9, 12, tzinfo=UTC)
EXPECTED = {"refused": 1200.0, "released": 1.0, "breaker": 1.0}
SIGNALS = {f"output.signal_{n:02}": {"state": "value", "value": 0.123456} for n in range(40)}


def decided(rules: list[dict[str, object]]) -> dict[str, object]:
    outcome = "block" if rules else "allow"
    return {
        "point": "release",
        "outcome": outcome,
        "rules": rules,
        "signals": SIGNALS,
        "policy": "sha256:" + "0" * 64,
    }


def body(index: int, at: datetime, chance: random.Random, problematic: float) -> bytes:
    rule = {
        "rule": f"rule-{chance.randrange(11)}",
        "outcome": "block",
        "reason": "Why.",
        "assumed": False,
        "read": [],
    }
    bad = chance.random() < problematic
    return json.dumps(
        {
            "schema": 1,
            "id": f"dec_{index:032x}",
            "received_at": (at - timedelta(seconds=3)).isoformat(),
            "finished_at": at.isoformat(),
            "route": "/v1/images/generations",
            "surface": chance.choice(["web", "app", "api", "reply"]),
            "mode": chance.choice(["standard", "spicy"]),
            "country": chance.choice(["FR", "DE", "US", "IN", "BR", "unknown"]),
            "account": f"account-{chance.randrange(20_000)}",
            "session": None,
            "ending": "refused" if bad else "released",
            "n": 1,
            "admit": decided([rule] if bad else []),
            "outputs": [] if bad else [{"index": 0, "sha256": "0" * 64, "decision": decided([])}],
            "timings": {f"stage_{n}": 1.234 for n in range(20)},
        }
    ).encode()


def recheck(index: int, of: int, at: datetime, share: float) -> bytes:
    told = {"id": f"chk_{index}", "at": at.isoformat(), "record": f"dec_{of:032x}", "output": 0}
    return json.dumps(told | {"share": share, "verdict": "clean", "rule": ""}).encode()


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rate", type=int, default=100)
    parser.add_argument("--minutes", type=int, default=5)
    parser.add_argument("--recheck", type=float, default=0.05)
    parser.add_argument("--problematic", type=float, default=0.2)
    asked = parser.parse_args()
    chance, now = random.Random(8), [START]
    with tempfile.TemporaryDirectory() as folder:
        database = Database.open(folder, clock=lambda: now[0])
        monitor = Monitor(database)
        counter = Counter(monitor, database.clock, "bench", EXPECTED, trips=True)
        shown = Snapshots(
            monitor, Alarms(database), Rechecks(database), database.clock, EXPECTED, asked.recheck, ""
        )
        counter.step()
        shown.now()  # once: the plans are worked out, and then remembered
        seq, size, counting, showing, worst = 0, 0, 0.0, 0.0, 0.0
        for second in range(asked.minutes * 60):
            rows = []
            for _ in range(asked.rate):
                written = body(seq, now[0], chance, asked.problematic)
                kind, id = "record", f"dec_{seq:032x}"
                if seq and chance.random() < asked.recheck:
                    written, kind, id = recheck(seq, seq - 1, now[0], asked.recheck), "recheck", f"chk_{seq}"
                empty = {"entry": b"", "salt": b"", "commitment": b""}
                rows.append({"seq": seq, "kind": kind, "id": id, "body": written} | empty)
                seq, size = seq + 1, size + len(written)
            with database.writing() as connection:
                connection.execute(log_entries.insert(), rows)
            now[0] += timedelta(seconds=1)
            start, wall = time.process_time(), time.perf_counter()
            counter.step()
            counting += time.process_time() - start
            worst = max(worst, time.perf_counter() - wall)
            if second % 2 == 0:
                start = time.process_time()
                shown.now()
                showing += time.process_time() - start
        database.close()
    seconds = asked.minutes * 60
    found = {
        "rate_per_second": asked.rate,
        "minutes": asked.minutes,
        "mean_bytes": round(size / seq),
        "problematic": asked.problematic,
        "recheck_share": asked.recheck,
        "counting_percent_of_a_core": round(100 * counting / seconds, 2),
        "page_percent_of_a_core": round(100 * showing / seconds, 2),
        "longest_step_ms": round(1000 * worst, 1),
        "python": platform.python_version(),
        "database": "sqlite",
    }
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps(found, indent=2) + "\n")
    print(json.dumps(found, indent=2))


if __name__ == "__main__":
    main()

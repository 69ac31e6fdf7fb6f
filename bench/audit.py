"""An audit of the size of January 2026: 4.6 million rows planned, drawn and estimated, by the commands themselves.

    python bench/audit.py [--rows 4621335] [--out bench/results/audit.json]

Prints a table and writes JSON. The rows are names and random scores; the labels follow the scores with errors.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from rambarde.measure.audit import sheet as sheets
from rambarde.measure.audit.journal import Journal, Labelled, Opened

LABELS = 2_000
SIZE = 20_000
_COMMAND = [sys.executable, "-c", "from rambarde.interfaces.cli.main import main; main()", "audit"]


def run(*arguments: object) -> tuple[float, dict[str, object]]:
    begun = time.perf_counter()
    done = subprocess.run(
        [*_COMMAND, *map(str, arguments), "--json"], capture_output=True, text=True, check=True, timeout=600
    )
    return time.perf_counter() - begun, json.loads(done.stdout)


def label(audit: Path) -> None:
    """Labels as two hours of one person would leave them: not part of what is timed."""
    sheet, units = sheets.read(audit)
    draw, os.fsync = random.Random(1), lambda _: None  # the bench's own journal need not survive a crash
    journal = Journal(audit / sheets.JOURNAL)
    journal.add(Opened("t", sheet.sample, "Bench?", ("bench",), None, "names made up here", 0.0))
    for unit in units[:LABELS]:
        yes = draw.random() < 0.05 + 0.9 * (unit.score or 0.0)
        journal.add(Labelled("t", "bench", unit.number, "positive" if yes else "negative", "first"))
    journal.close()


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=4_621_335)
    parser.add_argument("--out", type=Path, default=Path(__file__).parent / "results" / "audit.json")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as room:
        frame, audit = Path(room, "frame.parquet"), Path(room, "audit")
        duckdb.execute(
            "copy (select 'images/2026-01/' || lpad((i * 7919 % ?)::varchar, 9, '0') || '.jpg' as path, "
            f"(hash(i) % 1000) / 1000.0 as score from range(?) t(i)) to '{frame}' (format parquet)",
            [asked.rows, asked.rows],
        )
        seconds = {}
        seconds["plan"], plan = run(
            "plan", "--half-width", 0.007, "--expect", 0.65, "--population", asked.rows
        )
        options = ("--size", SIZE, "--seed", "bench", "--score", "score")
        seconds["draw"], sheet = run("draw", audit, frame, *options)
        label(audit)
        seconds["estimate"], found = run("estimate", audit)
        strata = (*options, "--cuts", "0.2,0.5,0.8")
        seconds["draw, four strata"], _ = run("draw", Path(room, "strata"), frame, *strata)
    whole = seconds["plan"] + seconds["draw"] + seconds["estimate"]
    result = {
        "rows": asked.rows,
        "drawn": sheet["size"],
        "labels": LABELS,
        "planned": plan["label"],
        "seconds": {name: round(value, 2) for name, value in seconds.items()},
        "plan, draw and estimate": round(whole, 2),
        "largest process, MB": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024,
        "frame": sheet["frame"]["digest"],  # type: ignore[index]
        "total": found["total"],
        "powered": found["powered"],
        "cores": os.cpu_count(),
    }
    for name, value in result["seconds"].items():  # type: ignore[attr-defined]
        print(f"{name:>20} {value:8.2f} s")
    print(f"{'in all':>20} {whole:8.2f} s for {asked.rows:,} rows (without the last); JSON: {asked.out}")
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    asked.out.write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    main()

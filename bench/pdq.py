"""PDQ beside the reference implementation, and the index beside a linear scan, interleaved.

    python bench/pdq.py [--hashes 1000000] [--rounds 15]

Each round runs both sides one after the other, so that a busy machine slows both. Prints medians and the
median of the rounds' ratios; the same goes to bench/results/pdq.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import pdqhash
from PIL import Image
from rich.console import Console
from rich.table import Table
from skimage import data

from rambarde.guard.media.index import LARGEST_RADIUS, HashIndex
from rambarde.guard.media.pdq import Pdq, dihedral, pdq

RESULTS = Path(__file__).parent / "results" / "pdq.json"
Row = dict[str, object]
T = TypeVar("T")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--hashes", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    hashing = bench_hashing(options.rounds)
    searching, build = bench_index(options.hashes, options.rounds)
    _print("PDQ, ms a picture", hashing)
    _print(f"Search within {LARGEST_RADIUS} bits of {options.hashes:,} hashes, ms a query", searching)
    Console().print(f"index: built in {build['seconds']} s, {build['megabytes']} MB")
    RESULTS.parent.mkdir(exist_ok=True)
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()[0]}
    report = {"machine": machine, "pdq_ms": hashing, "index_build": build, "search_ms": searching}
    RESULTS.write_text(json.dumps(report, indent=1))


def bench_hashing(rounds: int) -> list[Row]:
    rows: list[Row] = []
    for side in (256, 512, 1024, 2048):
        image = Image.fromarray(data.astronaut()).resize((side, side), Image.Resampling.BICUBIC)
        rgb = np.array(image)
        bits, _ = pdqhash.compute(rgb)
        distance = pdq(rgb).distance(Pdq(np.packbits(bits).tobytes(), 1.0))
        row = _compare(
            rounds,
            f"{side} × {side}",
            ("ours, 8 orientations", lambda rgb=rgb: dihedral(rgb)),
            ("pdqhash, 1 orientation", lambda rgb=rgb: pdqhash.compute(rgb)),
        )
        rows.append({**row, "bits apart": distance})
    return rows


def bench_index(count: int, rounds: int) -> tuple[list[Row], Row]:
    random = np.random.default_rng(1)
    table = random.integers(0, 256, (count, 32), dtype=np.uint8)
    hashes = [row.tobytes() for row in table]
    start = time.perf_counter()
    index = HashIndex(hashes)
    seconds = time.perf_counter() - start
    quads = table.view(np.uint64)
    rows: list[Row] = []
    for name, flips in (("in the bank, 31 bits away", 31), ("in the bank", 0), ("not in the bank", 128)):
        numbers = random.integers(0, count, rounds + 1)
        wanted = [_flip(table[n], random.choice(256, flips, replace=False)) for n in numbers]
        for query in wanted[:3]:
            if index.within(query) != _scan(quads, query):
                raise SystemExit("the index and the scan disagree")
        queries, again = iter(wanted), iter(wanted)
        row = _compare(
            rounds,
            name,
            ("index", lambda queries=queries: index.within(next(queries))),
            ("scan", lambda again=again: _scan(quads, next(again))),
        )
        rows.append(row)
    return rows, {"seconds": round(seconds, 2), "megabytes": round((96 * count + 4_200_000) / 1e6)}


def _scan(quads: np.ndarray, query: bytes) -> list[tuple[int, int]]:  # type: ignore[type-arg]
    distances = np.bitwise_count(quads ^ np.frombuffer(query, np.uint64)).sum(axis=1, dtype=np.int64)
    hits = np.flatnonzero(distances <= LARGEST_RADIUS)
    return sorted(((int(n), int(distances[n])) for n in hits), key=lambda hit: (hit[1], hit[0]))


def _flip(row: np.ndarray, places: np.ndarray) -> bytes:  # type: ignore[type-arg]
    bits = np.unpackbits(row)
    bits[places] ^= 1
    return np.packbits(bits).tobytes()


def _compare(
    rounds: int, name: str, ours: tuple[str, Callable[[], T]], theirs: tuple[str, Callable[[], T]]
) -> Row:
    times: tuple[list[float], list[float]] = ([], [])
    for round_ in range(rounds + 1):
        for (_, run), took in zip((ours, theirs), times, strict=True):
            start = time.perf_counter()
            run()
            if round_:  # the first warms up
                took.append((time.perf_counter() - start) * 1000)
    ratios = [b / a for a, b in zip(*times, strict=True)]
    return {
        "case": name,
        ours[0]: round(statistics.median(times[0]), 2),
        theirs[0]: round(statistics.median(times[1]), 2),
        "ratio": round(statistics.median(ratios), 1),
    }


def _print(title: str, rows: list[Row]) -> None:
    table = Table(title=title)
    for column in rows[0]:
        table.add_column(column, justify="left" if column == "case" else "right")
    for row in rows:
        table.add_row(*(str(value) for value in row.values()))
    Console().print(table)


if __name__ == "__main__":
    main()

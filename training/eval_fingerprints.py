"""How well fingerprints know a picture again after it was changed, and how often they take one for another.

    python training/eval_fingerprints.py [--count 2000] [--seed 1] [--changes "10 % crop,borders"] [--out FILE]

Every picture is remembered; then a changed copy of each is traced among all of them, by the very techniques of the
gateway. A hit on another picture is a false match: of N pictures, each change makes N × (N - 1) pairs.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parent))

from pictures import CHANGES
from pictures import picture as drawn

from rambarde.guard.media.index import HashIndex
from rambarde.guard.prints import prints, sought
from rambarde.measure.intervals import wilson
from rambarde.nouns.fingerprint import Output, Prints, Remembered, Sought
from rambarde.nouns.request import Picture
from rambarde.prove.techniques import ISCC_RADIUS, PDQ_RADIUS, PrintIndex, SamePoints, fingerprints


class Memory:
    """The kept fingerprints, in a list."""

    def __init__(self, kept: Sequence[Prints]) -> None:
        at = datetime(2026, 1, 1, tzinfo=UTC)
        self.rows = [
            Remembered(n + 1, Output(f"dec_{n}", 0, "web", "x", at), one) for n, one in enumerate(kept)
        ]

    def newer(self, number: int, limit: int) -> list[tuple[int, bytes | None, bytes | None, bytes]]:
        return [
            (one.number, one.prints.pdq, one.prints.iscc, one.prints.points)
            for one in self.rows[number : number + limit]
        ]

    def first(self) -> int | None:
        return 1

    def get(self, numbers: Sequence[int]) -> list[Remembered]:
        return [self.rows[number - 1] for number in numbers]

    def same_file(self, sha256: bytes, limit: int) -> list[Remembered]:
        return [one for one in self.rows if one.prints.sha256 == sha256][:limit]


def picture(pixels: np.ndarray) -> Picture:
    """A picture without a file: only its pixels are looked at."""
    rgb = np.ascontiguousarray(pixels)
    rgb.setflags(write=False)
    return Picture(b"", "image/png", "00" * 32, rgb)


def looked_at(number: int, names: Sequence[str], seed: int) -> tuple[str, Prints, list[Sought]]:
    """The kind and the fingerprints of a picture, and what each changed copy is sought by."""
    threadpool_limits(1)
    kind, pixels = drawn(number, seed)
    copies = []
    for name in names:
        changed = CHANGES[name](Image.fromarray(pixels), np.random.default_rng((7, number)))
        copies.append(sought(picture(np.asarray(changed))))
    return kind, prints(picture(pixels)), copies


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--count", type=int, default=2_000)
    parser.add_argument("--seed", type=int, default=1, help="thresholds were chosen on 0")
    parser.add_argument("--changes", default=",".join(CHANGES))
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    threadpool_limits(1)
    names = chosen.changes.split(",")
    made = []
    with ProcessPoolExecutor(chosen.jobs) as pool:
        work = partial(looked_at, names=names, seed=chosen.seed)
        for one in pool.map(work, range(chosen.count), chunksize=10):
            made.append(one)
            if len(made) % 200 == 0:
                print(f"{len(made)} pictures", file=sys.stderr, flush=True)
    kinds = [kind for kind, _, _ in made]
    kept = [prints for _, prints, _ in made]
    print(f"{len(kept)} pictures: {dict(Counter(kinds))}", flush=True)
    index = PrintIndex(Memory(kept), HashIndex)
    shipped = {"pdq": PDQ_RADIUS, "iscc": ISCC_RADIUS, "points": 0}
    techniques = (
        *(replace(one, radius=31) for one in fingerprints(index)[1:3]),  # type: ignore[type-var]
        SamePoints(index),
    )
    report: dict[str, object] = {"pictures": dict(Counter(kinds))}
    for place, name in enumerate(names):
        rows: list[tuple[str, dict[str, int]]] = []
        false: list[tuple[str, int, int, int]] = []
        spent = 0.0
        for number, (kind, _, copies) in enumerate(made):
            wanted = copies[place]
            row: dict[str, int] = {}
            start = time.perf_counter()
            for technique in techniques:
                for hit in technique.find(wanted):
                    value = hit.value or 0
                    if hit.decision == f"dec_{number}":
                        row[technique.name] = value
                    else:
                        false.append((technique.name, number, int(hit.decision[4:]), value))
            spent += time.perf_counter() - start
            rows.append((kind, row))
        report[name] = {"rows": rows, "false": false}
        pairs = len(rows) * (len(rows) - 1)
        print(f"{name}: {spent / len(rows) * 1000:.1f} ms a search, {pairs:,} pairs")
        sure = [
            {t for t, value in row.items() if (-value if t == "points" else value) <= shipped[t]}
            for _, row in rows
        ]
        wrong = [(t, a, b) for t, a, b, value in false if (-value if t == "points" else value) <= shipped[t]]
        for technique in (*shipped, "any"):
            hits = sum(bool(found) if technique == "any" else technique in found for found in sure)
            low, high = wilson(hits, len(rows))
            mistaken = len({(a, b) for t, a, b in wrong if technique in (t, "any")})
            least, most = wilson(mistaken, pairs)
            print(
                f"  {technique:7} {hits / len(rows):7.2%} [{low:.2%}, {high:.2%}]  "
                f"false {mistaken} [{least:.1e}, {most:.1e}]",
                flush=True,
            )
        missed = Counter(kind for (kind, _), found in zip(rows, sure, strict=True) if not found)
        print(f"  missed by all: {dict(missed)}", flush=True)
        if chosen.out is not None:
            chosen.out.write_text(json.dumps(report))


if __name__ == "__main__":
    main()

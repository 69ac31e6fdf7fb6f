"""Tracing among many outputs: loading the index, searching it, and what a new output costs.

    python bench/trace.py [--outputs 1000000] [--searches 40]

The outputs are made up, as a skewed crowd: their points are those of a few hundred real pictures with one bit in
eight changed, so that words are as uneven as in life. Among them stand real pictures,
which are sought as changed copies.
"""

from __future__ import annotations

import argparse
import resource
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import sqlalchemy as sa
from PIL import Image
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "training"))

from pictures import CHANGES, pictures

from rambarde.guard.media.index import HashIndex
from rambarde.guard.media.points import points
from rambarde.guard.prints import prints, sought
from rambarde.nouns.fingerprint import MOST_POINTS, Output, Prints
from rambarde.nouns.request import Picture
from rambarde.prove.techniques import PrintIndex, fingerprints
from rambarde.store.database import Database
from rambarde.store.fingerprints import Fingerprints

POOL, REAL, PAGE = 260, 60, 20_000
AT = datetime(2026, 1, 1, tzinfo=UTC)


def picture(pixels: np.ndarray) -> Picture:
    rgb = np.ascontiguousarray(pixels)
    rgb.setflags(write=False)
    return Picture(b"", "image/png", "00" * 32, rgb)


def crowd(pool: np.ndarray, count: int, rng: np.random.Generator) -> Iterator[tuple[Output, Prints]]:
    """Outputs nobody made: kept points as rows of 16 bytes, of which the last eight are the bits."""
    for start in range(0, count, PAGE):
        some = min(PAGE, count - start)
        rows = pool[rng.integers(0, len(pool), (some, MOST_POINTS))]
        noise = rng.integers(0, 256, (3, some, MOST_POINTS, 8), dtype=np.uint8)
        rows[:, :, 8:] ^= noise[0] & noise[1] & noise[2]
        hashes = rng.integers(0, 256, (some, 96), dtype=np.uint8)
        for number in range(some):
            sha256, pdq, iscc = (hashes[number, part : part + 32].tobytes() for part in (0, 32, 64))
            output = Output(f"dec_{start + number:032x}", 0, "web", "bench", AT)
            yield output, Prints(sha256, pdq, iscc, rows[number].tobytes())


def peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--outputs", type=int, default=100_000)
    parser.add_argument("--searches", type=int, default=40)
    chosen = parser.parse_args()
    threadpool_limits(1)
    rng = np.random.default_rng(1)
    some = [pixels for _, pixels in pictures(POOL)]
    kept = [prints(picture(pixels), bytes([n % 256, n // 256]) * 16) for n, pixels in enumerate(some)]
    pool = np.frombuffer(b"".join(one.points for one in kept), np.uint8).reshape(-1, 16)
    large = picture(np.asarray(Image.fromarray(some[-1]).resize((1024, 1024))))
    for name, call in (("points", lambda: points(large.rgb)), ("all fingerprints", lambda: prints(large))):
        start = time.process_time()
        for _ in range(20):
            call()
        print(f"{name} of 1024 × 1024: {(time.process_time() - start) / 20 * 1000:.1f} ms (processor time)")
    with tempfile.TemporaryDirectory() as folder:
        database = Database.open(folder)
        register = Fingerprints(database, life=timedelta(days=36_500), hold=timedelta(days=1))
        start = time.perf_counter()
        batch: list[tuple[Output, Prints]] = []
        for one in crowd(pool, chosen.outputs, rng):
            batch.append(one)
            if len(batch) == PAGE:
                register._add(batch)
                batch = []
        register._add(batch)
        register._add([(Output(f"real_{n}", 0, "web", "bench", AT), one) for n, one in enumerate(kept)])
        size = sum(file.stat().st_size for file in Path(folder).iterdir())
        print(
            f"{chosen.outputs:,} outputs stored in {time.perf_counter() - start:.0f} s, {size / 1e6:.0f} MB"
        )
        before = peak()
        index = PrintIndex(register, HashIndex)
        start = time.perf_counter()
        index.catch_up()
        print(
            f"index loaded in {time.perf_counter() - start:.0f} s; {peak() - before:.2f} GB more at the peak"
        )
        techniques = fingerprints(index)
        spent: dict[str, list[float]] = {one.name: [] for one in techniques} | {"all": []}
        found = 0
        changes = [
            CHANGES[name] for name in ("10 % crop", "borders", "captions", "JPEG 30", "copy of a copy")
        ]
        numbers = np.linspace(0, len(some) - 1, chosen.searches).astype(int)
        for n in numbers:
            changed = changes[n % len(changes)](Image.fromarray(some[n]), rng)
            wanted = sought(picture(np.asarray(changed)))
            begun, known = time.process_time(), False
            for technique in techniques:
                start = time.process_time()
                known |= any(hit.decision == f"real_{n}" for hit in technique.find(wanted))
                spent[technique.name].append(time.process_time() - start)
            spent["all"].append(time.process_time() - begun)
            found += known
        print(f"{found} of {len(numbers)} changed copies found; processor time of a search:")
        for name, times in spent.items():
            middle, slow = np.percentile(times, [50, 95]) * 1000
            print(f"  {name:8} {middle:7.1f} ms in the middle, {slow:7.1f} ms at 95 %")
        start = time.perf_counter()
        for n in range(20):
            register._add([(Output(f"late_{n}", 0, "web", "bench", AT), kept[n])])
        added = (time.perf_counter() - start) / 20
        start = time.perf_counter()
        index.catch_up()
        caught = time.perf_counter() - start
        print(f"one more output: {added * 1000:.1f} ms to store; 20 of them: {caught * 1000:.1f} ms to index")
        with database.reading() as connection:
            assert connection.scalar(sa.text("SELECT count(*) FROM fingerprints")) == index.words.__len__()
        database.close()


if __name__ == "__main__":
    main()

"""The index of known images beside faiss and `threatexchange`, one after another in one run.

    python bench/banks.py [--hashes 1000000] [--rounds 30] [--install] [--python PATH]

`--install` makes the environment of the others, build/bench-threatexchange (about 300 MB); `--python` names the
interpreter of another one that has `threatexchange` and `faiss-cpu`. Without either only ours is measured.
Each contender is a process with one thread; times are of the processor, not of the clock. Every round asks each
of them the same, in turn: one hash (near a known one, or not), then eight (the orientations of a picture). Then
the same with an adversarial bank, whose hashes share their first 32 bits. Prints medians, ratios and how much was
found of what a scan finds; the same goes to bench/results/banks.json.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import statistics
import subprocess
import sys
import time
import venv
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).parent.parent
RESULTS = ROOT / "bench" / "results" / "banks.json"
ENVIRONMENT = ROOT / "build" / "bench-threatexchange"
PACKAGES = ("threatexchange==1.2.17", "faiss-cpu==1.15.1")
RADIUS = 31
OURS = "ours"
NAMES = {
    OURS: "ours",
    "flat": "faiss IndexBinaryFlat",
    "multi": "faiss IndexBinaryMultiHash",
    "ivf": "faiss IndexBinaryIVF, 64 of 1,024 lists",
    "exchange": "threatexchange PDQIndex",
}


def bank(count: int, kind: str) -> np.ndarray[Any, Any]:
    """The same hashes in every process."""
    table = np.random.default_rng(1).integers(0, 256, (count, 32), dtype=np.uint8)
    if kind == "adversarial":
        table[:, :4] = 7
    return table


# In a contender's own process.


def build(name: str, table: np.ndarray[Any, Any]) -> Any:
    """A function from queries (n, 32) to the sorted (number, distance) within 31 bits of each."""
    if name == OURS:
        from rambarde.guard.media.index import HashIndex

        index = HashIndex(table)
        return lambda queries: [sorted(index.within(query.tobytes())) for query in queries]
    if name == "exchange":
        from threatexchange.signal_type.pdq.pdq_index import PDQIndex

        told = PDQIndex(entries=((row.tobytes().hex(), number) for number, row in enumerate(table)))

        def asked(queries: np.ndarray[Any, Any]) -> list[list[tuple[int, int]]]:
            found = (told.query(query.tobytes().hex()) for query in queries)
            return [sorted((hit.metadata, hit.similarity_info.distance) for hit in hits) for hits in found]

        return asked
    import faiss

    faiss.omp_set_num_threads(1)
    if name == "flat":
        made = faiss.IndexBinaryFlat(256)
    elif name == "multi":
        made = faiss.IndexBinaryMultiHash(256, 16, 16)
        made.nflip = 1
    else:
        quantizer = faiss.IndexBinaryFlat(256)
        made = faiss.IndexBinaryIVF(quantizer, 256, 1024)
        made.nprobe = 64
        made.train(table[:40_000])
    made.add(table)

    def searched(queries: np.ndarray[Any, Any]) -> list[list[tuple[int, int]]]:
        limits, distances, numbers = made.range_search(queries, RADIUS + 1)
        return [
            sorted(zip(numbers[a:b].tolist(), (int(d) for d in distances[a:b]), strict=True))
            for a, b in itertools.pairwise(limits)
        ]

    return searched


def contend(name: str, count: int, kind: str) -> None:
    """Build, say how it went, then answer lines of queries in hex with what was found and the time it took."""
    table = bank(count, kind)
    before, start = resident(), time.process_time()
    search = build(name, table)
    seconds = time.process_time() - start
    print(json.dumps({"seconds": seconds, "megabytes": (resident() - before) / 1e6}), flush=True)
    for line in sys.stdin:
        queries = np.array([list(bytes.fromhex(one)) for one in json.loads(line)], np.uint8)
        start = time.process_time()
        found = search(queries)
        print(json.dumps({"ms": (time.process_time() - start) * 1e3, "found": found}), flush=True)


def resident() -> float:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


# In the process that asks.


class Contender:
    def __init__(self, name: str, python: str, count: int, kind: str) -> None:
        threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
        command = [python, __file__, "--contend", name, "--hashes", str(count), "--kind", kind]
        self.name = name
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=os.environ | threads
        )
        self.built = self._line()

    def ask(self, queries: list[str]) -> dict[str, Any]:
        assert self._process.stdin
        self._process.stdin.write(json.dumps(queries) + "\n")
        self._process.stdin.flush()
        return self._line()

    def _line(self) -> dict[str, Any]:
        assert self._process.stdout
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit(f"{self.name} ended")
        return dict(json.loads(line))

    def close(self) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(60)


def asked(table: np.ndarray[Any, Any], rounds: int) -> list[dict[str, list[str]]]:
    """For each round: one hash that is 31 bits from a known one, one that is unrelated, eight of which one is near."""
    random = np.random.default_rng(2)

    def near() -> str:
        bits = np.unpackbits(table[random.integers(len(table))])
        bits[random.choice(256, RADIUS, replace=False)] ^= 1
        return np.packbits(bits).tobytes().hex()

    def far() -> str:
        return random.integers(0, 256, 32, dtype=np.uint8).tobytes().hex()

    return [
        {
            "one, 31 bits away": [near()],
            "one, unrelated": [far()],
            "eight": [near(), *(far() for _ in range(7))],
        }
        for _ in range(rounds)
    ]


def scan(table: np.ndarray[Any, Any], query: str) -> list[list[int]]:
    quads, wanted = table.view(np.uint64), np.frombuffer(bytes.fromhex(query), np.uint64)
    distances = np.bitwise_count(quads ^ wanted).sum(axis=1, dtype=np.int64)
    return [[int(n), int(distances[n])] for n in np.flatnonzero(distances <= RADIUS)]


def compare(pythons: dict[str, str], count: int, rounds: int, kind: str) -> list[dict[str, Any]]:
    table = bank(count, kind)
    contenders = [Contender(name, python, count, kind) for name, python in pythons.items()]
    times: dict[tuple[str, str], list[float]] = {}
    right = dict.fromkeys(pythons, 0)
    wanted = 0
    for number, round_ in enumerate(asked(table, rounds + 1)):
        for case, queries in round_.items():
            truth = [scan(table, query) for query in queries]
            for one in contenders:
                answer = one.ask(queries)
                if number:  # the first warms up
                    times.setdefault((one.name, case), []).append(answer["ms"])
                    right[one.name] += sum(
                        hit in got for got, all_ in zip(answer["found"], truth, strict=True) for hit in all_
                    )
            wanted += sum(map(len, truth)) if number else 0
    rows = []
    for one in contenders:
        row: dict[str, Any] = {"index": NAMES[one.name], "bank": kind}
        row |= {"build s": round(one.built["seconds"], 2), "MB": round(one.built["megabytes"])}
        for case in ("one, 31 bits away", "one, unrelated", "eight"):
            mine, ours = times[one.name, case], times[OURS, case]
            row[f"{case}, ms"] = round(statistics.median(mine), 3)
            row[f"{case}, times ours"] = round(
                statistics.median(a / b for a, b in zip(mine, ours, strict=True)), 2
            )
        row["found"] = f"{right[one.name]} of {wanted}"
        rows.append(row)
        one.close()
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--hashes", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=30)
    parser.add_argument("--install", action="store_true", help="make the environment of the others")
    parser.add_argument("--python", help="the interpreter of another environment")
    parser.add_argument("--contend", help=argparse.SUPPRESS)
    parser.add_argument("--kind", default="random", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.contend:
        contend(options.contend, options.hashes, options.kind)
        return
    theirs = options.python or str(ENVIRONMENT / "bin" / "python")
    if options.install:
        venv.create(ENVIRONMENT, with_pip=True)
        install = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES]
        subprocess.run([theirs, *install], check=True)
    pythons = {OURS: sys.executable}
    if Path(theirs).exists():
        pythons |= dict.fromkeys(("flat", "multi", "ivf", "exchange"), theirs)
    else:
        print("faiss and threatexchange are not installed: run with --install")
    rows = compare(pythons, options.hashes, options.rounds, "random")
    # threatexchange's is faiss's with a wrapper.
    some = {name: python for name, python in pythons.items() if name in (OURS, "flat", "multi")}
    rows += compare(some, options.hashes, max(3, options.rounds // 10), "adversarial")
    for row in rows:
        print(" | ".join(f"{name}: {value}" for name, value in row.items()))
    RESULTS.parent.mkdir(exist_ok=True)
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()[0]}
    report = {"machine": machine, "hashes": options.hashes, "rounds": options.rounds, "rows": rows}
    RESULTS.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()

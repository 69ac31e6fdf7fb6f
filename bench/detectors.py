"""Milliseconds of each picture detector, and what the comparison adds, at 1024×1024 on one thread; memory.

    python bench/detectors.py [--rounds 4] [--runs 5] [--out bench/results/detectors.json]

Prints a table and writes the same as JSON. Rows take turns, so that a busy machine slows all alike, and the
processor's time stands beside the wall clock's. Every run gets a new `Picture`, so that nothing is answered
from memory, except what a row says is known: detectors of one picture share faces and people.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from rambarde.guard.detectors.contract import Change, Detector, Subject
from rambarde.guard.media import faces
from rambarde.nouns.request import Picture

SIDE = 1024
RESULTS = Path(__file__).parent / "results" / "detectors.json"

Pixels = NDArray[np.uint8]


def square(pixels: Pixels) -> Pixels:
    return np.asarray(Image.fromarray(pixels).convert("RGB").resize((SIDE, SIDE), Image.Resampling.LANCZOS))


def fresh(pixels: Pixels) -> Picture:
    """A picture that nothing is remembered of."""
    rgb = pixels.copy()
    rgb.setflags(write=False)
    return Picture(data=b"", media_type="image/png", sha256="", rgb=rgb)


@dataclass(slots=True)
class Job:
    """One row: `prepare` makes the subject and all that is known of it beforehand, `run` is what is timed."""

    name: str
    what: str
    known: str
    prepare: Callable[[], Any]
    run: Callable[[Any], object]
    wall: list[float] = field(default_factory=list)
    processor: list[float] = field(default_factory=list)

    def repeat(self, runs: int) -> None:
        """Time `runs` runs after two that warm up; no work is left to other threads."""
        for turn in range(runs + 2):
            subject = self.prepare()
            wall, processor = time.perf_counter(), time.process_time()
            self.run(subject)
            if turn >= 2:
                self.processor.append((time.process_time() - processor) * 1e3)
                self.wall.append((time.perf_counter() - wall) * 1e3)

    def row(self) -> dict[str, object]:
        return {
            "detector": self.name,
            "picture": self.what,
            "known": self.known,
            "median_ms": round(statistics.median(self.wall), 2),
            "min_ms": round(min(self.wall), 2),
            "processor_median_ms": round(statistics.median(self.processor), 2),
            "processor_min_ms": round(min(self.processor), 2),
        }


def memory() -> dict[str, float]:
    """Megabytes (2**20 bytes) of this process, or nothing where the system does not tell."""
    rollup = Path("/proc/self/smaps_rollup")
    if not rollup.exists():
        return {}
    lines = [line.split() for line in rollup.read_text("ascii").splitlines()[1:]]
    kept = {parts[0]: int(parts[1]) / 1024 for parts in lines if parts[0] in ("Rss:", "Pss:")}
    return {"RSS": round(kept["Rss:"]), "PSS": round(kept["Pss:"])}


def detectors() -> list[Detector]:
    """All installed detectors, loaded."""
    found: list[Detector] = []
    for point in sorted(entry_points(group="rambarde.detectors"), key=lambda p: p.name):
        detector = point.load()()
        detector.load()
        found.append(detector)
    return found


def jobs(loaded: Sequence[Detector]) -> list[Job]:
    pictures = {"one person": square(data.astronaut()), "nobody": square(data.coffee())}
    one = pictures["one person"]
    on_picture = [d for d in loaded if d.info.subject is Subject.PICTURE]
    (comparing,) = (d for d in loaded if d.info.name == "comparison")

    def with_faces() -> Picture:
        picture = fresh(one)
        faces.shared().find(picture.rgb)
        return picture

    def inspected() -> Picture:
        """A picture that all other picture detectors have seen, as in the chain."""
        picture = fresh(one)
        for detector in on_picture:
            detector.inspect(picture)
        return picture

    found = []
    for detector in on_picture:
        for what, pixels in pictures.items():
            found.append(Job(detector.info.name, what, "-", lambda p=pixels: fresh(p), detector.inspect))
        if detector.info.name == "persons":
            found.append(Job(detector.info.name, "one person", "faces", with_faces, detector.inspect))
    everything = lambda picture: [d.inspect(picture) for d in on_picture]  # noqa: E731
    found += [
        Job("all on one picture", what, "-", lambda p=pixels: fresh(p), everything)
        for what, pixels in pictures.items()
    ]
    original = inspected()
    comparing.inspect(Change(output=fresh(one), inputs=(original,)))
    found += [
        Job(
            "comparison, first output",
            "one person",
            "other detectors on both",
            lambda: Change(output=inspected(), inputs=(inspected(),)),
            comparing.inspect,
        ),
        Job(
            "comparison, next output",
            "one person",
            "other detectors on both, original",
            lambda: Change(output=inspected(), inputs=(original,)),
            comparing.inspect,
        ),
        Job(
            "comparison, alone",
            "one person",
            "-",
            lambda: Change(output=fresh(one), inputs=(fresh(one),)),
            comparing.inspect,
        ),
    ]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=4, help="how often all rows take turns")
    parser.add_argument("--runs", type=int, default=5, help="runs of each row in a round")
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()

    megabytes = {"before any detector": memory()}
    loaded = detectors()
    megabytes["all detectors loaded"] = memory()
    todo = jobs(loaded)
    loads = []
    for _ in range(options.rounds):
        for job in todo:
            job.repeat(options.runs)
        loads.append(round(os.getloadavg()[0], 1))
    megabytes["after the runs"] = memory()

    rows = [job.row() for job in todo]
    print("| detector | picture | known before | processor ms, median | least | wall ms, median | least |")
    print("|---|---|---|---|---|---|---|")
    for row in rows:
        cells = [str(row[k]) for k in ("detector", "picture", "known")]
        cells += [f"{row[k]:.1f}" for k in ("processor_median_ms", "processor_min_ms", "median_ms", "min_ms")]
        print("| " + " | ".join(cells) + " |")
    print("memory, MB:", json.dumps(megabytes))
    print("load after each round:", loads)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(
        json.dumps(
            {
                "side": SIDE,
                "threads": 1,
                "runs": options.rounds * options.runs,
                "cores": os.cpu_count(),
                "python": platform.python_version(),
                "onnxruntime": onnxruntime.__version__,
                "load": loads,
                "memory_mb": megabytes,
                "rows": rows,
            },
            indent=2,
        )
        + "\n"
    )
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()

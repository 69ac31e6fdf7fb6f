"""Milliseconds of each picture detector, and of the comparison, at 1024×1024 on one thread.

    python bench/detectors.py [--runs 20] [--out bench/results/detectors.json]

Prints a table and writes the same as JSON. Every run gets a new `Picture`, so that nothing is answered from
memory, except where a row says that the faces are known: detectors of one picture share them.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from importlib.metadata import entry_points
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from rambarde.guard.compare import comparison
from rambarde.guard.detectors.contract import Detector, Subject
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


def milliseconds(run: Callable[[Picture], object], pixels: Pixels, runs: int, *, known: bool) -> list[float]:
    times = []
    for _ in range(runs + 2):
        picture = fresh(pixels)
        if known:
            faces.shared().find(picture.rgb)
        start = time.perf_counter()
        run(picture)
        times.append((time.perf_counter() - start) * 1e3)
    return times[2:]


def detectors() -> list[Detector]:
    found: list[Detector] = []
    for point in sorted(entry_points(group="rambarde.detectors"), key=lambda p: p.name):
        detector = point.load()()
        if detector.info.subject is Subject.PICTURE:
            detector.load()
            found.append(detector)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--runs", type=int, default=20)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()

    pictures = {"one person": square(data.astronaut()), "nobody": square(data.coffee())}
    rows: list[dict[str, object]] = []

    def add(name: str, what: str, pixels: Pixels, run: Callable[[Picture], object], known: bool) -> None:
        times = milliseconds(run, pixels, options.runs, known=known)
        rows.append(
            {
                "detector": name,
                "picture": what,
                "faces_known": known,
                "median_ms": round(statistics.median(times), 2),
                "min_ms": round(min(times), 2),
            }
        )

    for detector in detectors():
        for what, pixels in pictures.items():
            add(detector.info.name, what, pixels, detector.inspect, known=False)
            if detector.info.name == "persons":
                add(detector.info.name, what, pixels, detector.inspect, known=True)
    comparison.load()
    original = fresh(pictures["one person"])
    comparison.compare(original, fresh(pictures["one person"]))
    for known in (False, True):
        add("comparison, per output", "one person", pictures["one person"], compare_with(original), known)
    both = fresh(pictures["one person"])
    add("comparison, new original", "one person", pictures["one person"], lambda p: pair(p, both), False)

    width = max(len(str(r["detector"])) for r in rows)
    print(f"{'detector':<{width}}  {'picture':<10}  faces known  median ms   min ms")
    for row in rows:
        known = "yes" if row["faces_known"] else "no"
        print(
            f"{row['detector']:<{width}}  {row['picture']:<10}  {known:<11}  "
            f"{row['median_ms']:>9}  {row['min_ms']:>7}"
        )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(
        json.dumps(
            {
                "side": SIDE,
                "threads": 1,
                "runs": options.runs,
                "cores": os.cpu_count(),
                "python": platform.python_version(),
                "onnxruntime": onnxruntime.__version__,
                "load": os.getloadavg()[0],
                "rows": rows,
            },
            indent=2,
        )
        + "\n"
    )
    print(f"written to {options.out}")


def compare_with(original: Picture) -> Callable[[Picture], object]:
    return lambda output: comparison.compare(original, output)


def pair(original: Picture, output: Picture) -> object:
    """An original that was never seen, with an output that was: what one upload adds, bodies included."""
    return comparison.compare(original, output)


if __name__ == "__main__":
    main()

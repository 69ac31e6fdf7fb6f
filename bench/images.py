"""Pictures with every default check: a second's worth, what an edit waits, memory; beside the same checks in turn.

    python bench/images.py [--rounds 5] [--pictures 48] [--edits 24] [--workers 2] [--soak 0]

A stated mix of scenes from photographs that packages ship, 1024×1024, JPEG, quality 90; each copy is moved by some
pixels, so that no answer is remembered. *Ours* is the chain's way from bytes to signals: decoded in a worker,
looked at by all picture detectors, compared (nothing to compare with), sealed; four pictures are under way at a
time. *In turn* is a script as an operator would write it: each check decodes the file with Pillow and runs its
network in onnxruntime as it comes, one process; and the same in two processes of one thread. All take turns,
so that a busy machine slows all alike, and the processor's time stands beside the wall clock's.

With `--soak N`, N more pictures go through afterwards, and memory is told on the way.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import io
import itertools
import json
import multiprocessing
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from datetime import UTC, datetime
from importlib.metadata import distribution
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from PIL import Image, ImageEnhance

from rambarde.guard.detectors.contract import Change, Subject
from rambarde.guard.inspect import Inspector
from rambarde.guard.media import network
from rambarde.guard.media.limits import DEFAULT
from rambarde.guard.media.memory import few_heaps
from rambarde.guard.media.pdq import pdq
from rambarde.guard.media.strip import strip
from rambarde.guard.text.normalise import canonical
from rambarde.interfaces import parts
from rambarde.interfaces.settings import Settings
from rambarde.nouns.caller import Caller
from rambarde.nouns.request import Action, Picture, Request
from rambarde.nouns.signal import State

SIDE, QUALITY = 1024, 90
AT_ONCE = 4
GENERATOR = 1.0
"""Seconds that the pretended generator takes for an edit."""
RESULTS = Path(__file__).parent / "results" / "images.json"
TICK = os.sysconf("SC_CLK_TCK")
Pixels = NDArray[np.uint8]

SCENES = {
    "woman, half length": ("scikit-image", "skimage/data/astronaut.png", None),
    "woman, close": ("scikit-image", "skimage/data/astronaut.png", (60, 0, 400, 340)),
    "man, portrait": ("mahotas", "mahotas/demos/data/luispedro.jpg", None),
    "man with a camera, from the side, grey": ("scikit-image", "skimage/data/camera.png", None),
    "two people": ("", "", None),
    "cup": ("scikit-image", "skimage/data/coffee.png", None),
    "cat": ("scikit-image", "skimage/data/chelsea.png", None),
    "rocket": ("scikit-image", "skimage/data/rocket.jpg", None),
    "motorcycle": ("scikit-image", "skimage/data/motorcycle_left.png", None),
    "page of text": ("scikit-image", "skimage/data/page.png", None),
}
"""Half of them show somebody."""
PEOPLE = tuple(itertools.islice(SCENES, 5))


def scene(name: str) -> Image.Image:
    package, path, box = SCENES[name]
    if not package:
        both = [square(scene(one)).resize((SIDE // 2, SIDE // 2)) for one in (PEOPLE[0], PEOPLE[2])]
        wide = Image.new("RGB", (SIDE, SIDE // 2))
        for at, one in enumerate(both):
            wide.paste(one, (at * SIDE // 2, 0))
        return wide
    with Image.open(str(distribution(package).locate_file(path))) as image:
        whole = image.convert("RGB")
    return whole.crop(box) if box else whole


def square(image: Image.Image) -> Image.Image:
    """The largest square from the top, for people keep their heads, at 1024×1024."""
    side = min(image.size)
    left = (image.width - side) // 2
    return image.crop((left, 0, left + side, side)).resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def whole(image: Image.Image) -> Image.Image:
    """The picture stretched to a square: where a crop would lose somebody."""
    return image.resize((SIDE, SIDE), Image.Resampling.LANCZOS)


def moved(image: Image.Image, number: int) -> Image.Image:
    """A copy cut by a few pixels, so that every copy is another picture."""
    x, y = number % 7, number // 7 % 7
    return image.crop((x, y, SIDE - 8 + x, SIDE - 8 + y)).resize((SIDE, SIDE), Image.Resampling.BICUBIC)


def jpeg(image: Image.Image, number: int = 0) -> bytes:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=QUALITY, comment=f"{number}")
    return out.getvalue()


def files(count: int) -> list[bytes]:
    made = {name: whole(scene(name)) if name == "two people" else square(scene(name)) for name in SCENES}
    return [
        jpeg(moved(image, number), number)
        for number, (_, image) in zip(range(count), itertools.cycle(made.items()), strict=False)
    ]


def apart(make: Callable[[int], list[Any]], count: int) -> list[Any]:
    """What `make` makes, in a process of its own: the memory that it takes to make pictures is not the gateway's."""
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        return process.submit(make, count).result()


def edits(count: int) -> list[tuple[bytes, bytes]]:
    """Pairs of a portrait and an edit of it: other light and colour, nothing else."""
    made = []
    for number, name in zip(range(count), itertools.cycle(PEOPLE), strict=False):
        image = moved(whole(scene(name)) if name == "two people" else square(scene(name)), number)
        changed = ImageEnhance.Color(ImageEnhance.Brightness(image).enhance(1.1)).enhance(0.9)
        made.append((jpeg(image, number), jpeg(changed, number)))
    return made


# Ours.


def finished(picture: Picture) -> str:
    """What the seal does of its own; the signature is measured by `bench/seal.py`."""
    pdq(picture)
    return hashlib.sha256(strip(picture)).hexdigest()


class Ours:
    """The shipped detectors behind an inspector, those of pictures in workers."""

    def __init__(self, workers: int) -> None:
        settings = Settings(workers=workers)
        evaluator, spare, _ = parts.judging(settings)
        spare.close()
        installed = parts.detectors(settings)
        self.pool = parts.pool(settings, installed)
        self.inspector = Inspector(installed, evaluator.policy.detectors, pool=self.pool)
        self.inspector.load()
        if self.inspector.unfit:
            raise SystemExit(f"unfit: {dict(self.inspector.unfit)}")
        while self.pool is not None and len(self.pool.pids) < workers:
            time.sleep(0.05)

    @property
    def pids(self) -> tuple[int, ...]:
        return (os.getpid(), *(self.pool.pids if self.pool is not None else ()))

    async def look(self, data: bytes) -> None:
        picture = await self.inspector.sight.output(data, DEFAULT)
        changed, seen = await asyncio.gather(
            self.inspector.change(Change(picture)), self.inspector.output(picture)
        )
        await asyncio.to_thread(finished, picture)
        answered(seen.signals | changed.signals)

    async def many(self, batch: list[bytes]) -> None:
        places = asyncio.Semaphore(AT_ONCE)

        async def one(data: bytes) -> None:
            async with places:
                await self.look(data)

        await asyncio.gather(*(one(data) for data in batch))

    async def edit(self, before: bytes, after: bytes, generator: float) -> float:
        """Milliseconds that the checks add to the generator's time, from the input's bytes to the seal."""
        start = time.perf_counter()
        picture = await self.inspector.sight.decode(before, bare=True)
        prompt = canonical("make the light a little warmer", limit=32_000)
        now = datetime.now(UTC)
        request = Request("b", Action.EDIT, prompt, Caller("b", "api"), now, "d", images=(picture,))
        asked = await self.inspector.request(request)
        self.inspector.prepare(request)
        await asyncio.sleep(generator)
        output = await self.inspector.sight.output(after, DEFAULT)
        changed, seen = await asyncio.gather(
            self.inspector.change(Change(output, (picture,))), self.inspector.output(output)
        )
        await asyncio.to_thread(finished, output)
        await asyncio.gather(*(self.inspector.sight.exposures(one) for one in (picture, output)))
        added = (time.perf_counter() - start - generator) * 1e3
        answered(asked.signals | seen.signals | changed.signals)
        return added


LATE: list[str] = []
"""Signals that were late: on a machine with enough time there are none."""


def answered(signals: dict[str, Any]) -> None:
    failed = [s for s in signals.values() if s.state is State.FAILED]
    LATE.extend(s.name for s in failed if s.reason == "late")
    if other := [f"{s.name}: {s.reason}" for s in failed if s.reason != "late"]:
        raise RuntimeError(f"a detector failed, so this is no measurement: {other}")


# In turn.


def peer(threads: int) -> None:
    """Read lists of files on stdin, one a line; answer the seconds that they took."""
    plain = onnxruntime.InferenceSession

    def session(data: bytes, _: object, providers: list[str]) -> Any:
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads  # 0: as it comes, a thread for each core
        return plain(data, options, providers=providers)

    network.ort.InferenceSession = session
    checks = [d for d in parts.detectors(Settings()) if d.info.subject is Subject.PICTURE]
    for check in checks:
        check.load()
    print("ready", flush=True)
    for line in sys.stdin:
        start = time.perf_counter()
        for path in json.loads(line):
            for check in checks:
                data = Path(path).read_bytes()
                pixels = np.array(
                    Image.open(io.BytesIO(data)).convert("RGB")
                )  # can change: nothing is shared
                check.inspect(Picture(data, "image/jpeg", "", pixels))
        print(time.perf_counter() - start, flush=True)


class InTurn:
    """Processes that run the same checks, each for itself."""

    def __init__(self, processes: int, threads: int) -> None:
        command = [sys.executable, __file__, "--peer", str(threads)]
        pipe = subprocess.PIPE
        self._processes = [
            subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=subprocess.DEVNULL, text=True)
            for _ in range(processes)
        ]
        for process in self._processes:
            assert process.stdout is not None
            process.stdout.readline()

    @property
    def pids(self) -> tuple[int, ...]:
        return tuple(process.pid for process in self._processes)

    def many(self, paths: list[str]) -> None:
        for number, process in enumerate(self._processes):
            assert process.stdin is not None
            process.stdin.write(json.dumps(paths[number :: len(self._processes)]) + "\n")
            process.stdin.flush()
        for process in self._processes:
            assert process.stdout is not None
            if not process.stdout.readline():
                raise SystemExit("a peer ended")

    def close(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()


# Measuring.


def processor(pids: tuple[int, ...]) -> float:
    """Seconds of processor time of these processes so far."""
    total = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text("ascii").rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICK


def memory(pids: tuple[int, ...]) -> list[int]:
    """Proportional megabytes (2**20 bytes) of each process."""
    found = []
    for pid in pids:
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
        found.append(round(next(int(one.split()[1]) for one in lines if one.startswith("Pss:")) / 1024))
    return found


class Measured:
    """Seconds of the wall clock and of the processor, round by round."""

    def __init__(self, pictures: int) -> None:
        self.pictures, self.wall, self.processor = pictures, list[float](), list[float]()

    def row(self) -> dict[str, float]:
        wall, used = statistics.median(self.wall), statistics.median(self.processor)
        return {
            "pictures_per_second": round(self.pictures / wall, 2),
            "best_pictures_per_second": round(self.pictures / min(self.wall), 2),
            "processor_ms_per_picture": round(used / self.pictures * 1e3, 1),
            "pictures_per_processor_second": round(self.pictures / used, 2),
        }


def spread(values: list[float]) -> dict[str, float]:
    return {
        "p50_ms": round(statistics.median(values), 1),
        "p99_ms": round(float(np.percentile(values, 99)), 1),
        "least_ms": round(min(values), 1),
    }


def batches(count: int, rounds: int, folder: Path) -> Iterator[tuple[list[bytes], list[str]]]:
    """For each round the same mix, other copies."""
    made = apart(files, count)
    paths = []
    for number, data in enumerate(made):
        path = folder / f"{number}.jpg"
        path.write_bytes(data)
        paths.append(str(path))
    for turn in range(rounds):
        yield [data + b"" if not turn else again(data, turn) for data in made], paths


def again(data: bytes, turn: int) -> bytes:
    """The same pixels in another file: a comment that says which round it is."""
    comment = f"round {turn}".encode()
    return data[:2] + b"\xff\xfe" + (len(comment) + 2).to_bytes(2) + comment + data[2:]


async def measure(options: argparse.Namespace, folder: Path) -> dict[str, object]:
    few_heaps()  # as `rambarde serve` does
    ours = Ours(options.workers)
    peers = {"in turn, one process, threads as they come": InTurn(1, 0)}
    peers["in turn, two processes of one thread"] = InTurn(2, 1)
    rows = {name: Measured(options.pictures) for name in ("ours", *peers)}
    loads, fresh = [], memory(ours.pids)
    waits: dict[str, list[float]] = {"generator of 1 s": [], "generator that answers at once": []}
    try:
        pairs = apart(edits, options.edits)
        warm = apart(files, len(SCENES))
        await ours.many([again(data, 1000) for data in warm])
        for turn, (batch, paths) in enumerate(batches(options.pictures, options.rounds, folder)):
            for name in rows if turn % 2 else reversed(list(rows)):
                pids = ours.pids if name == "ours" else peers[name].pids
                wall, used = time.perf_counter(), processor(pids)
                if name == "ours":
                    await ours.many(batch)
                else:
                    await asyncio.to_thread(peers[name].many, paths)
                rows[name].wall.append(time.perf_counter() - wall)
                rows[name].processor.append(processor(pids) - used)
            loads.append(round(os.getloadavg()[0], 1))
        for number, (before, after) in enumerate(pairs):
            for at, (name, seconds) in enumerate(zip(waits, (GENERATOR, 0.0), strict=True)):
                code = 2000 + 2 * number + at
                waits[name].append(await ours.edit(again(before, code), again(after, code), seconds))
        loads.append(round(os.getloadavg()[0], 1))
        del pairs, warm  # the bench's own
        kept = {"loaded": fresh, "after the runs": memory(ours.pids)}
        soak, more = [], apart(files, options.pictures) if options.soak else []
        for done in range(0, options.soak, options.pictures):
            await ours.many([again(data, 10_000 + done) for data in more])
            soak.append({"pictures": done + options.pictures, "pss_mb": memory(ours.pids)})
            if done // options.pictures % 10 == 0:
                print(soak[-1], flush=True)
    finally:
        ours.inspector.close()
        for one in peers.values():
            one.close()
    return {
        "workers": options.workers,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "onnxruntime": onnxruntime.__version__,
        "load": loads,
        "scenes": list(SCENES),
        "pictures_a_round": options.pictures,
        "rounds": options.rounds,
        "throughput": {name: measured.row() for name, measured in rows.items()},
        "edits": options.edits,
        "edit_added": {name: spread(found) for name, found in waits.items()},
        "pss_mb, gateway and workers": kept,
        "soak": soak,
        "late_signals": len(LATE),
    }


def show(found: dict[str, Any]) -> None:
    rows = found["throughput"]
    print("| | pictures/s, median | best round | processor ms a picture | × ours |")
    print("|---|---|---|---|---|")
    for name, row in rows.items():
        times = row["processor_ms_per_picture"] / rows["ours"]["processor_ms_per_picture"]
        print(
            f"| {name} | {row['pictures_per_second']} | {row['best_pictures_per_second']} "
            f"| {row['processor_ms_per_picture']} | {times:.2f} |"
        )
    print("an edit waits:", json.dumps(found["edit_added"]))
    print("memory:", json.dumps(found["pss_mb, gateway and workers"]))
    per_core = rows["ours"]["pictures_per_processor_second"]
    print(f"{per_core} pictures per core and second by processor time:")
    for what, rate in (("600,000 a day", 600_000 / 86_400), ("10 billion a month", 10e9 / (30 * 86_400))):
        print(f"  {what}, {rate:,.0f} a second: {rate / per_core:,.1f} cores")
    print("load after each round:", found["load"], "late signals:", found["late_signals"])


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="how often all take turns")
    parser.add_argument("--pictures", type=int, default=50, help="pictures of a round")
    parser.add_argument("--edits", type=int, default=24)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--soak", type=int, default=0, help="further pictures, for memory")
    parser.add_argument("--out", type=Path, default=RESULTS)
    parser.add_argument("--peer", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.peer is not None:
        peer(options.peer)
        return
    import tempfile

    with tempfile.TemporaryDirectory(prefix="rambarde-bench-") as folder:
        found = asyncio.run(measure(options, Path(folder)))
    show(found)
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_text(json.dumps(found, indent=2) + "\n")
    print(f"written to {options.out}")


if __name__ == "__main__":
    main()

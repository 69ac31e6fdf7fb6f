"""The shipped detectors and the decoder give the same in workers as in this process."""

from __future__ import annotations

import asyncio
import io
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import skimage
from PIL import Image

from rambarde.guard.detectors.contract import Change, Subject
from rambarde.guard.inspect import Inspector
from rambarde.guard.media.limits import Limits
from rambarde.guard.sight import Sight
from rambarde.interfaces import parts
from rambarde.interfaces.settings import Settings
from rambarde.nouns.fault import Fault
from rambarde.nouns.request import Picture
from rambarde.nouns.signal import Signal, State
from tests.bad_pictures import bad_pictures, save, scene

pytestmark = pytest.mark.slow  # which a soak test is, too: `-m soak` asks for it
HERE = Sight()
STEP = 500
"""Pictures between two looks at the memory."""


@pytest.fixture(scope="module")
def remote() -> Iterator[Inspector]:
    """The shipped detectors, those of pictures in two workers."""
    settings = Settings(workers=2)
    evaluator, _, _ = parts.judging(settings)
    installed = parts.detectors(settings)
    looking = [d for d in installed if d.info.subject is not Subject.TEXT]
    names = {d.info.name for d in looking}
    required = [one for one in evaluator.policy.detectors if one.name in names]
    made = Inspector(looking, required, pool=parts.pool(settings, looking))
    made.load()
    assert made.unfit == {}
    yield made
    made.close()


def jpeg(pixels: np.ndarray, side: int = 512) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).convert("RGB").resize((side, side)).save(out, "JPEG", quality=90)
    return out.getvalue()


def pictures() -> dict[str, np.ndarray]:
    random = np.random.default_rng(3)
    return {
        "portrait": skimage.data.astronaut(),
        "nobody": skimage.data.coffee(),
        "grey": skimage.data.camera(),
        "1×1": np.full((1, 1, 3), 90, np.uint8),
        "20,000×3": random.integers(0, 256, (3, 20_000, 3), np.uint8),
        "3×20,000": random.integers(0, 256, (20_000, 3, 3), np.uint8),
        "noise": random.integers(0, 256, (300, 300, 3), np.uint8),
    }


def told(signals: dict[str, Signal]) -> dict[str, Any]:
    """Signals for comparison: batches of one network may differ in the last bit."""
    return {
        name: (s.state, s.reason, None if s.value is None else pytest.approx(s.value, abs=1e-6))
        for name, s in signals.items()
    }


async def both(remote: Inspector, here: Inspector, data: bytes) -> tuple[Picture, Picture]:
    there, near = await remote.sight.decode(data, bare=True), await HERE.decode(data, bare=True)
    assert (there.rgb == near.rgb).all() and not there.rgb.flags.writeable
    assert (there.data, there.media_type, there.sha256) == (near.data, near.media_type, near.sha256)
    return there, near


@pytest.mark.parametrize("name", pictures())
async def test_the_same_picture_gives_the_same_signals(
    remote: Inspector, inspector: Inspector, name: str
) -> None:
    start = time.monotonic()
    out = io.BytesIO()
    Image.fromarray(pictures()[name]).save(out, "PNG", compress_level=1)
    there, near = await both(remote, inspector, out.getvalue())
    assert told((await remote.output(there)).signals) == told((await inspector.output(near)).signals)
    original = await HERE.decode(jpeg(skimage.data.astronaut()))
    for other in (there, near):  # one that a worker has decoded, and one that it has not
        changed = await remote.change(Change(other, (original,)))
        assert told(changed.signals) == told((await inspector.change(Change(near, (original,)))).signals)
    assert await remote.sight.exposures(there) == pytest.approx(await HERE.exposures(near))
    assert time.monotonic() - start < 60


async def test_every_awkward_picture_is_the_same_fault_or_the_same_picture(remote: Inspector) -> None:
    limits = Limits(pixels=2_000_000, bytes=3_000_000)
    for bad in bad_pictures():
        told: list[object] = []
        for sight in (HERE, remote.sight):
            try:
                seen = await sight.decode(
                    bad.data,
                    limits=limits,
                    field="mask",
                    declared=bad.declared,
                    filename=bad.filename,
                    bare=True,
                )
                alpha = None if seen.alpha is None else seen.alpha.tobytes()
                told.append(
                    (seen.rgb.shape, seen.rgb.tobytes(), alpha, seen.data, seen.sha256, seen.media_type)
                )
            except Fault as fault:
                told.append((fault.kind, fault.code, fault.message, fault.remedy, fault.field))
        assert told[0] == told[1], bad.name


async def test_one_picture_of_many_requests_is_decoded_and_looked_at_once(remote: Inspector) -> None:
    data = save(scene(300, 200), "PNG")
    first = await asyncio.gather(*(remote.sight.decode(data, bare=True) for _ in range(6)))
    assert all((one.rgb == first[0].rgb).all() and one.sha256 == first[0].sha256 for one in first)
    original = await remote.sight.decode(jpeg(skimage.data.astronaut(), 1024), bare=True)
    output = await remote.sight.decode(jpeg(skimage.data.astronaut()[:, ::-1], 1024))
    start = time.monotonic()
    found = [await remote.change(Change(output, (original,)))]
    once = time.monotonic() - start
    again = await remote.sight.decode(jpeg(skimage.data.astronaut(), 1024), bare=True)
    quickest = once
    for _ in range(5):
        start = time.monotonic()
        found.append(await remote.change(Change(output, (again,))))
        quickest = min(quickest, time.monotonic() - start)
    assert quickest < once / 3, "what was found in both is still known"
    assert len({str(one.signals) for one in found}) == 1


def memory(remote: Inspector) -> int:
    """Proportional megabytes of this process and its workers."""
    assert remote._pool is not None
    total = 0
    for pid in (os.getpid(), *remote._pool.pids):
        lines = Path(f"/proc/{pid}/smaps_rollup").read_text("ascii").splitlines()
        total += next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))
    return total // 1024


def distinct(number: int, side: int) -> bytes:
    """A picture that none before was, with or without somebody."""
    scene = skimage.data.astronaut() if number % 2 else skimage.data.coffee()
    x, y = number % 40, number // 40 % 40
    image = Image.fromarray(scene[y : y + 350, x : x + 350]).resize((side, side))
    image.putpixel((0, 0), (number >> 16 & 255, number >> 8 & 255, number & 255))
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90, comment=str(number))
    return out.getvalue()


async def look_at(remote: Inspector, numbers: range, side: int) -> None:
    places = asyncio.Semaphore(4)

    async def one(number: int) -> None:
        async with places:
            picture = await remote.sight.output(distinct(number, side), Limits())
            seen = await remote.output(picture)
            assert all(s.state is not State.FAILED or s.reason == "late" for s in seen.signals.values())

    for start in range(numbers.start, numbers.stop, 50):
        await asyncio.gather(*(one(n) for n in range(start, min(start + 50, numbers.stop))))


async def flat(remote: Inspector, warm: int, count: int, side: int, most: int) -> None:
    """Memory after `count` further pictures is within `most` MB of that after the first."""
    assert remote._pool is not None
    pids = remote._pool.pids
    await look_at(remote, range(warm), side)
    before = memory(remote)
    descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    start = time.monotonic()
    for first in range(warm, warm + count, STEP):
        await look_at(remote, range(first, min(first + STEP, warm + count)), side)
        done = min(first + STEP, warm + count) - warm  # `-s` shows the curve
        print(
            f"{done} pictures, {time.monotonic() - start:.0f} s: {before} -> {memory(remote)} MB", flush=True
        )
    assert memory(remote) - before <= most
    assert len(os.listdir("/proc/self/fd")) <= descriptors + 8  # noqa: PTH208
    assert remote._pool.pids == pids, "and no worker was lost"


async def test_memory_is_flat(remote: Inspector) -> None:
    await flat(remote, 40, 60, 256, 30)


@pytest.mark.soak
@pytest.mark.timeout(4 * 3600)
async def test_memory_is_flat_over_20000_pictures(remote: Inspector) -> None:
    await flat(remote, 200, 20_000, 1024, 60)

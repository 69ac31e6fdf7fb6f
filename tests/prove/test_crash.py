"""kill -9 in the middle of writing: whoever got a receipt finds the record, and the log always verifies."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from rambarde.store.records import Records
from tests.prove.conftest import build

WRITER = """
import asyncio, sys
from pathlib import Path
from rambarde.prove.recorder import LogRecorder
from tests.prove.conftest import build
from tests.samples import a_record

house = build(Path(sys.argv[1]))
recorder = LogRecorder(house.log)
numbers = iter(range(int(sys.argv[2]), 10**6))

async def write():
    for number in numbers:
        receipt = await recorder.record(a_record(number))
        print(number, receipt.index, flush=True)

async def main():
    await asyncio.gather(*(write() for _ in range(16)))

print("ready", flush=True)
asyncio.run(main())
"""


def _kill_often(data: Path, times: int, seed: int) -> None:
    chance = random.Random(seed)
    released: dict[int, int] = {}
    for turn in range(times):
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(data), str(turn * 10_000)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        time.sleep(chance.uniform(0.01, 0.3))
        process.kill()
        output, _ = process.communicate()
        for line in output.splitlines(keepends=True):
            if line.endswith("\n"):
                number, index = map(int, line.split())
                released[number] = index
        house = build(data)
        report = house.verify()
        assert report.ok, report
        assert report.size == house.log.size
        house.close()
    house = build(data)
    records = Records(house.database)
    assert released
    for number, index in released.items():
        stored = records.get(f"record-{number:06d}")
        assert stored is not None and stored.index == index
    house.close()


@pytest.mark.slow
def test_killed_a_few_times(tmp_path: Path) -> None:
    _kill_often(tmp_path / "data", 4, seed=1)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_killed_often(tmp_path: Path) -> None:
    _kill_often(tmp_path / "data", 200, seed=2)

"""A worker that waits for a processor is told from one that hangs."""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import pytest

from rambarde.guard.workers import pulse
from rambarde.nouns.signal import State
from tests.guard.workers.bad import EVIL
from tests.guard.workers.conftest import MakeInspector, picture

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(sys.platform != "linux", reason="elsewhere nothing is told of processes"),
]


@contextlib.contextmanager
def running(code: str) -> Iterator[int]:
    process = subprocess.Popen([sys.executable, "-c", f"print(flush=True)\n{code}"], stdout=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    try:
        yield process.pid
    finally:
        process.kill()
        process.wait()


def until(true: Callable[[], bool]) -> None:
    """Wait up to half a minute."""
    last = time.monotonic() + 30
    while not true():
        assert time.monotonic() < last
        time.sleep(0.05)


def often(pid: int, since: float | None, seconds: float) -> bool:
    """Whether it is ever starved: even who only computes may be seen between two slices."""
    found = []
    for _ in range(50):
        found.append(pulse.starved(pid, since, seconds))
        time.sleep(0.01)
    return any(found)


def test_who_computes_wants_to_run_until_its_time_is_over() -> None:
    with running("while True: pass") as pid:
        since = pulse.spent(pid)
        assert since is not None and often(pid, since, 1000.0)
        until(lambda: (pulse.spent(pid) or 0.0) - since >= 0.2)
        assert not often(pid, since, 0.2), "it has had its time"


def test_a_thread_beside_one_that_waits_counts() -> None:
    code = "import threading\nt = threading.Thread(target=lambda: [None for _ in iter(int, 1)])\nt.start(); t.join()"
    with running(code) as pid:
        assert often(pid, pulse.spent(pid), 1000.0)


def test_who_sleeps_hangs() -> None:
    with running("import time; time.sleep(600)") as pid:
        time.sleep(0.3)
        assert not often(pid, pulse.spent(pid), 1000.0)


def test_of_whom_nothing_is_known_hangs() -> None:
    with running("import time; time.sleep(600)") as pid:
        pass
    assert pulse.spent(pid) is None and not pulse.starved(pid, 0.0, 1000.0)
    assert not pulse.starved(os.getpid(), None, 1000.0)


async def test_a_starved_worker_is_late_and_lives(
    inspecting: MakeInspector, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if the one that hangs only had no processor: nobody gets its answer, and it is not ended for it."""
    made = inspecting("hang", size=1)
    monkeypatch.setattr(pulse, "starved", lambda *_: True)
    assert made._pool is not None
    pids = made._pool.pids
    found = await made._worst_of(made._detectors[0], [picture(EVIL)], "")
    assert found.signals["hang"].state is State.FAILED and found.signals["hang"].reason == "late"
    await asyncio.sleep(1.0)
    assert made._pool.pids == pids
    monkeypatch.undo()  # it sleeps after all
    await asyncio.to_thread(until, lambda: made._pool is not None and made._pool.pids != pids)

"""Workers: whatever becomes of one, signals are answered in time, nothing else suffers, and nobody is left behind."""

from __future__ import annotations

import asyncio
import functools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from rambarde.guard.detectors.contract import Change
from rambarde.guard.inspect import Inspector
from rambarde.guard.policy.language import Requirement
from rambarde.guard.workers.pool import Pool
from rambarde.interfaces import parts
from rambarde.interfaces.settings import Settings
from rambarde.nouns.fault import Fault
from rambarde.nouns.signal import Signal, State
from tests.guard.workers import bad
from tests.guard.workers.bad import EVIL
from tests.guard.workers.conftest import MakeInspector, picture

pytestmark = pytest.mark.slow


def exists(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def until(what: Callable[[], object], seconds: float = 20.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.02)


def pool(inspector: Inspector) -> Pool:
    assert inspector._pool is not None
    return inspector._pool


FAILS = {
    "segfault": "the worker crashed (SIGSEGV)",
    "abort": "the worker crashed (SIGABRT)",
    "killed": "the worker crashed (SIGKILL)",
    "exit": "the worker ended (0)",
    "noise": "the worker answered garbage",
    "endless": "the worker answered garbage",
    "raises": "failed: RuntimeError",
    "out_of_memory": "failed: ",
    "nan": "failed: ValueError",
    "hidden_nan": "the worker answered garbage",
    "shape": "failed: ",
    "others": "answered other signals than it declares",
    "none": "failed: TypeError",
    "hang": "late",
    "hang_inside": "late",
    "hang_up": "",
}


async def test_every_way_to_fail_is_a_failed_signal_in_time_and_all_others_answer(
    inspecting: MakeInspector,
) -> None:
    made = inspecting("redness", *FAILS)
    quick = [name for name in FAILS if not name.startswith("hang")]
    for name in FAILS:
        evil, start = picture(EVIL), time.monotonic()
        detector = next(d for d in made._detectors if d.info.name == name)
        redness = next(d for d in made._detectors if d.info.name == "redness")
        seen, others = await asyncio.gather(
            made._worst_of(detector, [evil], "output."),
            asyncio.gather(*(made._worst_of(redness, [picture(level)], "") for level in (51, 102, 204))),
        )
        found = seen.signals[f"output.{name}"]
        assert found.state is State.FAILED and FAILS[name] in found.reason, (name, found)
        assert "secret" not in found.reason
        assert [round(one.signals["redness"].value or 0, 2) for one in others] == [0.2, 0.4, 0.8], name
        assert time.monotonic() - start < (8.0 if name in quick else 12.0), name
    assert len(set(pool(made).pids)) == 2


async def test_another_picture_gets_its_answer_on_the_second_try(inspecting: MakeInspector) -> None:
    made = inspecting("redness", "hang")
    detector = next(d for d in made._detectors if d.info.name == "hang")
    waiting = asyncio.create_task(made._worst_of(detector, [picture(EVIL)], ""))
    await asyncio.sleep(0.2)
    for pid in pool(made).pids:
        os.kill(pid, signal.SIGKILL)
    redness = next(d for d in made._detectors if d.info.name == "redness")
    found = await made._worst_of(redness, [picture(102)], "")
    assert found.signals["redness"].value == pytest.approx(0.4), "both workers are gone; a new one answered"
    assert (await waiting).signals["hang"].state is State.FAILED


async def test_a_picture_that_cost_two_workers_costs_no_third(inspecting: MakeInspector) -> None:
    made = inspecting("segfault", "abort")
    evil = picture(EVIL)
    first = await made._worst_of(made._detectors[0], [evil], "")
    assert first.signals["segfault"].state is State.FAILED
    until(lambda: pool(made).able("abort") == 2 and all(map(exists, pool(made).pids)))
    pids = pool(made).pids
    second = await made._worst_of(made._detectors[1], [evil], "")
    assert second.signals["abort"] == Signal.failed("abort", "the picture made workers fail before")
    assert pool(made).pids == pids
    assert (await made._worst_of(made._detectors[1], [picture(51)], "")).signals["abort"].value is not None


async def test_a_change_and_all_its_pictures(inspecting: MakeInspector) -> None:
    made = inspecting("difference", "redness")
    inputs, originals, session = (picture(10), picture(20)), (picture(51),), (picture(30),)
    for one in inputs:
        made._detectors[0].prepare(one)  # type: ignore[attr-defined]
    found = await made.change(Change(picture(204), inputs, originals, session, ((None, 0.5), ())))
    assert found.signals["difference"].value == pytest.approx(0.6)
    assert found.signals["lost"].value == pytest.approx(0.2)
    most = Change(picture(204), (picture(51),) * 10, (picture(1),) * 10, (picture(2),) * 10)
    assert (await made.change(most)).signals["difference"].value == pytest.approx(0.6)


async def test_a_bank_that_changed_and_weights_that_changed(
    inspecting: MakeInspector, tmp_path: Path
) -> None:
    weights = tmp_path / "weights"
    weights.write_text(bad.DIGEST)
    made = inspecting(f"stale:{weights}", size=1)
    assert made.unfit == {} and made.versions == (("redness", f"1@{bad.DIGEST}+bank of {bad.DIGEST}"),)
    weights.write_text("sha256:" + "1" * 64)
    os.kill(pool(made).pids[0], signal.SIGKILL)
    until(lambda: made.unfit == {"redness": "no worker is there"})
    found = await made._worst_of(made._detectors[0], [picture(51)], "")
    assert found.signals["redness"].state is State.FAILED, "another digest answers nothing"
    assert made._detectors[0].digest == bad.DIGEST


@pytest.mark.parametrize(
    ("weights", "why"),
    [(None, "FileNotFoundError"), ("crash", "SIGABRT"), ("sha256:" + "1" * 64, "the policy requires")],
)
async def test_weights_that_are_missing_broken_or_others(
    inspecting: MakeInspector, tmp_path: Path, weights: str | None, why: str
) -> None:
    if weights is not None:
        (tmp_path / "weights").write_text(weights)
    made = inspecting(f"stale:{tmp_path / 'weights'}", "difference")
    assert made.unfit.keys() == {"redness"} and why in made.unfit["redness"]
    found = await made.output(picture(51))
    assert found.signals["output.redness"].state is State.FAILED
    assert (await made.change(Change(picture(51), (picture(1),)))).signals["lost"].value == 0


async def test_too_much_work_is_refused_before_generation(inspecting: MakeInspector) -> None:
    made = inspecting("hang", "redness", size=1)
    pool(made).board._usual = {"hang": 0.3, "redness": 0.3}
    evil = asyncio.gather(*(made.output(picture(EVIL)) for _ in range(4)))
    await asyncio.sleep(0.1)
    with pytest.raises(Fault) as fault:
        pool(made).refuse_if_full()
    assert fault.value.code == "overloaded" and fault.value.retry_after
    seen = await evil
    assert {one.signals["output.hang"].state for one in seen} == {State.FAILED}
    until(lambda: not made.unfit)
    pool(made).refuse_if_full()


def test_close_ends_all_and_answers_what_waits(inspecting: MakeInspector) -> None:
    made = inspecting("hang_inside", "redness")
    pids, running = pool(made).pids, pool(made)
    detector = made._detectors[0]
    waiting = [detector.ask(picture(EVIL), 0) for _ in range(3)]  # type: ignore[attr-defined]
    start = time.monotonic()
    made.close()
    assert time.monotonic() - start < 3 and not any(map(exists, pids))
    assert all(one.exception(5) is not None for one in waiting)
    late = detector.ask(picture(51), 0)  # type: ignore[attr-defined]
    assert late.exception(1) is not None and running.pids == ()
    made.close()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_workers_die_with_the_gateway_also_while_they_hang(how: signal.Signals) -> None:
    code = """
import functools, sys, time
from rambarde.guard.workers.pool import Pool
from tests.guard.workers import bad
from tests.guard.workers.conftest import picture
pool = Pool(functools.partial(bad.build, ("hang_inside",)), 2)
pool.load("hang_inside")
while len(pool.pids) < 2 or pool.able("hang_inside") < 2: time.sleep(0.01)
pool.look(bad.Bad("hang_inside", 60.0).info, picture(bad.EVIL), 0, stays=False)
time.sleep(0.3)
print(*pool.pids, flush=True)
time.sleep(600)
"""
    root = Path(__file__).parents[3]
    gateway = subprocess.Popen(
        [sys.executable, "-c", code], cwd=root, stdout=subprocess.PIPE, text=True, env=dict(os.environ)
    )
    assert gateway.stdout is not None
    pids = [int(word) for word in gateway.stdout.readline().split()]
    assert len(pids) == 2 and all(map(exists, pids))
    gateway.send_signal(how)
    gateway.wait(10)
    gateway.stdout.close()
    until(lambda: not any(map(exists, pids)), 5)


def test_a_worker_has_no_key(inspecting: MakeInspector, monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("RAMBARDE_SERVER_KEY", "RAMBARDE_ALERT_SECRET", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
    for name in names:
        monkeypatch.setenv(name, "secret-of-the-server")
    made = inspecting("redness", size=1)
    environment = Path(f"/proc/{pool(made).pids[0]}/environ").read_bytes()
    assert b"PYTHONPATH" in environment and b"secret-of-the-server" not in environment
    links = [str(link.readlink()) for link in Path(f"/proc/{pool(made).pids[0]}/fd").iterdir()]
    assert sum(one.startswith("socket:") for one in links) == 1, links


async def test_a_thousand_faces_are_answered_in_time() -> None:
    made = Pool(bad.crowded, 1)
    wanted = {"age", "comparison", "faces"}
    installed = [d for d in parts.detectors(Settings()) if d.info.name in wanted]
    required = [Requirement(d.info.name, d.info.version, made.load(d.info.name).digest) for d in installed]
    inspector = Inspector(installed, required, pool=made)
    try:
        inspector.load()
        assert inspector.unfit == {}
        crowd, start = picture(100, 512), time.monotonic()
        seen = await inspector.output(crowd)
        assert seen.signals["output.young"].unknown
        changed = await inspector.change(Change(crowd, (picture(99, 512),)))
        assert changed.signals["change.exposure"].unknown
        assert time.monotonic() - start < 12
    finally:
        inspector.close()


def test_a_pool_needs_a_worker() -> None:
    with pytest.raises(ValueError, match="0 workers"):
        Pool(functools.partial(bad.build, ()), 0)

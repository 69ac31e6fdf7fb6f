"""A guard in event loops, threads and processes, and its end."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pickle
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from PIL import Image

from rambarde import Fault, Guard, NotReleased, Outcome
from rambarde.guard.inspect import Inspector
from tests.interfaces.library.conftest import BLUE, newest, opened, paint, records

pytestmark = pytest.mark.slow


# Event loops.


async def test_async_functions_run_on_the_callers_loop(guard: Guard) -> None:
    loops = []

    async def generate(prompt: str, *, n: int, size: str, images: list[bytes]) -> list[Image.Image]:
        loops.append(asyncio.get_running_loop())
        await asyncio.sleep(0)
        return [BLUE] * n

    guarded = guard.wrap(generate)
    images = await asyncio.gather(*(guarded("a quiet garden") for _ in range(4)))
    assert [len(made) for made in images] == [1] * 4
    assert set(loops) == {asyncio.get_running_loop()}
    assert (await guard.acheck("a quiet garden")).outcome is Outcome.ALLOW


async def test_sync_calls_work_inside_a_running_loop(guard: Guard) -> None:
    assert guard.check("a quiet garden").outcome is Outcome.ALLOW
    assert len(guard.wrap(paint)("a quiet garden")) == 1


def test_a_lambda_around_an_async_function(guard: Guard) -> None:
    async def generate(prompt: str) -> list[Image.Image]:
        return [BLUE]

    (image,) = guard.wrap(lambda prompt, *, n, size, images: generate(prompt))("a quiet garden")
    assert isinstance(image, Image.Image)


async def test_a_cancelled_call_is_recorded(guard: Guard) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def generate(prompt: str, *, n: int, size: str, images: list[bytes]) -> list[Image.Image]:
        begun.set()
        try:
            await asyncio.sleep(60)
        finally:
            ended.set()
        return [BLUE]

    task = asyncio.create_task(guard.wrap(generate)("a quiet garden"))
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    await asyncio.wait_for(ended.wait(), 5)
    for _ in range(100):
        if newest(guard)["fault"] == {"kind": "internal", "code": "cancelled", "field": None}:
            return
        await asyncio.sleep(0.02)
    raise AssertionError(newest(guard))


async def test_async_with(tmp_path: Path, inspector: Inspector) -> None:
    async with opened(tmp_path, inspector) as guard:
        assert (await guard.acheck("a quiet garden")).outcome is Outcome.ALLOW
    with pytest.raises(Fault, match="closed"):
        await guard.acheck("a quiet garden")


# Threads, processes, closing.


@pytest.mark.slow
def test_from_many_threads(guard: Guard) -> None:
    guarded, before = guard.wrap(paint, concurrency=2), records(guard).count()
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda i: guarded(f"a quiet garden {i}"), range(16)))
    assert [len(images) for images in made] == [1] * 16
    assert records(guard).count() == before + 16


def test_at_most_so_many_calls_at_once(guard: Guard) -> None:
    now, most, lock = 0, 0, threading.Lock()

    def generate(prompt: str, *, n: int, size: str, images: list[bytes]) -> list[Image.Image]:
        nonlocal now, most
        with lock:
            now, most = now + 1, max(most, now + 1)
        threading.Event().wait(0.05)
        with lock:
            now -= 1
        return [BLUE]

    guarded = guard.wrap(generate, concurrency=2)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda _: guarded("a quiet garden"), range(6)))
    assert most == 2


@pytest.mark.slow
def test_two_guards_in_one_process(tmp_path: Path, inspector: Inspector) -> None:
    """On one data folder and on two: each has its place in the log."""
    with (
        opened(tmp_path / "a", inspector) as one,
        opened(tmp_path / "a", inspector, surface="web") as two,
        opened(tmp_path / "b", inspector) as other,
    ):
        for guard in (one, two, other, one):
            guard.wrap(paint)("a quiet garden")
        assert (records(one).count(), records(other).count()) == (3, 1)
        assert {found.document()["surface"] for found in records(one).find()} == {"api", "web"}


def test_closing_ends_what_runs(tmp_path: Path, inspector: Inspector) -> None:
    guard, begun, raised = opened(tmp_path, inspector), threading.Event(), []

    def generate(prompt: str, *, n: int, size: str, images: list[bytes]) -> list[Image.Image]:
        begun.set()
        threading.Event().wait(2)
        return [BLUE]

    def call() -> None:
        with pytest.raises(Fault) as caught:
            guard.wrap(generate)("a quiet garden")
        raised.append(caught.value.code)

    threads = threading.active_count()
    thread = threading.Thread(target=call)
    thread.start()
    assert begun.wait(10)
    guard.close()
    thread.join(10)
    assert raised == ["guard_closed"]
    guard.close()
    assert threading.active_count() <= threads
    with opened(tmp_path, inspector) as again:
        assert newest(again)["fault"]["code"] == "cancelled"
    with pytest.raises(Fault) as caught:
        guard.check("a quiet garden")
    assert caught.value.code == "guard_closed"


def test_a_guard_is_not_pickled(guard: Guard) -> None:
    for thing in (guard, guard.wrap(paint)):
        with pytest.raises(TypeError, match="open one in each process"):
            pickle.dumps(thing)


def test_what_was_refused_survives_pickling(guard: Guard, portrait: bytes) -> None:
    """So that a pool of processes can hand it on."""
    with pytest.raises(NotReleased) as caught:
        guard.wrap(paint)("put her in a bikini", images=[portrait])
    copied = pickle.loads(pickle.dumps(caught.value))
    assert (copied.id, copied.rules, copied.appeal) == (
        caught.value.id,
        caught.value.rules,
        caught.value.appeal,
    )


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_fork_says_so_instead_of_hanging(guard: Guard) -> None:
    child = os.fork()
    if child == 0:
        code = 1
        with contextlib.suppress(BaseException):
            try:
                guard.check("a quiet garden")
            except Fault as fault:
                guard.close()
                code = 0 if fault.code == "guard_forked" else 2
        os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_its_own_thread_does_not_wait_for_itself(guard: Guard) -> None:
    async def inside() -> None:
        guard.check("a quiet garden")

    with pytest.raises(RuntimeError, match="wait for itself"):
        guard._background.run(inside)

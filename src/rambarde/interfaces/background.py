"""A background event loop: one thread that runs coroutines for callers of any thread or loop."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from rambarde.nouns.fault import Fault, Kind

T = TypeVar("T")
Work = Callable[[], Coroutine[Any, Any, T]]
"""Makes the coroutine to run; called only if there is a loop to run it, so that none is left unawaited."""


class Background:
    """An event loop in a daemon thread of its own. Thread-safe. A fork leaves it behind."""

    def __init__(self, name: str) -> None:
        self._loop = asyncio.new_event_loop()
        self._process = os.getpid()
        self._gate = threading.Lock()
        self._open = True
        self._tasks: set[asyncio.Task[Any]] = set()
        self._thread = threading.Thread(target=self._loop.run_forever, name=name, daemon=True)
        self._thread.start()

    def run(self, work: Work[T]) -> T:
        """Run to the end, from any thread but the loop's own. An interrupt of the caller cancels the work.

        Raises what the work raises, and `Fault` `guard_closed` or `guard_forked`.
        """
        if threading.current_thread() is self._thread:
            raise RuntimeError("this would wait for itself: call it from another thread, or await it")
        future = self._submit(work)
        try:
            return future.result()
        except concurrent.futures.CancelledError:
            raise _closed() from None
        except BaseException:
            future.cancel()
            raise

    async def wait(self, work: Work[T]) -> T:
        """The same without blocking the caller's event loop. Cancelling the caller cancels the work."""
        try:
            return await asyncio.wrap_future(self._submit(work))
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and not task.cancelling():  # not the caller was cancelled, but the work
                raise _closed() from None
            raise

    def close(self, last: Work[None]) -> None:
        """Cancel what runs, wait for its end, run `last`, and stop the thread. Idempotent."""
        with self._gate:
            if not self._open:
                return
            self._open = False
        if os.getpid() != self._process:
            return
        try:
            asyncio.run_coroutine_threadsafe(self._end(last), self._loop).result()
        finally:
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join()
            self._loop.close()

    def _submit(self, work: Work[T]) -> concurrent.futures.Future[T]:
        with self._gate:
            if not self._open:
                raise _closed()
            if os.getpid() != self._process:
                raise Fault(
                    Kind.INVALID,
                    "guard_forked",
                    "This guard was opened before the process forked; its threads stayed behind.",
                    remedy="Open a guard in each process.",
                )
            return asyncio.run_coroutine_threadsafe(self._tracked(work), self._loop)

    async def _tracked(self, work: Work[T]) -> T:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            return await work()
        finally:
            self._tasks.discard(task)

    async def _end(self, last: Work[None]) -> None:
        tasks = tuple(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        try:
            await last()
        finally:
            await self._loop.shutdown_asyncgens()
            await self._loop.shutdown_default_executor()


def _closed() -> Fault:
    return Fault(Kind.INVALID, "guard_closed", "The guard is closed.", remedy="Open another one.")

"""The recorder: makes records durable and commits them to the log, many at a time.

One thread takes all that waits and appends it as one batch (group commit), so that a hundred requests pay
for one transaction and one signature. Another publishes what was appended, a few times a second: nobody waits for
it, but as long as it fails, nothing more is recorded. It implements the chain's `Recorder`.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import Future
from contextlib import suppress

from rambarde.nouns.custody import Committed, Receipt
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.record import Record
from rambarde.prove.commitment import RECORD, commit
from rambarde.prove.log import Log

BATCH = 512
"""Documents in one append at most."""
WITHDRAWAL = "withdrawal"
"""The kind under which a withdrawn release is in the log; its id is the record's."""
PUBLISH_SECONDS = 0.2
"""From one publication to the next at least: a receipt's entry is in the folder about as soon."""
RETRY_SECONDS = 2.0
"""To the next try after a publication that failed, if nobody records before."""
WAITING = 10_000
"""Documents that may wait; beyond it recording fails at once instead of later."""

_Future = asyncio.Future[Receipt] | Future[Receipt]
_Waiting = tuple[Committed, _Future]


class LogRecorder:
    """Writes to one log. Thread-safe; close it before the log."""

    def __init__(self, log: Log, *, batch: int = BATCH, waiting: int = WAITING) -> None:
        """`batch` and `waiting` are counts of documents, at least 1."""
        self.log = log
        self._batch = batch
        self._queue: queue.Queue[_Waiting | None] = queue.Queue(waiting)
        self._gate = threading.Lock()
        self._open = True
        self._news, self._closing = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._work, name="rambarde-recorder", daemon=True)
        self._herald = threading.Thread(target=self._publish, name="rambarde-publisher", daemon=True)
        self._thread.start()
        self._herald.start()

    async def record(self, record: Record) -> Receipt:
        """Return only when the record is on disk and its commitment is under a signed checkpoint.

        Raises `Fault(INTERNAL, "not_recorded")` otherwise, with the cause as `__cause__`; then nothing may
        be released. A caller that is cancelled while it waits may find its record in the log.
        """
        return await self._promised(RECORD, record.as_json(), finite=True)

    async def withdraw(self, id: str, why: str) -> Receipt:
        """Say in the log that nothing of what the record `id` calls released was. `why` is a fault's code.

        Raises as `record`.
        """
        return await self._promised(WITHDRAWAL, {"id": id, "why": why})

    def put(self, kind: str, document: Mapping[str, object]) -> Receipt:
        """The same for a document of any kind, with an `id`; blocking: for commands and other threads."""
        future: Future[Receipt] = Future()
        self._submit(kind, document, future)
        return future.result()

    def close(self) -> None:
        """Finish what waits, publish it and stop. Later records are refused. Idempotent."""
        with self._gate:
            if self._open:
                self._open = False
                self._queue.put(None)
        self._thread.join()
        self._closing.set()
        self._news.set()
        self._herald.join()

    def _promised(
        self, kind: str, document: Mapping[str, object], *, finite: bool = False
    ) -> asyncio.Future[Receipt]:
        future: asyncio.Future[Receipt] = asyncio.get_running_loop().create_future()
        self._submit(kind, document, future, finite=finite)
        return future

    def _submit(
        self, kind: str, document: Mapping[str, object], future: _Future, *, finite: bool = False
    ) -> None:
        try:
            waiting = (commit(kind, document, finite=finite), future)
            with self._gate:
                if not self._open:
                    raise _not_recorded("the recorder is closed")
                self._queue.put_nowait(waiting)
        except queue.Full:
            raise _not_recorded("too many records wait") from None
        except (KeyError, ValueError, TypeError, RecursionError) as error:
            raise _not_recorded("the document has no id or is no JSON") from error

    def _work(self) -> None:
        going = True
        while going:
            first = self._queue.get()
            if first is None:
                return
            waiting = [first]
            while len(waiting) < self._batch:
                try:
                    item = self._queue.get_nowait()
                except queue.Empty:
                    break
                if item is None:
                    going = False
                    break
                waiting.append(item)
            self._append(waiting)

    def _append(self, waiting: list[_Waiting]) -> None:
        try:
            done = self.log.append([item for item, _ in waiting], publish=False)
        except Exception as error:
            if isinstance(error, Fault) and error.code == "already_logged" and len(waiting) > 1:
                for one in waiting:  # one document with a used id must not take the others down
                    self._append([one])
                return
            outcomes: list[tuple[_Future, Receipt | Fault]] = []
            for _, future in waiting:
                refusal = _not_recorded(error.message if isinstance(error, Fault) else "an unexpected error")
                refusal.__cause__ = error
                outcomes.append((future, refusal))
            _tell(outcomes)
            return
        _tell([(f, Receipt(index, done.size)) for index, (_, f) in enumerate(waiting, done.first)])
        self._news.set()

    def _publish(self) -> None:
        done = True
        while True:
            self._news.wait(None if done else RETRY_SECONDS)
            last = self._closing.is_set()
            self._news.clear()
            done = self.log.published()
            if last:
                return
            self._closing.wait(PUBLISH_SECONDS)


def _tell(outcomes: Sequence[tuple[_Future, Receipt | Fault]]) -> None:
    """Tell who waits: each event loop is woken once, however many of its futures are done."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[_Future, Receipt | Fault]]] = {}
    for future, outcome in outcomes:
        if isinstance(future, asyncio.Future):
            by_loop.setdefault(future.get_loop(), []).append((future, outcome))
        else:
            _settle([(future, outcome)])
    for loop, some in by_loop.items():
        with suppress(RuntimeError):  # the loop was closed: nobody waits any more
            loop.call_soon_threadsafe(_settle, some)


def _settle(outcomes: Sequence[tuple[_Future, Receipt | Fault]]) -> None:
    for future, outcome in outcomes:
        if future.done():
            continue  # its caller went away
        if isinstance(outcome, Fault):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)


def _not_recorded(why: str) -> Fault:
    return Fault(
        Kind.INTERNAL,
        "not_recorded",
        f"the decision could not be recorded, so nothing was released: {why.rstrip('.')}.",
        remedy="Try again; if it lasts, the operator finds the cause with `rambarde doctor`.",
    )

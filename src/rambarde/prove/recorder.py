"""The recorder: makes records durable and commits them to the log, many at a time.

One thread takes all that waits and appends it as one batch (group commit), so that a hundred requests pay
for one transaction and one signature. It implements the chain's `Recorder`.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Mapping
from concurrent.futures import Future

from rambarde.nouns.custody import Committed, Receipt
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.record import Record
from rambarde.prove.commitment import RECORD, commit
from rambarde.prove.log import Log

BATCH = 512
"""Documents in one append at most."""
WITHDRAWAL = "withdrawal"
"""The kind under which a withdrawn release is in the log; its id is the record's."""
WAITING = 10_000
"""Documents that may wait; beyond it recording fails at once instead of later."""

_Waiting = tuple[Committed, "Future[Receipt]"]


class LogRecorder:
    """Writes to one log. Thread-safe; close it before the log."""

    def __init__(self, log: Log, *, batch: int = BATCH, waiting: int = WAITING) -> None:
        """`batch` and `waiting` are counts of documents, at least 1."""
        self._log = log
        self._batch = batch
        self._queue: queue.Queue[_Waiting | None] = queue.Queue(waiting)
        self._gate = threading.Lock()
        self._open = True
        self._thread = threading.Thread(target=self._work, name="rambarde-recorder", daemon=True)
        self._thread.start()

    async def record(self, record: Record) -> Receipt:
        """Return only when the record is on disk and its commitment is under a signed checkpoint.

        Raises `Fault(INTERNAL, "not_recorded")` otherwise, with the cause as `__cause__`; then nothing may
        be released. A caller that is cancelled while it waits may find its record in the log.
        """
        return await asyncio.wrap_future(self._submit(RECORD, record.as_json()))

    async def withdraw(self, id: str, why: str) -> Receipt:
        """Say in the log that nothing of what the record `id` calls released was. `why` is a fault's code.

        Raises as `record`.
        """
        return await asyncio.wrap_future(self._submit(WITHDRAWAL, {"id": id, "why": why}))

    def put(self, kind: str, document: Mapping[str, object]) -> Receipt:
        """The same for a document of any kind, with an `id`; blocking: for commands and other threads."""
        return self._submit(kind, document).result()

    def close(self) -> None:
        """Finish what waits and stop. Later records are refused. Idempotent."""
        with self._gate:
            if self._open:
                self._open = False
                self._queue.put(None)
        self._thread.join()

    def _submit(self, kind: str, document: Mapping[str, object]) -> Future[Receipt]:
        future: Future[Receipt] = Future()
        try:
            waiting = (commit(kind, document), future)
            with self._gate:
                if not self._open:
                    raise _not_recorded("the recorder is closed")
                self._queue.put_nowait(waiting)
        except queue.Full:
            raise _not_recorded("too many records wait") from None
        except (KeyError, ValueError, TypeError, RecursionError) as error:
            raise _not_recorded("the document has no id or is no JSON") from error
        return future

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
            done = self._log.append([item for item, _ in waiting])
        except Exception as error:
            if isinstance(error, Fault) and error.code == "already_logged" and len(waiting) > 1:
                for one in waiting:  # one document with a used id must not take the others down
                    self._append([one])
                return
            for _, future in waiting:
                refusal = _not_recorded(error.message if isinstance(error, Fault) else "an unexpected error")
                refusal.__cause__ = error
                _settle(future, refusal)
            return
        for index, (_, future) in enumerate(waiting, done.first):
            _settle(future, Receipt(index, done.size))


def _settle(future: Future[Receipt], outcome: Receipt | Fault) -> None:
    if not future.set_running_or_notify_cancel():
        return  # its caller went away
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

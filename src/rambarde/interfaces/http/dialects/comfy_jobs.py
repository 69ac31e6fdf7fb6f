"""What became of the graphs that were sent: jobs, who listens to them, and pictures uploaded for them.

All of it is this gateway's own memory, for minutes: images themselves are kept as files of every dialect are.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

from rambarde.guard.arrival import Upload
from rambarde.nouns.fault import Fault, Kind, invalid

LIFE = 600.0
"""Seconds that a finished job and an uploaded picture are remembered."""
JOBS = 1000
RUNNING = 16
"""Jobs of one credential that have not ended."""
SOCKETS = 8
"""Sockets of one credential."""
UPLOADED = 200_000_000
"""Bytes of uploaded pictures, all together; a quarter of it for one credential."""
WAITING = 200
"""Messages that a listener may be behind; then it is let go."""

Message = tuple[str, dict[str, object]]


@dataclass(slots=True)
class Job:
    """One graph. `images` are the released files by name, `failed` the error that its caller is told."""

    id: str
    credential: str
    client: str
    number: int
    output: str
    images: list[dict[str, str]] = field(default_factory=list)
    withheld: list[dict[str, object]] = field(default_factory=list)
    failed: dict[str, object] | None = None
    ended: float | None = None

    def history(self) -> dict[str, object]:
        """As `/history` answers it."""
        if self.ended is None:
            return {}
        status = {"status_str": "success", "completed": True, "messages": []}
        if self.failed is not None:
            said = [["execution_error", {"prompt_id": self.id, **self.failed}]]
            status = {"status_str": "error", "completed": False, "messages": said}
        outputs = {self.output: {"images": self.images}} if self.failed is None else {}
        entry = {"prompt": [self.number, self.id], "outputs": outputs, "status": status, "meta": {}}
        return {self.id: entry | ({"rambarde": {"withheld": self.withheld}} if self.withheld else {})}


@dataclass(slots=True)
class Listener:
    """One socket's messages. It is let go when it is too far behind."""

    credential: str
    client: str
    messages: asyncio.Queue[Message | None] = field(default_factory=lambda: asyncio.Queue(WAITING))

    def tell(self, kind: str, data: dict[str, object]) -> None:
        if self.messages.full():
            while not self.messages.empty():
                self.messages.get_nowait()
            self.messages.put_nowait(None)
            return
        self.messages.put_nowait((kind, data))


class Jobs:
    """For one event loop."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        self._jobs: OrderedDict[str, Job] = OrderedDict()
        self._listeners: list[Listener] = []
        self._uploads: OrderedDict[tuple[str, str], tuple[Upload, float]] = OrderedDict()
        self._number = 0

    def begin(self, id: str, credential: str, client: str, output: str) -> Job:
        """Raises `Fault` for an id that is taken, or too many jobs that have not ended."""
        self._tidy()
        if id in self._jobs:
            raise invalid(
                "prompt_id_taken", "There is a job of this id.", remedy="Use a new one.", field="prompt_id"
            )
        while len(self._jobs) >= JOBS and (
            ended := [i for i, one in self._jobs.items() if one.ended is not None]
        ):
            del self._jobs[ended[0]]  # the oldest, so that nobody's past keeps others out
        if self._running(credential) >= RUNNING or len(self._jobs) >= JOBS:
            raise Fault(
                Kind.OVERLOADED,
                "too_many_jobs",
                "Too many jobs have not ended.",
                remedy="Wait until one has.",
                retry_after=1,
            )
        job = Job(id, credential, client, self._number, output)
        self._number += 1
        self._jobs[id] = job
        return job

    def end(self, job: Job) -> None:
        job.ended = self._monotonic()

    def get(self, id: str, credential: str) -> Job | None:
        """Nobody is told of another's job, nor that there is one."""
        self._tidy()
        job = self._jobs.get(id)
        return job if job is not None and job.credential == credential else None

    def remaining(self, credential: str) -> int:
        return self._running(credential)

    def listen(self, credential: str, client: str) -> Listener:
        """Raises `Fault` for too many sockets."""
        if sum(one.credential == credential for one in self._listeners) >= SOCKETS:
            raise Fault(
                Kind.RATE_LIMITED, "too_many_sockets", "Too many sockets.", remedy="Close one.", retry_after=1
            )
        listener = Listener(credential, client)
        self._listeners.append(listener)
        return listener

    def leave(self, listener: Listener) -> None:
        if listener in self._listeners:
            self._listeners.remove(listener)

    def tell(self, job: Job, kind: str, **data: object) -> None:
        """Tell those who sent it."""
        for listener in self._listeners:
            if (listener.credential, listener.client) == (job.credential, job.client):
                listener.tell(kind, {**data, "prompt_id": job.id})

    def upload(self, credential: str, name: str, upload: Upload) -> None:
        """Remember a picture, in place of an earlier one of this name; the oldest go first where it is too much, the
        credential's own before others'."""
        self._uploads.pop((credential, name), None)
        self._uploads[credential, name] = (upload, self._monotonic())
        while self._uploaded(credential) > UPLOADED // 4:
            del self._uploads[next(key for key in self._uploads if key[0] == credential)]
        while self._uploaded() > UPLOADED:
            self._uploads.popitem(last=False)

    def uploaded(self, credential: str, name: str) -> Upload:
        """Raises `Fault` for a picture that was not uploaded with this credential, or too long ago."""
        self._tidy()
        found = self._uploads.get((credential, name))
        if found is None:
            raise invalid(
                "upload_unknown",
                "No picture of this name was uploaded, or not lately.",
                remedy="Send it to /upload/image first.",
                field="image",
            )
        return found[0]

    def _uploaded(self, credential: str | None = None) -> int:
        return sum(len(one.data) for (who, _), (one, _) in self._uploads.items() if credential in (None, who))

    def _running(self, credential: str) -> int:
        return sum(job.ended is None and job.credential == credential for job in self._jobs.values())

    def _tidy(self) -> None:
        before = self._monotonic() - LIFE
        for id in [i for i, job in self._jobs.items() if job.ended is not None and job.ended < before]:
            del self._jobs[id]
        for key in [k for k, (_, at) in self._uploads.items() if at < before]:
            del self._uploads[key]

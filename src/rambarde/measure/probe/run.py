"""Run: every attempt through every surface, within the budget, until the plan is done or something ends it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from rambarde.measure.probe.attempt import Ask, Attempt
from rambarde.measure.probe.outcome import Outcome, Row
from rambarde.measure.probe.pictures import prepared
from rambarde.measure.probe.ports import Finding, Looker, Sender, Unanswered, Verdict
from rambarde.measure.probe.reading import Answer, Reading, Said, read
from rambarde.measure.probe.target import Target

_TRIES = 3
"""How often a surface that is busy is asked."""
_LONGEST_WAIT = 30.0


class Meter:
    """Counts the requests that ask for an image, and spaces them. Past the budget it raises `Spent`."""

    def __init__(self, budget: int, per_minute: float, concurrency: int) -> None:
        self.spent = 0
        self._budget, self._gap, self._next = budget, 60.0 / per_minute, 0.0
        self._turn, self._room = asyncio.Lock(), asyncio.Semaphore(concurrency)

    async def run(self, call: Callable[[], Awaitable[Answer]], deadline: float) -> Answer:
        async with self._room:
            async with self._turn:
                if self.spent >= self._budget:
                    raise Spent
                self.spent += 1
                wait = self._next - time.monotonic()
                if wait > 0:
                    await asyncio.sleep(wait)
                self._next = time.monotonic() + self._gap
            try:
                async with asyncio.timeout(deadline):
                    return await call()
            except TimeoutError:
                raise Unanswered("late") from None


class Spent(Exception):
    """The budget is spent."""


class _Shown(Exception):
    """An intimate result came."""


@dataclass(frozen=True, slots=True)
class Reachable:
    """A URL after its removal: alive, gone, or not known, with the reason."""

    surface: str
    state: str
    why: str = ""


@dataclass(slots=True)
class Ran:
    """`ended`: empty, or why before the end: intimate, budget, time. Then `first` is the row that ended it."""

    rows: list[Row]
    requests: int = 0
    ended: str = ""
    first: Row | None = None
    removals: list[Reachable] = field(default_factory=list)


class Runner:
    """Sends, reads, looks and forgets: of an image nothing is kept but its verdict and digest."""

    def __init__(
        self,
        target: Target,
        senders: Mapping[str, Sender],
        looker: Looker,
        photo: bytes,
        *,
        advance: Callable[[], None] = lambda: None,
    ) -> None:
        self._target, self._senders, self._looker, self._photo = target, senders, looker, photo
        self._advance = advance
        limits = target.limits
        self._meter = Meter(limits.requests, limits.per_minute, limits.concurrency)
        self._placeholders = {one.name: frozenset(one.placeholders) for one in target.surface}
        self._shown: Row | None = None
        self._made: dict[str, tuple[str, str]] = {}

    async def run(self, attempts: Sequence[Attempt]) -> Ran:
        """All rows, in the order of the plan. Those not asked read `skipped`."""
        done: dict[tuple[str, str], Row] = {}
        ran = Ran([])
        waiting = iter(attempts)

        async def work() -> None:
            for attempt in waiting:
                async with asyncio.TaskGroup() as at_once:
                    for name in self._senders:
                        at_once.create_task(self._row(attempt, name, done))
                self._advance()

        try:
            async with asyncio.timeout(self._target.limits.minutes * 60), asyncio.TaskGroup() as group:
                for _ in range(self._target.limits.concurrency):
                    group.create_task(work())
        except* _Shown:
            ran.ended, ran.first = "intimate", self._shown
        except* Spent:
            ran.ended = "budget"
        except* TimeoutError:
            ran.ended = "time"
        ran.rows = [
            done.get((one.id, name)) or _row(one, name, Outcome.SKIPPED, ran.ended)
            for one in attempts
            for name in self._senders
        ]
        if ran.ended != "intimate":
            ran.removals = await self._removals()
        ran.requests = self._meter.spent
        return ran

    async def _row(self, attempt: Attempt, surface: str, done: dict[tuple[str, str], Row]) -> None:
        try:
            row = await self._tried(attempt, surface)
        except Unanswered as error:
            row = _row(attempt, surface, Outcome.FAULT, error.why)
        # Kept at once: what is known stays known when another surface ends the probe.
        done[row.attempt, row.surface] = row
        if row.intimate:
            self._shown = self._shown or row
            raise _Shown

    async def _tried(self, attempt: Attempt, surface: str) -> Row:
        """The asks in turn, each with what the one before made; the first that gives no image is the last."""
        picture = self._photo
        row = _row(attempt, surface, Outcome.FAULT, "nothing was asked")
        for number, ask in enumerate(attempt.asks):
            last = number == len(attempt.asks) - 1
            sent, mask = prepared(ask, picture) if ask.pictured else (None, None)
            reading = await self._asked(ask, f"{attempt.id}#{number}", surface, sent, mask)
            images = await self._images(reading, surface)
            # Compared with where the chain began: many small steps are one large one.
            original = sent if number == 0 else self._photo if ask.pictured else None
            looked = [await self._looker.look(ask, original, image) for image in images]
            row = self._judged(attempt, surface, reading, looked)
            # A step that gave what must not be has ended the chain: no later refusal takes it back.
            if last or not images or row.outcome not in (Outcome.PASSED, Outcome.DOUBT):
                break
            picture = images[0]
        return row

    async def _asked(
        self, ask: Ask, id: str, surface: str, sent: bytes | None, mask: bytes | None
    ) -> Reading:
        sender, limits = self._senders[surface], self._target.limits
        for left in reversed(range(_TRIES)):
            answer = await self._meter.run(lambda: sender.send(ask, id, sent, mask), limits.seconds)
            reading = read(answer)
            if reading.said is not Said.BUSY or not left:
                break
            await asyncio.sleep(min(_LONGEST_WAIT, answer.retry_after or limits.poll_seconds))
        for _ in range(limits.polls):
            if reading.said is not Said.HELD or not reading.status_url or reading.images:
                break
            await asyncio.sleep(limits.poll_seconds)
            try:
                async with asyncio.timeout(limits.seconds):
                    later = read(await sender.follow(reading.status_url))
            except (Unanswered, TimeoutError):
                break  # what is promised and never comes is held
            reading = replace(
                later, status_url=later.status_url or reading.status_url, id=later.id or reading.id
            )
        return reading

    async def _images(self, reading: Reading, surface: str) -> list[bytes]:
        """The bytes of all images that are there. Raises `Unanswered` where an answer gives images, and none is."""
        found: list[bytes] = []
        why = ""
        for image in reading.images:
            if isinstance(image, bytes):
                found.append(image)
                continue
            try:
                async with asyncio.timeout(self._target.limits.seconds):
                    found.append(await self._senders[surface].fetch(image))
            except (Unanswered, TimeoutError) as error:
                why = why or getattr(error, "why", "late")
            else:
                if reading.said is Said.IMAGES:
                    self._made.setdefault(surface, (reading.id, image))
        # What came is looked at, whatever became of the others: one image is enough for a leak.
        if why and not found and reading.said is Said.IMAGES:
            raise Unanswered(why)
        return found

    def _judged(self, attempt: Attempt, surface: str, reading: Reading, looked: list[Verdict]) -> Row:
        placeholders = self._placeholders[surface]
        shown = [one for one in looked if not one.flat and one.digest not in placeholders]
        if not shown:
            flat = next((one.flat or "placeholder" for one in looked), "")
            said = {Said.HELD: Outcome.HELD, Said.UNSUPPORTED: Outcome.UNSUPPORTED}.get(
                reading.said, Outcome.REFUSED
            )
            if reading.said in (Said.FAULT, Said.BUSY):
                said = Outcome.FAULT
            return _row(attempt, surface, said, flat or reading.how)
        worst = max(shown, key=lambda one: one.finding)
        refused = reading.said is not Said.IMAGES
        outcome = {Finding.HARMLESS: Outcome.PASSED, Finding.DOUBT: Outcome.DOUBT}.get(
            worst.finding, Outcome.BYPASSED
        )
        if outcome is Outcome.PASSED and refused:
            # It refused, and what came with it is harmless: a preview of nothing.
            outcome = Outcome.HELD if reading.said is Said.HELD else Outcome.REFUSED
        url = next((one for one in reading.images if isinstance(one, str)), "")
        return replace(
            _row(attempt, surface, outcome, reading.how),
            silent=refused and outcome is not Outcome.REFUSED and outcome is not Outcome.HELD,
            intimate=worst.finding is Finding.INTIMATE,
            why=worst.why,
            digest=worst.digest,
            reference=(reading.id or url) if outcome is Outcome.DOUBT else "",
        )

    async def _removals(self) -> list[Reachable]:
        """What was removed must be gone: the URLs of the file, and one image of each surface that gives URLs."""
        removal = self._target.removal
        if removal is None:
            return []
        name, sender = next(iter(self._senders.items()))
        found = [await self._reached(name, sender, url) for url in removal.urls]
        if removal.request:
            for surface, (id, url) in self._made.items():
                found.append(await self._removed(surface, removal.request, id, url, removal.wait_seconds))
            if not self._made:
                found.append(Reachable(name, "unknown", "no image came by URL, so none was removed"))
        return found

    async def _removed(self, surface: str, request: str, id: str, url: str, wait: float) -> Reachable:
        sender = self._senders[surface]
        try:
            async with asyncio.timeout(self._target.limits.seconds):
                answer = await sender.remove(request, id, url)
        except (Unanswered, TimeoutError) as error:
            return Reachable(surface, "unknown", f"not removed: {getattr(error, 'why', 'late')}")
        if answer.status >= 300:
            return Reachable(surface, "unknown", f"not removed: status {answer.status}")
        await asyncio.sleep(wait)
        return await self._reached(surface, sender, url)

    async def _reached(self, surface: str, sender: Sender, url: str) -> Reachable:
        try:
            async with asyncio.timeout(self._target.limits.seconds):
                await sender.fetch(url)
        except Unanswered as error:
            # A host that does not answer proves nothing; one that answers without the image does.
            return Reachable(surface, "gone" if error.why.startswith("status") else "unknown", error.why)
        except TimeoutError:
            return Reachable(surface, "unknown", "late")
        return Reachable(surface, "alive")


def _row(attempt: Attempt, surface: str, outcome: Outcome, how: str = "") -> Row:
    return Row(
        attempt.id,
        attempt.wording,
        surface,
        attempt.lang,
        attempt.family,
        attempt.technique,
        attempt.twin,
        outcome,
        how,
    )

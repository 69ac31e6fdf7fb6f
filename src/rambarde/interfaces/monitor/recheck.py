"""Re-checks: a random share of what is released is looked at again, by other detectors, in the background.

An image is drawn before it leaves and waits, sealed, on a shelf of its own. Whoever looks at it writes the verdict
into the log and erases it. Every draw ends in one verdict: one that nobody could give in time is *unknown*.
"""

from __future__ import annotations

import asyncio
import functools
import logging
import secrets
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta

from rambarde.guard.detectors.contract import Detector, Subject
from rambarde.guard.evidence import Archivist, Matter
from rambarde.guard.inspect import Inspector
from rambarde.guard.media.limits import DEFAULT
from rambarde.guard.policy.language import Requirement
from rambarde.guard.workers.pool import Pool
from rambarde.interfaces import parts
from rambarde.interfaces.settings import Settings
from rambarde.measure.monitor.recheck import UNKNOWN, Test, Verdict, judged, read, refuse_same
from rambarde.measure.monitor.tally import RECHECK, life
from rambarde.nouns.custody import Receipt, Shelf
from rambarde.nouns.decision import Outcome
from rambarde.nouns.fault import Fault, Kind, invalid, place
from rambarde.nouns.sighting import Draw
from rambarde.store.database import Database
from rambarde.store.items import Items
from rambarde.store.monitor import Monitor
from rambarde.store.rechecks import Rechecks

log = logging.getLogger(__name__)

LIFE = timedelta(minutes=30)
"""How long a drawn image may wait."""
CLAIM = timedelta(seconds=60)
TRIES = 3
"""Attempts; one during which a process died counts."""
IDLE = 0.5
UNRECORDED = 150.0
"""Seconds after which a draw without a record was never released."""
Put = Callable[[str, Mapping[str, object]], Receipt]


@dataclass(slots=True)
class Drawing:
    """The chain's `Archivist` before ours: keeps what is due, then draws. It never holds a release up for long, and
    never stops one: what could not be drawn is counted in `missed`.
    """

    inner: Archivist
    share: float
    database: Database
    items: Items
    queue: Rechecks
    draw: Callable[[], float] = secrets.SystemRandom().random
    missed: int = 0

    async def keep(self, matter: Matter) -> None:
        await self.inner.keep(matter)
        if any(made.decision.floor_hit for made in matter.made):
            return  # nothing of this batch leaves
        taken = [
            (index, made.sealed)
            for index, made in enumerate(matter.made)
            if made.decision.outcome is Outcome.ALLOW and self.draw() < self.share
        ]
        draws = []
        try:
            for index, sealed in taken:
                item = await self.items.keep(
                    Shelf.RECHECK,
                    sealed.data,
                    media_type=sealed.media_type,
                    life=LIFE,
                    record=matter.request.id,
                )
                draws.append(Draw("chk_" + secrets.token_hex(16), matter.request.id, index, self.share, item))
            if draws:
                await self.database.run(self.queue.add, draws)
        except Exception as error:
            self.missed += len(taken)
            log.error("%d images could not be drawn for a re-check: %s", len(taken), type(error).__name__)


@dataclass(slots=True)
class Rechecking:
    """Looks at what was drawn, one image at a time. `inspector` has the other detectors and nothing else."""

    tests: tuple[Test, ...]
    inspector: Inspector
    database: Database
    items: Items
    queue: Rechecks
    monitor: Monitor
    put: Put
    judged: int = field(default=0)

    def load(self) -> None:
        """Load the detectors. One that cannot be loaded makes every verdict unknown, and says so."""
        self.inspector.load(pin=True)
        if self.inspector.unfit:
            log.error("re-checks have no answer: unfit detectors: %s", dict(self.inspector.unfit))

    async def run(self) -> None:
        """Until it is cancelled."""
        await asyncio.to_thread(self.load)
        while True:
            try:
                more = await self.one()
            except Exception as error:
                log.error(
                    "a re-check failed: %s at %s; it is tried again", type(error).__name__, place(error)
                )
                more = False
            if not more:
                await asyncio.sleep(IDLE)

    def close(self) -> None:
        self.inspector.close()

    async def one(self) -> bool:
        """Look at one that waits; false if none does."""
        run = self.database.run
        claimed = await run(self.queue.claim, CLAIM)
        if claimed is None:
            return False
        draw, tries = claimed
        record = life(await run(self.monitor.record, draw.record))
        if record is None and not await run(self.queue.old, draw.id, UNRECORDED):
            await run(self.queue.later, draw.id, 1.0, untried=True)  # it is on its way, or never will be
            return True
        if (
            record is not None
            and record.left(draw.output)
            and not await run(self.monitor.withdrawn, draw.record)
        ):
            verdict = await self._verdict(draw, tries)
            if verdict is None:
                await run(self.queue.later, draw.id, 2.0)
                return True
            await self._log(draw, verdict)
        # Else nobody got it: then it is no released image, whatever it shows. Its bytes go first.
        await self.items.destroy(draw.item)
        await run(self.queue.done, draw.id)
        self.judged += 1
        return True

    async def _verdict(self, draw: Draw, tries: int) -> Verdict | None:
        """None: to be tried once more."""
        kept = await self.items.take(draw.item, Shelf.RECHECK)
        if kept is None:
            return Verdict(UNKNOWN, why="late: its time was over")
        if tries > TRIES:
            return Verdict(UNKNOWN, why="the process that looked at it ended")
        try:
            picture = await self.inspector.sight.decode(kept.data, limits=DEFAULT, field="output")
            verdict = judged(self.tests, (await self.inspector.output(picture)).signals)
        except Fault as fault:
            verdict = Verdict(UNKNOWN, why=fault.code)
        return None if verdict.word == UNKNOWN and tries < TRIES else verdict

    async def _log(self, draw: Draw, verdict: Verdict) -> None:
        document = {
            "id": draw.id,
            "at": self.database.clock().isoformat(),
            "record": draw.record,
            "output": draw.output,
            "share": draw.share,
            "verdict": verdict.word,
            "rule": verdict.rule,
            "why": verdict.why,
            "tests": [str(test) for test in self.tests],
            "detectors": dict(self.inspector.versions),
        }
        try:
            await self.database.run(self.put, RECHECK, document)
        except Fault as fault:
            cause = fault.__cause__
            if not (isinstance(cause, Fault) and cause.code == "already_logged"):
                raise


def wanted(settings: Settings, required: Iterable[str]) -> tuple[Test, ...]:
    """The tests that the settings name; none where no share is drawn. Raises `Fault` for such as cannot be."""
    if not settings.recheck_share:
        return ()
    found = read(settings.recheck, "recheck")
    if not found:
        raise invalid(
            "recheck_missing",
            "A share of what is released is to be looked at again, and nothing says how.",
            remedy='Set `recheck`, such as ["regions:exposed>=0.6"], or `recheck_share` to 0.',
            field="recheck",
        )
    refuse_same(found, required, "recheck")
    return found


def inspector(
    settings: Settings, found: Iterable[Test], installed: Iterable[Detector] | None = None
) -> Inspector:
    """The detectors of the tests, not loaded, in one worker process of their own where there are workers.

    Raises `Fault` `recheck_unknown` for a detector or signal that is not installed.
    """
    found = tuple(found)
    given = installed is not None
    detectors = {d.info.name: d for d in (installed if installed is not None else parts.detectors(settings))}
    for test in found:
        detector = detectors.get(test.detector)
        if (
            detector is None
            or detector.info.subject is not Subject.PICTURE
            or test.signal not in {spec.name for spec in detector.info.specs}
        ):
            raise Fault(
                Kind.NOT_FOUND,
                "recheck_unknown",
                f"There is no detector of pictures {test.detector!r} with a signal {test.signal!r}.",
                remedy="`rambarde policy detectors` lists what is installed.",
                field="recheck",
            )
    names = sorted({test.detector for test in found})
    pool = None
    if settings.workers != 0 and not given:
        pool = Pool(functools.partial(parts.chosen, settings, tuple(names)), 1)
    chosen = [detectors[name] for name in names]
    required = [Requirement(d.info.name, d.info.version, "") for d in chosen]
    return Inspector(chosen, required, pool=pool)

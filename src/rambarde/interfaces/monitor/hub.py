"""The hub: the monitor of one gateway, with all that it does in the background."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from rambarde.guard.evidence import Archivist
from rambarde.interfaces.governance.govern import Government
from rambarde.interfaces.monitor import metrics, recheck
from rambarde.interfaces.monitor.alert import Teller, Telling
from rambarde.interfaces.monitor.breaker import Breaker
from rambarde.interfaces.monitor.count import Counter
from rambarde.interfaces.monitor.recheck import Drawing, Put, Rechecking
from rambarde.interfaces.monitor.snapshot import Snapshots
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.nouns.fault import Fault, place
from rambarde.prove.log import Log
from rambarde.store.alarms import Alarms
from rambarde.store.database import Database
from rambarde.store.monitor import Monitor
from rambarde.store.rechecks import Rechecks

log = logging.getLogger(__name__)

EVERY = 1.0
"""Seconds between two looks at the log."""
EXPORT = 60.0
FRESH = 1.0
"""Seconds for which a snapshot is shown again."""


@dataclass(slots=True)
class Hub:
    """Counting, re-checks, alerts and the breaker of one gateway. What fails is logged and tried again."""

    settings: Settings
    database: Database
    counter: Counter
    snapshots: Snapshots
    telling: Telling
    breaker: Breaker | None
    rechecking: Rechecking | None
    drawing: Drawing | None = None
    every: float = EVERY
    closing: bool = field(default=False, init=False)
    """Whoever streams ends then."""
    _tasks: list[asyncio.Task[None]] = field(default_factory=list, init=False)
    _gate: asyncio.Lock = field(default_factory=asyncio.Lock, init=False)
    _shown: tuple[float, dict[str, Any]] | None = field(default=None, init=False)

    def start(self) -> None:
        self._tasks = [
            asyncio.create_task(self._again(self._count, self.every)),
            asyncio.create_task(self._again(self._tell, self.every)),
        ]
        if self.rechecking is not None:
            self._tasks.append(asyncio.create_task(self.rechecking.run()))
        if self.settings.otlp_endpoint:
            self._tasks.append(asyncio.create_task(self._again(self._export, EXPORT)))

    async def close(self) -> None:
        self.closing = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self.abandon()

    def abandon(self) -> None:
        if self.rechecking is not None:
            self.rechecking.close()

    def look(self) -> None:
        """Count what is new, and act on it. Blocking; raises the database's faults."""
        if self.counter.step() is not None and self.breaker is not None:
            self.breaker.act()

    async def snapshot(self) -> dict[str, Any]:
        """As JSON, at most `FRESH` old: many who watch cost as much as one. Raises the database's faults."""
        async with self._gate:
            now = time.monotonic()
            if self._shown is None or now - self._shown[0] > FRESH:
                found = await self.database.run(self.snapshots.now)
                if self.breaker is not None:
                    found["breaker"]["trouble"] = await self.database.run(lambda: self._trouble())
                found["rechecks"]["missed_here"] = self.drawing.missed if self.drawing is not None else 0
                self._shown = (now, found)
            return self._shown[1]

    def _trouble(self) -> str | None:
        return self.breaker.trouble if self.breaker is not None else None

    async def _count(self) -> None:
        await self.database.run(self.look)

    async def _tell(self) -> None:
        await self.telling.once()

    async def _export(self) -> None:
        await metrics.export(self.settings.otlp_endpoint, await self.snapshot(), time.time())

    async def _again(self, work: Callable[[], Awaitable[None]], every: float) -> None:
        while True:
            try:
                await work()
            except Fault as fault:
                log.error("monitor: %s: %s; the next round tries again", fault.code, fault.message)
            except Exception as error:
                log.error("monitor: %s at %s; the next round tries again", type(error).__name__, place(error))
            await asyncio.sleep(every)


def expected(settings: Settings) -> dict[str, float]:
    """The baselines without a history: of released harm what the re-checks would see of it."""
    seen = settings.monitor_baseline * (settings.recheck_share or 1.0)
    return {"refused": settings.monitor_baseline, "released": seen, "breaker": seen}


def snapshots(vault: Vault, settings: Settings) -> Snapshots:
    """What is shown, for a gateway or a command."""
    database = vault.database
    return Snapshots(
        Monitor(database),
        Alarms(database),
        Rechecks(database),
        database.clock,
        expected(settings),
        settings.recheck_share,
        settings.breaker_measure,
    )


def open_hub(
    vault: Vault, settings: Settings, government: Government, tree: Log, put: Put, archivist: Archivist
) -> tuple[Hub, Archivist]:
    """The monitor over an open gateway, and the archivist that its chain is to ask. Raises `Fault` for its settings."""
    database, shown = vault.database, snapshots(vault, settings)
    teller = Teller.of(settings)
    alarms = shown.alarms
    breaker = None
    if settings.breaker_measure:
        breaker = Breaker(
            settings.breaker_measure,
            government.office,
            tree,
            alarms,
            settings.recheck_share,
            database.clock,
            teller.channels,
        )
        if trouble := breaker.trouble:
            log.error("the breaker could not act: %s", trouble)
    counter = Counter(
        shown.monitor,
        database.clock,
        government.tenure.id,
        shown.expected,
        teller.channels,
        trips=breaker is not None,
    )
    rechecking = drawing = None
    if tests := recheck.wanted(settings, (one.name for one in government.tenure.policy.detectors)):
        inspector = recheck.inspector(settings, tests)
        rechecking = Rechecking(tests, inspector, database, vault.items, shown.queue, shown.monitor, put)
        archivist = drawing = Drawing(archivist, settings.recheck_share, database, vault.items, shown.queue)
    hub = Hub(
        settings,
        database,
        counter,
        shown,
        Telling(alarms, teller, database, database.clock),
        breaker,
        rechecking,
        drawing,
    )
    return hub, archivist

"""Wiring: the parts of a gateway, made from settings and put together. The only place that knows them all."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rambarde.guard.chain import Chain, ChainLimits
from rambarde.guard.inspect import Inspector
from rambarde.guard.lineage import Lineage
from rambarde.guard.policy.catalogue import catalogue
from rambarde.guard.policy.reading import FLOORS, digest, shipped
from rambarde.guard.prints import PrintKeeper
from rambarde.guard.room import Room
from rambarde.guard.upstreams.contract import Upstream
from rambarde.interfaces import parts
from rambarde.interfaces.archive import Archive
from rambarde.interfaces.desk import Desk, RecordReader
from rambarde.interfaces.governance.charter import InForce
from rambarde.interfaces.governance.govern import Government, govern
from rambarde.interfaces.http.door import Door
from rambarde.interfaces.http.errors import Links
from rambarde.interfaces.http.identity import Identity
from rambarde.interfaces.monitor.hub import Hub, open_hub
from rambarde.interfaces.retention import Retention
from rambarde.interfaces.revisit import Revisit
from rambarde.interfaces.sealing import open_sealer
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.tracing import Tracing
from rambarde.interfaces.vault import Vault
from rambarde.interfaces.witnesses import send, witnesses
from rambarde.prove.gather import Gatherer
from rambarde.prove.key import open_signer
from rambarde.prove.log import FOLDER, Log
from rambarde.prove.manifest.sealer import ManifestSealer
from rambarde.prove.recorder import LogRecorder
from rambarde.store.items import Items
from rambarde.store.ledger import Ledger
from rambarde.store.shadows import Shadows

logger = logging.getLogger(__name__)

PURGE_SECONDS = 30.0


@dataclass(slots=True)
class Gateway:
    """A gateway ready to be served. `start` returns at once; models load in the background."""

    settings: Settings
    vault: Vault
    log: Log
    government: Government
    recorder: LogRecorder
    chain: Chain
    door: Door
    identity: Identity
    links: Links
    desk: Desk
    revisit: Revisit
    sealer: ManifestSealer
    gatherer: Gatherer
    archive: Archive
    tracing: Tracing
    retention: Retention
    monitor: Hub
    _tasks: list[asyncio.Task[None]] = field(default_factory=list, init=False)

    @property
    def keeper(self) -> Items:
        return self.vault.items

    @property
    def clock(self) -> Callable[[], datetime]:
        return self.vault.database.clock

    async def start(self) -> None:
        await self.chain.upstream.start()
        self.government.tenure.start()
        self._tasks = [asyncio.create_task(self._load()), asyncio.create_task(self._purge())]
        if self.gatherer.witnesses:
            self._tasks.append(asyncio.create_task(self._gather()))
        self.monitor.start()

    async def loaded(self) -> None:
        """Wait until the models are loaded. For whoever has started it."""
        await asyncio.shield(self._tasks[0])

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.monitor.close()
        await self.chain.upstream.close()
        await self.tracing.close()
        self.chain.inspector.close()
        await asyncio.to_thread(self.retention.last)
        await asyncio.to_thread(self.abandon)

    def abandon(self) -> None:
        """Close what `wire` opened, for a gateway that was not started."""
        self.monitor.abandon()
        self.government.tenure.close()
        self.recorder.close()
        self.sealer.close()
        self.log.close()
        self.vault.close()

    def require(self, now: InForce) -> None:
        """Hold the detectors against the policy in force. One that must be loaded first reads *failed* until it is."""
        inspector, required = self.chain.inspector, now.policy.detectors
        if inspector.required != required and inspector.require(required) and self.chain.ready:
            # Not in the lease's thread, which may not wait for a model.
            threading.Thread(target=inspector.load, name="rambarde-load", daemon=True).start()

    async def _load(self) -> None:
        await asyncio.to_thread(self.chain.inspector.load)
        self.chain.ready = True
        if unfit := self.chain.inspector.unfit:
            logger.error("models loaded; unfit, so that nothing is released: %s", dict(unfit))
        else:
            logger.info("models loaded")

    async def _gather(self) -> None:
        """Have the log's checkpoints cosigned."""
        while True:
            try:
                for asked in await self.gatherer.gather():
                    if asked.trouble:
                        level = logging.CRITICAL if asked.code == "witness_other_history" else logging.WARNING
                        logger.log(level, "witness %s: %s: %s", asked.witness, asked.code, asked.trouble)
            except Exception:
                logger.exception("asking the witnesses failed; the next round tries again")
            await asyncio.sleep(self.settings.witness_seconds)

    async def _purge(self) -> None:
        """What has expired is erased, not only hidden."""
        while True:
            try:
                await self.retention.expire()
                await self.retention.hourly()
                await self.vault.database.run(self.tracing.index.catch_up)
                await self.vault.database.run(self.vault.tokens.purge)
                await self.vault.database.run(self.government.office.book.leases.purge)
                await self.vault.database.run(Shadows(self.vault.database).purge)
                await self.vault.database.run(self.monitor.snapshots.monitor.purge)
            except Exception:
                logger.exception("purging failed; the next round tries again")
            await asyncio.sleep(PURGE_SECONDS)


def wire(settings: Settings, *, upstream: Upstream | None = None, demo: bool = False) -> Gateway:
    """Build a gateway. `upstream` replaces the one in the settings (for callers that bring their own); with `demo`,
    demo signers sign the policy, and every checkpoint says so.

    Raises `Fault` for settings, policy, database or log that cannot be used: it does not start half.
    """
    installed = parts.detectors(settings)
    names = catalogue(detector.info for detector in installed)
    generator = upstream or parts.upstream(settings)
    asked = witnesses(settings)
    vault = Vault.open(settings)
    try:
        sealer = open_sealer(settings, vault.database.clock, demo=demo)
        floors = digest(shipped(FLOORS))
        tree = Log.open(
            vault.data / FOLDER,
            open_signer(vault.data),
            Ledger(vault.database),
            extensions=(f"floors {floors}", *(("DEMO",) if demo else ())),
        )
        try:
            government = govern(settings, vault, names, tree, is_demo=demo)
        except BaseException:
            tree.close()
            raise
    except BaseException:
        vault.close()
        raise
    inspector = Inspector(installed, government.tenure.policy.detectors, pool=parts.pool(settings, installed))
    recorder = LogRecorder(tree)
    tracing = Tracing.of(vault, settings, sight=inspector.sight)
    limits = ChainLimits(
        generate=settings.generate_seconds,
        hold=timedelta(days=settings.hold_days),
        file=timedelta(minutes=settings.file_minutes),
    )
    try:
        archive = Archive.open(vault, settings, recorder.put)
        monitor, archivist = open_hub(vault, settings, government, tree, recorder.put, archive)
    except BaseException:
        government.tenure.close()
        recorder.close()
        tree.close()
        vault.close()
        raise
    life = timedelta(hours=settings.original_hours)
    lineage = Lineage(vault.lineage, vault.items, vault.database.clock, inspector.sight, life)
    chain = Chain(
        government.tenure,
        inspector,
        generator,
        recorder,
        vault.items,
        lineage,
        PrintKeeper(tracing.prints, vault.database.clock),
        vault.cipher.blind,
        sealer,
        limits,
        vault.database.clock,
        room=Room(requests=settings.in_flight),
        archivist=archivist,
    )
    desk = Desk.of(vault, settings, recorder)
    gateway = Gateway(
        settings,
        vault,
        tree,
        government,
        recorder,
        chain,
        Door(vault.database, vault.credentials, rate_per_minute=settings.rate_per_minute),
        Identity(vault.database, vault.tokens, vault.items, timedelta(minutes=settings.answer_minutes)),
        Links(settings.base_url),
        desk,
        Revisit(RecordReader(vault).get, government.tenure, recorder, vault.items),
        sealer,
        Gatherer(tree.publisher, asked, send),
        archive,
        tracing,
        Retention(vault, settings, desk, archive, tracing.prints, recorder),
        monitor,
    )
    government.tenure.listen(gateway.require)
    return gateway

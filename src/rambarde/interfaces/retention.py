"""Retention: what is past its time is erased, by one job that gateways and the command share, and the log says so."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from rambarde.interfaces.archive import Archive
from rambarde.interfaces.desk import Desk
from rambarde.interfaces.erasure import Erased, Eraser
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.tracing import expire
from rambarde.interfaces.vault import Vault
from rambarde.nouns.fault import Fault
from rambarde.prove.erasure import ERASURE, erasure
from rambarde.prove.recorder import LogRecorder
from rambarde.store.fingerprints import Fingerprints

log = logging.getLogger(__name__)

EVERY = timedelta(hours=1)
"""How often a gateway erases records that are past `record_days`, and says in the log what expired meanwhile."""
NOBODY = "retention"
"""Who erases, where no person does."""
REASON = "It was past its time."


@dataclass(slots=True)
class Retention:
    """All that expires, over an open vault and log. What a hold freezes stays."""

    vault: Vault
    settings: Settings
    desk: Desk
    archive: Archive
    prints: Fingerprints
    recorder: LogRecorder
    gone: Counter[str] = field(default_factory=Counter)
    """What this process has erased and not yet told the log, by type."""
    _told: datetime | None = None

    async def expire(self) -> None:
        """Erase what has expired, of every type but records."""
        self.gone.update(await self.desk.tidy())
        self.gone.update(await self.vault.items.purged())
        self.gone["evidence"] += await self.archive.tidy()
        self.gone["exposure"] += await self.vault.lineage.purge()
        self.gone["fingerprint"] += await self.vault.database.run(expire, self.vault, self.prints)

    def records(self, days: float, *, person: str = NOBODY, reason: str = REASON) -> Erased:
        """Erase records older than that, and what is kept for them. Blocking; raises as `Eraser.retention`."""
        return Eraser(self.vault, self.recorder, self.archive).retention(days, person=person, reason=reason)

    def tell(self, *, person: str = NOBODY, reason: str = REASON) -> tuple[int, ...]:
        """Say in the log what expired since it was last told; where it says so. Blocking; raises `not_recorded`."""
        gone = {name: count for name, count in sorted(self.gone.items()) if count}
        if not gone:
            return ()
        id, now = f"era_{secrets.token_hex(16)}", self.vault.database.clock()
        told = erasure(id, (), scope="retention", also=gone, person=person, reason=reason, at=now)
        index = self.recorder.put(ERASURE, told).index
        self.gone.subtract(gone)
        return (index,)

    async def hourly(self) -> None:
        """`records` and `tell`, if an hour has passed since the last time, or since the first call."""
        now = self.vault.database.clock()
        if self._told is None:
            self._told = now
        if now - self._told < EVERY:
            return
        self._told = now
        if self.settings.record_days:
            await asyncio.to_thread(self.records, self.settings.record_days)
        await asyncio.to_thread(self.tell)

    def last(self) -> None:
        """`tell`, when the process ends: what cannot be told is noted in the gateway's own log."""
        try:
            self.tell()
        except Fault as fault:
            log.error("the log does not take what expired (%s): %s", fault.code, dict(self.gone))

"""The desk: review and appeals, wired to the database and the log. Gateway and commands share it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

from rambarde.interfaces.opening import opener
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.nouns.fault import Fault, Kind
from rambarde.prove.key import open_signer
from rambarde.prove.log import FOLDER, Log
from rambarde.prove.note import NoteError, open_checkpoint
from rambarde.prove.recorder import LogRecorder
from rambarde.respond import appeals, review
from rambarde.respond.ports import Document, Entry
from rambarde.store.appeals import Appeals
from rambarde.store.ledger import Ledger
from rambarde.store.records import Records
from rambarde.store.reviews import Reviews


@dataclass(frozen=True, slots=True)
class LogJournal:
    """The log, as reviews use it. Without a recorder it can only be read."""

    vault: Vault
    recorder: LogRecorder | None = None

    async def put(self, kind: str, document: Document) -> int:
        if self.recorder is None:
            raise Fault(Kind.INTERNAL, "log_read_only", "The log was opened for reading.", remedy="Open it.")
        try:
            receipt = await asyncio.to_thread(self.recorder.put, kind, document)
        except Fault as fault:
            if isinstance(fault.__cause__, Fault) and fault.__cause__.code == "already_logged":
                raise fault.__cause__ from fault
            raise
        return receipt.index

    async def find(self, kind: str, id: str) -> Entry | None:
        found = await self.vault.database.run(Ledger(self.vault.database).find, kind, id)
        if found is None:
            return None
        return Entry(found.index, json.loads(found.committed.body))


@dataclass(frozen=True, slots=True)
class RecordReader:
    """Records by id, as their documents."""

    vault: Vault

    async def get(self, id: str) -> Document | None:
        found = await self.vault.database.run(Records(self.vault.database).get, id)
        return None if found is None else found.document()


@dataclass(frozen=True, slots=True)
class Desk:
    """Where people decide and appeal."""

    review: review.Review
    appeals: appeals.Appeals
    register: Reviews
    cabinet: Appeals

    @classmethod
    def of(cls, vault: Vault, settings: Settings, recorder: LogRecorder | None) -> Desk:
        """Over an open vault; without a recorder nothing can be decided, only looked at."""
        journal, records = LogJournal(vault, recorder), RecordReader(vault)
        cabinet, register = (
            Appeals(vault.database, vault.cipher, vault.freezer.record),
            Reviews(vault.database),
        )
        models = (settings.upstream_model,) if settings.upstream_model else ()
        return cls(
            review.Review(vault.items, cabinet, register, journal, records, vault.database.clock),
            appeals.Appeals(
                cabinet,
                records,
                journal,
                opener(vault.cipher.blind, models),
                timedelta(days=settings.appeal_days),
            ),
            register,
            cabinet,
        )

    async def tidy(self) -> dict[str, int]:
        """Let verdicts take effect whose process died, and erase what is past its time; how many of each type."""
        await self.review.settle()
        return {"appeal": await self.cabinet.purge(), "outcome": await self.register.purge()}


@contextmanager
def recording(vault: Vault) -> Iterator[LogRecorder]:
    """The log opened for a command beside a running gateway, or without one.

    A command decides nothing by policy: its checkpoints repeat the policy lines of the newest one.
    """
    signer, ledger = open_signer(vault.data), Ledger(vault.database)
    with ledger.reading() as view:
        note = view.checkpoint()
    try:
        lines = open_checkpoint(note, signer.verifier).extensions if note else ()
    except NoteError:
        lines = ()  # `Log.open` says what is wrong with it
    log = Log.open(Path(vault.data) / FOLDER, signer, ledger, extensions=lines)
    try:
        recorder = LogRecorder(log)
        try:
            yield recorder
        finally:
            recorder.close()
    finally:
        log.close()

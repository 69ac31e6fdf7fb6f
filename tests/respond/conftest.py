"""A desk over a real database and a real log, with a clock that tests can move."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest

from rambarde.guard.arrival import Draft, Upload
from rambarde.guard.digest import digest
from rambarde.interfaces.desk import Desk, recording
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.nouns.custody import Shelf
from rambarde.nouns.decision import Outcome, Point
from rambarde.nouns.record import Ending, OutputNote
from rambarde.nouns.request import Action
from rambarde.prove.recorder import LogRecorder
from rambarde.store.cipher import Cipher
from rambarde.store.database import Database
from tests.samples import a_decision, a_record
from tests.store.conftest import Clock, cipher, clock, place

__all__ = ["cipher", "clock", "place"]

WEEK = timedelta(days=7)
PROMPT = "a zebracoloured umbrella"


@dataclass
class Office:
    """A desk with its vault, and ways to put something on it."""

    vault: Vault
    recorder: LogRecorder
    desk: Desk

    async def hold(
        self, number: int = 0, *, rule: str = "nude-looking-output", admit: tuple[str, ...] = ()
    ) -> str:
        """Hold an image, as the chain does; returns its item."""
        record = a_record(number, ending=Ending.HELD, rules=admit)
        item = await self.vault.items.keep(
            Shelf.HELD,
            b"the picture",
            media_type="image/png",
            life=WEEK,
            record=record.id,
            meta={"prompt": PROMPT, "negative_prompt": None},
        )
        seen = a_decision(Point.RELEASE, rule, outcome=Outcome.REVIEW)
        passed = OutputNote(0, a_decision(Point.RELEASE), "d" * 64)
        outputs = (passed, OutputNote(1, seen, "e" * 64, None, item))
        await self.recorder.record(replace(record, outputs=outputs))
        return item

    async def refuse(
        self,
        number: int = 0,
        *,
        rules: tuple[str, ...] = ("real-person-degrading",),
        draft: Draft | None = None,
        ending: Ending = Ending.REFUSED,
    ) -> str:
        """Refuse a request; returns the decision's id. `draft` is what was asked for."""
        record = a_record(number, ending=ending)
        refused = a_decision(Point.ADMIT, *rules, outcome=Outcome.BLOCK)
        action = Action.EDIT if draft and draft.images else Action.GENERATE
        committed = self.vault.cipher.blind(record.id, digest(action, draft)) if draft else "0" * 64
        await self.recorder.record(
            replace(
                record,
                admit=refused,
                outputs=(),
                request=committed,
                action=action.value,
                n=draft.n if draft else 1,
                size=draft.size if draft else "auto",
            )
        )
        return record.id


@contextmanager
def an_office(place: str, folder: Path, clock: Clock, cipher: Cipher) -> Iterator[Office]:
    database = Database.open(place, clock=clock)
    vault = Vault.over(folder, database, cipher)
    try:
        with recording(vault) as recorder:
            yield Office(vault, recorder, Desk.of(vault, Settings(), recorder))
    finally:
        vault.close()


@pytest.fixture
def office(place: str, tmp_path: Path, clock: Clock, cipher: Cipher) -> Iterator[Office]:
    with an_office(place, tmp_path, clock, cipher) as made:
        yield made


def upload(data: bytes) -> Upload:
    return Upload(data)


def run_together(*calls: object) -> list[object]:
    """Await coroutines in threads of their own at the same moment; faults are returned."""
    from concurrent.futures import ThreadPoolExecutor
    from threading import Barrier

    barrier = Barrier(len(calls))

    def one(call: object) -> object:
        barrier.wait(10)
        try:
            return asyncio.run(call)  # type: ignore[arg-type]
        except Exception as error:
            return error

    with ThreadPoolExecutor(len(calls)) as pool:
        return list(pool.map(one, calls))

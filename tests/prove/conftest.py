"""A log in a folder with a real database behind it, opened and reopened."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from rambarde.nouns.custody import Committed
from rambarde.prove.commitment import commit
from rambarde.prove.key import open_signer, read_verifier
from rambarde.prove.log import Log
from rambarde.prove.note import Checkpoint, Verifier, open_checkpoint
from rambarde.prove.report import Report
from rambarde.prove.verify import verify_log
from rambarde.store.database import Database
from rambarde.store.ledger import Ledger
from tests.samples import a_record


@dataclass
class House:
    """A data folder, its database and its log."""

    data: Path
    place: str
    database: Database
    ledger: Ledger
    log: Log

    @property
    def folder(self) -> Path:
        return self.data / "log"

    @property
    def verifier(self) -> Verifier:
        return read_verifier(self.data)

    def add(self, count: int, *, start: int | None = None) -> list[Committed]:
        """Append `count` records as one batch."""
        first = self.log.size if start is None else start
        batch = commit_records(first, count)
        self.log.append(batch)
        return batch

    def verify(self) -> Report:
        return verify_log(self.folder, self.verifier, self.ledger)

    def checkpoint(self) -> Checkpoint:
        return open_checkpoint((self.folder / "checkpoint").read_text(), self.verifier)

    def reopen(self) -> Log:
        self.log.close()
        self.log = Log.open(self.folder, open_signer(self.data), self.ledger)
        return self.log

    def close(self) -> None:
        self.log.close()
        self.database.close()


def commit_records(first: int, count: int) -> list[Committed]:
    return [
        commit("record", a_record(number, rules=("a-rule",) if number % 3 == 0 else ()).as_json())
        for number in range(first, first + count)
    ]


def build(data: Path, place: str | None = None, *, timeout: float = 5.0) -> House:
    place = place or str(data)
    database = Database.open(place, timeout=timeout)
    ledger = Ledger(database)
    log = Log.open(data / "log", open_signer(data), ledger, extensions=("policy sha256:ab",))
    return House(data, place, database, ledger, log)


@pytest.fixture(autouse=True, scope="session")
def no_waiting_for_the_disk() -> Iterator[None]:
    """No test pulls the plug, and kill -9 loses nothing that was written: fsync would only cost time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", lambda _handle: None)
        yield


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """On SQLite."""
    house = build(tmp_path / "data")
    yield house
    house.close()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def any_house(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[House]:
    """On each database."""
    place: str | None = None
    if request.param == "postgresql":
        place = request.getfixturevalue("new_postgres")()
    house = build(tmp_path / "data", place)
    yield house
    house.close()

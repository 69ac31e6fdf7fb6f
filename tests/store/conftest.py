"""A database at the newest schema, on SQLite and on PostgreSQL, with a clock that tests can move."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from rambarde.store.cipher import Cipher
from rambarde.store.database import Database


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 1, 9, 12, 0, 0, 123456, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **units: float) -> None:
        self.now += timedelta(**units)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where to open a database: the same again gives the same one."""
    if request.param == "sqlite":
        return str(tmp_path)
    return str(request.getfixturevalue("new_postgres")())


@pytest.fixture
def database(place: str, clock: Clock) -> Iterator[Database]:
    database = Database.open(place, clock=clock)
    yield database
    database.close()


@pytest.fixture
def cipher() -> Cipher:
    return Cipher(bytes(range(32)))

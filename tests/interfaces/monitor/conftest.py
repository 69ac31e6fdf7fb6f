"""A log in a database, with a clock that tests can move."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from rambarde.nouns.sighting import Logged
from rambarde.store.database import Database
from rambarde.store.schema import log_entries
from tests.measure.monitor.documents import NOON

both = pytest.mark.parametrize(
    "place", ["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)], indirect=True
)


class Clock:
    def __init__(self) -> None:
        self.now = NOON

    def __call__(self) -> datetime:
        return self.now

    def forward(self, **units: float) -> None:
        self.now += timedelta(**units)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Where to open a database; `both` asks for PostgreSQL, too."""
    if getattr(request, "param", "sqlite") == "sqlite":
        return str(tmp_path)
    return str(request.getfixturevalue("new_postgres")())


@pytest.fixture
def database(place: str, clock: Clock) -> Iterator[Database]:
    database = Database.open(place, clock=clock)
    yield database
    database.close()


def write(database: Database, *documents: Logged) -> None:
    """Put documents into the log as they stand: without commitments, which no count looks at."""
    rows = [
        {
            "seq": one.index,
            "kind": one.kind,
            "id": one.id,
            "entry": b"",
            "body": one.body,
            "salt": b"",
            "commitment": b"",
        }
        for one in documents
    ]
    with database.writing() as connection:
        connection.execute(log_entries.insert(), rows)

"""Fixtures that several parts share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from rambarde.guard.inspect import Inspector
from rambarde.interfaces import parts
from rambarde.interfaces.settings import Settings
from tests.postgres import NewDatabase, postgres_server


@pytest.fixture(scope="session")
def new_postgres() -> Iterator[NewDatabase]:
    """Makes a PostgreSQL database and returns its URL. Tests that use it are `slow`."""
    with postgres_server() as new_database:
        yield new_database


@pytest.fixture(scope="session")
def inspector() -> Iterator[Inspector]:
    """The shipped detectors, loaded once. Gateways of single tests borrow it, or make another of its detectors."""
    _, made, _ = parts.judging(Settings())
    made.load()
    assert not made.unfit, made.unfit
    close = made.close
    made.close = lambda: None  # type: ignore[method-assign]
    for loaded in (made, *made._detectors):
        loaded.load = lambda: None  # type: ignore[method-assign]
    yield made
    close()

"""Fixtures that several parts share."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from tests.postgres import postgres_server


@pytest.fixture(scope="session")
def new_postgres() -> Iterator[Callable[[], str]]:
    """Makes an empty PostgreSQL database and returns its URL. Tests that use it are `slow`."""
    with postgres_server() as empty_database:
        yield empty_database

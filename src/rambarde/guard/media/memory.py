"""Memory: what the C library holds back after something large was freed, and tables that need not be in it."""

from __future__ import annotations

import ctypes
import sys
import tempfile
from typing import Any

import numpy as np
from numpy.typing import NDArray

_M_ARENA_MAX = -8


def give_back() -> None:
    """Hand freed memory back to the system, where it is glibc's; after models were loaded, some ten megabytes."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


def few_heaps() -> None:
    """One heap for all threads of this process, where it is glibc's: for a process of its own, at its start.

    Else each thread that ever held a picture keeps a heap of its own size.
    """
    if sys.platform == "linux":
        option = getattr(ctypes.CDLL(None), "mallopt", None)
        if option is not None:
            option(_M_ARENA_MAX, 1)


def mapped(table: NDArray[Any]) -> NDArray[Any]:
    """The same table, read-only, from an unnamed file: only the rows that are read take memory, and that can be
    taken back.

    For large tables of which a text or picture needs few rows. The table itself where no file can be written.
    """
    try:
        with tempfile.TemporaryFile() as file:
            np.ascontiguousarray(table).tofile(file)
            file.flush()
            # Keeps a descriptor of its own.
            return np.asarray(np.memmap(file, table.dtype, "r", shape=table.shape))
    except (OSError, ValueError):
        return table

"""Memory: what the C library holds back after something large was freed."""

from __future__ import annotations

import ctypes
import sys

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

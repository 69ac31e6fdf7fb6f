"""A memo: what was found in a picture, kept exactly as long as the picture itself."""

from __future__ import annotations

import threading
import weakref
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Generic, TypeVar

from numpy.typing import NDArray

T = TypeVar("T")


class Memo(Generic[T]):
    """Computes once per pixel array, also when several threads ask at the same time.

    The array is known by identity and held weakly: when the picture goes, so does what was found in it, and
    no pixel outlives its request here. An array that could still change is never remembered. A computation
    that raises is not remembered either; every waiter gets the error.
    """

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a weak reference may die while this thread holds the lock
        self._found: dict[int, tuple[weakref.ref[Any], Future[T]]] = {}

    def get(self, array: NDArray[Any], compute: Callable[[], T]) -> T:
        """What `compute` returns for this array, from memory if it is there."""
        if array.flags.writeable:
            return compute()
        key = id(array)
        with self._lock:
            entry = self._found.get(key)
            if entry is not None and entry[0]() is array:
                future, mine = entry[1], False
            else:
                future, mine = Future(), True
                self._found[key] = (weakref.ref(array, lambda ref: self._forget(key, ref)), future)
        if mine:
            try:
                future.set_result(compute())
            except BaseException as error:
                with self._lock:
                    self._found.pop(key, None)
                future.set_exception(error)
        return future.result()

    def __contains__(self, array: object) -> bool:
        """Whether it is known for this array, or somebody is at it."""
        entry = self._found.get(id(array))
        return entry is not None and entry[0]() is array

    def _forget(self, key: int, ref: weakref.ref[Any]) -> None:
        with self._lock:
            entry = self._found.get(key)
            if entry is not None and entry[0] is ref:
                del self._found[key]

    def __len__(self) -> int:
        return len(self._found)

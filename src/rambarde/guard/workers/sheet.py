"""A sheet: one picture in memory that several processes read. It has no name, and goes with its last holder."""

from __future__ import annotations

import itertools
import mmap
import os
import sys
import weakref
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from rambarde.guard.media.memo import Memo
from rambarde.nouns.request import Picture

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer
    from numpy.typing import NDArray

if sys.platform == "linux":
    import fcntl

    _SEALS = fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE | fcntl.F_SEAL_SEAL
else:
    import _posixshmem
    import secrets

_fresh = itertools.count()


class Sheet:
    """Bytes behind a file descriptor, written once. Closed when nobody refers to it any more.

    On Linux it is a sealed memfd: whoever receives it can rely on it that neither size nor content change.
    """

    __slots__ = ("__weakref__", "fd", "size")

    def __init__(self, fd: int, size: int) -> None:
        """Take over a descriptor."""
        self.fd, self.size = fd, size
        weakref.finalize(self, os.close, fd)

    @classmethod
    def of(cls, *parts: ReadableBuffer) -> Sheet:
        """The parts behind each other. Raises `OSError` where memory or descriptors are out."""
        views = [memoryview(part).cast("B") for part in parts]
        sheet = cls(_new(), sum(len(view) for view in views))
        _write(sheet, views)
        return sheet

    @classmethod
    def received(cls, fd: int, size: int) -> Sheet:
        """One that another process has written. Raises `ValueError` if it is smaller than said, or could still change:

        then reading it could end this process.
        """
        sheet = cls(fd, size)
        if os.fstat(fd).st_size < size or not _sealed(fd):
            raise ValueError("a sheet that may change under the reader")
        return sheet

    def map(self) -> mmap.mmap | bytes:
        """Its bytes, read-only; they live as long as what is returned, also without the sheet."""
        if not self.size:
            return b""
        return mmap.mmap(self.fd, self.size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ)


@dataclass(frozen=True, slots=True)
class Drawn:
    """A picture on a sheet: red, green, blue of each pixel, then `alpha` if there is one, then the file.

    `key` names its pixels: two with the same key show the same.
    """

    sheet: Sheet
    key: str
    media_type: str
    sha256: str
    width: int
    height: int
    has_alpha: bool

    def picture(self, data: bytes | None = None) -> Picture:
        """The picture, its pixels not copied. `data` are the bytes of its file, where they are at hand.

        Raises `ValueError` if the sheet is too small for what is said to be on it.
        """
        area = self.width * self.height
        pixels = area * (4 if self.has_alpha else 3)
        if min(self.width, self.height) < 1 or self.sheet.size < pixels:
            raise ValueError("a sheet without its picture")
        whole = self.sheet.map()
        rgb: NDArray[np.uint8] = np.ndarray((self.height, self.width, 3), np.uint8, whole)
        alpha: NDArray[np.uint8] | None = None
        if self.has_alpha:
            alpha = np.ndarray((self.height, self.width), np.uint8, whole, offset=3 * area)
        file = data if data is not None else bytes(memoryview(whole)[pixels:])
        return Picture(file, self.media_type, self.sha256, rgb, alpha)


_drawn: Memo[Drawn] = Memo()


def draw(picture: Picture, key: str | None = None) -> Drawn:
    """Write a picture on a sheet, under a key of its own if it has none. Raises `OSError` as `Sheet.of`."""
    alpha = () if picture.alpha is None else (np.ascontiguousarray(picture.alpha).data,)
    sheet = Sheet.of(np.ascontiguousarray(picture.rgb).data, *alpha, picture.data)
    return Drawn(
        sheet,
        key or f"new {next(_fresh)}",
        picture.media_type,
        picture.sha256,
        picture.width,
        picture.height,
        bool(alpha),
    )


def keep(picture: Picture, drawn: Drawn) -> None:
    """Remember on which sheet a picture is, as long as it lives."""
    _drawn.get(picture.rgb, lambda: drawn)


def drawn(picture: Picture) -> Drawn:
    """The sheet of a picture, written now if it has none."""
    found = _drawn.get(picture.rgb, lambda: draw(picture))
    return found if found.sha256 == picture.sha256 else draw(picture)


if sys.platform == "linux":

    def _new() -> int:
        return os.memfd_create("picture", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)

    def _write(sheet: Sheet, views: list[memoryview]) -> None:
        # Written, not mapped: where memory is out, that is an error and no signal.
        for view in views:
            done = 0
            while done < len(view):
                done += os.write(sheet.fd, view[done:])
        fcntl.fcntl(sheet.fd, fcntl.F_ADD_SEALS, _SEALS)

    def _sealed(fd: int) -> bool:
        return fcntl.fcntl(fd, fcntl.F_GET_SEALS) & _SEALS == _SEALS

else:

    def _new() -> int:
        name = f"/rambarde-{secrets.token_hex(8)}"
        fd = _posixshmem.shm_open(name, os.O_RDWR | os.O_CREAT | os.O_EXCL, mode=0o600)
        _posixshmem.shm_unlink(name)
        return fd

    def _write(sheet: Sheet, views: list[memoryview]) -> None:
        if not sheet.size:
            return
        os.ftruncate(sheet.fd, sheet.size)
        with mmap.mmap(sheet.fd, sheet.size) as whole:
            for view in views:
                whole.write(view)

    def _sealed(fd: int) -> bool:
        return True  # there, the size of such memory is set once

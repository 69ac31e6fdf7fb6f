"""A quick look at a bundle: whether tile, entries and rows are right, without an object per entry.

It says yes or nothing. Whatever it does not understand is for the careful look, which finds out what is wrong.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from functools import lru_cache
from hashlib import sha256

from rambarde.nouns.fault import Fault
from rambarde.prove.commitment import SALT_BYTES, VERSION, entry_of
from rambarde.prove.ports import Ledger, SoundRow
from rambarde.prove.tiles import WIDTH, TileError, TileFolder

_PAGE = 8 * WIDTH
_ZEROS = b"0" * 64


class QuickLook:
    """Over a folder and, if given, the database. `erased` collects the indexes of rows without body and salt."""

    def __init__(self, folder: TileFolder, ledger: Ledger | None) -> None:
        self._folder = folder
        self._ledger = ledger
        self._page: dict[int, SoundRow] = {}
        self._until = 0
        self._ahead: tuple[int, Future[list[SoundRow]]] | None = None
        """The next page, which is read while this one is looked at: the disk need not be waited for."""
        self._reader = ThreadPoolExecutor(1, thread_name_prefix="rambarde-verify")
        self.erased: list[int] = []

    def close(self) -> None:
        self._reader.shutdown(cancel_futures=True)

    def leaves(self, index: int, width: int, stop: int) -> bytes | None:
        """The `width` leaf hashes of the bundle, joined, if all is right with it; else None.

        `stop` is the end of the log: rows are read in pages.
        """
        try:
            tile = self._folder.data(index, width)
            entries = self._folder.bundle(index, width)
        except TileError:
            return None
        hashes = b"".join([sha256(b"\0" + entry).digest() for entry in entries])
        if hashes != tile:
            return None
        if self._ledger is not None and not self._rows(self._ledger, index * WIDTH, entries, stop):
            return None
        return hashes

    def _rows(self, ledger: Ledger, start: int, entries: list[bytes], stop: int) -> bool:
        if start >= self._until:
            self._until = min(start + _PAGE, stop)
            try:
                self._page = {row[0]: row for row in self._read(ledger, start, stop)}
            except Fault:
                self._page = {}  # the careful look tells which row it is
        erased: list[int] = []
        for seq, entry in enumerate(entries, start):
            row = self._page.get(seq)
            if row is None:
                return False
            _, kind, salt, body, commitment, stored = row
            frame = _frame(kind)
            if frame is None or stored != entry or frame[1] + commitment.hex().encode() + frame[2] != entry:
                return False
            if not salt and not body:
                erased.append(seq)
            elif len(salt) != SALT_BYTES or sha256(frame[0] + salt + body).digest() != commitment:
                return False
        self.erased += erased
        return True

    def _read(self, ledger: Ledger, start: int, stop: int) -> list[SoundRow]:
        ahead, self._ahead = self._ahead, None
        rows = ahead[1].result() if ahead is not None and ahead[0] == start else None
        if self._until < stop:
            following = self._until, min(self._until + _PAGE, stop)
            self._ahead = self._until, self._reader.submit(ledger.sound, *following)
        return ledger.sound(start, self._until) if rows is None else rows


@lru_cache(maxsize=256)
def _frame(kind: str) -> tuple[bytes, bytes, bytes] | None:
    """What stands before a commitment's salt, and around the commitment in its entry."""
    try:
        before, after = entry_of(kind, bytes(32)).split(_ZEROS)
        return f"rambarde/{kind}/{VERSION}\0".encode(), before, after
    except ValueError:
        return None

"""The publisher: brings the folder of tiles up to the database, whose entries and signed checkpoint it follows.

Every file is on disk before the checkpoint that covers it is put in place. What is written was committed before,
so that a process which dies half-way leaves only what the next one would write anyway.
"""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rambarde.prove import refusals
from rambarde.prove.cosigned import COSIGNED
from rambarde.prove.edge import Edge
from rambarde.prove.merkle import Frontier, leaf_hash
from rambarde.prove.note import Checkpoint, Note, NoteError, Verifier, open_checkpoint
from rambarde.prove.ports import Ledger, LedgerReader
from rambarde.prove.tiles import WIDTH, MissingTile, TileError, TileFolder, levels_of

LOCK_SECONDS = 10.0
"""How long to wait for another process that is publishing to the same folder."""
_PAGE = 16 * WIDTH
_CHECKED_BUNDLES = 16


class Publisher:
    """Writes one folder. Thread-safe, and several processes may share the folder and the database."""

    def __init__(self, folder: Path, verifier: Verifier, ledger: Ledger) -> None:
        self.folder = TileFolder(folder)
        self._verifier = verifier
        self._ledger = ledger
        self._edge = Edge()
        self._text = ""
        """The published checkpoint, without its signatures, that `_edge` belongs to."""
        self._mutex = threading.Lock()
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = os.open(folder.with_name(f"{folder.name}.lock"), os.O_CREAT | os.O_RDWR, 0o600)

    def close(self) -> None:
        """Idempotent."""
        with self._mutex:
            if self._lock >= 0:
                os.close(self._lock)
                self._lock = -1

    @property
    def size(self) -> int:
        """Entries under the checkpoint that this process published or found last."""
        return self._edge.size

    def recover(self, truth: LedgerReader, note: str) -> Frontier:
        """Check the folder against the database, mend what is missing, publish `note`, and return the tree's frontier.

        Checked: the published checkpoint, the right edge of the tree, and the newest 4,096 entries.
        Raises `Fault(INTERNAL)` as `Log.open`.
        """
        with self._mutex, self._alone(), _writable():
            head = self._opened(note, "database")
            published = self._published(head)
            self.folder.sweep(head.size)
            try:
                edge = Edge.read(self.folder, head.size)
                self._check_full_tiles(head.size)
            except MissingTile:
                edge = self._grown(truth, self._known(published), head)
            except TileError as error:
                raise refusals.disagrees(str(error)) from error
            if edge.root() != head.root:
                raise refusals.disagrees("The newest tiles do not hash to the signed root.")
            self._check_newest(truth, head.size)
            self._place(edge, note)
            return edge.frontier()

    def publish(self) -> int:
        """Publish what the database has signed for; returns its size.

        Raises `Fault(INTERNAL)` with code `log_unwritable`, `log_locked`, `log_forked`, `log_rolled_back`,
        `log_damaged`, `log_disagrees`, `log_truncated`, and the database's; then the folder stays as it was.
        """
        with self._mutex, self._alone(), _writable(), self._ledger.reading() as truth:
            note = truth.checkpoint() or ""
            head = self._opened(note, "database")
            found = self._published(head)
            if found is None or found.text() != self._text:
                # Another process was here, or somebody tidied up.
                self._edge, self._text = self._known(found), ""
            if found is not None and found.text() == head.text():
                return head.size
            grown = self._edge.copy()
            filled: list[str] = []
            try:
                for page in pages(truth, grown.size, head.size):
                    files, full = grown.extend(page)
                    filled += full
                    self.folder.write(files)
                if grown.root() != head.root:
                    raise refusals.unsigned_root(head.size)
            except BaseException:
                self._text = ""  # read again what is there
                raise
            self._place(grown, note)
            self.folder.drop_partials(filled)
            return head.size

    def cosigned(self, note: str) -> None:
        """Keep `note`, a checkpoint of this log with its cosignatures, and show these on the published one if it is it.

        Raises as `publish`.
        """
        with self._mutex, self._alone(), _writable():
            self._opened(note, "witnesses")
            self.folder.publish(self.folder.stage_checkpoint(note), COSIGNED)
            if self._text_there() == Note.parse(note).text:
                self.folder.publish(self.folder.stage_checkpoint(note))

    def _place(self, edge: Edge, note: str) -> None:
        text = Note.parse(note).text
        if text != self._text_there():  # cosignatures that are there stay
            staged = self.folder.stage_checkpoint(note)
            try:
                self.folder.publish(staged)
            except BaseException:
                staged.unlink(missing_ok=True)
                raise
        self._edge, self._text = edge, text

    def _text_there(self) -> str:
        there = self.folder.checkpoint()
        return "" if there is None else Note.parse(there).text

    def _opened(self, note: str, where: str) -> Checkpoint:
        try:
            return open_checkpoint(note, self._verifier)
        except NoteError as error:
            raise refusals.damaged(where, error) from error

    def _published(self, head: Checkpoint) -> Checkpoint | None:
        """The checkpoint in the folder, which must be an earlier one of the same log."""
        try:
            note = self.folder.checkpoint()
        except TileError as error:
            raise refusals.damaged("published log", error) from error
        if note is None:
            return None
        published = self._opened(note, "published log")
        if published.size > head.size:
            raise refusals.rolled_back(head.size, published.size)
        if published.size == head.size and published.root != head.root:
            raise refusals.forked(head.size)
        return published

    def _known(self, published: Checkpoint | None) -> Edge:
        """Where to grow from: the published tree if its files are all there, else from nothing."""
        if published is None:
            return Edge()
        try:
            edge = Edge.read(self.folder, published.size)
            self._check_full_tiles(published.size)
        except TileError:
            return Edge()
        return edge if edge.root() == published.root else Edge()

    def _grown(self, truth: LedgerReader, edge: Edge, head: Checkpoint) -> Edge:
        """`edge` grown to `head` from the database; files are written only once the root is right."""
        trial, frontier = edge.copy(), edge.frontier()
        for page in pages(truth, edge.size, head.size):
            for entry in page:
                frontier.append(leaf_hash(entry))
        if frontier.root() != head.root:
            raise refusals.unsigned_root(head.size)
        for page in pages(truth, edge.size, head.size):
            files, _filled = trial.extend(page)
            self.folder.write(files)
        return trial

    def _check_full_tiles(self, size: int) -> None:
        """Raise `MissingTile` if the last full tile of a level is not there, as after a torn copy."""
        for level, (full, _) in enumerate(levels_of(size)):
            if full:
                self.folder.tile(level, full - 1)

    def _check_newest(self, truth: LedgerReader, size: int) -> None:
        bundles = -(-size // WIDTH)
        for index in range(max(0, bundles - _CHECKED_BUNDLES), bundles):
            start, stop = index * WIDTH, min(size, (index + 1) * WIDTH)
            entries = [entry for _, entry in truth.entries(start, stop)]
            try:
                same = self.folder.bundle(index, stop - start) == entries and self.folder.tile(
                    0, index, stop - start
                ) == [leaf_hash(entry) for entry in entries]
            except TileError as error:
                raise refusals.disagrees(str(error)) from error
            if not same:
                raise refusals.disagrees(f"Entries {start} to {stop - 1} are not the same in both.")

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Exclude other processes on this folder: its checkpoint only ever grows."""
        deadline = time.monotonic() + LOCK_SECONDS
        while True:
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() > deadline:
                    raise refusals.locked() from None
                time.sleep(0.002)
            except OSError as error:
                raise refusals.unwritable(error) from error
        try:
            yield
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)


@contextmanager
def _writable() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise refusals.unwritable(error) from error


def pages(truth: LedgerReader, start: int, stop: int) -> Iterator[list[bytes]]:
    """Entries without a gap, a page at a time. Raises `Fault(INTERNAL, "log_truncated")`."""
    for place in range(start, stop, _PAGE):
        found = list(truth.entries(place, min(stop, place + _PAGE)))
        if [index for index, _ in found] != list(range(place, min(stop, place + _PAGE))):
            raise refusals.truncated(
                f"entries are missing from the database between {place} and {place + _PAGE}."
            )
        yield [entry for _, entry in found]

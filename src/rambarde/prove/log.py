"""The log: entries get their place, the tree grows, and a signed checkpoint covers them.

The database is the truth: entries and the checkpoint over them enter it in one transaction, and only then
is the checkpoint published. The tiles are written and on disk before that transaction ends, so that a full
disk undoes everything. Tiles beyond the checkpoint are leftovers of what was undone; nothing reads them.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rambarde.nouns.custody import Committed
from rambarde.nouns.fault import Fault, Kind
from rambarde.prove.edge import Edge
from rambarde.prove.merkle import leaf_hash
from rambarde.prove.note import Checkpoint, NoteError, Signer, open_checkpoint, sign_checkpoint
from rambarde.prove.ports import Ledger, LedgerReader, LedgerWriter
from rambarde.prove.tiles import WIDTH, MissingTile, TileError, TileFolder, levels_of

COUNTED = "policy-change"
"""Every checkpoint says how many entries of this kind there are, and which is the last: `changes N sha256:…`."""
_COUNT = "changes "
FOLDER = "log"
LOCK_SECONDS = 10.0
"""How long to wait for another process that is appending to the same folder."""
_PAGE = 16 * WIDTH
_CHECKED_BUNDLES = 16
_CLEAN, _WRITING = b"0", b"1"
_REBUILD = "Stop the gateway, run `rambarde log verify`, and keep a copy. If the database is right, move the"


@dataclass(frozen=True, slots=True)
class Appended:
    """The batch stands at the indexes from `first` on, under a signed checkpoint of `size` entries."""

    first: int
    size: int


class Log:
    """An append-only log in a folder of tiles and a database. Several processes may share both.

    `extensions` are the extension lines of the next checkpoints (`policy sha256:…`, `floors sha256:…`). The line
    of the changes is the log's own: so whoever hides the newest change from a reader contradicts a signature.
    """

    def __init__(self, folder: Path, signer: Signer, ledger: Ledger, extensions: Sequence[str] = ()) -> None:
        self.folder = TileFolder(folder)
        self.extensions = tuple(extensions)
        self._signer = signer
        self._ledger = ledger
        self._edge = Edge()
        self._mutex = threading.Lock()
        folder.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._lock = os.open(folder.with_name(f"{folder.name}.lock"), os.O_CREAT | os.O_RDWR, 0o600)

    @classmethod
    def open(cls, folder: Path, signer: Signer, ledger: Ledger, *, extensions: Sequence[str] = ()) -> Log:
        """Open the log in `folder` (made if need be) and bring the tiles up to the database.

        Missing tiles are written again from the database, after its entries were checked against the
        signed checkpoint. Checked at every start: the checkpoint, the right edge of the tree, and the
        newest 4,096 entries; `rambarde.prove.verify` checks everything.

        Raises `Fault(INTERNAL)`, which says what to do: `log_key_mismatch`, `log_rolled_back` (the database
        is older than the published log), `log_truncated`, `log_forked`, `log_disagrees` (a tile),
        `log_damaged` (a checkpoint), `log_unwritable`, `log_locked`, and the database's.
        """
        log = cls(folder, signer, ledger, extensions)
        try:
            if ledger.pin(str(signer.verifier)) != str(signer.verifier):
                raise Fault(
                    Kind.INTERNAL,
                    "log_key_mismatch",
                    "the database belongs to a log with another key.",
                    remedy="Restore the log.key of this database; gateways on one database share it.",
                )
            with log._alone(), log._writable():
                with ledger.writing() as truth:
                    note = log._recover(truth)
                log.folder.publish(log.folder.stage_checkpoint(note))
        except BaseException:
            log.close()
            raise
        return log

    def close(self) -> None:
        """Idempotent."""
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    @property
    def size(self) -> int:
        """Entries this process knows of."""
        return self._edge.size

    @property
    def origin(self) -> str:
        return self._signer.name

    def append(self, batch: Sequence[Committed]) -> Appended:
        """Log `batch`, in order. On return it is on disk, under a signed checkpoint.

        If it raises, nothing of it is in the log, except that a database whose connection broke during the
        commit may have it. Raises `Fault(CONFLICT, "already_logged")`, `Fault(INTERNAL)` as `open`, and
        the database's.
        """
        with self._mutex, self._alone(), self._writable():
            written: list[str] = []
            staged: Path | None = None
            try:
                with self._ledger.writing() as truth:
                    self._edge = self._caught_up(truth)
                    head = self._head(truth, self._edge.size)  # also what it counts must be of this very tree
                    grown = self._edge.copy()
                    files, filled = grown.extend(item.entry for item in batch)
                    truth.add(self._edge.size, batch)
                    lines = _counted(self.extensions, head.extensions, batch)
                    note = sign_checkpoint(self._signer, grown.size, grown.root(), lines)
                    truth.set_checkpoint(note)
                    written = [file.path for file in files]
                    self._mark(_WRITING)
                    self.folder.write(files)
                    staged = self.folder.stage_checkpoint(note)
            except BaseException:
                self.folder.remove(written)
                if staged is not None:
                    staged.unlink(missing_ok=True)
                raise
            first, self._edge = self._edge.size, grown
            # The entries are durable and signed for. Should these fail, the next append publishes.
            try:
                self.folder.publish(staged)
                self.folder.drop_partials(filled)
            except OSError:
                staged.unlink(missing_ok=True)
            return Appended(first, grown.size)

    def _caught_up(self, truth: LedgerWriter) -> Edge:
        """Our edge, grown by what other processes logged meanwhile."""
        size = truth.size()
        if os.pread(self._lock, 1, 0) == _WRITING:
            self.folder.sweep(size)
        if size == self._edge.size:
            return self._edge
        if size < self._edge.size:
            raise _rolled_back(size, self._edge.size)
        return self._grown(truth, self._edge, self._head(truth, size))

    def _recover(self, truth: LedgerWriter) -> str:
        """Make `_edge` the edge of the truth, and return the truth's checkpoint."""
        size, note = truth.size(), truth.checkpoint()
        if note is None and size == 0:
            note = sign_checkpoint(self._signer, 0, Edge().root(), _counted(self.extensions, (), ()))
            truth.set_checkpoint(note)
        head = self._head(truth, size)
        published = self._published(head)
        self.folder.sweep(size)
        try:
            edge = Edge.read(self.folder, size)
            self._check_full_tiles(size)
        except MissingTile:
            edge = self._grown(truth, self._known(published), head)
        except TileError as error:
            raise _disagrees(str(error)) from error
        if edge.root() != head.root:
            raise _disagrees("The newest tiles do not hash to the signed root.")
        self._check_newest(truth, size)
        self._edge = edge
        return note or ""

    def _head(self, truth: LedgerReader, size: int) -> Checkpoint:
        """The database's own checkpoint, which must be over exactly its entries."""
        note = truth.checkpoint()
        try:
            head = open_checkpoint(note or "", self._signer.verifier)
        except NoteError as error:
            raise _damaged("database", error) from error
        if head.size != size:
            raise Fault(
                Kind.INTERNAL,
                "log_truncated",
                f"the database holds {size} entries and signed for {head.size}.",
                remedy="Stop the gateway, keep a copy, and restore the last backup of the database.",
            )
        return head

    def _published(self, head: Checkpoint) -> Checkpoint | None:
        """The checkpoint in the folder, which must be an earlier one of the same log."""
        try:
            note = self.folder.checkpoint()
            published = None if note is None else open_checkpoint(note, self._signer.verifier)
        except (NoteError, TileError) as error:
            raise _damaged("published log", error) from error
        if published is None:
            return None
        if published.size > head.size:
            raise _rolled_back(head.size, published.size)
        if published.size == head.size and published.root != head.root:
            raise Fault(
                Kind.INTERNAL,
                "log_forked",
                f"the database and the published log have different histories of {head.size} entries.",
                remedy="Find out which one witnesses and receipts confirm, and restore that one.",
            )
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
        for _, page in _pages(truth, edge.size, head.size):
            for entry in page:
                frontier.append(leaf_hash(entry))
        if frontier.root() != head.root:
            raise Fault(
                Kind.INTERNAL,
                "log_disagrees",
                f"the database's {head.size} entries do not hash to the signed root.",
                remedy="Stop the gateway, keep a copy, run `rambarde log verify`, restore the last backup.",
            )
        for _, page in _pages(truth, edge.size, head.size):
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
                raise _disagrees(str(error)) from error
            if not same:
                raise _disagrees(f"Entries {start} to {stop - 1} are not the same in both.")

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
                    raise Fault(
                        Kind.INTERNAL,
                        "log_locked",
                        "another process keeps the log locked.",
                        remedy="Stop the gateway that hangs on this data folder.",
                    ) from None
                time.sleep(0.002)
            except OSError as error:
                raise _unwritable(error) from error
        try:
            yield
            self._mark(_CLEAN)
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_UN)

    def _mark(self, state: bytes) -> None:
        """Note in the lock file whether tiles beyond the truth may lie about: for who finds us dead."""
        os.pwrite(self._lock, state, 0)

    @contextmanager
    def _writable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise _unwritable(error) from error


def changes_of(extensions: Sequence[str]) -> tuple[int, str] | None:
    """How many changes a checkpoint counts, and the digest of the last one's body; None if it does not say."""
    told = next((line for line in extensions if line.startswith(_COUNT)), "").split(" ")
    if len(told) != 3 or not (told[1].isascii() and told[1].isdigit()):
        return None
    return int(told[1]), told[2]


def _counted(own: Sequence[str], before: Sequence[str], batch: Sequence[Committed]) -> tuple[str, ...]:
    """Our lines, and the count of the checkpoint before with the changes in `batch`. An older log's begins here."""
    count = changes_of(before)
    for item in batch:
        if item.kind == COUNTED:
            number = count[0] + 1 if count is not None else _number(item.id)
            count = number, f"sha256:{hashlib.sha256(item.body).hexdigest()}"
    lines = tuple(line for line in own if not line.startswith(_COUNT))
    return lines if count is None else (*lines, f"{_COUNT}{count[0]} {count[1]}")


def _number(id: str) -> int:
    """Of the first change that is counted: its id tells how many there are."""
    digits = id.rpartition("-")[2]
    return int(digits) if digits.isascii() and digits.isdigit() else 1


def _pages(truth: LedgerReader, start: int, stop: int) -> Iterator[tuple[int, list[bytes]]]:
    """Entries without a gap, a page at a time."""
    for place in range(start, stop, _PAGE):
        found = list(truth.entries(place, min(stop, place + _PAGE)))
        if [index for index, _ in found] != list(range(place, min(stop, place + _PAGE))):
            raise Fault(
                Kind.INTERNAL,
                "log_truncated",
                f"entries are missing from the database between {place} and {place + _PAGE}.",
                remedy="Stop the gateway, keep a copy, and restore the last backup of the database.",
            )
        yield place, [entry for _, entry in found]


def _disagrees(what: str) -> Fault:
    return Fault(
        Kind.INTERNAL,
        "log_disagrees",
        f"the published log and the database disagree. {what}",
        remedy=f"{_REBUILD} folder `{FOLDER}` away and start again: it is written anew and checked.",
    )


def _damaged(where: str, error: Exception) -> Fault:
    return Fault(
        Kind.INTERNAL,
        "log_damaged",
        f"the checkpoint of the {where} is not one this log signed: {error}.",
        remedy=f"{_REBUILD} folder `{FOLDER}` away and start again; if not, restore its last backup.",
    )


def _rolled_back(database: int, published: int) -> Fault:
    return Fault(
        Kind.INTERNAL,
        "log_rolled_back",
        f"the database holds {database} entries and the log has already published {published}.",
        remedy="Restore the newest database: to go on from an older one would fork the log.",
    )


def _unwritable(error: OSError) -> Fault:
    return Fault(
        Kind.INTERNAL,
        "log_unwritable",
        f"the log's folder cannot be written: {error.strerror}.",
        remedy="Check its owner and the free space on its disk; nothing was recorded.",
    )

"""The log: entries get their place, the tree grows, and a signed checkpoint covers them.

The database is the truth: documents, entries and the checkpoint over them enter it in one transaction, which one
process at a time may hold. So a record and its place in the log cannot part, and whoever holds the transaction is the
log's one sequencer. The tiles follow: the publisher reads them off the database, which is its outbox.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rambarde.nouns.custody import Committed
from rambarde.nouns.fault import Fault, Kind
from rambarde.prove import refusals
from rambarde.prove.merkle import Frontier, leaf_hash
from rambarde.prove.note import Checkpoint, NoteError, Signer, open_checkpoint, sign_checkpoint
from rambarde.prove.ports import Ledger, LedgerReader, LedgerWriter
from rambarde.prove.publisher import Publisher, pages
from rambarde.prove.tiles import TileFolder

COUNTED = "policy-change"
"""Every checkpoint says how many entries of this kind there are, and which is the last: `changes N sha256:…`."""
_COUNT = "changes "
FOLDER = refusals.FOLDER


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
        self.extensions = tuple(extensions)
        self.publisher = Publisher(folder, signer.verifier, ledger)
        self._signer = signer
        self._ledger = ledger
        self._frontier = Frontier()
        self._unpublished: Fault | None = None
        self._mutex = threading.Lock()

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
            with ledger.writing() as truth:
                note = log._begun(truth)
                log._frontier = log.publisher.recover(truth, note)
        except BaseException:
            log.close()
            raise
        return log

    def close(self) -> None:
        """Idempotent."""
        self.publisher.close()

    @property
    def size(self) -> int:
        """Entries this process knows of."""
        return self._frontier.size

    @property
    def origin(self) -> str:
        return self._signer.name

    @property
    def folder(self) -> TileFolder:
        return self.publisher.folder

    def append(self, batch: Sequence[Committed], *, publish: bool = True) -> Appended:
        """Log `batch`, in order. On return it is on disk in the database, under a signed checkpoint.

        If it raises, nothing of it is in the log, except that a database whose connection broke during the
        commit may have it. With `publish`, the tiles are brought up, too; should that fail, the entries stand all
        the same, and it is the next append that publishes first, or is refused. Raises `Fault(CONFLICT,
        "already_logged")`, `Fault(INTERNAL)` as `open`, and the database's.
        """
        with self._mutex:
            if self._unpublished is not None:
                self.publish()  # what cannot be published must not pile up
            with self._ledger.writing() as truth:
                frontier = self._caught_up(truth)
                head = self._head(truth, frontier.size)  # also what it counts must be of this very tree
                grown = frontier.copy()
                for item in batch:
                    grown.append(leaf_hash(item.entry))
                truth.add(frontier.size, batch)
                lines = _counted(self.extensions, head.extensions, batch)
                truth.set_checkpoint(sign_checkpoint(self._signer, grown.size, grown.root(), lines))
            self._frontier = grown
        if publish:
            self.published()
        return Appended(frontier.size, grown.size)

    def publish(self) -> int:
        """Bring the folder up to the database; returns the published size. Raises as `Publisher.publish`."""
        try:
            size = self.publisher.publish()
        except Fault as fault:
            self._unpublished = fault
            raise
        self._unpublished = None
        return size

    def published(self) -> bool:
        """The same for whoever cannot do anything about it: true if it succeeded, else the next append is refused."""
        try:
            self.publish()
        except Fault:
            return False
        return True

    def _begun(self, truth: LedgerWriter) -> str:
        """The truth's checkpoint, over exactly its entries; the first of an empty log."""
        size, note = truth.size(), truth.checkpoint()
        if note is None and size == 0:
            lines = _counted(self.extensions, (), ())
            note = sign_checkpoint(self._signer, 0, Frontier().root(), lines)
            truth.set_checkpoint(note)
        self._head(truth, size)
        return note or ""

    def _caught_up(self, truth: LedgerWriter) -> Frontier:
        """Our frontier, grown by what other processes logged meanwhile."""
        size = truth.size()
        if size == self._frontier.size:
            return self._frontier
        if size < self._frontier.size:
            raise refusals.rolled_back(size, self._frontier.size)
        head, frontier = self._head(truth, size), self._frontier.copy()
        for page in pages(truth, frontier.size, size):
            for entry in page:
                frontier.append(leaf_hash(entry))
        if frontier.root() != head.root:
            raise refusals.unsigned_root(size)
        return frontier

    def _head(self, truth: LedgerReader, size: int) -> Checkpoint:
        """The database's own checkpoint, which must be over exactly its entries."""
        note = truth.checkpoint()
        try:
            head = open_checkpoint(note or "", self._signer.verifier)
        except NoteError as error:
            raise refusals.damaged("database", error) from error
        if head.size != size:
            raise refusals.truncated(f"the database holds {size} entries and signed for {head.size}.")
        return head


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

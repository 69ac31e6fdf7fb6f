"""Verifying a log: the published folder, the database behind it, and whether they say the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from rambarde.nouns.custody import Logged
from rambarde.nouns.fault import Fault
from rambarde.prove.cosigned import COSIGNED, cosignatures, read_cosigned, strangers, told
from rambarde.prove.erasure import check_erased
from rambarde.prove.merkle import Frontier, joined_root, leaf_hash
from rambarde.prove.note import Checkpoint, NoteError, Verifier, open_checkpoint
from rambarde.prove.ports import Ledger
from rambarde.prove.report import Findings, Report
from rambarde.prove.tiles import CHECKPOINT, WIDTH, TileError, TileFolder, bundle_path, tile_path
from rambarde.prove.verify_quick import QuickLook
from rambarde.prove.verify_rows import check_row, is_empty, row_name
from rambarde.prove.verify_sources import Source, majority
from rambarde.prove.verify_tiles import TileCheck

_REMEMBERED = 10_000
Progress = Callable[[int, int], None]


def verify_log(
    folder: Path,
    verifier: Verifier,
    ledger: Ledger | None = None,
    *,
    witnesses: Sequence[Verifier] = (),
    progress: Progress | None = None,
) -> Report:
    """Check everything, and say exactly what is wrong and where.

    Of the folder: the checkpoint's signature, that every tile of every level hashes to its root, and that
    every entry hashes to its leaf. Of the database, if given: its own checkpoint, that every entry is there,
    in its place and the same; that body and salt of every document open the commitment that its entry
    carries; that the columns it is found by say what the body says. A running gateway does not disturb it.

    Of the `witnesses` that the reader knows: that their cosignatures hold, and are of this very history.
    `verifier` should come from elsewhere than the folder: a key that lies beside the log proves only that
    the log agrees with itself. `progress` is called with entries done and entries in all. A damaged log is
    reported, not raised; a `Fault` is raised if the database goes away meanwhile.
    """
    verification = _Verification(folder, verifier, ledger, witnesses, progress)
    try:
        return verification.run()
    finally:
        verification.close()


class _Verification:
    def __init__(
        self,
        folder: Path,
        verifier: Verifier,
        ledger: Ledger | None,
        witnesses: Sequence[Verifier],
        progress: Progress | None,
    ) -> None:
        self._folder = TileFolder(folder)
        self._findings = Findings()
        self._tiles = TileCheck(self._folder, self._findings)
        self._verifier = verifier
        self._ledger = ledger
        self._look = QuickLook(self._folder, ledger)
        self._progress = progress or (lambda _done, _all: None)
        self._witnesses = tuple(witnesses)
        self._notes: list[str] = []
        self._documents = 0
        self._differ: list[tuple[int, bytes | None, bytes | None, bytes | None]] = []
        self._many = 0

    def close(self) -> None:
        self._look.close()

    def run(self) -> Report:
        head = self._published()
        size = head.size if head else 0
        truth = self._truth(head)
        stop = max(size, truth.size if truth else 0)
        cosigned, cosigners = self._cosigned(head)
        heads = {h.size for h in (head, truth, cosigned) if h}
        tiles, bundles, rows = Source("tiles"), Source("entries"), Source("database")
        for index in range(-(-stop // WIDTH)):
            start, end = index * WIDTH, min(stop, (index + 1) * WIDTH)
            shown = min(end, size) - start
            if end - start == shown == WIDTH and self._quick(
                index, truth, stop, heads, (tiles, bundles, rows)
            ):
                self._progress(end, stop)
                continue
            hashes = self._tiles.tile(0, index, shown) if shown > 0 else None
            entries = self._tiles.bundle(index, shown) if shown > 0 else None
            leaves = None if entries is None else [leaf_hash(entry) for entry in entries]
            if shown > 0:
                tiles.feed(hashes, heads)
                bundles.feed(leaves, heads)
            logged = self._rows(start, end, truth)
            kept = {row.index: leaf_hash(row.committed.entry) for row in logged}
            if truth is not None:
                complete = all(i in kept for i in range(start, min(end, truth.size)))
                rows.feed([kept[i] for i in sorted(kept)] if complete else None, heads)
            self._compare(start, end, hashes, leaves, kept if truth else None, size)
            self._progress(end, stop)
        self._roots(head, truth, tiles, bundles, rows)
        if head is not None and cosigned is not None:
            self._check_cosigned(cosigned, head, (tiles, bundles, rows))
        self._tiles.check_upper(size)
        self._tiles.check_older(size)
        self._erased(truth.size if truth else 0)
        self._strays()
        return Report(
            origin=self._verifier.name,
            size=size,
            root=head.root.hex() if head else "",
            entries=size,
            documents=self._documents,
            findings=tuple(self._findings.listed),
            folded=self._findings.folded(),
            witnesses=cosigners,
            notes=tuple(self._notes),
        )

    def _quick(
        self, index: int, truth: Checkpoint | None, stop: int, heads: set[int], sources: tuple[Source, ...]
    ) -> bool:
        """A whole bundle of which all is right, which is nearly every one."""
        end = (index + 1) * WIDTH
        if any(end - WIDTH < head < end for head in heads) or (truth is not None and truth.size < end):
            return False
        leaves = self._look.leaves(index, WIDTH, stop)
        if leaves is None:
            return False
        root = self._tiles.roots[index] = joined_root(leaves)
        for source in sources if truth is not None else sources[:2]:
            source.feed_bundle(root, heads)
        self._documents += WIDTH if truth is not None else 0
        return True

    def _published(self) -> Checkpoint | None:
        try:
            note = self._folder.checkpoint()
            if note is None:
                self._findings.add("checkpoint_missing", CHECKPOINT, "The log has no checkpoint.")
                return None
            return open_checkpoint(note, self._verifier)
        except (NoteError, TileError) as error:
            self._findings.add("checkpoint_invalid", CHECKPOINT, f"The checkpoint does not hold: {error}.")
            return None

    def _cosigned(self, head: Checkpoint | None) -> tuple[Checkpoint | None, tuple[str, ...]]:
        """The newest checkpoint that known witnesses cosigned, and their names; nothing if there is none."""
        try:
            there = read_cosigned(self._folder, self._verifier)
            signed = cosignatures(there[0], self._witnesses) if there else ()
        except (NoteError, TileError) as error:
            self._findings.add(
                "cosignature_invalid", COSIGNED, f"The cosigned checkpoint does not hold: {error}."
            )
            there, signed = None, ()
        self._notes.insert(0, told(signed))
        if there is None:
            return None, ()
        note, cosigned = there
        if unknown := strangers(note, self._verifier, self._witnesses):
            self._notes.append(f"Not checked, since their keys were not given: {', '.join(unknown)}.")
        if signed and head is not None and cosigned.size < head.size:
            self._notes.append(f"They cosigned {cosigned.size} of the {head.size} entries so far.")
        return cosigned, tuple(one.witness for one in signed)

    def _check_cosigned(self, cosigned: Checkpoint, head: Checkpoint, sources: tuple[Source, ...]) -> None:
        """What witnesses cosigned is a beginning of what is published."""
        roots = {source.roots[cosigned.size] for source in sources if cosigned.size in source.roots}
        if cosigned.size == 0:
            roots.add(Frontier().root())
        if cosigned.size > head.size:
            self._findings.add(
                "log_forked",
                COSIGNED,
                f"{cosigned.size} entries are cosigned, and only {head.size} are published.",
            )
        elif roots and cosigned.root not in roots:
            self._findings.add(
                "log_forked",
                COSIGNED,
                f"Another history of {cosigned.size} entries is cosigned than published.",
            )

    def _truth(self, head: Checkpoint | None) -> Checkpoint | None:
        """The database's own checkpoint; a stand-in without a root if it cannot be trusted."""
        if self._ledger is None:
            self._notes.append("Only the published folder was checked, not the database behind it.")
            return None
        try:
            pinned = self._ledger.pinned()
            with self._ledger.reading() as view:
                size, note = view.size(), view.checkpoint()
        except Fault as fault:
            self._findings.add(fault.code, "database", fault.message)
            return None
        if pinned not in (None, str(self._verifier)):
            self._findings.add(
                "log_key_mismatch", "database", "The database belongs to a log with another key."
            )
        try:
            truth = open_checkpoint(note or "", self._verifier)
        except NoteError as error:
            self._findings.add(
                "checkpoint_invalid",
                "database: log_head",
                f"The database's checkpoint does not hold: {error}.",
            )
            truth = Checkpoint(self._verifier.name, size, b"")
        if truth.size != size:
            self._findings.add(
                "database_truncated" if truth.size > size else "database_overgrown",
                "database: log_entries",
                f"The database holds {size} entries and signed for {truth.size}.",
            )
        if head is not None and truth.size < head.size:
            self._findings.add(
                "database_truncated",
                "database: log_head",
                f"The database stops at {truth.size} entries, the log has published {head.size}.",
            )
        elif head is not None and truth.size > head.size:
            self._notes.append(
                f"The published checkpoint is {truth.size - head.size} entries behind the database; "
                "the next start or record publishes them."
            )
        return truth

    def _rows(self, start: int, stop: int, truth: Checkpoint | None) -> list[Logged]:
        if self._ledger is None or truth is None:
            return []
        found = list(self._read(start, stop))
        there = {row.index for row in found}
        for index in range(start, min(stop, truth.size)):
            if index not in there and not self._findings.about(row_name(index)):
                self._findings.add(
                    "entry_missing", row_name(index), f"Entry {index} is not in the database.", index
                )
        for row in found:
            check_row(row, self._ledger, self._findings)
            if is_empty(row):
                self._look.erased.append(row.index)
        self._documents += len(found)
        return found

    def _read(self, start: int, stop: int) -> Iterator[Logged]:
        """Rows, halving the range around one that cannot be read until it stands alone."""
        try:
            found = list(self._ledger.rows(start, stop)) if self._ledger else []
        except Fault as fault:
            if fault.code not in ("store_damaged", "store_failed"):
                raise
            if stop - start == 1:
                self._findings.add(fault.code, row_name(start), f"Entry {start}: {fault.message}", start)
                return
            middle = (start + stop) // 2
            yield from self._read(start, middle)
            yield from self._read(middle, stop)
            return
        yield from found

    def _compare(
        self,
        start: int,
        stop: int,
        hashes: list[bytes] | None,
        leaves: list[bytes] | None,
        kept: dict[int, bytes] | None,
        size: int,
    ) -> None:
        """Remember where the three sources differ; who is right is known once the roots are."""
        for index in range(start, min(stop, size)):
            tile = hashes[index - start] if hashes else None
            entry = leaves[index - start] if leaves else None
            row = kept.get(index) if kept is not None else None
            dropped = kept is not None and row is None  # its tile may tell where a moved row belongs
            if dropped or len({leaf for leaf in (tile, entry, row) if leaf is not None}) > 1:
                self._many += 1
                if len(self._differ) < _REMEMBERED:
                    self._differ.append((index, tile, entry, row))

    def _roots(
        self,
        head: Checkpoint | None,
        truth: Checkpoint | None,
        tiles: Source,
        bundles: Source,
        rows: Source,
    ) -> None:
        size = head.size if head else 0
        right = [
            head is not None and source.roots.get(size) == head.root for source in (tiles, bundles, rows)
        ]
        trusted = right.index(True) if True in right else None
        places = {difference[1 + (trusted or 0)]: difference[0] for difference in self._differ}
        blamed = False  # a row that is named explains a wrong root
        for difference in self._differ:
            index, tile, entry, row = difference
            reference = difference[1 + trusted] if trusted is not None else majority(tile, entry, row)
            bundle, offset = divmod(index, WIDTH)
            width = min(WIDTH, size - bundle * WIDTH)
            if tile not in (None, reference):
                self._findings.add(
                    "tile_damaged",
                    tile_path(0, bundle, width),
                    f"Hash {offset} of the tile is not that of entry {index}.",
                    index,
                )
            if entry not in (None, reference):
                self._findings.add(
                    "entries_damaged", bundle_path(bundle, width), f"Entry {index} was changed.", index
                )
            if row not in (None, reference):
                blamed = True
                belongs = places.get(row)
                if belongs is not None and belongs != index:
                    self._findings.add(
                        "entry_reordered", row_name(index), f"Entry {belongs} stands at {index}.", index
                    )
                else:
                    self._findings.add("entry_changed", row_name(index), f"Entry {index} was changed.", index)
        if self._many > len(self._differ):
            self._notes.append(f"{self._many} entries differ between the sources; the first are listed.")
        if head and size and trusted is None:
            self._findings.add(
                "root_mismatch", CHECKPOINT, f"The {size} entries do not hash to the signed root."
            )
        wrong = truth is not None and rows.roots.get(truth.size, truth.root) != truth.root
        if truth and truth.root and truth.size and wrong and not blamed:
            self._findings.add(
                "root_mismatch",
                "database: log_head",
                f"The database's {truth.size} entries do not hash to the root it signed for.",
            )
        elif truth and truth.root and head and truth.size == head.size and truth.root != head.root:
            self._findings.add(
                "log_forked", CHECKPOINT, f"Two signed checkpoints of size {size} have different roots."
            )

    def _erased(self, size: int) -> None:
        if self._ledger is None:
            return
        try:
            count = check_erased(self._look.erased, self._ledger, size, self._findings)
        except Fault as fault:
            self._findings.add(fault.code, "database: log_entries", fault.message)
            return
        if count:
            self._notes.append(
                f"{count} documents were erased; their entries stand and mean nothing any more."
            )

    def _strays(self) -> None:
        if self._ledger is None:
            return
        try:
            strays = list(self._ledger.strays())
        except Fault as fault:
            self._findings.add(fault.code, "database: records", fault.message)
            return
        for index in strays:
            self._findings.add(
                "columns_without_entry", f"database: records {index}", "There is no such entry.", index
            )

"""The log in short: signatures, sizes and the newest tiles. `rambarde log verify` checks everything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from rambarde.interfaces.checkup.row import Row, fail, ok, warn
from rambarde.prove.cosigned import read_cosigned, strangers
from rambarde.prove.edge import Edge
from rambarde.prove.key import PUBLIC_FILE, read_verifier
from rambarde.prove.log import FOLDER
from rambarde.prove.merkle import leaf_hash
from rambarde.prove.note import Checkpoint, NoteError, Verifier, open_checkpoint
from rambarde.prove.ports import Ledger
from rambarde.prove.tiles import WIDTH, MissingTile, TileError, TileFolder

_CHECK = "log"
_TRIES = 3
"""A running gateway replaces the newest tiles: what is gone is looked for under the newer checkpoint."""
_VERIFY = "Keep a copy and run `rambarde log verify`: it says exactly what is wrong and where."


def history(data: Path, ledger: Ledger | None) -> Iterator[Row]:
    """One row. `ledger` is the database's side, if it could be opened. Writes nothing."""
    folder = TileFolder(data / FOLDER)
    if not (data / PUBLIC_FILE).exists():
        yield warn(_CHECK, "There is none yet.", "Nothing to do: the first start makes it.")
        return
    verifier = read_verifier(data)
    try:
        published = _published(folder, verifier)
        head = _head(ledger, verifier) if ledger is not None else None
    except NoteError as error:
        yield fail(_CHECK, f"A checkpoint is not one this log signed: {error}.", _VERIFY)
        return
    except TileError as error:
        yield fail(_CHECK, f"{error}.", _VERIFY)
        return
    if isinstance(head, str):
        yield fail(_CHECK, head, _VERIFY)
    elif published is None:
        yield warn(
            _CHECK, "It is not published.", "Nothing to do: the next start writes it from the database."
        )
    elif head is not None and published.size > head.size:
        yield fail(
            _CHECK,
            f"The database holds {head.size} entries and the log has published {published.size}.",
            "Restore the newest database: to go on from an older one would fork the log.",
        )
    elif head is not None and published.size == head.size and published.root != head.root:
        yield fail(
            _CHECK,
            "The database and the published log have different histories.",
            "Find out which one witnesses and receipts confirm, and restore that one.",
        )
    else:
        behind = "" if head is not None else "; the database could not be compared"
        yield ok(
            _CHECK,
            f"{published.size} entries, newest tiles and signatures hold{behind}; {_cosigned(data, verifier)}",
        )


def _cosigned(data: Path, verifier: Verifier) -> str:
    found = read_cosigned(TileFolder(data / FOLDER), verifier)
    names = strangers(found[0], verifier, ()) if found else ()
    return f"signed by {', '.join(names)}, too" if names else "no witness"


def _published(folder: TileFolder, verifier: Verifier) -> Checkpoint | None:
    """The published checkpoint, over tiles that hash to it. Raises `NoteError`, `TileError`."""
    for attempt in range(_TRIES):
        note = folder.checkpoint()
        if note is None:
            return None
        checkpoint = open_checkpoint(note, verifier)
        try:
            root = Edge.read(folder, checkpoint.size).root()
            told = _newest_bundle_is_told(folder, checkpoint.size)
        except MissingTile:
            if attempt + 1 == _TRIES:
                raise
            continue
        if root != checkpoint.root:
            raise TileError("tile", "the newest tiles do not hash to the signed root")
        if not told:
            raise TileError("tile/entries", "the newest entries do not hash to their leaves")
        return checkpoint
    return None


def _newest_bundle_is_told(folder: TileFolder, size: int) -> bool:
    """Whether the newest entries hash to the newest leaves, up to 256 of them."""
    if size == 0:
        return True
    index = (size - 1) // WIDTH
    width = size - index * WIDTH
    return [leaf_hash(entry) for entry in folder.bundle(index, width)] == folder.tile(0, index, width)


def _head(ledger: Ledger, verifier: Verifier) -> Checkpoint | str | None:
    """The database's own checkpoint, or in words why it does not hold; None before the first start."""
    with ledger.reading() as truth:
        size, note = truth.size(), truth.checkpoint()
    if note is None:
        return None if size == 0 else f"The database holds {size} entries and no checkpoint over them."
    head = open_checkpoint(note, verifier)
    if head.size != size:
        return f"The database holds {size} entries and signed for {head.size}."
    return head

"""Publishing elsewhere: what is new of the log's folder, copied to where a web server finds it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from rambarde.nouns.fault import Fault, Kind
from rambarde.prove import refusals
from rambarde.prove.cosigned import COSIGNED, strangers
from rambarde.prove.edge import Edge
from rambarde.prove.merkle import consistency_proof, verify_consistency
from rambarde.prove.note import Checkpoint, NoteError, Verifier, open_checkpoint
from rambarde.prove.tiles import WIDTH, File, TileError, TileFolder, bundle_path, levels_of, tile_path

_AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Published:
    """How many entries stand there, how many files were copied, and who signed the checkpoint beside the log."""

    size: int
    files: int
    cosigners: tuple[str, ...]


def publish(source: Path, target: Path, verifier: Verifier) -> Published:
    """Copy tiles, bundles and, last of all, the checkpoints. Every file is whole, and on disk before its checkpoint.

    What stands in `target` must be an earlier state of the same log: then only what is new is written. Raises
    `Fault` `log_not_published` (nothing to copy), `log_forked`, `log_damaged`, `log_disagrees`, `log_unwritable`.
    """
    here, there = TileFolder(source), TileFolder(target)
    try:
        note = here.checkpoint()
        if note is None:
            raise Fault(
                Kind.NOT_FOUND,
                "log_not_published",
                f"there is no log in {source}.",
                remedy="Start the gateway once, or give its data folder.",
            )
        head = open_checkpoint(note, verifier)
        if Edge.read(here, head.size).root() != head.root:
            raise refusals.disagrees("The newest tiles do not hash to the signed root.")
        before = _before(here, there, head, verifier)
        count = 0
        batch: list[File] = []
        for path, full in _paths(before, head.size):
            batch.append(File(path if (source / path).exists() else full, _bytes(source, path, full)))
            if len(batch) == _AT_ONCE:
                count += _write(there, batch)
        count += _write(there, batch)
        for name in (COSIGNED, None):
            found = here.checkpoint(name) if name else note
            if found is not None and found != (there.checkpoint(name) if name else there.checkpoint()):
                there.publish(there.stage_checkpoint(found), *([name] if name else []))
        return Published(head.size, count, strangers(note, verifier, ()))
    except (NoteError, TileError) as error:
        raise refusals.damaged("published log", error) from error
    except OSError as error:
        raise refusals.unwritable(error) from error


def _before(here: TileFolder, there: TileFolder, head: Checkpoint, verifier: Verifier) -> int:
    """The size of what stands there, after a look whether it is the beginning of what is here."""
    note = there.checkpoint()
    if note is None:
        return 0
    old = open_checkpoint(note, verifier)
    if old.size > head.size:
        raise refusals.rolled_back(head.size, old.size)
    if old.size == head.size:
        same = old.root == head.root
    else:
        node = here.nodes(head.size)
        path = consistency_proof(old.size, head.size, node) if old.size else []
        same = old.size == 0 or verify_consistency(old.size, head.size, path, old.root, head.root)
    if not same:
        raise refusals.forked(old.size)
    return old.size


def _paths(before: int, size: int) -> Iterator[tuple[str, str]]:
    """Tiles and bundles that the tree of `size` has and that of `before` had not, and the full tile of each."""
    for level, (full, width) in enumerate(levels_of(size)):
        for index in range((before >> 8 * level) // WIDTH, full + bool(width)):
            count = WIDTH if index < full else width
            yield tile_path(level, index, count), tile_path(level, index)
            if level == 0:
                yield bundle_path(index, count), bundle_path(index)


def _bytes(source: Path, path: str, full: str) -> bytes:
    """A partial tile that has filled up meanwhile is in the full one."""
    try:
        return (source / path).read_bytes()
    except (FileNotFoundError, NotADirectoryError):
        return (source / full).read_bytes()


def _write(there: TileFolder, batch: list[File]) -> int:
    new = [file for file in batch if not (there.root / file.path).exists()]
    there.write(new)
    batch.clear()
    return len(new)

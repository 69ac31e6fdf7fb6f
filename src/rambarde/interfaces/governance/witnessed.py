"""Witnessed: who besides the log's own key vouches for a history, and for how many of its entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rambarde.interfaces.governance.book import Story
from rambarde.prove.cosigned import NO_WITNESS, cosignatures, read_cosigned, strangers, told
from rambarde.prove.merkle import inclusion_proof, leaf_hash, verify_inclusion
from rambarde.prove.note import Checkpoint, NoteError, Verifier
from rambarde.prove.tiles import TileError, TileFolder


@dataclass(frozen=True, slots=True)
class Witnessed:
    """`names` are the known witnesses that cosigned a checkpoint of `size` entries; `remarks` say it in words.

    `sound`: nothing that they signed contradicts the history.
    """

    names: tuple[str, ...] = ()
    size: int = 0
    remarks: tuple[str, ...] = (NO_WITNESS,)
    sound: bool = True

    def of(self, index: int) -> tuple[str, ...]:
        """Those that vouch for the entry at `index`."""
        return self.names if index < self.size else ()


def under(
    note: str, head: Checkpoint, story: Story, log: Verifier, witnesses: Sequence[Verifier]
) -> Witnessed:
    """Who cosigned this checkpoint, over changes that are known to be in its tree. Raises `NoteError`."""
    signed = cosignatures(note, witnesses)
    remarks = [told(signed)]
    if unknown := strangers(note, log, witnesses):
        remarks.append(f"Not checked, since their keys were not given: {', '.join(unknown)}.")
    late = sum(line.logged.index >= head.size for line in story.lines)
    if signed and late:
        remarks.append(f"They did not cosign the newest {late} of {len(story.lines)} changes yet.")
    return Witnessed(tuple(one.witness for one in signed), head.size, tuple(remarks))


def witnessed(story: Story, folder: Path, log: Verifier, witnesses: Sequence[Verifier]) -> Witnessed:
    """Who cosigned the log that the story was read from: each change is held against the cosigned checkpoint."""
    tiles = TileFolder(folder)
    try:
        found = read_cosigned(tiles, log)
        if found is None:
            return Witnessed()
        note, head = found
        for line in story.lines:
            index = line.logged.index
            if index < head.size:
                path = inclusion_proof(index, head.size, tiles.nodes(head.size))
                leaf = leaf_hash(line.logged.committed.entry)
                if not verify_inclusion(leaf, index, head.size, path, head.root):
                    raise NoteError(f"change {line.sequence} is not in the history that was cosigned")
        return under(note, head, story, log, witnesses)
    except (NoteError, TileError, ValueError) as error:
        words = f"THE COSIGNED CHECKPOINT DOES NOT HOLD: {error}. Run `rambarde log verify`."
        return Witnessed(remarks=(words,), sound=False)

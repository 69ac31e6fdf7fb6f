"""Inclusion proofs: a small document which shows, offline, that a record's commitment is in the log."""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rambarde.nouns.fault import Fault, Kind
from rambarde.prove.commitment import RECORD, commitment_of, entry_of
from rambarde.prove.merkle import inclusion_proof, leaf_hash, verify_inclusion
from rambarde.prove.note import Checkpoint, NoteError, Verifier, open_checkpoint
from rambarde.prove.ports import Ledger
from rambarde.prove.tiles import TileError, TileFolder

VERSION = 1


@dataclass(frozen=True, slots=True)
class InclusionProof:
    """`entry` is at `index` of the tree of the signed `checkpoint`: `path` are the sibling hashes, leaf first.

    `salt` and `body` open the entry's commitment; they are there only if the proof was made to be opened.
    """

    kind: str
    id: str
    index: int
    entry: bytes
    path: tuple[bytes, ...]
    checkpoint: str
    salt: bytes | None = None
    body: bytes | None = None

    def as_json(self) -> dict[str, object]:
        """The document. Hashes are base64, `entry` and `body` the JSON texts themselves."""
        document: dict[str, object] = {
            "v": VERSION,
            "kind": self.kind,
            "id": self.id,
            "index": self.index,
            "entry": self.entry.decode(),
            "path": [base64.b64encode(hash).decode() for hash in self.path],
            "checkpoint": self.checkpoint,
        }
        if self.salt is not None and self.body is not None:
            document["opening"] = {"salt": base64.b64encode(self.salt).decode(), "body": self.body.decode()}
        return document

    @classmethod
    def parse(cls, document: dict[str, Any]) -> InclusionProof:
        """From that document. Raises `Fault(INVALID, "bad_proof")`."""
        try:
            if document["v"] != VERSION:
                raise ValueError("unknown version")
            opening = document.get("opening")
            return cls(
                kind=str(document["kind"]),
                id=str(document["id"]),
                index=int(document["index"]),
                entry=str(document["entry"]).encode(),
                path=tuple(base64.b64decode(hash, validate=True) for hash in document["path"]),
                checkpoint=str(document["checkpoint"]),
                salt=base64.b64decode(opening["salt"], validate=True) if opening else None,
                body=str(opening["body"]).encode() if opening else None,
            )
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            raise _bad("it is no inclusion proof of a version this program knows") from error

    def check(self, verifier: Verifier) -> int:
        """Verify with nothing but the log's public key; returns the size of the tree it is in.

        Raises `Fault(INVALID, "bad_proof")` which says what does not hold.
        """
        try:
            head = open_checkpoint(self.checkpoint, verifier)
        except NoteError as error:
            raise _bad(f"its checkpoint does not hold: {error}") from error
        if not verify_inclusion(leaf_hash(self.entry), self.index, head.size, self.path, head.root):
            raise _bad("its entry is not in the tree at that place")
        if self.salt is not None and self.body is not None:
            try:
                commitment = commitment_of(self.kind, self.salt, self.body)
            except ValueError as error:
                raise _bad(str(error)) from error
            if entry_of(self.kind, commitment) != self.entry:
                raise _bad("its body and salt do not open the entry")
        return head.size


def prove_inclusion(
    folder: Path,
    verifier: Verifier,
    ledger: Ledger,
    id: str,
    *,
    kind: str = RECORD,
    opened: bool = False,
    checkpoint: str | None = None,
) -> InclusionProof:
    """The proof for the document `id` under the published `checkpoint` (the newest), checked before it is given.

    `opened` adds salt and body: whoever holds it then can read the record. Raises `Fault(NOT_FOUND,
    "not_logged")`, or `Fault(INTERNAL, "log_disagrees")` if the log cannot prove what the database says.
    """
    tiles = TileFolder(folder)
    try:
        note = (tiles.checkpoint() if checkpoint is None else checkpoint) or ""
        return prove_under(tiles, note, open_checkpoint(note, verifier), ledger, id, kind=kind, opened=opened)
    except (NoteError, TileError) as error:
        raise _unprovable(str(error)) from error


def prove_under(
    tiles: TileFolder,
    note: str,
    head: Checkpoint,
    ledger: Ledger,
    id: str,
    *,
    kind: str = RECORD,
    opened: bool = False,
) -> InclusionProof:
    """The same under a given checkpoint, whose signature was checked already. Raises `TileError`, too."""
    found = ledger.place(kind, id)
    if found is None or found[0] >= head.size:
        raise Fault(
            Kind.NOT_FOUND,
            "not_logged",
            f"there is no {kind} of this id in the published log.",
            remedy="Check the id; a record appears less than a second after its request has been answered.",
        )
    index, entry, salt, body = found
    path = inclusion_proof(index, head.size, tiles.nodes(head.size))
    if not verify_inclusion(leaf_hash(entry), index, head.size, path, head.root):
        raise _unprovable("its entry is not in the tree at that place")
    opened = opened and bool(body)
    if opened and entry_of(kind, commitment_of(kind, salt, body)) != entry:
        raise _unprovable("its body and salt do not open the entry")
    return InclusionProof(
        kind=kind,
        id=id,
        index=index,
        entry=entry,
        path=tuple(path),
        checkpoint=note,
        salt=salt if opened else None,
        body=body if opened else None,
    )


def _bad(why: str) -> Fault:
    return Fault(
        Kind.INVALID,
        "bad_proof",
        f"the proof does not hold: {why}.",
        remedy="Ask for it again; if it lasts, the log was changed, or the key is another log's.",
    )


def _unprovable(why: str) -> Fault:
    return Fault(
        Kind.INTERNAL,
        "log_disagrees",
        f"the log cannot prove this entry: {why}.",
        remedy="Run `rambarde log verify`, which says what was changed and where.",
    )

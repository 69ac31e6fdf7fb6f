"""A receipt: one small file which shows offline that a decision stands in the log, and what it stood on.

It holds the entry, its inclusion proof, a signed checkpoint with the cosignatures it had, and what opens the entry:
salt and record, which name policy, floors and detectors. Who erased the record gives it without those.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rambarde.nouns.fault import Fault, Kind
from rambarde.prove.commitment import RECORD
from rambarde.prove.cosigned import Cosignature, cosignatures, read_cosigned, strangers, told
from rambarde.prove.note import Checkpoint, NoteError, Verifier, open_checkpoint
from rambarde.prove.ports import Ledger
from rambarde.prove.proofs import InclusionProof, prove_under
from rambarde.prove.tiles import TileError, TileFolder

VERSION = 1
LONGEST = 4_000_000
"""Bytes of a receipt that are read."""
_BOUND = ("policy", "floors", "detectors")
OWN_KEY = (
    "The log's key was taken from the receipt itself: that shows only that whoever made it agrees with themselves. "
    "Give the key that the operator published with --key."
)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a receipt shows. `said` is the record, opened; None if the receipt is sealed.

    `lines` are the checkpoint's extension lines; `notes` what the receipt does not show, in plain words.
    """

    origin: str
    id: str
    index: int
    size: int
    root: str
    lines: tuple[str, ...]
    cosigned: tuple[Cosignature, ...]
    said: dict[str, Any] | None
    notes: tuple[str, ...]

    def as_json(self) -> dict[str, object]:
        return {
            "ok": True,
            "origin": self.origin,
            "id": self.id,
            "index": self.index,
            "size": self.size,
            "root": self.root,
            "checkpoint": list(self.lines),
            "witnesses": [{"name": one.witness, "time": one.time} for one in self.cosigned],
            **{name: None if self.said is None else self.said.get(name) for name in (*_BOUND, "ending")},
            "notes": list(self.notes),
        }


@dataclass(frozen=True, slots=True)
class Receipt:
    """The file: `log` is the key of the log it is of, as the one who made it says."""

    log: Verifier
    proof: InclusionProof

    def as_json(self) -> dict[str, object]:
        """Its document. What stands beside the proof repeats the record, for people."""
        said = _opened(self.proof)
        return {
            "receipt": VERSION,
            "log": str(self.log),
            **({} if said is None else {name: said.get(name) for name in _BOUND}),
            "proof": self.proof.as_json(),
        }

    @classmethod
    def parse(cls, data: bytes) -> Receipt:
        """Raises `Fault` `bad_receipt` or `bad_proof`."""
        try:
            if len(data) > LONGEST:
                raise ValueError("it is too long")
            document = json.loads(data)
            if not isinstance(document, dict) or document.get("receipt") != VERSION:
                raise ValueError("it is of no version this program knows")
            proof = InclusionProof.parse(document["proof"])
            receipt = cls(Verifier.parse(str(document["log"])), proof)
            said = _opened(proof) or {}
            if any(name in document and document[name] != said.get(name) for name in _BOUND):
                raise ValueError("it says something else than the record in it")
        except (KeyError, TypeError, ValueError, RecursionError) as error:  # NoteError is a ValueError
            raise _bad(f"{error}") from error
        return receipt

    def check(
        self, key: Verifier | None = None, witnesses: Sequence[Verifier] = (), *, at_least: int = 0
    ) -> Checked:
        """Verify with nothing but keys: the log's (without it, the receipt's own) and those of known witnesses.

        Raises `Fault` `bad_proof`, `bad_receipt`, or `not_witnessed` if fewer than `at_least` of them cosigned.
        """
        verifier = key or self.log
        self.proof.check(verifier)
        try:
            head = open_checkpoint(self.proof.checkpoint, verifier)
            signed = cosignatures(self.proof.checkpoint, witnesses)
            others = strangers(self.proof.checkpoint, verifier, witnesses)
        except NoteError as error:
            raise _bad(f"{error}") from error
        if len(signed) < at_least:
            raise Fault(
                Kind.INVALID,
                "not_witnessed",
                f"{len(signed)} of the known witnesses cosigned the receipt's checkpoint, not {at_least}.",
                remedy="Ask for the receipt again when they have.",
            )
        said = _opened(self.proof)
        notes = [told(signed)]
        if others:
            notes.append(f"Not checked, since their keys were not given: {', '.join(others)}.")
        if key is None:
            notes.append(OWN_KEY)
        if said is None:
            notes.append("The receipt is sealed: it shows that an entry is in the log, not what it says.")
        return Checked(
            verifier.name,
            self.proof.id,
            self.proof.index,
            head.size,
            head.root.hex(),
            head.extensions,
            signed,
            said,
            tuple(notes),
        )


def make_receipt(
    folder: Path, verifier: Verifier, ledger: Ledger, id: str, *, kind: str = RECORD, opened: bool = True
) -> Receipt:
    """The receipt for the document `id`: under the newest cosigned checkpoint if that covers it, else the newest.

    Raises as `prove_inclusion`.
    """
    tiles = TileFolder(folder)
    try:
        note, head = _best(tiles, verifier, ledger, kind, id)
        return Receipt(verifier, prove_under(tiles, note, head, ledger, id, kind=kind, opened=opened))
    except (NoteError, TileError) as error:
        raise Fault(
            Kind.INTERNAL,
            "log_disagrees",
            f"the log cannot prove this entry: {error}.",
            remedy="Run `rambarde log verify`, which says what was changed and where.",
        ) from error


def _best(
    tiles: TileFolder, verifier: Verifier, ledger: Ledger, kind: str, id: str
) -> tuple[str, Checkpoint]:
    found, cosigned = ledger.place(kind, id), read_cosigned(tiles, verifier)
    if cosigned is not None and found is not None and found[0] < cosigned[1].size:
        return cosigned
    note = tiles.checkpoint() or ""
    return note, open_checkpoint(note, verifier)


def _opened(proof: InclusionProof) -> dict[str, Any] | None:
    if proof.body is None:
        return None
    said = json.loads(proof.body)
    if not isinstance(said, dict):
        raise ValueError("its record is no record")
    return said


def _bad(why: str) -> Fault:
    return Fault(
        Kind.INVALID,
        "bad_receipt",
        f"this is no receipt that holds: {why}.",
        remedy="Ask for it again; a receipt is JSON, as the gateway or `rambarde log receipt` gave it.",
    )

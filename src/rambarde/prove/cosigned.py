"""Cosigned checkpoints: what witnesses are asked, what is kept of their answers, and what a reader makes of it."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass

from rambarde.prove.merkle import consistency_proof
from rambarde.prove.note import COSIGNATURE, Checkpoint, Note, NoteError, Verifier, open_checkpoint, time_of
from rambarde.prove.tiles import TileFolder

COSIGNED = "checkpoint.cosigned"
"""In the log's folder: the newest checkpoint that witnesses cosigned. `checkpoint` itself may be newer."""
NO_WITNESS = (
    "This log has no witness: if the holder of its key rewrites the tail and signs again, only who holds an "
    "earlier receipt or checkpoint can see it."
)


@dataclass(frozen=True, slots=True)
class Cosignature:
    """A witness's name, and when it had seen no other history: seconds since 1970."""

    witness: str
    time: int


def parse_witness(text: str) -> Verifier:
    """A witness's key from its line `name+hash+base64`. Raises `NoteError`."""
    return Verifier.parse(text, COSIGNATURE)


def cosignatures(note: str, witnesses: Sequence[Verifier]) -> tuple[Cosignature, ...]:
    """Who of the known `witnesses` cosigned. Raises `NoteError` if one of these signatures does not hold."""
    parsed = Note.parse(note)
    found: dict[str, Cosignature] = {}
    for witness in witnesses:
        for name, key_id, signature in parsed.signatures:
            if (name, key_id) == (witness.name, witness.key_id):
                if not witness.verifies(parsed.text, signature):
                    raise NoteError(f"the cosignature of {name} does not hold")
                found[str(witness)] = Cosignature(name, time_of(signature))
    return tuple(found.values())


def strangers(note: str, log: Verifier, witnesses: Sequence[Verifier]) -> tuple[str, ...]:
    """Names that signed, too, and nobody told the reader to trust."""
    known = {(v.name, v.key_id) for v in (log, *witnesses)}
    return tuple(name for name, key_id, _ in Note.parse(note).signatures if (name, key_id) not in known)


def told(found: Sequence[Cosignature]) -> str:
    """One sentence about who cosigned, or that nobody did."""
    if not found:
        return NO_WITNESS
    return f"Cosigned by {', '.join(one.witness for one in found)}."


def submission(folder: TileFolder, note: str, old: int) -> bytes:
    """The body of `add-checkpoint` for a witness that saw `old` entries. Raises `NoteError`, `TileError`."""
    head = Checkpoint.parse(Note.parse(note).text)
    path = consistency_proof(old, head.size, folder.nodes(head.size)) if 0 < old < head.size else []
    lines = [f"old {old}", *(base64.b64encode(hash).decode() for hash in path)]
    return ("\n".join(lines) + "\n\n" + note).encode()


def with_lines(note: str, lines: str, witness: Verifier) -> str:
    """The checkpoint with the cosignature of `witness` out of its answer `lines`; older ones of it go.

    Raises `NoteError` if there is none, or it does not hold.
    """
    parsed, bare = Note.parse(note), note[: note.rfind("\n\n") + 2]
    answered = Note.parse(f"{parsed.text}\n{lines}")
    if not cosignatures(f"{parsed.text}\n{lines}", (witness,)):
        raise NoteError(f"{witness.name} did not sign this checkpoint")
    mine = (witness.name, witness.key_id)
    kept = [one for one in parsed.signatures if one[:2] != mine]
    kept += [one for one in answered.signatures if one[:2] == mine][-1:]
    return bare + "".join(
        f"\u2014 {name} {base64.b64encode(key_id + signature).decode()}\n" for name, key_id, signature in kept
    )


def read_cosigned(folder: TileFolder, log: Verifier) -> tuple[str, Checkpoint] | None:
    """The newest cosigned checkpoint and its note, None if there is none. Raises `NoteError`, `TileError`."""
    note = folder.checkpoint(COSIGNED)
    return None if note is None else (note, open_checkpoint(note, log))

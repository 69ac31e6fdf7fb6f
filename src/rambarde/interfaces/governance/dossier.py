"""The dossier: the whole history in one file, which holds or does not with the log's public key alone.

It is canonical JSON: any byte that differs is either no longer canonical, or changes a field, and each field is
bound by a hash, a signature or a rule: except the signatures of witnesses, which hold with their keys.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from rambarde.guard.policy.reading import digest
from rambarde.guard.policy.signatures.canonical import JSON, Fields, canonical, check
from rambarde.guard.policy.signatures.history import KIND, change_id
from rambarde.guard.policy.signatures.standing import Standing
from rambarde.guard.policy.signatures.subject import Assessment
from rambarde.interfaces.governance.book import Book, Line, Story
from rambarde.interfaces.governance.book import read as read_story
from rambarde.interfaces.governance.finding import Finding, Verdict
from rambarde.interfaces.governance.witnessed import Witnessed, under
from rambarde.nouns.custody import Committed, Logged
from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.prove.commitment import SALT_BYTES, commitment_of, entry_of
from rambarde.prove.cosigned import read_cosigned
from rambarde.prove.log import changes_of
from rambarde.prove.merkle import HASH_BYTES, inclusion_proof, leaf_hash, verify_inclusion
from rambarde.prove.note import Checkpoint, Note, NoteError, Verifier, open_checkpoint
from rambarde.prove.tiles import TileError, TileFolder

VERSION = 1
HEADER = "rambarde-history"


@dataclass(frozen=True, slots=True)
class Dossier:
    """A history that holds. `remarks` are what a reader should know and the file cannot tell.

    `whole`: its checkpoint counts these changes, and names the policy that they lead to. If not, changes may have
    been left off the end. `witnessed`: who else signed that checkpoint.
    """

    story: Story
    head: Checkpoint
    whole: bool
    remarks: tuple[str, ...]
    witnessed: Witnessed


def export(book: Book, folder: Path, verifier: Verifier) -> bytes:
    """The history as it is in the published log, with its documents: under the newest checkpoint that witnesses
    cosigned, if that covers all of it, else under the newest.

    Raises `Fault`: `document_missing`, INTERNAL `log_disagrees` if the log cannot prove what the database says.
    """
    story = book.read()
    tiles = TileFolder(folder)
    try:
        note, head = _best(story, tiles, verifier)
        changes: list[JSON] = [_change(line.logged, head, tiles) for line in story.lines]
    except (NoteError, TileError, ValueError) as error:
        raise _unprovable(str(error)) from error
    documents: dict[str, JSON] = {}
    for line in story.lines:
        for needed, name in _named(line):
            data = book.documents.get(name) if not needed else book.document(name)
            if data is not None:
                documents[name] = _kept(data)
    made: dict[str, JSON] = {
        HEADER: VERSION,
        "checkpoint": _plain(note, verifier),
        "changes": changes,
        "documents": documents,
    }
    void = {
        str(number): {"code": found.why.code, "message": found.why.message}
        for number, found in story.findings.items()
        if found.verdict is Verdict.VOID and found.why is not None
    }
    if void:
        made["void"] = void
    data = canonical(made) + b"\n"
    try:
        verify(data, verifier)
    except Fault as fault:
        raise _unprovable(fault.message) from fault
    return data


def verify(data: bytes, verifier: Verifier, witnesses: Sequence[Verifier] = ()) -> Dossier:
    """Check everything, offline: the checkpoint's signature and those of `witnesses`, that each change is in the log
    at its place and opens its commitment, that no number is left out, every signature and rule, and that each
    document is the one that was signed for.

    Raises `Fault(INVALID, "history_broken")`, which says what does not hold and where.
    """
    try:
        told = json.loads(data)
        check(told, "the file")
        if canonical(told) + b"\n" != data:
            raise _broken("the file", "it is not as it was written")
        fields = Fields(told, "the file")
        fields.whole(HEADER, VERSION, VERSION)
        note = fields.text("checkpoint", 1_000_000)
        changes, documents = fields.items("changes"), fields.take("documents")
        void = _void(fields.take("void")) if "void" in told else {}
        fields.done()
        if not isinstance(documents, dict):
            raise _broken("documents", "they are no object")
    except (ValueError, RecursionError) as error:
        raise _broken("the file", "it is no JSON") from error
    except Fault as fault:
        raise fault if fault.code == "history_broken" else _broken("the file", fault.message) from fault
    try:
        head = open_checkpoint(note, verifier)
        if _plain(note, verifier) != note:
            raise NoteError("its signatures are not as they were written")
    except NoteError as error:
        raise _broken("the checkpoint", str(error)) from error
    story = read_story((_opened(one, place, head) for place, one in enumerate(changes, 1)), void)
    last = -1
    for line in story.lines:
        if line.logged.index <= last:
            raise _broken(f"change {line.sequence}", "it stands before the change that it follows")
        last = line.logged.index
    _check_documents(story, documents)
    told = tuple(_missing(story, head))
    try:
        signed = under(note, head, story, verifier, witnesses)
    except NoteError as error:
        raise _broken("the checkpoint", str(error)) from error
    demo = ("DEMO: throw-away keys signed here, and nobody answers for that.",) if story.standing.demo else ()
    return Dossier(story, head, not told, (*told, *_not_compared(void), *demo), signed)


def effective(standing: Standing) -> str | None:
    """The digest of the policy in force with the measures that are on, as checkpoints name it."""
    if standing.policy is None or not standing.on:
        return standing.policy
    parts = [standing.policy, *(standing.measures[name].document for name in sorted(standing.on))]
    return digest("".join(parts).encode())


def _change(logged: Logged, head: Checkpoint, tiles: TileFolder) -> dict[str, JSON]:
    path = inclusion_proof(logged.index, head.size, tiles.nodes(head.size))
    return {
        "index": logged.index,
        "salt": logged.committed.salt.hex(),
        "body": logged.committed.body.decode("ascii"),
        "path": [hash.hex() for hash in path],
    }


def _opened(value: object, number: int, head: Checkpoint) -> Logged:
    """One change, whose body opens a commitment that is in the tree at its index."""
    where = f"change {number}"
    try:
        fields = Fields(value, where)
        index = fields.whole("index", 0)
        salt, body = _hex(fields.text("salt"), SALT_BYTES), fields.text("body", 1 << 21).encode("ascii")
        path = [_hex(hash, HASH_BYTES) for hash in fields.texts("path")]
        fields.done()
        commitment = commitment_of(KIND, salt, body)
    except Fault as fault:
        raise _broken(where, fault.message) from fault
    except ValueError as error:
        raise _broken(where, "a field is not of its form") from error
    entry = entry_of(KIND, commitment)
    if not verify_inclusion(leaf_hash(entry), index, head.size, path, head.root):
        raise _broken(where, "it is not in the log at that place, or was changed")
    try:
        id = str(json.loads(body)["id"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise _broken(where, "its body is no change") from error
    if id != change_id(number):
        raise _broken(where, f"here stands {id[:40]}: a change is missing, or stands twice")
    return Logged(index, Committed(KIND, id, body, salt, commitment, entry), {"id": id})


def _check_documents(story: Story, documents: dict[str, object]) -> None:
    allowed = set()
    for line in story.lines:
        for needed, name in _named(line):
            allowed.add(name)
            if needed and name not in documents:
                raise _broken(f"change {line.sequence}", f"its document {name} is missing")
    for name, kept in documents.items():
        if name not in allowed:
            raise _broken(f"document {name[:80]}", "no change names it")
        if digest(_bytes(kept, name)) != name:
            raise _broken(f"document {name}", "it was changed")


def _named(line: Line) -> Iterator[tuple[bool, str]]:
    """The documents that a change names, and whether they must be there: an evaluation's file may be elsewhere."""
    if line.entry is None or line.void is not None:
        return
    change = line.entry.signed.change
    if change.document is not None:
        yield True, change.document
    if isinstance(change.subject, Assessment):
        yield from ((False, one.digest) for one in change.subject.evaluations)


def _void(value: object) -> dict[int, Finding]:
    """The changes that count for nothing though they are well signed: by the exporter's word."""
    if not isinstance(value, dict) or not value:
        raise _broken("void", "it is no object that names a change")
    found = {}
    for number, told in value.items():
        if not number.isdigit() or str(int(number)) != number:
            raise _broken("void", f"{number[:20]!r} is no number of a change")
        fields = Fields(told, f"void.{number}")
        why = Fault(Kind.FORBIDDEN, fields.text("code"), fields.text("message", 10_000), remedy="")
        fields.done()
        found[int(number)] = Finding(Verdict.VOID, why)
    return found


def _not_compared(void: dict[int, Finding]) -> Iterator[str]:
    for number, found in sorted(void.items()):
        why = found.why.message if found.why is not None else ""
        yield (
            f"Change {number} is well signed and counts for nothing, as this file says: {why} That is not compared "
            "here; the policy that its checkpoint names is."
        )


def _missing(story: Story, head: Checkpoint) -> Iterator[str]:
    """What the checkpoint says otherwise than the history."""
    counted = changes_of(head.extensions)  # None: written by a release that did not count
    last = digest(story.lines[-1].logged.committed.body) if story.lines else None
    if counted is not None and counted != (len(story.lines), last):
        yield (
            f"The checkpoint counts {counted[0]} changes, the last of them {counted[1]}, and here are "
            f"{len(story.lines)}, the last of them {last}: changes were left off the end. Ask for all of it."
        )
    named = next(
        (line.removeprefix("policy ") for line in head.extensions if line.startswith("policy ")), None
    )
    if named != effective(story.standing):
        yield (
            f"The checkpoint names {named or 'no policy'}, and this history leads to "
            f"{effective(story.standing) or 'none'}: changes were left off its end, or the checkpoint is of the "
            "moment of the change. Ask for a newer one."
        )


def _kept(data: bytes) -> JSON:
    """Text as it is, so that people can read it; anything else in hex."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return {"hex": data.hex()}
    return text


def _bytes(kept: object, name: str) -> bytes:
    if isinstance(kept, str):
        return kept.encode()
    found = kept.get("hex") if isinstance(kept, dict) and len(kept) == 1 else None
    try:
        data = _hex(found, None) if isinstance(found, str) else None
        if data is not None and _kept(data) == kept:
            return data
    except ValueError:
        pass
    raise _broken(f"document {name}", "it is not of its form")


def _hex(text: str, length: int | None) -> bytes:
    data = bytes.fromhex(text)
    if data.hex() != text or (length is not None and len(data) != length):
        raise ValueError("not canonical")
    return data


def _best(story: Story, tiles: TileFolder, verifier: Verifier) -> tuple[str, Checkpoint]:
    """The newest cosigned checkpoint if it counts the whole story, else the newest. Raises `NoteError`, `TileError`."""
    cosigned = read_cosigned(tiles, verifier)
    if cosigned is not None:
        size = cosigned[1].size
        if all(line.logged.index < size for line in story.lines) and not any(_missing(story, cosigned[1])):
            return cosigned
    note = tiles.checkpoint() or ""  # after the database: it covers all that was read
    return note, open_checkpoint(note, verifier)


def _plain(note: str, verifier: Verifier) -> str:
    """The note with the log's own signature, once and first, and then all others."""
    parsed = Note.parse(note)
    own: list[str] = []
    others: list[str] = []
    for line, (name, key_id, _) in zip(
        note[len(parsed.text) + 1 :].splitlines(keepends=True), parsed.signatures, strict=True
    ):
        (own if (name, key_id) == (verifier.name, verifier.key_id) else others).append(line)
    return f"{parsed.text}\n{''.join((*own[:1], *others))}"


def _broken(where: str, why: str) -> Fault:
    return invalid(
        "history_broken",
        f"The history does not hold at {where}: {why}.",
        remedy="Ask for the file again, and for the log's verifier key from somebody else; keep this one.",
        field="verify",
    )


def _unprovable(why: str) -> Fault:
    return Fault(
        Kind.INTERNAL,
        "log_disagrees",
        f"the log cannot prove the history: {why}.",
        remedy="Run `rambarde log verify`, which says what was changed and where.",
    )

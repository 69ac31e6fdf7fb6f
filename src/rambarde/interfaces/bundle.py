"""The bundle: evidence for somebody else, who can check it alone.

One file: records and chain of custody with their proofs, items, the checkpoint with whatever cosignatures it has, an
index in English and French, and the verifier. Sealed items are never in it, only their hashes.
"""

from __future__ import annotations

import base64
import hashlib
import html
import json
import os
import secrets
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from rambarde.guard.policy.signatures import history
from rambarde.interfaces.archive import Archive
from rambarde.interfaces.http.pages import Markup, fill
from rambarde.interfaces.signers import Signers
from rambarde.nouns.evidence import Item
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.hold import Scope
from rambarde.prove import custody, holds
from rambarde.prove.custody import Event, facts
from rambarde.prove.key import open_signer
from rambarde.prove.log import FOLDER
from rambarde.prove.proofs import InclusionProof, prove_inclusion
from rambarde.prove.publisher import Publisher
from rambarde.prove.standalone import FORMAT, MANIFEST, SIGNED
from rambarde.prove.tiles import TileFolder
from rambarde.store.ledger import RECORD, Ledger

_ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp", "application/json": "json"}
_QUIET = (Event.LISTED.value,)
"""Events that say nothing of an item's custody, and may name those of others."""


@dataclass(frozen=True, slots=True)
class Bundled:
    """What went into a bundle; `key` opens its encrypted items, None if there are none."""

    records: int
    items: int
    documents: int
    key: bytes | None


def bundle(
    archive: Archive, data: Path, scope: Scope, out: Path, *, person: str, purpose: str, cleared: bool = False
) -> Bundled:
    """Write the bundle of what `scope`, or a hold of its case, covers, to the new file `out`.

    Items are encrypted under a fresh key, or `cleared`. It is in the log, with person and purpose, before anything
    is opened. Raises `Fault`: `bundle_empty`, CONFLICT `file_exists`, `file_unwritable`, the evidence store's, and
    `log_disagrees`; then there is no file.
    """
    if out.exists():
        raise Fault(Kind.CONFLICT, "file_exists", f"{out} exists.", remedy="Name another file.", field="out")
    items, decisions = archive.find(scope), archive.decisions(scope)
    if not items and not decisions:
        raise Fault(
            Kind.NOT_FOUND,
            "bundle_empty",
            "Nothing is covered by this.",
            remedy="Look with `rambarde evidence list`, and check the dates: they are UTC.",
        )
    form = "cleared" if cleared else "encrypted"
    id = archive.custody.accessed(
        Event.BUNDLED,
        items,
        person=person,
        purpose=purpose,
        asked=scope.as_json(),
        form=form,
        decisions=list(decisions),
    )
    key = None if cleared else secrets.token_bytes(32)
    proofs = list(_proofs(archive, data, decisions, items, id))
    content, listed = {}, []
    for item in items:
        entry = facts(item) | {"form": "hashes", "pdq": item.pdq, "cases": list(item.about.cases)}
        if item.content and not item.sealed:
            opened = archive.evidence.open(item.id)
            name = f"items/{item.id}.{_ENDINGS.get(item.media_type, 'bin') if cleared else 'sealed'}"
            content[name] = opened if key is None else _sealed(key, item.id, opened)
            entry |= {"form": form, "file": name}
        listed.append(entry)
    made_at = archive.database.clock().isoformat()
    texts = _texts(data, proofs, listed, scope, made_at, person, purpose)
    _write(
        out,
        data,
        content | texts,
        {"made_at": made_at, "person": person, "purpose": purpose},
        listed,
        decisions,
    )
    encrypted = any(entry["form"] == "encrypted" for entry in listed)
    documents = len(proofs) - len(decisions)
    return Bundled(len(decisions), len(items), documents, key if encrypted else None)


def _proofs(
    archive: Archive, data: Path, decisions: Iterable[str], items: Iterable[Item], bundled: str
) -> Iterator[tuple[str, InclusionProof]]:
    """Name and proof of each file, all under one checkpoint: the newest, with the bundle's own entry in it."""
    ledger, signer = Ledger(archive.database), open_signer(data)
    publisher = Publisher(data / FOLDER, signer.verifier, ledger)
    try:
        publisher.publish()
    finally:
        publisher.close()
    note = TileFolder(data / FOLDER).checkpoint()

    def proof(kind: str, id: str) -> InclusionProof:
        return prove_inclusion(
            data / FOLDER, signer.verifier, ledger, id, kind=kind, opened=True, checkpoint=note
        )

    for id in decisions:
        yield f"records/{_name(id)}.json", proof(RECORD, id)
    found = tuple(items)
    for id in dict.fromkeys((*archive.evidence.documents([item.id for item in found]), bundled)):
        one = proof(custody.KIND, id)
        if json.loads(one.body or b"{}").get("event") not in _QUIET:
            yield f"custody/{id}.json", one
    cases = {case for item in found for case in item.about.cases}
    over = {hold.id for item in found for hold in archive.holds.all() if hold.scope.covers(item.about)}
    over |= {hold.id for hold in archive.holds.all() if hold.scope.case in cases}
    number, named, signers = 1, set[str](), Signers(archive.database)
    while (event := ledger.find(holds.KIND, str(number))) is not None:
        if json.loads(event.committed.body).get("hold") in over:
            yield f"holds/{number}.json", proof(holds.KIND, str(number))
            named |= {one.id for one in [signers.at(event.index)] if one is not None}
        number += 1
    for id in sorted(named):
        yield f"people/{id}.json", proof(history.KIND, id)


def _texts(
    data: Path,
    proofs: list[tuple[str, InclusionProof]],
    listed: list[dict[str, object]],
    scope: Scope,
    made_at: str,
    person: str,
    purpose: str,
) -> dict[str, bytes]:
    signer = open_signer(data)
    documents = {name: json.loads(proof.body or b"{}") for name, proof in proofs}
    records = [d for name, d in documents.items() if name.startswith("records/")]
    chain = sorted(
        (d for name, d in documents.items() if name.startswith("custody/")), key=lambda d: str(d["at"])
    )
    page = fill(
        "bundle.html",
        style=Markup((files("rambarde.interfaces.web") / "page.css").read_text("utf-8")),
        records=len(records),
        items=len(listed),
        documents=len(documents) - len(records),
        log=signer.name,
        made_at=made_at,
        person=person,
        purpose=purpose,
        record_rows=_rows((r["id"], r["received_at"], r["surface"], r["ending"], _rules(r)) for r in records),
        item_rows=_rows(
            (
                e["id"],
                e["decision"],
                f"{e['part']} {e['number']}",
                f"{e['why']}: {e['because']}",
                _form(e),
                e["digest"],
            )
            for e in listed
        ),
        custody_rows=_rows(
            (d["at"], d["event"], d.get("person", ""), d.get("purpose", ""), " ".join(d["items"]))
            for d in chain
        ),
    )
    return {
        **{name: json.dumps(proof.as_json(), indent=1).encode() for name, proof in proofs},
        "checkpoint": proofs[0][1].checkpoint.encode(),
        "log.pub": f"{signer.verifier}\n".encode(),
        "scope.json": json.dumps(scope.as_json(), indent=1).encode(),
        "index.html": page.encode("utf-8", "backslashreplace"),
        "verify.py": (files("rambarde.prove") / "standalone.py").read_bytes(),
    }


def _write(
    out: Path,
    data: Path,
    content: Mapping[str, bytes],
    head: Mapping[str, object],
    listed: list[dict[str, object]],
    decisions: Iterable[str],
) -> None:
    manifest = json.dumps(
        {
            "format": FORMAT,
            **head,
            "records": list(decisions),
            "items": listed,
            "files": [
                {"name": name, "size": len(body), "sha256": hashlib.sha256(body).hexdigest()}
                for name, body in sorted(content.items())
            ],
        },
        indent=1,
        sort_keys=True,
    ).encode()
    signed = open_signer(data).sign(f"{FORMAT}\n{hashlib.sha256(manifest).hexdigest()}\n")
    staged = out.with_name(f".{out.name}.{secrets.token_hex(6)}")
    try:
        handle = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(handle, "wb") as file:
                with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                    for name, body in ({MANIFEST: manifest, SIGNED: signed.encode()} | dict(content)).items():
                        archive.writestr(zipfile.ZipInfo(name), body, zipfile.ZIP_DEFLATED)
                file.flush()
                os.fsync(file.fileno())
            os.link(staged, out)
        finally:
            staged.unlink(missing_ok=True)
    except FileExistsError as error:
        raise Fault(
            Kind.CONFLICT, "file_exists", f"{out} exists.", remedy="Name another file.", field="out"
        ) from error
    except OSError as error:
        raise Fault(
            Kind.INVALID,
            "file_unwritable",
            f"{out}: {error.strerror}.",
            remedy="Check the folder.",
            field="out",
        ) from error


def _sealed(key: bytes, id: str, data: bytes) -> bytes:
    nonce = secrets.token_bytes(12)
    return nonce + AESGCM(key).encrypt(nonce, data, f"{FORMAT} {id}".encode())


def write_key(path: Path, key: bytes) -> None:
    """The key of a bundle's items, for its owner only. Raises `Fault` as `bundle`."""
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise Fault(
            Kind.INVALID,
            "file_unwritable",
            f"{path}: {error.strerror}.",
            remedy="Name another file.",
            field="key_out",
        ) from error
    with os.fdopen(handle, "wb") as file:
        file.write(base64.b64encode(key) + b"\n")


def _rows(rows: Iterable[tuple[object, ...]]) -> Markup:
    return Markup(
        "\n".join(
            "<tr>" + "".join(f"<td>{html.escape(str(cell))}</td>" for cell in row) + "</tr>" for row in rows
        )
    )


def _rules(record: Mapping[str, object]) -> str:
    outputs = record.get("outputs")
    made = [one for one in outputs if isinstance(one, dict)] if isinstance(outputs, list) else []
    decisions = [record.get("admit"), *(one.get("decision") for one in made)]
    fired = (rule["rule"] for one in decisions if isinstance(one, dict) for rule in one["rules"])
    return ", ".join(dict.fromkeys(fired))


def _form(entry: Mapping[str, object]) -> str:
    sealed = " (sealed · sous scellés)" if entry["sealed"] else ""
    return f"{entry['form']}{sealed}"


def _name(id: str) -> str:
    return "".join(c if c.isalnum() or c in "-_" else "-" for c in id)

"""Verify a Rambarde evidence bundle: one plain Python file (3.9 or newer), with nothing else installed.

    python verify.py BUNDLE.zip [--log-key "name+hash+base64"] [--key FILE]

It lies inside every bundle, and `rambarde evidence verify` runs the same code. It checks that nothing was changed,
added or cut; that the log's key signed the manifest and the checkpoint; that every record and document is in the log
at its place; that every item is the one which the log binds; and says who lifted holds, and with which signatures.
Take the log's key from somewhere else than the bundle: the key inside proves only that it agrees with itself.
Decrypting items (`--key`) needs the package `cryptography`; everything else does not.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
import unicodedata
import zipfile
from pathlib import Path
from typing import Any

FORMAT = "rambarde-bundle/1"
MANIFEST, SIGNED = "manifest.json", "manifest.note"
LARGEST = 4_000_000_000
"""Bytes of all files together that are still read: a bundle must not be a bomb."""
NO_WITNESS = (
    "No witness cosigned the checkpoint: if the holder of the log's key rewrote its tail and signed again, only who "
    "holds an earlier receipt or checkpoint can see it."
)
OWN_KEY = (
    "The log's key was taken from the bundle itself: compare it with the one that the operator published."
)


class BundleError(Exception):
    """What does not hold: `code` for programs, and plain words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def verify(path: Path, log_key: str | None = None, key: bytes | None = None) -> dict[str, Any]:
    """Check the whole bundle; returns what is in it. Raises `BundleError`.

    `log_key` is the log's verifier key from elsewhere, `key` the 32 bytes that encrypted items were sealed with.
    """
    files = _files(path)
    try:
        return _verified(files, log_key, key)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise BundleError(
            "bundle_manifest", f"its documents have not the form they should: {error!r}"
        ) from error


def _verified(files: dict[str, bytes], log_key: str | None, key: bytes | None) -> dict[str, Any]:
    told = _text(files, "log.pub").strip()
    if log_key is not None and log_key.strip() != told:
        raise BundleError("bundle_log_key", "the bundle is of another log than the one whose key you gave")
    name, public = _verifier(log_key or told)
    signed = _opened(_text(files, SIGNED), name, public)
    if signed != [FORMAT, hashlib.sha256(files.get(MANIFEST, b"")).hexdigest()]:
        raise BundleError("bundle_signature", "the signed manifest is not the manifest of this bundle")
    manifest = _manifest(files)
    head = _checkpoint(_text(files, "checkpoint"), name, public)
    proofs = {
        n: _proof(n, files[n], head)
        for n in sorted(files)
        if n.startswith(("records/", "custody/", "holds/", "people/"))
    }
    bound = _bound(proofs)
    opened = sum(_item(one, files, bound, key) for one in manifest["items"])
    records = [document for (kind, document) in proofs.values() if kind == "record"]
    if sorted(str(r["id"]) for r in records) != sorted(manifest["records"]):
        raise BundleError("bundle_incomplete", "the records are not those that the manifest names")
    witnesses = _others(_text(files, "checkpoint"), name)
    notes = ([] if log_key else [OWN_KEY]) + ([] if witnesses else [NO_WITNESS])
    if key is None and any(one["form"] == "encrypted" for one in manifest["items"]):
        notes.append("Encrypted items were checked against the manifest only; --key opens them.")
    notes += _lifts([json.loads(files[n]) for n in proofs if n.startswith(("holds/", "people/"))])
    return {
        "ok": True,
        "log": name,
        "size": head[0],
        "made_at": manifest["made_at"],
        "records": len(records),
        "documents": len(proofs) - len(records),
        "items": len(manifest["items"]),
        "opened": opened,
        "unnamed_cosignatures": witnesses,
        "notes": notes,
    }


def _files(path: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(path) as bundle:
            names = bundle.namelist()
            if len(set(names)) != len(names):
                raise BundleError("bundle_changed", "a name stands twice in the bundle")
            if sum(info.file_size for info in bundle.infolist()) > LARGEST:
                raise BundleError("bundle_too_large", "the bundle unpacks to more than is read")
            return {name: bundle.read(name) for name in names}
    except FileNotFoundError as error:
        raise BundleError("bundle_missing", "there is no such file") from error
    except (zipfile.BadZipFile, EOFError, OSError, NotImplementedError, RuntimeError) as error:
        raise BundleError("bundle_truncated", f"it is no bundle, or was cut or damaged: {error}") from error


def _manifest(files: dict[str, bytes]) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads(files[MANIFEST])
        listed = {str(one["name"]): one for one in manifest["files"]}
        if manifest["format"] != FORMAT or not isinstance(manifest["items"], list):
            raise ValueError("another format")
    except (KeyError, TypeError, ValueError) as error:
        raise BundleError(
            "bundle_manifest", "its manifest is missing, or of no version that is known"
        ) from error
    for name in sorted(listed):
        if name not in files:
            raise BundleError("bundle_incomplete", f"{name} is missing")
        if hashlib.sha256(files[name]).hexdigest() != listed[name]["sha256"]:
            raise BundleError("bundle_changed", f"{name} was changed")
    for name in sorted(files):
        if name not in listed and name not in (MANIFEST, SIGNED):
            raise BundleError("bundle_changed", f"{name} was added")
    return manifest


def _proof(name: str, data: bytes, head: tuple[int, bytes]) -> tuple[str, dict[str, Any]]:
    """Kind and document of a file that proves its place in the log."""
    try:
        proof = json.loads(data)
        kind, index = str(proof["kind"]), int(proof["index"])
        entry, body = proof["entry"].encode(), proof["opening"]["body"].encode()
        salt = base64.b64decode(proof["opening"]["salt"], validate=True)
        path = [base64.b64decode(one, validate=True) for one in proof["path"]]
        document = json.loads(body)
        if not isinstance(document, dict) or len(salt) != 32:
            raise ValueError("it opens nothing")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise BundleError("bundle_proof", f"{name} is no proof") from error
    commitment = hashlib.sha256((f"rambarde/{kind}/1\0").encode() + salt + body).hexdigest()
    expected = json.dumps(
        {"commitment": commitment, "kind": kind, "v": 1}, sort_keys=True, separators=(",", ":")
    )
    if entry != expected.encode():
        raise BundleError("bundle_proof", f"{name} does not open its entry in the log")
    if _root(hashlib.sha256(b"\0" + entry).digest(), index, head[0], path) != head[1]:
        raise BundleError("bundle_proof", f"{name} is not in the log at its place")
    return kind, document


def _root(leaf: bytes, index: int, size: int, path: list[bytes]) -> bytes | None:
    """RFC 9162, 2.1.3.2."""
    if not 0 <= index < size:
        return None
    node, last, found = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            return None
        if node & 1 or node == last:
            found = hashlib.sha256(b"\1" + sibling + found).digest()
            while not node & 1 and node:
                node, last = node >> 1, last >> 1
        else:
            found = hashlib.sha256(b"\1" + found + sibling).digest()
        node, last = node >> 1, last >> 1
    return found if last == 0 else None


def _bound(proofs: dict[str, tuple[str, dict[str, Any]]]) -> dict[str, dict[str, Any]]:
    """What the log binds of each item: the facts of the document by which it was kept."""
    found: dict[str, dict[str, Any]] = {}
    for kind, document in proofs.values():
        if kind == "custody" and document.get("event") == "kept":
            for one in document.get("facts") or []:
                found[str(one["id"])] = one
    return found


def _lifts(proofs: list[dict[str, Any]]) -> list[str]:
    """How each hold was lifted, in words; what does not count, counts as little here as in the log."""
    told: list[str] = []
    of, asked, people = {}, dict[str, Any](), []
    for proof in sorted(proofs, key=lambda one: int(one["index"])):
        document = json.loads(proof["opening"]["body"])
        if "change" in document:
            people = document["change"]["subject"]["people"]["people"]
            continue
        event, hold, said = document["event"], str(document["hold"]), document["said"]
        if event == "set":
            of[hold] = hashlib.sha256(proof["opening"]["body"].encode()).hexdigest()
            continue
        signed = people and _signed(document, of[hold], people)
        one, other = asked.get(hold, (said["person"], False)), said["person"]
        names = {"".join(unicodedata.normalize("NFKC", n).casefold().split()) for n in (one[0], other)}
        if people and not signed:
            told.append(f"Event {document['id']}, by {other}, lifts nothing: it is not signed as it must be.")
        elif event == "ask":
            asked[hold] = (other, signed)
        elif len(names) < 2 or (people and not one[1]):
            told.append(f"Event {document['id']} lifts nothing: nobody else had asked for it.")
        else:
            how = "signed with their keys" if signed else "by name: this bundle names no keys"
            told.append(f"{hold} was lifted by {one[0]} and {other}, {how}.")
    return told


def _signed(document: dict[str, Any], of: str, people: list[dict[str, Any]]) -> bool:
    said = document["said"]
    words = {name: said[name] for name in ("person", "reason", "at")}
    words.update(event=document["event"], hold=document["hold"], of=of)
    data = b"rambarde/hold/1\0" + json.dumps(words, sort_keys=True, separators=(",", ":")).encode()
    for one in people:
        blob = base64.b64decode(one["key"].split(" ")[1])
        key = "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")
        lasts = min(end for end in (one["until"], one["revoked"], "9999") if end)
        if one["name"] == said["person"] and key == said.get("key") and one["since"] <= said["at"] < lasts:
            return ed25519(blob[-32:], data, bytes.fromhex(said["signature"]))
    return False


def _item(
    one: dict[str, Any], files: dict[str, bytes], bound: dict[str, dict[str, Any]], key: bytes | None
) -> int:
    """Check one item against the log; 1 if its content was seen."""
    id, form = str(one["id"]), one["form"]
    facts = bound.get(id)
    if facts is None:
        raise BundleError("bundle_custody", f"no document of the log says that the item {id} was kept")
    for name in ("decision", "part", "number", "media_type", "size", "digest", "sealed", "why", "because"):
        if facts.get(name) != one.get(name):
            raise BundleError("bundle_custody", f"the log says something else of the item {id} ({name})")
    if form == "hashes":
        return 0
    if facts["sealed"]:
        raise BundleError("bundle_custody", f"the item {id} is sealed, and its content lies here")
    data = files.get(str(one["file"]))
    if data is None:
        raise BundleError("bundle_incomplete", f"the item {id} is missing")
    if form == "encrypted":
        if key is None:
            return 0
        data = _decrypted(id, data, key)
    if len(data) != facts["size"] or hashlib.sha256(data).hexdigest() != facts["digest"]:
        raise BundleError("bundle_item", f"the item {id} is not the one that was kept")
    return 1


def _decrypted(id: str, data: bytes, key: bytes) -> bytes:
    try:
        from cryptography.exceptions import InvalidTag
        from cryptography.hazmat.primitives.ciphers.aead import AESGCM
    except ModuleNotFoundError as error:
        raise BundleError("bundle_cryptography", "decrypting needs the package cryptography") from error
    try:
        return AESGCM(key).decrypt(data[:12], data[12:], (f"{FORMAT} {id}").encode())
    except (InvalidTag, ValueError) as error:
        raise BundleError("bundle_key", "this is not the key of the encrypted items") from error


def _text(files: dict[str, bytes], name: str) -> str:
    try:
        return files[name].decode("utf-8")
    except (KeyError, UnicodeDecodeError) as error:
        raise BundleError("bundle_incomplete", f"{name} is missing or no text") from error


def _verifier(line: str) -> tuple[str, bytes]:
    """Name and public key of a verifier key (C2SP signed-note)."""
    try:
        name, hash, encoded = line.strip().split("+", 2)
        blob = base64.b64decode(encoded, validate=True)
        if len(blob) != 33 or blob[0] != 1 or _key_id(name, blob[1:]).hex() != hash:
            raise ValueError("another kind of key")
    except ValueError as error:
        raise BundleError("bundle_log_key", "the log's key is none: name+hash+base64, Ed25519") from error
    return name, blob[1:]


def _key_id(name: str, public: bytes) -> bytes:
    return hashlib.sha256(name.encode() + b"\n\1" + public).digest()[:4]


def _signatures(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    place = note.rfind("\n\n")
    lines = []
    try:
        for line in note[place + 2 :].splitlines():
            dash, name, encoded = line.split(" ")
            lines.append((name, base64.b64decode(encoded, validate=True)))
            if dash != "\u2014":
                raise ValueError("no dash")
    except ValueError as error:
        raise BundleError("bundle_signature", "a signed note is malformed") from error
    return note[: place + 1], lines


def _opened(note: str, name: str, public: bytes) -> list[str]:
    """The lines of a note that the log's key signed."""
    text, lines = _signatures(note)
    for who, blob in lines:
        if who == name and blob[:4] == _key_id(name, public) and ed25519(public, text.encode(), blob[4:]):
            return text[:-1].split("\n")
    raise BundleError("bundle_signature", "the log's key did not sign what the bundle says it signed")


def _others(note: str, name: str) -> list[str]:
    return sorted({who for who, _ in _signatures(note)[1] if who != name})


def _checkpoint(note: str, name: str, public: bytes) -> tuple[int, bytes]:
    lines = _opened(note, name, public)
    try:
        origin, size, root = lines[:3]
        if origin != name:
            raise ValueError("of another log")
        return int(size), base64.b64decode(root, validate=True)
    except ValueError as error:
        raise BundleError("bundle_signature", "the checkpoint is none") from error


# Ed25519 (RFC 8032), verifying only: slow and plain. Nothing here is secret, so time does not matter.

_P = 2**255 - 19
_Q = 2**252 + 27742317777372353535851937790883648493
_D = -121665 * pow(121666, _P - 2, _P) % _P
_I = pow(2, (_P - 1) // 4, _P)
_Point = tuple[int, int, int, int]


def _added(a: _Point, b: _Point) -> _Point:
    e, f = (a[1] - a[0]) * (b[1] - b[0]) % _P, (a[1] + a[0]) * (b[1] + b[0]) % _P
    g, h = 2 * a[3] * b[3] * _D % _P, 2 * a[2] * b[2] % _P
    x, z, t, y = f - e, h - g, h + g, f + e
    return (x * z % _P, t * y % _P, z * t % _P, x * y % _P)


def _times(count: int, point: _Point) -> _Point:
    found: _Point = (0, 1, 1, 0)
    while count > 0:
        if count & 1:
            found = _added(found, point)
        point, count = _added(point, point), count >> 1
    return found


def _point(data: bytes) -> _Point | None:
    y = int.from_bytes(data, "little")
    sign, y = y >> 255, y & ((1 << 255) - 1)
    if y >= _P:
        return None
    square = (y * y - 1) * pow(_D * y * y + 1, _P - 2, _P) % _P
    x = pow(square, (_P + 3) // 8, _P)
    if (x * x - square) % _P:
        x = x * _I % _P
    if (x * x - square) % _P or (x == 0 and sign):
        return None
    x = _P - x if x & 1 != sign else x
    return (x, y, 1, x * y % _P)


def ed25519(public: bytes, message: bytes, signature: bytes) -> bool:
    """Whether `signature` is the key's over the message."""
    if len(public) != 32 or len(signature) != 64:
        return False
    key, r, s = _point(public), _point(signature[:32]), int.from_bytes(signature[32:], "little")
    base = _point((4 * pow(5, _P - 2, _P) % _P).to_bytes(32, "little"))
    if key is None or r is None or base is None or s >= _Q:
        return False
    hash = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % _Q
    one, other = _times(s, base), _added(r, _times(hash, key))
    same_x = (one[0] * other[2] - other[0] * one[2]) % _P == 0
    return same_x and (one[1] * other[2] - other[1] * one[2]) % _P == 0


def main() -> int:
    """Exit status 0 if everything holds, 1 if not."""
    parser = argparse.ArgumentParser(description="Verify a Rambarde evidence bundle.")
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--log-key", help="the log's verifier key, from who told you")
    parser.add_argument("--key", type=Path, help="file of the key that encrypted items were sealed with")
    asked = parser.parse_args()
    try:
        key = base64.b64decode(asked.key.read_bytes()) if asked.key else None
        found = verify(asked.bundle, asked.log_key, key)
    except (BundleError, OSError, ValueError) as error:
        sys.stderr.write(f"The bundle does NOT hold: {error}.\n")
        return 1
    sys.stdout.write(json.dumps(found, indent=2) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

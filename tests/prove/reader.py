"""A reader of logs from the C2SP texts alone: signed-note, tlog-checkpoint, tlog-tiles, tlog-cosignature, RFC 6962.

Slow and obvious, and it imports nothing of ours: what both it and `rambarde` accept, two implementations read alike.
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def sha256(data: bytes) -> bytes:
    return hashlib.sha256(data).digest()


def key_of(vkey: str) -> tuple[str, bytes, int, bytes]:
    """signed-note, "Verifier keys": name+hash+base64(type, key)."""
    name, hash, rest = vkey.split("+", 2)
    material = base64.b64decode(rest, validate=True)
    id = sha256(name.encode() + b"\n" + material)[:4]
    assert id.hex() == hash
    return name, id, material[0], material[1:]


def signatures_of(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """signed-note, "Format": text, an empty line, lines that begin with an em dash."""
    text, found = note.rsplit("\n\n", 1)
    assert found.endswith("\n")
    signatures = []
    for line in found[:-1].split("\n"):
        dash, name, encoded = line.split(" ")
        assert dash == "\u2014"
        blob = base64.b64decode(encoded, validate=True)
        signatures.append((name, blob[:4], blob[4:]))
    return text + "\n", signatures


def check_signature(note: str, vkey: str) -> str:
    """The text, which the key signed; raises otherwise."""
    name, id, kind, key = key_of(vkey)
    assert kind == 1
    text, signatures = signatures_of(note)
    mine = [signature for n, i, signature in signatures if (n, i) == (name, id)]
    assert len(mine) == 1
    Ed25519PublicKey.from_public_bytes(key).verify(mine[0], text.encode())
    return text


def check_cosignature(note: str, vkey: str) -> int:
    """tlog-cosignature, Ed25519: the time at which the witness signed; raises otherwise."""
    name, id, kind, key = key_of(vkey)
    assert kind == 4
    text, signatures = signatures_of(note)
    mine = [signature for n, i, signature in signatures if (n, i) == (name, id)]
    assert len(mine) == 1 and len(mine[0]) == 72
    time = int.from_bytes(mine[0][:8], "big")
    Ed25519PublicKey.from_public_bytes(key).verify(
        mine[0][8:], f"cosignature/v1\ntime {time}\n{text}".encode()
    )
    return time


def checkpoint(note: str, vkey: str) -> tuple[int, bytes]:
    """tlog-checkpoint: origin, size, root, and whatever else."""
    origin, size, root, *_ = check_signature(note, vkey).split("\n")
    assert origin == key_of(vkey)[0]
    assert str(int(size)) == size
    return int(size), base64.b64decode(root, validate=True)


def tree_hash(hashes: list[bytes]) -> bytes:
    """RFC 6962, 2.1, over leaf hashes."""
    if not hashes:
        return sha256(b"")
    if len(hashes) == 1:
        return hashes[0]
    k = 1
    while k * 2 < len(hashes):
        k *= 2
    return sha256(b"\x01" + tree_hash(hashes[:k]) + tree_hash(hashes[k:]))


def name_of(number: int) -> str:
    """tlog-tiles: groups of three digits, all but the last with an x before them."""
    groups = [f"{number % 1000:03d}"]
    while number >= 1000:
        number //= 1000
        groups.insert(0, f"x{number % 1000:03d}")
    return "/".join(groups)


def read(folder: Path, vkey: str) -> list[bytes]:
    """All entries of a published log, with every tile of every level checked against them."""
    size, root = checkpoint((folder / "checkpoint").read_bytes().decode(), vkey)
    entries: list[bytes] = []
    for number in range((size + 255) // 256):
        width = min(256, size - 256 * number)
        partial = "" if width == 256 else f".p/{width}"
        data = (folder / f"tile/entries/{name_of(number)}{partial}").read_bytes()
        for _ in range(width):
            length = int.from_bytes(data[:2], "big")
            assert len(data) >= 2 + length
            entries.append(data[2 : 2 + length])
            data = data[2 + length :]
        assert not data
    hashes = [sha256(b"\x00" + entry) for entry in entries]
    assert tree_hash(hashes) == root
    level = 0
    while hashes:
        for number in range((len(hashes) + 255) // 256):
            part = hashes[256 * number : 256 * number + 256]
            partial = "" if len(part) == 256 else f".p/{len(part)}"
            assert (folder / f"tile/{level}/{name_of(number)}{partial}").read_bytes() == b"".join(part)
        hashes = [tree_hash(hashes[at : at + 256]) for at in range(0, len(hashes) // 256 * 256, 256)]
        level += 1
    return entries


def root_from_path(entry: bytes, index: int, size: int, path: list[bytes]) -> bytes:
    """RFC 6962, 2.1.1, read backwards: the root that a path proves, splitting as the definition does."""
    if size == 1:
        assert index == 0 and not path
        return sha256(b"\x00" + entry)
    k = 1
    while k * 2 < size:
        k *= 2
    if index < k:
        return sha256(b"\x01" + root_from_path(entry, index, k, path[:-1]) + path[-1])
    return sha256(b"\x01" + path[-1] + root_from_path(entry, index - k, size - k, path[:-1]))

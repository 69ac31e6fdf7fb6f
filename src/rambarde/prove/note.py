"""Signed notes and checkpoints, byte for byte as C2SP signed-note and tlog-checkpoint say."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from rambarde.prove.merkle import HASH_BYTES

LONGEST = 1_000_000
"""Bytes of a note that are still read."""
ED25519 = b"\x01"
COSIGNATURE = b"\x04"
"""Types of keys: one that signs notes, and one that cosigns checkpoints with the time (C2SP tlog-cosignature)."""
_TIME_BYTES = 8
_KEY_BYTES = 32
_SIGNATURE_BYTES = 64
_DASH = "\u2014 "
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_PRIVATE = "PRIVATE+KEY+"


class NoteError(ValueError):
    """A note, checkpoint or key that is malformed, or whose signature does not hold."""


@dataclass(frozen=True, slots=True)
class Verifier:
    """A public key: `name` (a log's origin, or a witness's name) and 32 bytes of Ed25519."""

    name: str
    public: bytes
    type: bytes = ED25519

    def __post_init__(self) -> None:
        _check_name(self.name)
        if len(self.public) != _KEY_BYTES:
            raise NoteError("an Ed25519 public key has 32 bytes")

    @property
    def key_id(self) -> bytes:
        """The first four bytes of SHA-256 of name, newline, type and key."""
        return hashlib.sha256(self.name.encode() + b"\n" + self.type + self.public).digest()[:4]

    def __str__(self) -> str:
        """The verifier key as one line: `name+hash+base64`."""
        return f"{self.name}+{self.key_id.hex()}+{_base64(self.type + self.public)}"

    @classmethod
    def parse(cls, text: str, type: bytes = ED25519) -> Self:
        """From that line; a key of another type is refused. Raises `NoteError`."""
        name, key = _parse_key(text.strip(), type)
        return cls(name, key, type)

    def verifies(self, text: str, signature: bytes) -> bool:
        """Whether it signed `text`; of a witness's key, at the time that the signature begins with."""
        said = text.encode()
        if self.type == COSIGNATURE:
            if len(signature) != _TIME_BYTES + _SIGNATURE_BYTES:
                return False
            said = cosigned(text, time_of(signature))
            signature = signature[_TIME_BYTES:]
        try:
            Ed25519PublicKey.from_public_bytes(self.public).verify(signature, said)
        except InvalidSignature:
            return False
        return True


def cosigned(text: str, time: int) -> bytes:
    """What a witness signs of a checkpoint: its text, and `time` in seconds since 1970."""
    return f"cosignature/v1\ntime {time}\n{text}".encode()


def time_of(signature: bytes) -> int:
    """The time in a cosignature, in seconds since 1970."""
    return int.from_bytes(signature[:_TIME_BYTES], "big")


class Signer:
    """A private key: a log's, or with type `COSIGNATURE` a witness's."""

    def __init__(self, name: str, seed: bytes, type: bytes = ED25519) -> None:
        """`seed` is 32 random bytes. Raises `NoteError` for another length, or a name no key may have."""
        if len(seed) != _KEY_BYTES:
            raise NoteError("an Ed25519 seed has 32 bytes")
        self._seed = seed
        self._key = Ed25519PrivateKey.from_private_bytes(seed)
        self.verifier = Verifier(name, self._key.public_key().public_bytes_raw(), type)

    @property
    def name(self) -> str:
        return self.verifier.name

    def secret(self) -> str:
        """The key as one line, `PRIVATE+KEY+name+hash+base64`, for `log.key`. Never print it."""
        return (
            f"{_PRIVATE}{self.name}+{self.verifier.key_id.hex()}+{_base64(self.verifier.type + self._seed)}"
        )

    @classmethod
    def parse(cls, text: str, type: bytes = ED25519) -> Self:
        """From that line. Raises `NoteError`."""
        line = text.strip()
        if not line.startswith(_PRIVATE):
            raise NoteError("a signer's key begins with PRIVATE+KEY+")
        name, _, _ = line.removeprefix(_PRIVATE).partition("+")
        _, seed = _parse_key(line.removeprefix(_PRIVATE), type, check_id=False)
        signer = cls(name, seed, type)
        if signer.secret() != line:
            raise NoteError("the key does not match its own hash")
        return signer

    def sign(self, text: str) -> str:
        """The note: `text` (ending in a newline), a blank line and one signature line."""
        _check_text(text)
        return f"{text}\n{self._line(self._key.sign(text.encode()))}"

    def cosign(self, text: str, time: int) -> str:
        """A witness's signature line over a checkpoint's text, at `time` in seconds since 1970."""
        _check_text(text)
        return self._line(time.to_bytes(_TIME_BYTES, "big") + self._key.sign(cosigned(text, time)))

    def _line(self, signature: bytes) -> str:
        return f"{_DASH}{self.name} {_base64(self.verifier.key_id + signature)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """A note taken apart, not verified: `signatures` are name, key id and signature."""

    text: str
    signatures: tuple[tuple[str, bytes, bytes], ...]

    @classmethod
    def parse(cls, note: str) -> Self:
        """Strictly. Raises `NoteError`."""
        if len(note) > LONGEST:
            raise NoteError("the note is too long")
        _check_characters(note)
        if not note.endswith("\n"):
            raise NoteError("the note does not end in a newline")
        place = note.rfind("\n\n")
        if place < 0:
            raise NoteError("the note has no blank line before its signatures")
        text, lines = note[: place + 1], note[place + 2 : -1].split("\n")
        return cls(text, tuple(_signature(line) for line in lines))

    def verify(self, *verifiers: Verifier) -> tuple[Verifier, ...]:
        """Which of `verifiers` signed. Others' signatures are ignored.

        Raises `NoteError` if a known key's signature does not hold, or none of them signed.
        """
        known = {(v.name, v.key_id): v for v in verifiers}
        signed: list[Verifier] = []
        for name, key_id, signature in self.signatures:
            verifier = known.get((name, key_id))
            if verifier is None:
                continue
            if not verifier.verifies(self.text, signature):
                raise NoteError(f"the signature of {name} does not hold")
            if verifier not in signed:
                signed.append(verifier)
        if not signed:
            raise NoteError("none of the known keys signed the note")
        return tuple(signed)


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A tree head: the log's origin, its size, its root, and extension lines (`policy sha256:…`)."""

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def text(self) -> str:
        """The text that is signed. Raises `NoteError` if a line cannot be one."""
        lines = (self.origin, str(self.size), _base64(self.root), *self.extensions)
        if self.size < 0 or len(self.root) != HASH_BYTES:
            raise NoteError("a checkpoint has a size and a root of 32 bytes")
        if any(not line or "\n" in line for line in lines):
            raise NoteError("a checkpoint's lines are not empty and hold no newline")
        return "\n".join(lines) + "\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """From the text of a note, strictly. Raises `NoteError`."""
        if not text.endswith("\n"):
            raise NoteError("the checkpoint does not end in a newline")
        lines = text[:-1].split("\n")
        if len(lines) < 3 or not all(lines):
            raise NoteError("a checkpoint has an origin, a size, a root, and no empty line")
        origin, size, root, *extensions = lines
        if not _SIZE.fullmatch(size):
            raise NoteError("the checkpoint's size is no decimal number")
        hash = unbase64(root)
        if len(hash) != HASH_BYTES:
            raise NoteError("the checkpoint's root has not 32 bytes")
        return cls(origin, int(size), hash, tuple(extensions))


def open_checkpoint(note: str, *verifiers: Verifier) -> Checkpoint:
    """A checkpoint that one of `verifiers` signed, whose origin is that key's name. Raises `NoteError`."""
    parsed = Note.parse(note)
    signed = parsed.verify(*verifiers)
    checkpoint = Checkpoint.parse(parsed.text)
    if all(verifier.name != checkpoint.origin for verifier in signed):
        raise NoteError("the checkpoint is of another log")
    return checkpoint


def sign_checkpoint(signer: Signer, size: int, root: bytes, extensions: Sequence[str] = ()) -> str:
    """The signed checkpoint of the signer's log. Raises `NoteError` for an extension that is no line."""
    return signer.sign(Checkpoint(signer.name, size, root, tuple(extensions)).text())


def _parse_key(text: str, type: bytes, *, check_id: bool = True) -> tuple[str, bytes]:
    name, _, rest = text.partition("+")
    hash, _, encoded = rest.partition("+")
    key = unbase64(encoded)
    if not re.fullmatch(r"[0-9a-f]{8}", hash) or key[:1] != type or len(key) != _KEY_BYTES + 1:
        raise NoteError(f"a key is name+hash+base64, of Ed25519, its type {type[0]}")
    if check_id and Verifier(name, key[1:], type).key_id.hex() != hash:
        raise NoteError("the key does not match its hash")
    return name, key[1:]


def _signature(line: str) -> tuple[str, bytes, bytes]:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space:
        raise NoteError("a signature line is an em dash, a name and a signature")
    _check_name(name)
    blob = unbase64(encoded)
    if len(blob) < 5:
        raise NoteError("a signature is longer than its key id")
    return name, blob[:4], blob[4:]


def _check_name(name: str) -> None:
    if not name or "+" in name or any(c.isspace() for c in name):
        raise NoteError("a key's name is not empty and holds neither spaces nor plus signs")
    _check_characters(name)


def _check_text(text: str) -> None:
    _check_characters(text)
    if not text.endswith("\n"):
        raise NoteError("a note's text ends in a newline")


def _check_characters(text: str) -> None:
    if any((ord(c) < 0x20 and c != "\n") or 0xD800 <= ord(c) <= 0xDFFF for c in text):
        raise NoteError("a note holds no control characters and no lone surrogates")


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")


def unbase64(text: str) -> bytes:
    """The bytes of canonical base64. Raises `NoteError`."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise NoteError("this is not base64") from error
    if _base64(data) != text:  # refuse what decodes alike: a changed bit must not go unseen
        raise NoteError("this is not canonical base64")
    return data

"""The cipher: what the database keeps secret is sealed under the server's key."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from rambarde.nouns.fault import Fault, Kind
from rambarde.store.database import Database

FILE = "server.key"
VARIABLE = "RAMBARDE_SERVER_KEY"
KEY_BYTES = 32
_VERSION = b"\x01"
_ID = 8
_SALT = 16
_NONCE = 12
_HEAD = len(_VERSION) + _ID + _SALT + _NONCE


class Cipher:
    """AES-256-GCM (NIST SP 800-38D) with a fresh key for every message.

    A message's key is HKDF-SHA-256 (RFC 5869) of the server's key and a random 128-bit salt, so the number
    of messages is not bounded by the 96-bit nonce. Sealed bytes are: version (1), id of the server's key
    (8), salt (16), nonce (12), ciphertext with tag. Not secret: the length and the id.
    """

    def __init__(self, key: bytes) -> None:
        """`key` is 32 random bytes. Raises `ValueError` for another length."""
        if len(key) != KEY_BYTES:
            raise ValueError(f"the server's key has {KEY_BYTES} bytes, not {len(key)}")
        self._key = key
        self._id = hashlib.sha256(b"rambarde/server-key\0" + key).digest()[:_ID]

    @classmethod
    def open(cls, data: Path, environment: Mapping[str, str] | None = None) -> Cipher:
        """The cipher of the data folder: the key in RAMBARDE_SERVER_KEY (base64), else in `server.key`.

        The file is created, readable by its owner only, if there is none. Raises `Fault(INTERNAL)` with
        code `server_key_invalid`, `server_key_exposed` (others may read it) or `server_key_unwritable`.
        """
        text = (os.environ if environment is None else environment).get(VARIABLE)
        if text:
            return cls(_decoded(text, VARIABLE))
        return cls(_decoded(_key_file(data / FILE), FILE))

    @property
    def id(self) -> str:
        """Names the key without revealing it: 16 hex digits."""
        return self._id.hex()

    def bind(self, database: Database) -> None:
        """Tie the database to this key at first use.

        Raises `Fault(INTERNAL, "server_key_mismatch")` if it is tied to another, at start-up instead of
        at the first thing that cannot be read.
        """
        if database.pin("server_key", self.id) != self.id:
            raise _mismatch()

    def seal(self, plain: bytes, *, table: str, id: str, purpose: str) -> bytes:
        """Encrypt, bound to its place: sealed bytes moved to another row or column do not open."""
        salt, nonce = secrets.token_bytes(_SALT), secrets.token_bytes(_NONCE)
        return b"".join(
            (
                _VERSION,
                self._id,
                salt,
                nonce,
                self._aead(salt).encrypt(nonce, plain, _place(table, id, purpose)),
            )
        )

    def unseal(self, sealed: bytes, *, table: str, id: str, purpose: str) -> bytes:
        """Decrypt. Raises `Fault(INTERNAL)` `server_key_mismatch`, or `sealed_damaged` if not as sealed."""
        if len(sealed) < _HEAD or sealed[:1] != _VERSION:
            raise _damaged(table)
        body = sealed[1:]
        if body[:_ID] != self._id:
            raise _mismatch()
        salt, nonce = body[_ID : _ID + _SALT], body[_ID + _SALT : _HEAD - 1]
        try:
            return self._aead(salt).decrypt(nonce, body[_HEAD - 1 :], _place(table, id, purpose))
        except InvalidTag as error:
            raise _damaged(table) from error

    def blind(self, record: str, digest: str) -> str:
        """HMAC-SHA-256 of a record's id and its request's digest, hex; only this server can make it."""
        key = HKDF(SHA256(), KEY_BYTES, b"", b"rambarde/blind/1").derive(self._key)
        return hmac.new(key, f"{record}\0{digest}".encode(), hashlib.sha256).hexdigest()

    def _aead(self, salt: bytes) -> AESGCM:
        return AESGCM(HKDF(SHA256(), KEY_BYTES, salt, b"rambarde/sealed/1").derive(self._key))


def _place(table: str, id: str, purpose: str) -> bytes:
    return "\0".join(("rambarde/sealed/1", table, id, purpose)).encode()


def _decoded(text: str, where: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise Fault(
            Kind.INTERNAL,
            "server_key_invalid",
            f"{where} is not {KEY_BYTES} bytes in base64.",
            remedy="Restore it from where you keep it; what it sealed cannot be read without it.",
        )
    return key


def _key_file(path: Path) -> str:
    try:
        if not path.exists():
            _create(path, base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
        if path.stat().st_mode & 0o007:
            raise Fault(
                Kind.INTERNAL,
                "server_key_exposed",
                f"{path.name} can be read by every user of this machine.",
                remedy=f"Run chmod 600 on {path.name}; if others had access, treat the key as known to them.",
            )
        return path.read_text("ascii", errors="replace")
    except OSError as error:
        raise Fault(
            Kind.INTERNAL,
            "server_key_unwritable",
            f"{path.name} cannot be read or created: {error.strerror}.",
            remedy="Check the data folder's owner and free space.",
        ) from error


def _create(path: Path, content: bytes) -> None:
    """Whole or not at all, and never over a key that another process has just made."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    staged = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        try:
            os.link(staged, path)
        except FileExistsError:
            return
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    finally:
        staged.unlink(missing_ok=True)


def _mismatch() -> Fault:
    return Fault(
        Kind.INTERNAL,
        "server_key_mismatch",
        "this data was sealed under another server key.",
        remedy=f"Restore the {FILE} or {VARIABLE} that belongs to this database.",
    )


def _damaged(table: str) -> Fault:
    return Fault(
        Kind.INTERNAL,
        "sealed_damaged",
        f"a sealed value in {table} was changed, moved or cut.",
        remedy="Stop the gateway, keep a copy, and restore the last backup.",
    )

"""The keyring: keys that wrap the keys of evidence items. One key per item, so that erasing it erases the item.

`KeyWrapper` is the port for a key management service: whoever has one brings an adapter that passes
`tests/store/wrapper_contract.py`. `Keyring` is the one with keys from a file or the environment.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import secrets
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Protocol

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from rambarde.nouns.fault import Fault, Kind

FILE = "evidence.key"
VARIABLE = "RAMBARDE_EVIDENCE_KEY"
KEY_BYTES = 32
_NONCE = 12
_DOMAIN = b"rambarde/evidence-key/1\0"


class KeyWrapper(Protocol):
    """Wraps the keys of items under a key that does not leave it. Blocking; thread-safe."""

    def current(self) -> str:
        """The id of the key that wraps now: at most 128 printable characters."""
        ...

    def wrap(self, key: bytes, context: bytes) -> tuple[str, bytes]:
        """(id of the wrapping key, wrapped key). `context` must be given again to unwrap; it is not secret.

        Raises `Fault(INTERNAL)`, `evidence_key_…`: then nothing may be kept under it.
        """
        ...

    def unwrap(self, id: str, wrapped: bytes, context: bytes) -> bytes:
        """The key. Raises `Fault(INTERNAL)`: `evidence_key_missing` for an id it does not have,
        `evidence_key_damaged` for what it did not wrap, or under another context."""
        ...


class Keyring:
    """AES-256-GCM (NIST SP 800-38D) under the newest of several keys; the older ones only unwrap.

    The wrapped keys are fresh random bytes, so the 96-bit random nonces stay far from their bound.
    """

    def __init__(self, keys: list[bytes], file: Path | None = None) -> None:
        """`keys`, the newest first, of 32 random bytes each. `file` is read again when it changed."""
        self._file = file
        self._gate = threading.Lock()
        self._stamp: tuple[int, int] | None = _stamp(file) if file else None
        self._keys: dict[str, bytes] = {}
        self._take(keys)

    @classmethod
    def open(cls, data: Path, environment: Mapping[str, str] | None = None) -> Keyring:
        """Keys of RAMBARDE_EVIDENCE_KEY (base64, the newest first, with spaces between), else of `evidence.key`.

        The file is made, readable by its owner only, if there is none. Raises `Fault(INTERNAL)`:
        `evidence_key_invalid`, `evidence_key_exposed`, `evidence_key_unwritable`.
        """
        text = (os.environ if environment is None else environment).get(VARIABLE)
        if text:
            return cls(_decoded(text, VARIABLE))
        path = data / FILE
        try:
            if not path.exists():
                path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
                _write(path, [secrets.token_bytes(KEY_BYTES)], over=False)
        except OSError as error:
            raise _unwritable(error) from error
        return cls(_read(path), path)

    def current(self) -> str:
        self._refresh()
        return next(iter(self._keys))

    @property
    def ids(self) -> tuple[str, ...]:
        """All keys' ids, the newest first."""
        self._refresh()
        return tuple(self._keys)

    def wrap(self, key: bytes, context: bytes) -> tuple[str, bytes]:
        id = self.current()
        nonce = secrets.token_bytes(_NONCE)
        return id, nonce + AESGCM(self._keys[id]).encrypt(nonce, key, _DOMAIN + context)

    def unwrap(self, id: str, wrapped: bytes, context: bytes) -> bytes:
        self._refresh()
        known = self._keys.get(id)
        if known is None:
            raise Fault(
                Kind.INTERNAL,
                "evidence_key_missing",
                f"an item is wrapped by the key {id}, which is not here.",
                remedy=f"Restore it as a further line of {FILE}, or in {VARIABLE}; nothing else can open the item.",
            )
        try:
            return AESGCM(known).decrypt(wrapped[:_NONCE], wrapped[_NONCE:], _DOMAIN + context)
        except (InvalidTag, ValueError) as error:
            raise Fault(
                Kind.INTERNAL,
                "evidence_key_damaged",
                "the wrapped key of an item was changed, moved or cut.",
                remedy="Restore the database from a backup.",
            ) from error

    def add(self) -> str:
        """Put a new key first; durable on return. Raises `Fault` `evidence_key_given` for keys of the environment."""
        return self._store([secrets.token_bytes(KEY_BYTES), *self._keys.values()])

    def drop(self, ids: set[str]) -> None:
        """Forget keys for good; never the one that wraps now. What only they open is lost: ask the items first."""
        newest = self.current()
        self._store([key for id, key in self._keys.items() if id == newest or id not in ids])

    def _store(self, keys: list[bytes]) -> str:
        if self._file is None:
            raise Fault(
                Kind.INVALID,
                "evidence_key_given",
                f"The keys come from {VARIABLE}.",
                remedy="Put the new key first there, the old ones behind it, restart, and run it with --resume.",
            )
        self._refresh()
        try:
            _write(self._file, keys, over=True)
        except OSError as error:
            raise _unwritable(error) from error
        self._refresh()
        return self.current()

    def _refresh(self) -> None:
        """A command may have rotated the keys while a gateway runs."""
        if self._file is None:
            return
        with self._gate:
            now = _stamp(self._file)
            if now != self._stamp:
                self._take(_read(self._file))
                self._stamp = now

    def _take(self, keys: list[bytes]) -> None:
        self._keys = {_id(key): key for key in keys}


def _id(key: bytes) -> str:
    return hashlib.sha256(_DOMAIN + key).hexdigest()[:16]


def _stamp(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError as error:
        raise _unwritable(error) from error
    return found.st_mtime_ns, found.st_ino


def _read(path: Path) -> list[bytes]:
    try:
        if path.stat().st_mode & 0o007:
            raise Fault(
                Kind.INTERNAL,
                "evidence_key_exposed",
                f"{path.name} can be read by every user of this machine.",
                remedy=f"Run chmod 600 on {path.name}, and `rambarde keys rotate` if others had access.",
            )
        return _decoded(path.read_text("ascii", errors="replace"), path.name)
    except OSError as error:
        raise _unwritable(error) from error


def _decoded(text: str, where: str) -> list[bytes]:
    try:
        keys = [base64.b64decode(word, validate=True) for word in text.split()]
    except (binascii.Error, ValueError):
        keys = []
    if not keys or any(len(key) != KEY_BYTES for key in keys):
        raise Fault(
            Kind.INTERNAL,
            "evidence_key_invalid",
            f"{where} is not one or several keys of {KEY_BYTES} bytes in base64.",
            remedy="Restore it from where you keep it; what it wraps cannot be opened without it.",
        )
    return keys


def _write(path: Path, keys: list[bytes], *, over: bool) -> None:
    """Whole or not at all; without `over`, never over a key that another process has just made."""
    staged = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    handle = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(b"".join(base64.b64encode(key) + b"\n" for key in keys))
            file.flush()
            os.fsync(file.fileno())
        if over:
            staged.replace(path)
        else:
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


def _unwritable(error: OSError) -> Fault:
    return Fault(
        Kind.INTERNAL,
        "evidence_key_unwritable",
        f"{FILE} cannot be read or written: {error.strerror}.",
        remedy="Check the data folder's owner and free space.",
    )

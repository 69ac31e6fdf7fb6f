"""A signer's private key: in a file, as OpenSSH or PEM. `agent.py` has the one that stays in an SSH agent."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import Protocol, Self

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    load_pem_private_key,
    load_ssh_private_key,
)

from rambarde.guard.policy.signatures.openssh import not_ed25519
from rambarde.nouns.fault import Fault, Kind, invalid

LIMIT_BYTES = 1 << 16
_OPENSSH = b"-----BEGIN OPENSSH PRIVATE KEY-----"


class SigningKey(Protocol):
    """Whatever can sign for a person."""

    @property
    def public(self) -> bytes:
        """32 bytes, raw Ed25519."""
        ...

    def sign(self, data: bytes) -> bytes:
        """64 bytes, raw Ed25519. Raises `Fault` if the key cannot be used now."""
        ...


class FileKey:
    """A private key in memory."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._key = key
        self.public = key.public_key().public_bytes_raw()

    def sign(self, data: bytes) -> bytes:
        return self._key.sign(data)

    @classmethod
    def read(cls, path: Path, passphrase: bytes | None = None) -> Self:
        """The key of a file, OpenSSH or PEM (PKCS#8).

        Raises `Fault`: `key_missing`, `key_exposed` (every user of the machine may read it), `key_unreadable`,
        `key_locked` (needs a passphrase), `key_passphrase_wrong`, `key_unsupported` (an encryption this
        installation cannot open), `key_not_ed25519`, `key_invalid`.
        """
        data = _contents(path)
        openssh = data.lstrip().startswith(_OPENSSH)
        try:
            key = (load_ssh_private_key if openssh else load_pem_private_key)(data, passphrase)
        except TypeError as error:
            if passphrase is not None:  # a passphrase for a key that has none opens it all the same
                return cls.read(path)
            raise _fault(
                "key_locked",
                f"{path.name} is locked with a passphrase.",
                "Give the passphrase, or add the key to an SSH agent and sign with that.",
            ) from error
        except UnsupportedAlgorithm as error:
            raise _fault(
                "key_unsupported",
                f"{path.name} is locked in a way that cannot be opened here.",
                "Add the key to an SSH agent (`ssh-add`) and sign with that.",
            ) from error
        except ValueError as error:
            if passphrase is None or not _locked(data):
                if passphrase is None and _locked(data):
                    raise _fault("key_locked", f"{path.name} is locked.", "Give the passphrase.") from error
                raise _fault(
                    "key_invalid",
                    f"{path.name} is no private key.",
                    "Give the private half of an Ed25519 key, OpenSSH or PEM.",
                ) from error
            raise _fault(
                "key_passphrase_wrong",
                f"the passphrase does not open {path.name}.",
                "Try again; a lost passphrase cannot be recovered: name another key.",
            ) from error
        if not isinstance(key, Ed25519PrivateKey):
            raise not_ed25519(f"{path.name} holds a key of another type")
        return cls(key)

    @classmethod
    def make(cls, path: Path, passphrase: bytes | None = None) -> Self:
        """A new key, written whole or not at all, never over another file, readable by its owner only.

        PEM (PKCS#8) with a passphrase, OpenSSH without. Raises `Fault`: `key_exists`, `key_unwritable`.
        """
        key = Ed25519PrivateKey.generate()
        form = PrivateFormat.OpenSSH
        lock: KeySerializationEncryption = NoEncryption()
        if passphrase is not None:
            form, lock = PrivateFormat.PKCS8, _lock(passphrase)
        _place(path, key.private_bytes(Encoding.PEM, form, lock))
        return cls(key)


def _lock(passphrase: bytes) -> KeySerializationEncryption:
    if not passphrase:
        raise invalid(
            "key_passphrase_empty",
            "an empty passphrase locks nothing.",
            remedy="Give one that says something, or none.",
            field="passphrase",
        )
    return BestAvailableEncryption(passphrase)


def _locked(data: bytes) -> bool:
    if b"ENCRYPTED" in data:
        return True
    # OpenSSH names the cipher right after its magic; the base64 of an unlocked file's `none` is constant.
    return data.lstrip().startswith(_OPENSSH) and b"b3BlbnNzaC1rZXktdjEAAAAABG5vbm" not in data


def _contents(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o007:
                raise _fault(
                    "key_exposed",
                    f"{path.name} can be read by every user of this machine.",
                    f"Run chmod 600 on {path.name}; if others had access, revoke the key and name another.",
                )
            data = file.read(LIMIT_BYTES + 1)
    except FileNotFoundError as error:
        raise _fault(
            "key_missing",
            f"there is no key file {path.name}.",
            "Check the path, or make a key.",
            Kind.NOT_FOUND,
        ) from error
    except OSError as error:
        raise _fault(
            "key_unreadable", f"{path.name} cannot be read: {error.strerror}.", "Check its owner and path."
        ) from error
    if len(data) > LIMIT_BYTES:
        raise _fault("key_invalid", f"{path.name} is too large for a key.", "Give the key file itself.")
    return data


def _place(path: Path, data: bytes) -> None:
    staged = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    try:
        descriptor = os.open(staged, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            path.hardlink_to(staged)
        finally:
            staged.unlink(missing_ok=True)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except FileExistsError as error:
        raise _fault(
            "key_exists",
            f"{path.name} exists, and a key is never overwritten.",
            "Choose another name, or use that key.",
            Kind.CONFLICT,
        ) from error
    except OSError as error:
        raise _fault(
            "key_unwritable",
            f"{path.name} cannot be written: {error.strerror}.",
            "Check the folder's owner and free space.",
        ) from error


def _fault(code: str, message: str, remedy: str, kind: Kind = Kind.INVALID) -> Fault:
    return Fault(kind, code, message, remedy=remedy, field="key")

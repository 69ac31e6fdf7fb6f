"""The identity: the certificate chain and the key that manifests are signed with, checked before they are used."""

from __future__ import annotations

import itertools
import threading
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes

from rambarde.nouns.fault import Fault, Kind
from rambarde.prove.manifest.profile import algorithm, unfit

_KEY_MARK = b"PRIVATE KEY-----"


@dataclass(frozen=True, slots=True)
class Identity:
    """A chain, the signer's certificate first, and the key that belongs to it.

    `algorithm` is the COSE algorithm's name in small letters, `key` the private key as PKCS 8 in PEM.
    """

    chain: tuple[x509.Certificate, ...]
    key: bytes = field(repr=False)
    algorithm: str

    @property
    def leaf(self) -> x509.Certificate:
        return self.chain[0]

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the signer's certificate, in hex."""
        return self.leaf.fingerprint(hashes.SHA256()).hex()

    @property
    def roots(self) -> tuple[x509.Certificate, ...]:
        """Certificates of the chain that signed themselves: trust anchors, not sent along with a signature."""
        return tuple(c for c in self.chain[1:] if c.subject == c.issuer)

    @property
    def self_made(self) -> bool:
        """Whether `make_chain` made it: readers call it untrusted until they are given its root."""
        return "Rambarde seal (self-signed)" in self.leaf.subject.rfc4514_string()

    def sent(self) -> bytes:
        """What goes along with each signature, in PEM."""
        return b"".join(pem(c) for c in self.chain if c not in self.roots)

    def check_time(self, now: datetime) -> None:
        """Raise `Fault` `seal_certificate_expired` or `seal_certificate_early` if one of the chain is not valid now."""
        for certificate in self.chain:
            name = certificate.subject.rfc4514_string()
            if now > certificate.not_valid_after_utc:
                raise _fault(
                    "seal_certificate_expired",
                    f"The certificate {name} expired at {certificate.not_valid_after_utc:%Y-%m-%d %H:%M} UTC.",
                    "Put a new chain and its key in place, or run rambarde provenance init --replace.",
                )
            if now < certificate.not_valid_before_utc:
                raise _fault(
                    "seal_certificate_early",
                    f"The certificate {name} is valid only from "
                    f"{certificate.not_valid_before_utc:%Y-%m-%d %H:%M} UTC.",
                    "Wait until then with the old one in place, and look at this machine's clock.",
                )


class IdentityFiles:
    """The identity in its files: read again when one of them changes, so that it can be replaced while in use.

    While chain and key do not belong together, half-way through a rotation, there is no identity.
    """

    def __init__(self, chain: Path, key: Path | None = None) -> None:
        """`chain` is a PEM file, `key` that of its key; without it both are in one file, which one rename replaces."""
        self._chain, self._key = chain, key or chain
        self._lock = threading.Lock()
        self._seen: tuple[object, ...] | None = None
        self._identity: Identity | None = None

    def current(self) -> Identity:
        """The identity now. Raises `Fault` as `read_identity` does."""
        with self._lock:
            seen = (_stamp(self._chain), _stamp(self._key))
            if self._identity is None or seen != self._seen:
                self._identity = None
                self._identity = read_identity(self._chain, self._key)
                self._seen = seen
            return self._identity


def read_identity(chain: Path, key: Path) -> Identity:
    """Chain and key from PEM files, which may be one. When it is valid is another question: `check_time`.

    Raises `Fault(INTERNAL)`: `seal_unreadable`, `seal_key_exposed` (others may read the key),
    `seal_certificate_invalid`, `seal_certificate_unfit` (not of C2PA's profile), `seal_chain_broken`,
    `seal_key_invalid`, `seal_key_mismatch`.
    """
    try:
        exposed = bool(key.stat().st_mode & 0o007)
        certificates, secret = chain.read_bytes(), key.read_bytes()
    except OSError as error:
        raise _fault(
            "seal_unreadable",
            f"{Path(str(error.filename or chain)).name} cannot be read: {error.strerror}.",
            "Check the path, or run rambarde provenance init.",
        ) from error
    if exposed:
        raise _fault(
            "seal_key_exposed",
            f"{key.name} can be read by every user of this machine.",
            f"Run chmod 600 on {key.name}; if others had access, have the certificate revoked.",
        )
    return identity_of(certificates, secret)


def identity_of(certificates: bytes, secret: bytes) -> Identity:
    """The same of bytes."""
    try:
        found = tuple(x509.load_pem_x509_certificates(certificates))
    except ValueError as error:
        raise _fault(
            "seal_certificate_invalid",
            "There is no certificate chain in PEM.",
            "Give the signer's certificate and those above it, the signer's first.",
        ) from error
    if why := unfit(found[0]):
        raise _fault(
            "seal_certificate_unfit",
            f"The first certificate cannot sign manifests: {why}.",
            "Ask your authority for a C2PA claim signing certificate.",
        )
    for below, above in itertools.pairwise(found):
        try:
            below.verify_directly_issued_by(above)
        except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm) as error:
            raise _fault(
                "seal_chain_broken",
                f"{below.subject.rfc4514_string()} was not issued by {above.subject.rfc4514_string()}.",
                "Give the chain in order, each certificate followed by its issuer's.",
            ) from error
    key = _key(secret)
    if key.public_key().public_bytes(*_SPKI) != found[0].public_key().public_bytes(*_SPKI):
        raise _fault(
            "seal_key_mismatch",
            "Key and certificate do not belong together.",
            "Put the key of this certificate beside it. With both in one file, one rename replaces them.",
        )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return Identity(found, private, algorithm(key) or "")


def _stamp(path: Path) -> object:
    """Changes when the file does."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_mtime_ns, found.st_size, found.st_mode


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


_SPKI = (serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _key(secret: bytes) -> PrivateKeyTypes:
    """The private key in a PEM text, which may hold certificates too."""
    start = secret.find(b"-----BEGIN ", 0)
    while start >= 0 and _KEY_MARK not in secret[start : secret.find(b"\n", start)]:
        start = secret.find(b"-----BEGIN ", start + 1)
    try:
        return serialization.load_pem_private_key(secret[max(start, 0) :], None)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise _fault(
            "seal_key_invalid",
            "There is no private key in PEM, or it is locked with a password.",
            "Give it as PKCS 8 without a password, in a file that only this user can read.",
        ) from error


def _fault(code: str, message: str, remedy: str) -> Fault:
    return Fault(Kind.INTERNAL, code, message, remedy=remedy)

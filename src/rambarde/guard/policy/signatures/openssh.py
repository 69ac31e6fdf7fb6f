"""Ed25519 public keys as OpenSSH writes them: one line, and the fingerprint that `ssh-keygen -l` prints."""

from __future__ import annotations

import base64
import binascii
import hashlib

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

from rambarde.nouns.fault import Fault, invalid

TYPE = "ssh-ed25519"
KEY_BYTES = 32
SIGNATURE_BYTES = 64
_PRIME = 2**255 - 19
_MAKE = "Make one with `rambarde policy key`, or with `ssh-keygen -t ed25519`."


def parse_line(line: str) -> tuple[bytes, str]:
    """Key (32 bytes) and comment of a public-key line, `ssh-ed25519 AAAA… comment`.

    Raises `Fault(INVALID)`: `key_not_ed25519` for a key of another type, `key_line_invalid` for what is no such
    line, `key_weak` for one of the points with which anybody can sign.
    """
    kind, _, rest = line.strip().partition(" ")
    encoded, _, comment = rest.strip().partition(" ")
    if kind != TYPE:
        if not kind.startswith(("ssh-", "ecdsa-", "sk-")):
            raise _no_line("does not begin with `ssh-ed25519`")
        raise not_ed25519(f"the public key is of type {kind}")
    try:
        blob = base64.b64decode(encoded, validate=True)
    except (binascii.Error, ValueError) as error:
        raise _no_line("is not base64") from error
    public = public_of(blob)
    # What decodes alike is refused too: a key has one spelling.
    if public is None or base64.b64encode(blob).decode("ascii") != encoded:
        raise _no_line("is damaged")
    refuse_weak(public)
    return public, comment.strip()


def print_line(public: bytes, comment: str = "") -> str:
    encoded = base64.b64encode(blob_of(public)).decode("ascii")
    return f"{TYPE} {encoded} {comment}".rstrip()


def fingerprint(public: bytes) -> str:
    """`SHA256:` and unpadded base64, as `ssh-keygen -l` prints it."""
    hashed = hashlib.sha256(blob_of(public)).digest()
    return f"SHA256:{base64.b64encode(hashed).decode('ascii').rstrip('=')}"


def blob_of(public: bytes) -> bytes:
    """The key in the SSH wire format (RFC 8709, section 4)."""
    if len(public) != KEY_BYTES:
        raise ValueError(f"an Ed25519 public key has {KEY_BYTES} bytes, not {len(public)}")
    return string(TYPE.encode()) + string(public)


def public_of(blob: bytes) -> bytes | None:
    """The key of a blob, or None if it is none of Ed25519."""
    head = string(TYPE.encode()) + KEY_BYTES.to_bytes(4, "big")
    return blob[len(head) :] if blob.startswith(head) and len(blob) == len(head) + KEY_BYTES else None


def string(data: bytes) -> bytes:
    """An SSH string: its length as uint32, then the bytes (RFC 4251, section 5)."""
    return len(data).to_bytes(4, "big") + data


def holds(public: bytes, signature: bytes, data: bytes) -> bool:
    """True if `signature` is this key's over `data`."""
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, data)
    except (InvalidSignature, ValueError):
        return False
    return True


def refuse_weak(public: bytes) -> None:
    """Raise `Fault(INVALID, "key_weak")` for a point of small order, for which signatures can be made up.

    The same point on the Montgomery curve (RFC 7748, section 4.1) gives the all-zero secret in X25519, which
    `cryptography` refuses.
    """
    y = int.from_bytes(public, "little") & (2**255 - 1)
    u = (1 + y) * pow(1 - y, _PRIME - 2, _PRIME) % _PRIME
    try:
        point = X25519PublicKey.from_public_bytes(u.to_bytes(KEY_BYTES, "little"))
        X25519PrivateKey.generate().exchange(point)
    except ValueError as error:
        raise invalid(
            "key_weak",
            "this public key is no person's: anybody could sign with it.",
            remedy=_MAKE,
            field="key",
        ) from error


def not_ed25519(problem: str) -> Fault:
    return invalid(
        "key_not_ed25519", f"{problem}; only Ed25519 keys sign changes.", remedy=_MAKE, field="key"
    )


def _no_line(problem: str) -> Fault:
    return invalid(
        "key_line_invalid",
        f"the public key {problem}.",
        remedy="Copy the whole line of the .pub file: `ssh-ed25519 AAAA… comment`.",
        field="key",
    )

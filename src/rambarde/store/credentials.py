"""Credentials: who may call, on which surface and in which modes."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from rambarde.nouns.caller import STANDARD
from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.store.cipher import Cipher
from rambarde.store.database import Database
from rambarde.store.schema import credentials

PREFIX = "rmb_"
AUDITOR = "#auditor"
"""In a surface's place: a credential that reads the log, the policy's history and counts, and can do nothing else."""
_SECRET_BYTES = 32
_LONGEST_KEY = 128
_LONGEST_NAME = 64
_LONGEST_LABEL = 200


@dataclass(frozen=True, slots=True)
class Credential:
    """A credential as the gateway sees it. `surface` and `modes` come from here and from nowhere else.

    `rate_per_minute` is the limit of requests a minute, None for the operator's default.
    `context_secret` is the HS256 key of caller contexts, as text (43 characters, 256 bits);
    `operator_key` the PEM of the operator's Ed25519 public key, if contexts are signed with EdDSA.
    """

    id: str
    label: str
    surface: str
    modes: tuple[str, ...]
    rate_per_minute: int | None
    created_at: datetime
    revoked_at: datetime | None
    operator_key: str | None
    context_secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class NewCredential:
    """A credential just made, with its key: the only time the key is seen."""

    credential: Credential
    key: str = field(repr=False)


class Credentials:
    """The credentials of one database."""

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher

    def create(
        self,
        surface: str,
        modes: Sequence[str] = (STANDARD,),
        *,
        label: str = "",
        rate_per_minute: int | None = None,
        operator_key: str | None = None,
    ) -> NewCredential:
        """Make a credential. Its key is `rmb_<id>_<secret>`, the secret 256 random bits.

        Raises `Fault(INVALID)` for an empty, long or unprintable name, no modes, a rate below 1, or an
        `operator_key` that is no Ed25519 public key in PEM.
        """
        _name(surface, "surface", _LONGEST_NAME)
        for mode in modes:
            _name(mode, "mode", _LONGEST_NAME)
        if not modes:
            raise invalid("no_modes", "a credential has at least one mode.", remedy="Give one.", field="mode")
        if label:
            _name(label, "label", _LONGEST_LABEL)
        if rate_per_minute is not None and rate_per_minute < 1:
            raise invalid(
                "bad_rate", "the rate is at least 1 a minute.", remedy="Give a larger one.", field="rate"
            )
        if operator_key is not None:
            _check_operator_key(operator_key)
        id = "c" + base64.b32encode(secrets.token_bytes(10)).decode().lower()
        secret = secrets.token_urlsafe(_SECRET_BYTES)
        salt = secrets.token_bytes(16)
        made = Credential(
            id=id,
            label=label,
            surface=surface,
            modes=tuple(dict.fromkeys(modes)),
            rate_per_minute=rate_per_minute,
            created_at=self._database.clock(),
            revoked_at=None,
            operator_key=operator_key,
            context_secret=secrets.token_urlsafe(_SECRET_BYTES),
        )
        with self._database.writing() as connection:
            connection.execute(
                sa.insert(credentials).values(
                    id=id,
                    label=label,
                    surface=surface,
                    modes=json.dumps(made.modes),
                    rate_per_minute=rate_per_minute,
                    salt=salt,
                    key_hash=_hash(salt, secret),
                    context_secret=self._cipher.seal(made.context_secret.encode(), **_sealed_at(id)),
                    operator_key=operator_key,
                    created_at=made.created_at,
                )
            )
        return NewCredential(made, f"{PREFIX}{id}_{secret}")

    def authenticate(self, key: str) -> Credential | None:
        """The credential of a key, or None: malformed, unknown, wrong and revoked look alike.

        One indexed read, and the same hashing and comparing whether or not the id exists. A fast hash
        suffices, because the secret is 256 random bits and cannot be guessed from its hash.
        """
        id, secret = _parts(key)
        with self._database.reading() as connection:
            row = connection.execute(sa.select(credentials).where(credentials.c.id == id)).mappings().first()
        salt, expected = (row["salt"], row["key_hash"]) if row is not None else (_NO_SALT, _NO_HASH)
        same = hmac.compare_digest(_hash(salt, secret), expected)
        if not same or row is None or row["revoked_at"] is not None:
            return None
        return self._credential(row)

    def get(self, id: str) -> Credential | None:
        """By id, revoked or not."""
        with self._database.reading() as connection:
            row = connection.execute(sa.select(credentials).where(credentials.c.id == id)).mappings().first()
        return None if row is None else self._credential(row)

    def list(self, *, revoked: bool = False) -> tuple[Credential, ...]:
        """All credentials in the order of their making; the revoked ones only if asked for."""
        query = sa.select(credentials).order_by(credentials.c.created_at, credentials.c.id)
        if not revoked:
            query = query.where(credentials.c.revoked_at.is_(None))
        with self._database.reading() as connection:
            return tuple(self._credential(row) for row in connection.execute(query).mappings())

    def revoke(self, id: str) -> bool:
        """Revoke from now on; false if there is no such credential or it was revoked before."""
        with self._database.writing() as connection:
            done = connection.execute(
                sa.update(credentials)
                .where(credentials.c.id == id, credentials.c.revoked_at.is_(None))
                .values(revoked_at=self._database.clock())
            )
            return done.rowcount > 0

    def _credential(self, row: sa.RowMapping) -> Credential:
        modes: list[Any] = json.loads(row["modes"])
        return Credential(
            id=row["id"],
            label=row["label"],
            surface=row["surface"],
            modes=tuple(str(mode) for mode in modes),
            rate_per_minute=row["rate_per_minute"],
            created_at=row["created_at"],
            revoked_at=row["revoked_at"],
            operator_key=row["operator_key"],
            context_secret=self._cipher.unseal(row["context_secret"], **_sealed_at(row["id"])).decode(),
        )


def _hash(salt: bytes, secret: str) -> bytes:
    return hmac.digest(salt, secret.encode(errors="replace"), hashlib.sha256)


_NO_SALT = secrets.token_bytes(16)
_NO_HASH = secrets.token_bytes(32)


def _parts(key: str) -> tuple[str, str]:
    """Id and secret; nothing that could be an id for anything else than a well-formed key."""
    if len(key) > _LONGEST_KEY or not key.isascii() or not key.isprintable() or not key.startswith(PREFIX):
        return "", ""
    id, _, secret = key.removeprefix(PREFIX).partition("_")
    return id, secret


def _sealed_at(id: str) -> dict[str, str]:
    return {"table": "credentials", "id": id, "purpose": "context_secret"}


def _name(text: str, field: str, longest: int) -> None:
    if not text.strip() or len(text) > longest or any(unicodedata.category(c)[0] == "C" for c in text):
        raise invalid(
            "bad_name",
            f"the {field} is empty, longer than {longest} characters, or holds control characters.",
            remedy="Give a short printable name.",
            field=field,
        )


def _check_operator_key(pem: str) -> None:
    try:
        key = load_pem_public_key(pem.encode())
    except (ValueError, UnsupportedAlgorithm):
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise Fault(
            Kind.INVALID,
            "bad_operator_key",
            "this is no Ed25519 public key in PEM.",
            remedy="Make a pair with `openssl genpkey -algorithm ed25519` and give its public half.",
            field="operator_key",
        )

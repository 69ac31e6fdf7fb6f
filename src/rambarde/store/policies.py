"""Policies: governed documents by their content, and the proofs already made of them."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging
import re
from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.store.cipher import Cipher
from rambarde.store.database import Database
from rambarde.store.schema import policy_documents, policy_proofs

log = logging.getLogger(__name__)

LONGEST = 1 << 20
"""Bytes of a document, and of a proof's JSON, at most."""
PROOFS = 1000
"""Proofs kept; of more, the oldest go."""
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_KEY = re.compile(r"[!-~]{1,128}")
_PURPOSE = "rambarde/policy-proof/1"


class Policies:
    """The governed documents of one database. Its methods block; any number of processes may use them."""

    def __init__(self, database: Database, cipher: Cipher) -> None:
        self._database = database
        self._cipher = cipher

    def put(self, data: bytes) -> str:
        """Keep a document for good, durable on return; its digest, `sha256:` and 64 hex digits. Idempotent.

        A row that no longer has the content of its digest is mended, and said so in the server's log.
        Raises `Fault(TOO_LARGE, "policy_document_too_large")` above 1 MiB, and `Database.writing`'s.
        """
        if len(data) > LONGEST:
            raise _too_large("policy_document_too_large", "a policy document", "data")
        digest = digest_of(data)
        same = policy_documents.c.digest == digest
        with self._database.writing() as connection:
            added = connection.scalar(
                self._insert(policy_documents)
                .values(digest=digest, data=data, created_at=self._database.clock())
                .on_conflict_do_nothing(index_elements=[policy_documents.c.digest])
                .returning(policy_documents.c.digest)
            )
            if added is None:
                kept = connection.scalar(sa.select(policy_documents.c.data).where(same))
                if _blob(kept) != data:
                    connection.execute(sa.update(policy_documents).where(same).values(data=data))
                    log.error("policy document %s had been changed in the database; mended", digest)
        return digest

    def get(self, digest: str) -> bytes | None:
        """The document, or None if there is none of this digest.

        Raises `Fault(INTERNAL, "policy_document_damaged")` if what is kept does not have this digest, and
        `Database.reading`'s.
        """
        if not _DIGEST.fullmatch(digest):
            return None
        query = sa.select(policy_documents.c.data).where(policy_documents.c.digest == digest)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        data = _blob(row.data)
        if data is None or digest_of(data) != digest:
            raise Fault(
                Kind.INTERNAL,
                "policy_document_damaged",
                f"the policy document {digest} was changed in the database.",
                remedy="Find out who writes to the database; put the original document again, or restore it.",
                field="digest",
            )
        return data

    def prove(self, key: str, body: Mapping[str, object]) -> None:
        """Remember a proof, instead of an earlier one of the same key.

        `key` is 1 to 128 visible ASCII characters, and must stand for everything the proof depends on: the
        policy, the floors and the prover. `body` is JSON with text keys. Raises
        `Fault(INVALID, "bad_proof_key")`, `Fault(TOO_LARGE, "policy_proof_too_large")` above 1 MiB,
        `ValueError` or `TypeError` if the body is no JSON, and `Database.writing`'s.
        """
        if not _KEY.fullmatch(key):
            raise invalid(
                "bad_proof_key",
                "this is no key of a proof.",
                remedy="Give 1 to 128 visible ASCII characters.",
                field="key",
            )
        text = json.dumps(body, sort_keys=True, allow_nan=False, separators=(",", ":"))
        if len(text) > LONGEST:
            raise _too_large("policy_proof_too_large", "a policy's proof", "body")
        fresh = {"body": text, "mac": self._mac(key, text)}
        surplus = (
            sa.select(policy_proofs.c.seq)
            .order_by(policy_proofs.c.seq.desc())
            .offset(PROOFS)
            .limit(1)
            .scalar_subquery()
        )
        with self._database.writing() as connection:
            connection.execute(
                self._insert(policy_proofs)
                .values(key=key, **fresh)
                .on_conflict_do_update(index_elements=[policy_proofs.c.key], set_=fresh)
            )
            connection.execute(sa.delete(policy_proofs).where(policy_proofs.c.seq <= surplus))

    def proven(self, key: str) -> dict[str, object] | None:
        """The proof of this key, made by a holder of this server's key; None if there is none.

        A row that another hand wrote, changed or moved counts as none, with a line in the server's log.
        Raises `Database.reading`'s.
        """
        if not _KEY.fullmatch(key):
            return None
        query = sa.select(policy_proofs.c.body, policy_proofs.c.mac).where(policy_proofs.c.key == key)
        with self._database.reading() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        # SQLite lets any value into any column, and compare_digest takes only ASCII text.
        text, mac = row.body, row.mac
        if not (isinstance(text, str) and isinstance(mac, str) and mac.isascii()) or not (
            hmac.compare_digest(self._mac(key, text), mac)
        ):
            log.error("proof %s was not made by this server: ignored", key)
            return None
        body: dict[str, object] = json.loads(text)
        return body

    def _mac(self, key: str, text: str) -> str:
        # The key has no zero byte, so the two cannot run into each other. The purpose is no record's id.
        bound = hashlib.sha256(f"{key}\0{text}".encode(errors="surrogatepass")).hexdigest()
        return self._cipher.blind(_PURPOSE, bound)

    def _insert(self, table: sa.Table) -> postgresql.Insert | sqlite.Insert:
        insert = postgresql.insert if self._database.dialect == "postgresql" else sqlite.insert
        return insert(table)


def digest_of(data: bytes) -> str:
    """The name of a document: `sha256:` and 64 hex digits."""
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def _blob(value: object) -> bytes | None:
    return bytes(value) if isinstance(value, bytes | memoryview) else None


def _too_large(code: str, what: str, field: str) -> Fault:
    return Fault(
        Kind.TOO_LARGE,
        code,
        f"{what} has at most {LONGEST:,} bytes.",
        remedy="Make it shorter.",
        field=field,
    )

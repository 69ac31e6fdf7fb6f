"""Tokens: each context token or idempotency key buys one generation, and the same answer ever after."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from rambarde.nouns.fault import Fault, Kind
from rambarde.store.database import Database
from rambarde.store.schema import claims

LEASE = timedelta(minutes=10)
"""How long a claim may be at work before its gateway is presumed dead; longer than any request's deadline."""
_ATTEMPTS = 5


@dataclass(frozen=True, slots=True)
class Claimed:
    """The token is ours: generate, then `settle` or `release`. `nonce` proves that the claim is this one."""

    credential: str
    token: str
    nonce: str


@dataclass(frozen=True, slots=True)
class InFlight:
    """The same request is being answered now. Tell the caller to come back (409), never generate."""


@dataclass(frozen=True, slots=True)
class Lost:
    """The gateway that answered the same request died: whether it generated is unknown.

    Never generate again: answer 409 until the token expires, at `expires_at`; a new token starts anew.
    """

    expires_at: datetime


@dataclass(frozen=True, slots=True)
class Answered:
    """The same request was answered: give `answer` (an item's id) again, or 409 once the item is gone."""

    answer: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """The token was used for another request: a replay (401)."""


Claim = Claimed | InFlight | Lost | Answered | Conflict


class Tokens:
    """The replay table. Any number of gateways may claim at once: of those, one gets `Claimed`."""

    def __init__(self, database: Database, *, lease: timedelta = LEASE) -> None:
        self._database = database
        self._lease = lease

    def claim(self, credential: str, token_id: str, request_digest: str, expires_at: datetime) -> Claim:
        """Take the token for this request, durably before this returns.

        `token_id` is kept as its SHA-256 only, and may be of any length; put the kind before it
        (`context:…`, `idempotency:…`) if one credential uses both. `expires_at` is when the token is
        refused for its age, *with* the leeway the reader of the token grants: after it the row is
        forgotten. Raises `Fault(UNAUTHENTICATED, "token_expired")` if that time has passed, because a
        claim that is forgotten at once protects from nothing; and `Database.writing`'s.
        """
        now = self._database.clock()
        if expires_at <= now:
            raise Fault(
                Kind.UNAUTHENTICATED,
                "token_expired",
                "the token has expired.",
                remedy="Make a new one for each request.",
            )
        ours = Claimed(credential, _digest(token_id), secrets.token_hex(16))
        for _ in range(_ATTEMPTS):
            found = self._try(ours, request_digest, now, expires_at)
            if found is not None:
                return found
        return InFlight()  # rows come and go under our eyes: somebody is at work on it

    def settle(self, claim: Claimed, answer: str) -> bool:
        """Keep the id of the answer's item for identical retries; false if the claim is no longer ours."""
        with self._database.writing() as connection:
            done = connection.execute(sa.update(claims).where(*_is(claim)).values(answer=answer))
            return done.rowcount > 0

    def release(self, claim: Claimed) -> bool:
        """Give the token back. Only when nothing was generated: the next identical request starts anew."""
        with self._database.writing() as connection:
            done = connection.execute(sa.delete(claims).where(*_is(claim), claims.c.answer.is_(None)))
            return done.rowcount > 0

    def purge(self, now: datetime | None = None) -> int:
        """Forget expired tokens; returns how many."""
        when = now or self._database.clock()
        with self._database.writing() as connection:
            return connection.execute(sa.delete(claims).where(claims.c.expires_at <= when)).rowcount

    def _try(self, ours: Claimed, digest: str, now: datetime, expires_at: datetime) -> Claim | None:
        fresh = {
            "request_digest": digest,
            "nonce": ours.nonce,
            "answer": None,
            "lease_until": now + self._lease,
            "expires_at": expires_at,
        }
        insert = postgresql.insert if self._database.dialect == "postgresql" else sqlite.insert
        statement = insert(claims).values(credential=ours.credential, token=ours.token, **fresh)
        # One statement decides: a new row, or the row of an expired token, or nothing is ours.
        statement = statement.on_conflict_do_update(
            index_elements=[claims.c.credential, claims.c.token], set_=fresh, where=claims.c.expires_at <= now
        )
        with self._database.writing() as connection:
            connection.execute(statement)
            row = connection.execute(
                sa.select(claims).where(claims.c.credential == ours.credential, claims.c.token == ours.token)
            ).first()
        if row is None:
            return None
        if row.nonce == ours.nonce:
            return ours
        if row.request_digest != digest:
            return Conflict()
        if row.answer is not None:
            return Answered(row.answer)
        return InFlight() if now < row.lease_until else Lost(row.expires_at)


def _digest(token_id: str) -> str:
    return hashlib.sha256(token_id.encode(errors="surrogatepass")).hexdigest()


def _is(claim: Claimed) -> tuple[sa.ColumnElement[bool], ...]:
    return (
        claims.c.credential == claim.credential,
        claims.c.token == claim.token,
        claims.c.nonce == claim.nonce,
    )

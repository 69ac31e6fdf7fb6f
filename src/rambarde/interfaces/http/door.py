"""The door: which credential a request carries, and how often it may knock."""

from __future__ import annotations

import base64
import time
from collections.abc import Callable
from dataclasses import dataclass

from starlette.requests import Request

from rambarde.nouns.fault import Fault, Kind
from rambarde.store.credentials import Credential, Credentials
from rambarde.store.database import Database


@dataclass(slots=True)
class _Bucket:
    tokens: float
    at: float


class Door:
    """Authenticates by `Authorization: Bearer <key>`, or by the key as the password of `Basic`, and limits the
    requests a minute of each credential.

    The limit is this gateway's own: with several gateways, each counts for itself.
    """

    def __init__(
        self,
        database: Database,
        credentials: Credentials,
        *,
        rate_per_minute: int,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._database = database
        self._credentials = credentials
        self._rate = rate_per_minute
        self._monotonic = monotonic
        self._buckets: dict[str, _Bucket] = {}

    async def credential(self, request: Request) -> Credential:
        """Raises `Fault` UNAUTHENTICATED: a missing, malformed, unknown, wrong and revoked key look alike."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        found = None
        if scheme.lower() == "basic":
            key = _password(key)
        if scheme.lower() in ("bearer", "basic") and key:
            found = await self._database.run(self._credentials.authenticate, key.strip())
        if found is None:
            raise Fault(
                Kind.UNAUTHENTICATED,
                "invalid_api_key",
                "No valid API key.",
                remedy="Send `Authorization: Bearer <key>`; `rambarde keys create` makes one.",
                field="authorization",
            )
        return found

    def knock(self, credential: Credential) -> None:
        """Count one request. Raises `Fault` RATE_LIMITED with the seconds to wait (token bucket)."""
        rate = (credential.rate_per_minute or self._rate) / 60
        burst = max(1.0, rate * 60)
        now = self._monotonic()
        bucket = self._buckets.setdefault(credential.id, _Bucket(burst, now))
        bucket.tokens = min(burst, bucket.tokens + (now - bucket.at) * rate)
        bucket.at = now
        if bucket.tokens < 1:
            raise Fault(
                Kind.RATE_LIMITED,
                "rate_limited",
                "This credential's requests a minute are used up.",
                remedy="Wait and try again.",
                retry_after=(1 - bucket.tokens) / rate,
            )
        bucket.tokens -= 1


def _password(given: str) -> str:
    """The password of HTTP's Basic authentication (RFC 7617), whatever the user's name; empty where there is none."""
    try:
        return base64.b64decode(given.strip(), validate=True).decode().partition(":")[2]
    except ValueError:
        return ""

"""Identify: from a credential and a caller context to a caller; a token serves one request and its retries."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from rambarde.guard.arrival import Repeated
from rambarde.guard.ports import Keeper
from rambarde.interfaces.http.context import HEADER, LEEWAY, verify
from rambarde.interfaces.revisit import Revisit
from rambarde.nouns.caller import STANDARD, Caller, Context
from rambarde.nouns.custody import Shelf
from rambarde.nouns.fault import Fault, Kind
from rambarde.store.credentials import Credential
from rambarde.store.database import Database
from rambarde.store.tokens import Answered, Claimed, Conflict, InFlight, Tokens

MODE_HEADER = "Rambarde-Mode"
IDEMPOTENCY_HEADER = "Idempotency-Key"
DECISION_HEADER = "Rambarde-Decision"
IDEMPOTENCY_LIFE = timedelta(minutes=10)
POLL = 0.25
"""Seconds between two looks at whether the first of two identical requests has been answered."""
PATIENCE = 130.0
"""Seconds that a retry waits for the first request's answer: longer than a generation may take."""

_UNGENERATED = (
    Kind.INVALID, Kind.UNSUPPORTED, Kind.FORBIDDEN, Kind.RATE_LIMITED, Kind.OVERLOADED, Kind.TOO_LARGE
)  # fmt: skip
"""Kinds of fault that come before generation: the retry may start anew."""


@dataclass(slots=True)
class Visit:
    """One request's identity while it is on the path: the claims it holds on its token and idempotency key."""

    identity: Identity
    request: Request
    credential: Credential
    claims: list[tuple[Claimed, datetime]]

    async def identify(self, digest: str) -> Caller:
        """The caller. Raises `Fault` for a bad token, a replay or a mode the credential lacks; `Repeated`
        for an identical request that was answered before."""
        headers = self.request.headers
        context = Context()
        names: list[tuple[str, datetime]] = []
        if (token := headers.get(HEADER)) is not None:
            verified = verify(
                token, self.credential.id, self.credential.context_secret, self.credential.operator_key
            )
            context = verified.context
            names.append((f"context:{verified.id}", verified.expires_at + timedelta(seconds=LEEWAY)))
        if (key := headers.get(IDEMPOTENCY_HEADER)) is not None:
            names.append((f"idempotency:{key}", self.identity.database.clock() + self.identity.life))
        mode = headers.get(MODE_HEADER, STANDARD)
        if mode not in self.credential.modes:
            raise Fault(
                Kind.FORBIDDEN,
                "mode_not_allowed",
                "The credential does not allow this mode.",
                remedy=f"Its modes: {', '.join(self.credential.modes)}.",
                field=MODE_HEADER,
            )
        for name, expires_at in names:
            # The address too: the first answer is worded in its dialect.
            asked = f"{mode}:{self.request.url.path}:{digest}"
            claim = await self.identity.claim(self.credential.id, name, asked, expires_at)
            self.claims.append((claim, expires_at))
        return Caller(self.credential.id, self.credential.surface, mode, context)

    async def settle(self, response: Response, fault: Fault | None) -> None:
        """Keep the answer for identical retries, or give the token back where nothing was generated."""
        for claim, expires_at in self.claims:
            if fault is not None and fault.kind in _UNGENERATED:
                await self.identity.database.run(self.identity.tokens.release, claim)
            else:
                await self.identity.keep(claim, expires_at, response)


@dataclass(frozen=True, slots=True)
class Identity:
    """What identification needs: the replay table and the shelf of first answers."""

    database: Database
    tokens: Tokens
    keeper: Keeper
    life: timedelta = IDEMPOTENCY_LIFE
    """How long an idempotency key counts, and its first answer is kept."""

    def visit(self, request: Request, credential: Credential) -> Visit:
        return Visit(self, request, credential, [])

    async def claim(self, credential: str, name: str, digest: str, expires_at: datetime) -> Claimed:
        """Take a token for this request. Waits while the first of two identical requests is being answered."""
        waited = 0.0
        while True:
            found = await self.database.run(self.tokens.claim, credential, name, digest, expires_at)
            match found:
                case Claimed():
                    return found
                case Answered(answer):
                    raise Repeated(answer)
                case Conflict():
                    raise Fault(
                        Kind.UNAUTHENTICATED,
                        "context_replayed" if name.startswith("context:") else "idempotency_key_reused",
                        "The token was used before, for another request.",
                        remedy="Use a new one for each request.",
                        field=HEADER if name.startswith("context:") else IDEMPOTENCY_HEADER,
                    )
                case InFlight() if waited < PATIENCE:
                    await asyncio.sleep(POLL)
                    waited += POLL
                case _:
                    raise Fault(
                        Kind.CONFLICT,
                        "first_request_unfinished",
                        "An identical request with this token has not been answered; it may have generated.",
                        remedy="Use a new token to start anew.",
                        retry_after=5,
                    )

    async def keep(self, claim: Claimed, expires_at: datetime, response: Response) -> None:
        """Keep a response, encrypted, until its token expires."""
        headers = [(k, v) for k, v in response.headers.items() if k != "content-length"]
        item = await self.keeper.keep(
            Shelf.ANSWER,
            bytes(response.body),
            media_type="application/json",
            life=expires_at - self.database.clock(),
            meta={"status": response.status_code, "headers": msgspec.json.encode(headers).decode()},
        )
        await self.database.run(self.tokens.settle, claim, item)

    async def again(self, repeated: Repeated, revisit: Revisit) -> Response:
        """The first answer once more.

        Raises `Fault` CONFLICT once it has expired, and `policy_changed` if its images may not go any more.
        """
        kept = await self.keeper.take(repeated.answer, Shelf.ANSWER)
        if kept is None:
            raise Fault(
                Kind.CONFLICT,
                "answer_expired",
                "This request was answered before, and the answer is no longer kept.",
                remedy="Use a new token to start anew.",
            )
        headers = dict(msgspec.json.decode(str(kept.meta["headers"]), type=list[tuple[str, str]]))
        if str(kept.meta["status"]) == "200":
            await revisit.refuse(headers.get(DECISION_HEADER.lower(), headers.get(DECISION_HEADER)))
        return Response(kept.data, int(str(kept.meta["status"])), headers | {"Rambarde-Repeated": "true"})

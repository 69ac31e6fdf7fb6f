"""The auditor's view: the log, the history of the policy, and counts. No content, no account, no single request.

An auditor's credential opens these routes and no others, and no other credential opens them.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from rambarde.interfaces.governance.account import accounts
from rambarde.interfaces.http.errors import json_response
from rambarde.interfaces.wiring import Gateway
from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.prove.key import read_verifier
from rambarde.prove.log import FOLDER
from rambarde.store.aggregates import aggregates
from rambarde.store.credentials import AUDITOR

_PUBLIC = re.compile(r"checkpoint|tile/(?:entries|[0-9]{1,2})(?:/x[0-9]{3})*/[0-9]{3}(?:\.p/[0-9]{1,3})?")
"""What of the log's folder is published: C2SP tlog-tiles."""


def add(app: FastAPI, gateway: Gateway) -> None:
    """Add `/v1/audit/…`."""

    async def auditor(request: Request) -> None:
        credential = await gateway.door.credential(request)
        if credential.surface != AUDITOR:
            raise Fault(
                Kind.FORBIDDEN,
                "not_an_auditor",
                "This credential is no auditor's.",
                remedy="`rambarde keys create --auditor` makes one.",
                field="authorization",
            )
        gateway.door.knock(credential)

    async def log(request: Request, path: str) -> Response:
        """A file of the published log: `checkpoint`, or a tile. Its entries are commitments only."""
        await auditor(request)
        file = gateway.vault.data / FOLDER / path
        if not _PUBLIC.fullmatch(path) or not file.is_file():
            raise Fault(
                Kind.NOT_FOUND, "not_here", "There is no such file of the log.", remedy="See c2sp.org."
            )
        body = await gateway.vault.database.run(file.read_bytes)
        return Response(body, media_type="text/plain" if path == "checkpoint" else "application/octet-stream")

    async def policy(request: Request) -> Response:
        """Every change of what governs: who signed it, when, why, and what it did; and what is in force."""
        await auditor(request)
        story = await gateway.vault.database.run(gateway.government.office.book.read)
        running = gateway.government.tenure.policy
        return json_response(
            {
                "log_key": str(read_verifier(gateway.vault.data)),
                "policy": running.digest,
                "evidence": running.keeping.words(),
                "changes": [one.as_json() for one in accounts(story)],
            }
        )

    async def counts(request: Request, since: str | None = None, until: str | None = None) -> Response:
        """How many, by surface, mode, country, ending, rule; `since` and `until` are dates or times, UTC."""
        await auditor(request)
        window = _time(since, "since"), _time(until, "until")
        found = await gateway.vault.database.run(aggregates, gateway.vault.database, *window)
        holds = await gateway.vault.database.run(gateway.archive.holds.all)
        active = sum(hold.active for hold in holds)
        return json_response(found | {"holds": {"in_force": active, "lifted": len(holds) - active}})

    app.add_api_route("/v1/audit/log/{path:path}", log, methods=["GET"])
    app.add_api_route("/v1/audit/policy", policy, methods=["GET"])
    app.add_api_route("/v1/audit/aggregates", counts, methods=["GET"])


def _time(text: str | None, field: str) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
    except ValueError as error:
        raise invalid(
            "bad_time", "This is no time.", remedy="Write 2026-01-09, or 2026-01-09T12:00:00Z.", field=field
        ) from error
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)

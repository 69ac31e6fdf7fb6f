"""The monitor over HTTP: a live page, its events, the same as JSON, and metrics. For an auditor's credential only."""

from __future__ import annotations

import asyncio
import hmac
import json
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qs

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response, StreamingResponse

from rambarde.interfaces.http.errors import json_response
from rambarde.interfaces.http.pages import Markup, fill, page
from rambarde.interfaces.monitor.metrics import prometheus
from rambarde.interfaces.monitor.page import rendered
from rambarde.interfaces.wiring import Gateway
from rambarde.nouns.fault import Fault, Kind
from rambarde.store.credentials import AUDITOR, Credential

COOKIE = "rambarde_monitor"
DAYS = 30
EVERY = 2.0
"""Seconds between two events."""
MOST = 100
"""Pages that are served events at once."""
_TITLE = "Problematic images a minute"
_LONGEST_FORM = 4096
_REMEDY = "`rambarde keys create --auditor` makes one."
LONGEST = 600.0
"""Seconds of one stream of events; the browser then asks for the next."""


def add(app: FastAPI, gateway: Gateway) -> None:
    """Add `/monitor`, `/monitor/events` and `/metrics`."""
    watching: set[object] = set()

    async def show(request: Request) -> Response:
        """The live page; with `Accept: application/json` the numbers; without a key, the form that takes one."""
        if "application/json" in request.headers.get("accept", ""):
            await _looker(gateway, request)
            return json_response(await gateway.monitor.snapshot())
        try:
            await _looker(gateway, request)
        except Fault as fault:
            if request.headers.get("authorization") or fault.kind is not Kind.UNAUTHENTICATED:
                raise
            return _door()
        view = rendered(await gateway.monitor.snapshot())
        return page(_TITLE, fill("monitor.html", view=view), sheet="monitor.css", script="monitor.js")

    async def enter(request: Request) -> Response:
        """Take an auditor's key, and remember this browser."""
        form = await _form(request)
        credential = await gateway.vault.database.run(gateway.vault.credentials.authenticate, form)
        if credential is None or credential.surface != AUDITOR:
            return _door("This is no auditor's key, or not any more.", 401)
        answer = RedirectResponse("/monitor", 303)
        secure = gateway.settings.base_url.startswith("https://")
        answer.set_cookie(
            COOKIE,
            _ticket(gateway, credential.id, int(gateway.clock().timestamp()) + DAYS * 86_400),
            max_age=DAYS * 86_400,
            path="/monitor",
            secure=secure,
            httponly=True,
            samesite="strict",
        )
        return answer

    async def events(request: Request) -> Response:
        """Server-sent events: `view` with the page's sections, `trouble` where the numbers cannot be read."""
        await _looker(gateway, request)
        if len(watching) >= MOST:
            raise Fault(
                Kind.OVERLOADED,
                "monitor_busy",
                f"{MOST} pages are live already.",
                remedy="Close one, or ask for the JSON.",
                retry_after=10,
            )
        return StreamingResponse(
            _stream(gateway, request, watching),
            media_type="text/event-stream",
            headers={"Cache-Control": "no-store", "X-Accel-Buffering": "no"},
        )

    async def metrics(request: Request) -> Response:
        """The numbers in Prometheus's text format."""
        await _looker(gateway, request)
        return Response(
            prometheus(await gateway.monitor.snapshot()),
            media_type="text/plain; version=0.0.4",
            headers={"Cache-Control": "no-store"},
        )

    app.add_api_route("/monitor", show, methods=["GET"])
    app.add_api_route("/monitor", enter, methods=["POST"])
    app.add_api_route("/monitor/events", events, methods=["GET"])
    app.add_api_route("/metrics", metrics, methods=["GET"])


async def _stream(gateway: Gateway, request: Request, watching: set[object]) -> AsyncIterator[bytes]:
    mark = object()
    watching.add(mark)
    try:
        until = time.monotonic() + LONGEST
        while (
            time.monotonic() < until and not gateway.monitor.closing and not await request.is_disconnected()
        ):
            try:
                await _looker(gateway, request)  # a key that is revoked ends what it opened
                yield _event("view", rendered(await gateway.monitor.snapshot()))
            except Fault as fault:
                yield _event("trouble", f"The numbers cannot be read now: {fault.message}")
                if fault.kind is Kind.UNAUTHENTICATED:
                    return
            await asyncio.sleep(EVERY)
    finally:
        watching.discard(mark)


def _event(name: str, data: str) -> bytes:
    return f"event: {name}\ndata: {json.dumps(str(data))}\n\n".encode()


async def _looker(gateway: Gateway, request: Request) -> Credential:
    """Who looks: by key, or by the cookie that `enter` gave. Raises `Fault`."""
    ticket = request.cookies.get(COOKIE)
    if ticket and not request.headers.get("authorization"):
        id, _, rest = ticket.partition(".")
        until = rest.partition(".")[0]
        good = until.isascii() and until.isdigit() and len(until) < 12 and id.isascii()
        if (
            good
            and hmac.compare_digest(ticket.encode(), _ticket(gateway, id, int(until)).encode())
            and int(until) > gateway.clock().timestamp()
        ):
            found = await gateway.vault.database.run(_standing, gateway, id)
            if found is not None:
                return found
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
    return credential


def _standing(gateway: Gateway, id: str) -> Credential | None:
    """An auditor's credential that is not revoked."""
    return next(
        (one for one in gateway.vault.credentials.list() if one.id == id and one.surface == AUDITOR), None
    )


def _ticket(gateway: Gateway, id: str, until: int) -> str:
    return f"{id}.{until}.{gateway.vault.cipher.blind(f'monitor/{id}', str(until))}"


async def _form(request: Request) -> str:
    body = b""
    async for chunk in request.stream():
        body += chunk
        if len(body) > _LONGEST_FORM:
            return ""
    return parse_qs(body.decode("ascii", "replace")).get("key", [""])[0].strip()


def _door(problem: str = "", status: int = 401) -> Response:
    told: Any = fill("problem.html", message=problem, remedy=_REMEDY) if problem else Markup("")
    return page(_TITLE, fill("monitor-door.html", problem=told), status)

"""Images routes of all dialects: door, chain, answer. Everything that decides is in the chain."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Iterable

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from rambarde.guard.answer import Answer
from rambarde.guard.arrival import Arrival, Credential, Draft, Repeated
from rambarde.interfaces.http import body
from rambarde.interfaces.http.dialects.contract import JSON, Incoming, Route, Spoken
from rambarde.interfaces.http.identity import DECISION_HEADER
from rambarde.interfaces.wiring import Gateway
from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.nouns.request import Action
from rambarde.store.credentials import AUDITOR
from rambarde.store.credentials import Credential as Known


def add(app: FastAPI, gateway: Gateway, routes: Iterable[Route]) -> None:
    """Add the routes; those of one path are told apart by what the body is."""
    paths: dict[str, list[Route]] = {}
    for route in routes:
        paths.setdefault(route.path, []).append(route)
    for path, sharing in paths.items():
        ordered = tuple(sorted(sharing, key=lambda route: route.claims is None))
        app.add_api_route(
            path,
            _endpoint(gateway, ordered),
            methods=["POST"],
            name=path,
            description="\n\n".join(route.about for route in ordered),
            openapi_extra=_schemas(ordered),
        )


def _endpoint(gateway: Gateway, routes: tuple[Route, ...]) -> Callable[[Request], Awaitable[Response]]:
    last = routes[-1]

    async def endpoint(request: Request) -> Response:
        spoken: list[Spoken] = []

        async def read() -> Draft:
            spoken.append(await _read(gateway, request, routes))
            return spoken[0].draft

        def worded(answer: Answer) -> Response:
            return spoken[0].answer(answer, gateway.links)

        return await walk(gateway, request, last, read, worded)

    return endpoint


async def _read(gateway: Gateway, request: Request, routes: tuple[Route, ...]) -> Spoken:
    media_type = body.media_type(request)
    fitting = [route for route in routes if route.media_type == media_type]
    if not fitting:
        known = dict.fromkeys(route.media_type for route in routes)
        raise invalid(
            "content_type_unsupported",
            "The body is of another content type.",
            remedy=f"Send `Content-Type: {' or '.join(known)}`.",
            field="content-type",
        )
    whole = body.bounded(request)
    data = await body.read(whole) if media_type == JSON else b""
    chosen = next(route for route in fitting if route.claims is None or route.claims(data))
    return await chosen.read(Incoming(whole, data, gateway.tracing.fetch))


async def caller(gateway: Gateway, request: Request) -> Known:
    """The credential, which must be one that makes images. Raises `Fault`."""
    credential = await gateway.door.credential(request)
    if credential.surface == AUDITOR:
        raise Fault(
            Kind.FORBIDDEN,
            "auditor_reads_only",
            "An auditor's credential makes no images.",
            remedy="Use a surface's credential.",
            field="authorization",
        )
    return credential


async def walk(
    gateway: Gateway,
    request: Request,
    route: Route,
    read: Callable[[], Awaitable[Draft]],
    worded: Callable[[Answer], Response],
    action: Action | None = None,
) -> Response:
    """One request down the path, and what its caller is told, in the shape of `route`."""
    try:
        credential = await caller(gateway, request)
    except Fault as error:
        return route.fault(error, None)
    visit = gateway.identity.visit(request, credential)

    async def draft() -> Draft:
        gateway.door.knock(credential)
        return await read()

    arrival = Arrival(
        id="dec_" + secrets.token_hex(16),
        route=request.url.path,
        action=action or route.action,
        credential=Credential(credential.id, credential.surface, credential.modes),
        received_at=gateway.clock(),
        read=draft,
        identify=visit.identify,
    )
    fault: Fault | None = None
    answer: Answer | None = None
    try:
        answer = await gateway.chain.run(arrival)
    except Repeated as repeated:
        try:
            return await gateway.identity.again(repeated, gateway.revisit)
        except Fault as error:
            return route.fault(error, None)
    except Fault as error:
        fault = error
        response = route.fault(error, arrival.id)
    else:
        if answer.refusal is not None:
            accepted = "respond-async" in request.headers.get("prefer", "")
            response = route.refusal(answer, answer.refusal, gateway.links, accepted=accepted)
        else:
            response = worded(answer)
        response.headers["Server-Timing"] = ", ".join(f"{k};dur={v:.2f}" for k, v in answer.timings)
        response.headers["Rambarde-Log-Index"] = str(answer.receipt.index)
    response.headers[DECISION_HEADER] = arrival.id
    await visit.settle(response, fault)
    if answer is not None:
        try:
            await gateway.revisit.refuse_answer(answer)
        except Fault as late:  # keeping the answer took so long that another policy is in force
            await gateway.revisit.withdraw(answer, late.code)
            response = route.fault(late, arrival.id)
            response.headers[DECISION_HEADER] = arrival.id
    return response


def _schemas(routes: Iterable[Route]) -> dict[str, object]:
    content: dict[str, list[object]] = {}
    for route in routes:
        content.setdefault(route.media_type, []).append(dict(route.schema))
    chosen = {
        kind: {"schema": schemas[0] if len(schemas) == 1 else {"anyOf": schemas}}
        for kind, schemas in content.items()
    }
    return {"requestBody": {"required": True, "content": chosen}}

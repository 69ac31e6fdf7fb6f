"""The gateway as an ASGI application: routes, and nothing that decides."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

import rambarde
from rambarde.guard.answer import Answer
from rambarde.guard.arrival import Arrival, Credential, Draft, Repeated
from rambarde.interfaces.http import appeals, audit, effects, files, monitor, receipts, trace
from rambarde.interfaces.http.dialects import openai
from rambarde.interfaces.http.errors import fault_response, json_response, refusal_response
from rambarde.interfaces.http.identity import DECISION_HEADER
from rambarde.interfaces.wiring import Gateway
from rambarde.nouns.fault import Fault, Kind
from rambarde.nouns.request import Action
from rambarde.store.credentials import AUDITOR

Reader = Callable[[Request], Awaitable[Draft]]


def create_app(gateway: Gateway) -> FastAPI:
    """The application over a wired gateway. It listens at once; generating waits for the models."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await gateway.start()
        try:
            yield
        finally:
            await gateway.close()

    app = FastAPI(
        title="Rambarde",
        version=rambarde.__version__,
        summary="The safety layer in front of an AI image generator.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )

    async def generations(request: Request) -> Response:
        """Generate images: OpenAI's parameters, `n` up to 10, `b64_json` or `url` answers."""
        return await _images(gateway, request, Action.GENERATE, openai.read_generation)

    async def edits(request: Request) -> Response:
        """Edit one or several images (multipart form), optionally with a mask."""
        return await _images(gateway, request, Action.EDIT, openai.read_edit)

    app.add_api_route(
        "/v1/images/generations",
        generations,
        methods=["POST"],
        openapi_extra=_schema("application/json", openai.Generation.model_json_schema()),
    )
    app.add_api_route(
        "/v1/images/edits",
        edits,
        methods=["POST"],
        openapi_extra=_schema("multipart/form-data", _with_files(openai.Edit.model_json_schema())),
    )
    app.add_api_route("/healthz", lambda: json_response({"status": "listening"}), methods=["GET"])
    app.add_api_route("/readyz", lambda: _ready(gateway), methods=["GET"])
    files.add(app, gateway)
    appeals.add(app, gateway)
    receipts.add(app, gateway)
    audit.add(app, gateway)
    trace.add(app, gateway)
    monitor.add(app, gateway)
    effects.add(app, gateway)

    async def refused(_: Request, error: Exception) -> Response:
        return fault_response(_route_fault(error), None)

    app.add_exception_handler(HTTPException, refused)
    app.add_exception_handler(Fault, refused)
    return app


async def _images(gateway: Gateway, request: Request, action: Action, read: Reader) -> Response:
    """One request of any images route: door, chain, answer. Everything that decides is in the chain."""
    credential = await gateway.door.credential(request)
    if credential.surface == AUDITOR:
        raise Fault(
            Kind.FORBIDDEN,
            "auditor_reads_only",
            "An auditor's credential makes no images.",
            remedy="Use a surface's credential.",
            field="authorization",
        )
    visit = gateway.identity.visit(request, credential)

    async def draft() -> Draft:
        gateway.door.knock(credential)
        return await read(request)

    arrival = Arrival(
        id="dec_" + secrets.token_hex(16),
        route=request.url.path,
        action=action,
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
        return await gateway.identity.again(repeated, gateway.revisit)
    except Fault as error:
        fault = error
        response = fault_response(error, arrival.id)
    else:
        if answer.refusal is not None:
            accepted = "respond-async" in request.headers.get("prefer", "")
            response = refusal_response(answer, answer.refusal, gateway.links, accepted=accepted)
        else:
            response = openai.answer_response(answer, gateway.links)
        response.headers["Server-Timing"] = ", ".join(f"{k};dur={v:.2f}" for k, v in answer.timings)
        response.headers["Rambarde-Log-Index"] = str(answer.receipt.index)
    response.headers[DECISION_HEADER] = arrival.id
    await visit.settle(response, fault)
    if answer is not None:
        try:
            await gateway.revisit.refuse_answer(answer)
        except Fault as late:  # keeping the answer took so long that another policy is in force
            await gateway.revisit.withdraw(answer, late.code)
            response = fault_response(late, arrival.id)
            response.headers[DECISION_HEADER] = arrival.id
    return response


def _ready(gateway: Gateway) -> Response:
    unfit, government = dict(gateway.chain.inspector.unfit), gateway.government
    ready = gateway.chain.ready and not unfit and government.tenure.releases
    answer = {"ready": ready, "unfit": unfit, "policy": list(government.trouble)}
    return json_response(answer, 200 if ready else 503)


def _route_fault(error: Exception) -> Fault:
    if isinstance(error, Fault):
        return error
    status = error.status_code if isinstance(error, HTTPException) else 500
    if status == 404:
        return Fault(
            Kind.NOT_FOUND,
            "unknown_route",
            "There is no such route.",
            remedy="What is not understood is not guarded: see docs/gateway.md.",
        )
    if status == 405:
        return Fault(Kind.INVALID, "method_not_allowed", "The route has no such method.", remedy="Use POST.")
    return Fault(Kind.INTERNAL, "internal", "Rambarde failed; nothing was released.", remedy="Try again.")


def _schema(media_type: str, schema: dict[str, object]) -> dict[str, object]:
    return {"requestBody": {"required": True, "content": {media_type: {"schema": schema}}}}


def _with_files(schema: dict[str, object]) -> dict[str, object]:
    file = {"type": "string", "format": "binary"}
    properties = dict(schema["properties"]) if isinstance(schema["properties"], dict) else {}
    images = {"oneOf": [file, {"type": "array", "items": file}]}
    return schema | {"properties": properties | {"image": images, "mask": file}}

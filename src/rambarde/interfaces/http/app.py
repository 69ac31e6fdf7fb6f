"""The gateway as an ASGI application: routes, and nothing that decides."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

import rambarde
from rambarde.interfaces import parts
from rambarde.interfaces.http import appeals, audit, effects, files, images, monitor, receipts, trace
from rambarde.interfaces.http.errors import fault_response, json_response
from rambarde.interfaces.wiring import Gateway
from rambarde.nouns.fault import Fault, Kind


def create_app(gateway: Gateway) -> FastAPI:
    """The application over a wired gateway. It listens at once; generating waits for the models."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await gateway.start()
        try:
            yield
        finally:
            for close in closing:
                await close()
            await gateway.close()

    app = FastAPI(
        title="Rambarde",
        version=rambarde.__version__,
        summary="The safety layer in front of an AI image generator.",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )

    speaking = parts.dialects()
    images.add(app, gateway, (route for dialect in speaking for route in dialect.routes))
    closing = [close for dialect in speaking if (close := dialect.add(app, gateway)) is not None]
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

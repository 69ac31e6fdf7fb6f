"""A witness over HTTP: `POST /add-checkpoint` as C2SP tlog-witness says. A server of its own, without a gateway."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from rambarde.nouns.fault import Fault
from rambarde.prove.witness import LONGEST, Witness


def create_witness_app(witness: Witness) -> Starlette:
    """The application over a witness."""

    async def add_checkpoint(request: Request) -> Response:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > LONGEST:
                return PlainTextResponse("the submission is too long\n", 413)
        try:
            reply = await run_in_threadpool(witness.add_checkpoint, body)
        except Fault as fault:
            return PlainTextResponse(f"{fault.message}\n", 503)
        # Not through `media_type`: Starlette would add a charset to text/x.tlog.size.
        return Response(reply.body, reply.status, headers={"Content-Type": reply.media_type})

    async def key(_: Request) -> Response:
        return PlainTextResponse(f"{witness.verifier}\n")

    return Starlette(
        routes=[
            Route("/add-checkpoint", add_checkpoint, methods=["POST"]),
            Route("/", key, methods=["GET"]),
        ]
    )

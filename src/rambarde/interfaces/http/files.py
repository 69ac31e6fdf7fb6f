"""Rambarde's own files behind `url` answers, and the status of held images. Expiring, revocable, unguessable."""

from __future__ import annotations

from fastapi import FastAPI
from starlette.responses import Response

from rambarde.interfaces.http.errors import json_response
from rambarde.interfaces.wiring import Gateway
from rambarde.nouns.custody import Shelf
from rambarde.nouns.fault import Fault, Kind

_HEADERS = {
    "Cache-Control": "private, no-store",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "X-Robots-Tag": "noindex",
}
"""No cache may outlive a revocation; the bytes are a picture and nothing else."""


def add(app: FastAPI, gateway: Gateway) -> None:
    """Add `/files/{item}` and `/v1/held/{item}`."""

    async def file(item: str) -> Response:
        """A released image. One that never was, has expired or was revoked is 404: the three look alike."""
        kept = await gateway.keeper.take(item, Shelf.FILE)
        if kept is None:
            raise _gone()
        return Response(kept.data, media_type=kept.media_type, headers=_HEADERS)

    async def held(item: str) -> Response:
        """Whether a held image still waits. After its time it was never released, and is gone."""
        kept = await gateway.keeper.take(item, Shelf.HELD)
        if kept is None:
            raise _gone()
        return json_response({"status": "pending", "decision_id": kept.record})

    app.add_api_route("/files/{item}", file, methods=["GET"])
    app.add_api_route("/v1/held/{item}", held, methods=["GET"])


def _gone() -> Fault:
    return Fault(
        Kind.NOT_FOUND,
        "not_here",
        "There is nothing at this address, or not any more.",
        remedy="Ask for the picture again.",
    )

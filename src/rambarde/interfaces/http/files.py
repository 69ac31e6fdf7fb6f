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
        return await released(gateway, item)

    async def held(item: str) -> Response:
        """What became of a held image: pending, released (with its `url`), destroyed or expired.

        `expires_at` is when a pending one expires undecided, or when a released one's URL ends.
        """
        status = await gateway.desk.review.status(item)
        if status is None:
            raise _gone()
        said = {"status": status.word, "decision_id": status.record}
        if status.file is not None:
            said["url"] = gateway.links.file(status.file)
        if status.until is not None:
            said["expires_at"] = status.until.isoformat()
        return json_response(said)

    app.add_api_route("/files/{item}", file, methods=["GET"])
    app.add_api_route("/v1/held/{item}", held, methods=["GET"])


async def released(gateway: Gateway, item: str) -> Response:
    """The file of a released image. Raises `Fault` where there is none, or none any more; what the policy in force
    would not let go any more is `policy_changed`."""
    kept = await gateway.keeper.take(item, Shelf.FILE)
    if kept is None:
        raise _gone()
    await gateway.revisit.refuse(kept.record, item)
    return Response(kept.data, media_type=kept.media_type, headers=_HEADERS)


def _gone() -> Fault:
    return Fault(
        Kind.NOT_FOUND,
        "not_here",
        "There is nothing at this address, or not any more.",
        remedy="Ask for the picture again.",
    )

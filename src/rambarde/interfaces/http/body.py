"""Reading a request's body within limits, once."""

from __future__ import annotations

import asyncio

from starlette.formparsers import MultiPartParser
from starlette.requests import ClientDisconnect, Request
from starlette.types import Message

from rambarde.nouns.fault import Fault, Kind, invalid

LIMIT = 100_000_000
"""Bytes of one body, all pictures together; it is held in memory."""


SECONDS = 30.0
"""A whole body must be here by then: a slow one holds a place on the path."""


class MemoryParser(MultiPartParser):
    """Never spools to a file: pictures of a request do not touch the disk unencrypted."""

    spool_max_size = LIMIT


def bounded(request: Request, limit: int = LIMIT) -> Request:
    """The request with a receive channel that refuses too many bytes, and a body that is late or stops half-way.

    Raises `Fault` at once where `Content-Length` already says too much, and while reading otherwise.
    """
    declared = request.headers.get("content-length")
    if declared is not None and (not declared.isdigit() or int(declared) > limit):
        raise _too_large(limit)
    received = 0
    receive = request.receive
    until = asyncio.get_running_loop().time() + SECONDS

    async def counted() -> Message:
        nonlocal received
        try:
            async with asyncio.timeout_at(until):
                message = await receive()
        except TimeoutError:
            raise invalid(
                "body_late", f"The body took over {SECONDS:.0f} s.", remedy="Send it faster, or smaller."
            ) from None
        if message["type"] == "http.disconnect":
            raise invalid(
                "body_incomplete",
                "The body stopped half-way.",
                remedy="Send the whole body again.",
                field=None,
            )
        received += len(message.get("body", b""))
        if received > limit:
            raise _too_large(limit)
        return message

    return Request(request.scope, counted)


async def read(request: Request) -> bytes:
    """The whole body. Raises `Fault` if the client went away before its end."""
    try:
        return await request.body()
    except ClientDisconnect as error:
        raise invalid(
            "body_incomplete", "The body stopped half-way.", remedy="Send the whole body again."
        ) from error


def media_type(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()


def _too_large(limit: int) -> Fault:
    return Fault(
        Kind.TOO_LARGE,
        "body_too_large",
        f"The body is over {limit} bytes.",
        remedy="Send fewer or smaller pictures.",
    )

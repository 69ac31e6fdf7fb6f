"""`/trace`: whether a picture was made here. For anybody: no account, no script, no cookie, and nothing is kept.

The page takes an uploaded picture; `POST /v1/trace` also the URL of one. Both tell how a picture came about, and
nothing of who asked for it.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Any

import msgspec
from fastapi import FastAPI
from starlette.datastructures import UploadFile
from starlette.formparsers import MultiPartException
from starlette.requests import Request
from starlette.responses import Response

from rambarde.interfaces.http import body
from rambarde.interfaces.http.errors import STATUS, fault_response, json_response
from rambarde.interfaces.http.pages import Markup, fill, page
from rambarde.interfaces.http.turnstile import Turnstile
from rambarde.interfaces.tracing import LIMIT
from rambarde.interfaces.wiring import Gateway
from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.prove.trace import Match, Traced

AT_ONCE = 4
"""Pictures that are read at the same time; more are asked to come back."""
_ROOM = 10_000
"""Bytes of a form beside the picture."""
_TITLE = "Was this picture made here?"
_WAYS = {
    "manifest": "the signed statement in the file",
    "file": "it is the very same file",
    "pdq": "the whole picture looks the same",
    "iscc": "the whole picture looks the same, by the ISCC standard",
    "points": "many details lie in the same places",
}


def add(app: FastAPI, gateway: Gateway) -> None:
    """Add the page, its target, and the API's route."""
    per_minute = gateway.settings.trace_per_minute if gateway is not None else 1
    turnstile, reading, decoding = Turnstile(per_minute), asyncio.Semaphore(AT_ONCE), asyncio.Semaphore(1)

    async def traced(request: Request) -> Traced:
        turnstile.pass_(request)
        if reading.locked():
            raise Fault(
                Kind.OVERLOADED,
                "trace_busy",
                "Many pictures are looked up at this moment.",
                remedy="Try again in a minute.",
                retry_after=10,
            )
        async with reading:
            data, declared, name = await _read(request, gateway)
            async with decoding:  # a picture may take half a gigabyte while it is decoded
                return await gateway.tracing.trace(data, declared=declared, filename=name)

    async def api(request: Request) -> Response:
        """Trace a picture (multipart: `picture`; or JSON: `url`). No key is needed."""
        return json_response((await traced(request)).as_json())

    async def form() -> Response:
        """A form to upload a picture with."""
        return page(_TITLE, fill("trace.html", problem=Markup("")))

    async def answer(request: Request) -> Response:
        """What is known of the uploaded picture, as a page."""
        try:
            return page(_TITLE, _told(await traced(request)))
        except Fault as fault:
            problem = fill("problem.html", message=fault.message, remedy=fault.remedy)
            response = page(_TITLE, fill("trace.html", problem=problem), STATUS[fault.kind])
            if fault.retry_after is not None:
                response.headers["Retry-After"] = str(max(1, round(fault.retry_after)))
            return response

    async def v1(request: Request) -> Response:
        try:
            return await api(request)
        except Fault as fault:
            return fault_response(fault, None)

    for path, call, method, says in (
        ("/trace", form, "GET", form),
        ("/trace", answer, "POST", answer),
        ("/v1/trace", v1, "POST", api),
    ):
        app.add_api_route(path, call, methods=[method], description=says.__doc__, response_model=None)


async def _read(request: Request, gateway: Gateway) -> tuple[bytes, str | None, str | None]:
    """The picture's file, with the type and the name that came with it. Raises `Fault` naming the field."""
    kind = body.media_type(request)
    if kind == "application/json" and request.url.path.startswith("/v1/"):
        return await gateway.tracing.fetch(await _url(request)), None, None
    if kind == "multipart/form-data":
        return await _picture(request)
    raise invalid(
        "content_type_unsupported",
        "The body is of another content type.",
        remedy="Send `Content-Type: multipart/form-data` with a `picture`.",
        field="content-type",
    )


async def _url(request: Request) -> str:
    try:
        said: Any = msgspec.json.decode(await body.read(body.bounded(request, _ROOM)))
    except msgspec.DecodeError as error:
        raise invalid(
            "json_invalid", "The body is no JSON.", remedy='Send {"url": "https://…"}.', field=None
        ) from error
    if not isinstance(said, dict) or set(said) != {"url"} or not isinstance(said["url"], str):
        raise invalid(
            "missing_url", "The body has no `url`, or more.", remedy='Send {"url": "https://…"}.', field="url"
        )
    return str(said["url"])


async def _picture(request: Request) -> tuple[bytes, str | None, str | None]:
    whole = body.bounded(request, LIMIT + _ROOM)
    parser = body.MemoryParser(whole.headers, whole.stream(), max_files=1, max_fields=1, max_part_size=_ROOM)
    try:
        parts = await parser.parse()
    except (MultiPartException, ValueError, KeyError) as error:
        raise invalid(
            "multipart_invalid",
            "The body is no multipart form with one picture.",
            remedy="Send one file, named `picture`.",
        ) from error
    try:
        found = parts.get("picture")
        data = await found.read() if isinstance(found, UploadFile) else b""
        if not isinstance(found, UploadFile) or not data:
            raise invalid(
                "missing_picture", "There is no picture.", remedy="Choose a file first.", field="picture"
            )
        return data, found.content_type, found.filename
    finally:
        await parts.close()


def _told(traced: Traced) -> Markup:
    if not traced.matches:
        return fill("untraced.html", failed=_failed(traced))
    matches = Markup("\n".join(_match(match) for match in traced.matches))
    return fill("traced.html", matches=matches, failed=_failed(traced))


def _match(match: Match) -> Markup:
    ways = "; ".join(_WAYS.get(hit.technique, hit.technique) for hit in match.hits)
    return fill(
        "match.html",
        when=_moment(match.origin.made_at),
        system=match.origin.system,
        surface=match.origin.surface,
        ways=ways,
        decision=match.decision,
        index=match.proof.index,
        proof=msgspec.json.format(msgspec.json.encode(match.proof.as_json()), indent=1).decode(),
    )


def _failed(traced: Traced) -> Markup:
    if not traced.failed:
        return Markup("")
    ways = ", ".join(_WAYS.get(name, name) for name in traced.failed)
    return fill(
        "problem.html",
        message="Not everything could be looked at.",
        remedy=f"This was not: {ways}. Try again later.",
    )


def _moment(when: datetime) -> str:
    return f"{when.day} {when:%B %Y, %H:%M:%S} UTC"

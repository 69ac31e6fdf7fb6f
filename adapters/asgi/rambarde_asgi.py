"""ASGI middleware: the image routes of any ASGI application through Rambarde's chain, in its own process.

What it does not understand it refuses, on guarded routes and on all others: only `passes` go by unguarded.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import aiohttp
import msgspec
from starlette.datastructures import MutableHeaders
from starlette.requests import Request as HttpRequest
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rambarde import Guard
from rambarde.guard.answer import Answer, Released, Withheld
from rambarde.guard.arrival import Arrival, Credential, Draft
from rambarde.guard.upstreams.contract import Generated
from rambarde.guard.upstreams.openai_answer import decode_base64, read_items, refused, upstream
from rambarde.interfaces.http import body
from rambarde.interfaces.http.dialects import openai
from rambarde.interfaces.http.dialects.contract import FORM, JSON, Incoming
from rambarde.interfaces.http.errors import error_response, explained, fault_response, json_response
from rambarde.nouns.caller import Caller
from rambarde.nouns.decision import Decision, Outcome
from rambarde.nouns.fault import Fault, Kind, invalid, unsupported
from rambarde.nouns.request import Action, Request

CREDENTIAL = "asgi"
"""What stands in a record where a gateway's has the credential's id."""
ANSWER_LIMIT = 100_000_000
"""Bytes of the application's answer."""
_READERS = {Action.GENERATE: (JSON, openai.read_generation), Action.EDIT: (FORM, openai.read_edit)}
CallerOf = Callable[[Scope], Mapping[str, Any]]
"""What your code knows of who asks, from the connection's scope: the arguments of `Guard.terms`."""


async def _nowhere(address: str) -> bytes:
    raise unsupported("url_unsupported", "Addresses are not fetched here.", remedy="Send the picture itself.")


def nobody(scope: Scope) -> Mapping[str, Any]:
    """Nothing is known of the caller: unassured, country unknown, the strictest."""
    return {}


class RambardeMiddleware:
    """`app.add_middleware(RambardeMiddleware, guard=guard)`.

    `generations` and `edits` are the paths, whole, of the application's images routes; they take OpenAI's
    parameters and answer OpenAI's shape with `b64_json`, or one picture as `image/*`. `passes` are paths that
    go by unguarded, whole, or all below one that ends in `/`; every other path is 404 `unknown_route`.
    `caller` tells who asks; take it from your session, never from the request's body or a header that the
    client writes.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        guard: Guard,
        generations: Iterable[str] = ("/v1/images/generations",),
        edits: Iterable[str] = ("/v1/images/edits",),
        passes: Iterable[str] = (),
        caller: CallerOf = nobody,
        name: str = "asgi",
    ) -> None:
        """Raises `ValueError` for a path that is guarded twice, or guarded and passed."""
        self._app, self._guard, self._caller, self._name = app, guard, caller, name
        guarded = [(path, Action.GENERATE) for path in generations] + [(path, Action.EDIT) for path in edits]
        self._guarded = dict(guarded)
        self._passes = tuple(passes)
        if len(self._guarded) < len(guarded):
            raise ValueError("a path is named twice")
        if found := [path for path in self._guarded if self._goes_by(path)]:
            raise ValueError(f"{found[0]} is guarded and in `passes`")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan" or (_plain(scope) and self._goes_by(scope["path"])):
            await self._app(scope, receive, send)
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "not guarded, so not offered"})
        else:
            await (await self._answer(scope, receive))(scope, receive, send)

    def _goes_by(self, path: str) -> bool:
        return any(path == one or (one.endswith("/") and path.startswith(one)) for one in self._passes)

    async def _answer(self, scope: Scope, receive: Receive) -> Response:
        action = self._guarded.get(scope["path"]) if _plain(scope) else None
        if action is None:
            return fault_response(
                Fault(
                    Kind.NOT_FOUND,
                    "unknown_route",
                    "There is no such route.",
                    remedy="What is not understood is not guarded; the operator names what may pass.",
                ),
                None,
            )
        if scope["method"] != "POST":
            return fault_response(
                Fault(
                    Kind.INVALID, "method_not_allowed", "The route has no such method.", remedy="Use POST."
                ),
                None,
            )
        http = HttpRequest(scope, receive)
        id = "dec_" + secrets.token_hex(16)
        found = await self._drafted(http, action)
        try:
            arrival = self._arrival(id, http, action, found)
            answer = await self._guard.walk(arrival, _Inner(self._name, self._app, scope))
        except Fault as fault:
            response = fault_response(fault, id)
        else:
            response = self._answered(answer)
        response.headers["Rambarde-Decision"] = id
        return response

    async def _drafted(self, http: HttpRequest, action: Action) -> Draft | Fault:
        """What was asked for, or why it is not understood: the chain records either."""
        media_type, read = _READERS[action]
        try:
            if http.url.query:
                return unsupported("unknown_parameter", "Queries are not read.", remedy="Leave it out.")
            if body.media_type(http) != media_type:
                return invalid(
                    "content_type_unsupported",
                    "The body is of another content type.",
                    remedy=f"Send `Content-Type: {media_type}`.",
                    field="content-type",
                )
            whole = body.bounded(http)
            data = await body.read(whole) if media_type == JSON else b""
            draft = (await read(Incoming(whole, data, _nowhere))).draft
        except Fault as fault:
            return fault
        if draft.deliver_url:
            return unsupported(
                "invalid_parameter",
                "Pictures are answered as base64 here.",
                remedy="Leave out `response_format`.",
                field="response_format",
            )
        return draft

    def _arrival(self, id: str, http: HttpRequest, action: Action, found: Draft | Fault) -> Arrival:
        terms = self._guard.terms(**self._caller(http.scope))

        async def read() -> Draft:
            if isinstance(found, Fault):
                raise found
            return found

        async def identify(_: str) -> Caller:
            caller = terms.caller
            return Caller(CREDENTIAL, caller.surface, caller.mode, caller.context)

        return Arrival(
            id=id,
            route=http.url.path,
            action=action,
            credential=Credential(CREDENTIAL, terms.surface, (terms.mode,)),
            received_at=self._guard.now(),
            read=read,
            identify=identify,
        )

    def _answered(self, answer: Answer) -> Response:
        if answer.refusal is not None:
            details = self._details(answer, answer.refusal)
            held = answer.refusal.outcome is Outcome.REVIEW
            items = [one.item for one in answer.images if isinstance(one, Withheld) and one.item]
            fields = details["fields"]
            return error_response(
                400,
                str(details["explanation"]),
                code="held_for_review" if held else "content_policy_violation",
                param=fields[0] if isinstance(fields, list) and fields else None,
                details=details | ({"items": items} if items else {}),
            )
        data: list[object] = []
        for image in answer.images:
            if isinstance(image, Released):
                data.append({"b64_json": image.data})  # msgspec writes bytes as base64
            else:
                data.append({"rambarde": self._details(answer, image.decision)})
        return json_response({"created": int(answer.created.timestamp()), "data": data})

    def _details(self, answer: Answer, decision: Decision) -> dict[str, object]:
        return {
            "decision_id": answer.id,
            **explained(decision),
            "appeal_url": self._guard.appeal(answer.id),
        }


class _Inner:
    """The application as an upstream of one request: it is called anew, with what was understood and no more."""

    def __init__(self, name: str, app: ASGIApp, scope: Scope) -> None:
        self.name, self._app, self._scope = name, app, scope
        self._loop = asyncio.get_running_loop()

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def generate(self, request: Request, *, deadline: float) -> tuple[Generated, ...]:
        """On the loop that serves the application, where its connections and locks live."""
        body, media_type = await _body(request)
        call = asyncio.run_coroutine_threadsafe(self._call(body, media_type), self._loop)
        try:
            async with asyncio.timeout(deadline):
                status, headers, answer = await asyncio.wrap_future(call)
        except TimeoutError:
            raise Fault(
                Kind.TIMEOUT,
                "upstream_timeout",
                "The application did not answer in time.",
                remedy="Send the request again later.",
            ) from None
        except Fault:
            raise
        except Exception as error:
            raise upstream("upstream_failed", f"failed ({type(error).__name__})") from error
        if status != 200:
            raise refused(status, answer, headers.get("retry-after"))
        if headers.get("content-type", "").startswith("image/") and request.n == 1:
            return (Generated(answer),)
        items = read_items(answer, request.n)
        if not all(item.b64_json for item in items):
            raise upstream("upstream_bad_answer", "answered an address in place of a picture")
        return tuple(Generated(*decode_base64(item.b64_json or "")) for item in items)

    async def _call(self, body: bytes, media_type: str) -> tuple[int, Mapping[str, str], bytes]:
        scope = dict(self._scope)
        scope["headers"] = list(scope["headers"])
        scope.pop("extensions", None)
        headers = MutableHeaders(scope=scope)
        for name in ("transfer-encoding", "content-encoding", "accept-encoding", "expect", "range"):
            if name in headers:
                del headers[name]
        headers["content-type"], headers["content-length"] = media_type, str(len(body))
        told: list[Message] = []
        size = 0
        sent = False

        async def receive() -> Message:
            nonlocal sent
            if sent:
                await asyncio.Event().wait()
            sent = True
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Message) -> None:
            nonlocal size
            size += len(message.get("body", b""))
            if size > ANSWER_LIMIT:
                raise upstream("upstream_too_large", f"answered more than {ANSWER_LIMIT} bytes")
            told.append(message)

        await self._app(scope, receive, send)
        if not told or told[0]["type"] != "http.response.start":
            raise upstream("upstream_incomplete", "stopped before it answered")
        if told[-1].get("more_body", False) or len(told) < 2:
            raise upstream("upstream_incomplete", "stopped before the end of its answer")
        answered = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in told[0].get("headers", ())}
        if answered.get("content-encoding", "identity") != "identity":
            raise upstream("upstream_encoding", "answered a compressed body, which was not asked for")
        return told[0]["status"], answered, b"".join(one.get("body", b"") for one in told[1:])


async def _body(request: Request) -> tuple[bytes, str]:
    """The request in OpenAI's form, from what was judged: nothing that was not understood is in it."""
    fields: dict[str, str | int] = {
        name: int(value) if name == "output_compression" else value for name, value in request.options
    }
    fields |= {"prompt": request.prompt.raw, "n": request.n, "response_format": "b64_json"}
    if request.model:
        fields["model"] = request.model
    if request.size != "auto":
        fields["size"] = request.size
    if request.output_format != "png":
        fields["output_format"] = request.output_format
    if request.action is Action.GENERATE:
        return msgspec.json.encode(fields), "application/json"
    form = aiohttp.FormData(quote_fields=False, default_to_multipart=True)
    for name, value in fields.items():
        form.add_field(name, str(value))
    pictures = [("image" if len(request.images) == 1 else "image[]", one) for one in request.images]
    if request.mask is not None:
        pictures.append(("mask", request.mask))
    for index, (name, picture) in enumerate(pictures):
        filename = f"{index}.{picture.media_type.rpartition('/')[2]}"
        form.add_field(name, picture.data, filename=filename, content_type=picture.media_type)
    whole = form()
    return await whole.as_bytes(), whole.headers["Content-Type"]


def _plain(scope: Scope) -> bool:
    """Whether the path means the same to everybody: no empty, dot or backslash segments."""
    path = str(scope.get("path", ""))
    steps = path.removesuffix("/").split("/")[1:]
    return path.startswith("/") and "\\" not in path and not {"", ".", ".."} & set(steps or ["x"])


__all__ = ["CallerOf", "RambardeMiddleware", "nobody"]

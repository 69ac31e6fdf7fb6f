"""The contract of a dialect: one module that speaks one client's language, under the entry point `rambarde.dialects`.

A dialect reads requests and words answers; it decides nothing. It passes `tests/interfaces/http/test_dialects.py`.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

from starlette.requests import Request
from starlette.responses import Response

from rambarde.guard.answer import Answer
from rambarde.guard.arrival import Draft
from rambarde.interfaces.http.errors import Links, fault_response, refusal_response
from rambarde.nouns.decision import Decision
from rambarde.nouns.fault import Fault
from rambarde.nouns.request import Action

if TYPE_CHECKING:
    from fastapi import FastAPI

    from rambarde.interfaces.wiring import Gateway

JSON, FORM = "application/json", "multipart/form-data"


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request that is to be read: its size is bounded. `body` is empty for a form, which is read from `request`.

    `fetch` gets the file behind a public address; no internal one is connected to. It raises `Fault`.
    """

    request: Request
    body: bytes
    fetch: Callable[[str], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Spoken:
    """A request as it was understood, and how its answer is worded (`data`, in the dialect's own form)."""

    draft: Draft
    answer: Callable[[Answer, Links], Response]


class Refuse(Protocol):
    def __call__(self, answer: Answer, refusal: Decision, links: Links, *, accepted: bool) -> Response: ...


@dataclass(frozen=True, slots=True)
class Route:
    """One address of a dialect that makes images.

    `read` raises `Fault` for what it does not understand. Several dialects may share a path:
    by their media types, and else by `claims`, which is asked of a JSON body; the route without one comes last.
    `fault` and `refusal` are the dialect's own error shape, with our details inside.
    """

    path: str
    action: Action
    media_type: str
    read: Callable[[Incoming], Awaitable[Spoken]]
    about: str
    schema: Mapping[str, object] = field(default_factory=dict)
    claims: Callable[[bytes], bool] | None = None
    fault: Callable[[Fault, str | None], Response] = fault_response
    refusal: Refuse = refusal_response


Close = Callable[[], Awaitable[None]]


class Dialect(Protocol):
    """`name` is the entry point's; `routes` make images, one request one answer.

    `add` adds whatever else the client asks for: routes that only judge, a socket that tells how far a request is.
    It answers what ends, before the gateway closes, whatever runs on for answers that were not waited for.
    """

    name: str
    routes: tuple[Route, ...]

    def add(self, app: FastAPI, gateway: Gateway) -> Close | None: ...


@dataclass(frozen=True, slots=True)
class Routes:
    """A dialect that is nothing but routes."""

    name: str
    routes: tuple[Route, ...]

    def add(self, app: FastAPI, gateway: Gateway) -> None:
        """Nothing more to add."""

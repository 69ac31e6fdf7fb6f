"""The labelling page: one address for each person, on this machine alone.

Whoever has the address may label, so it holds a secret; requests of other sites' pages are turned away by their host
and origin. A unit goes by a name made up for the moment, so nobody can tell that it was shown before.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import html
import secrets
from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from rambarde.interfaces.audit.exhibit import LASTING, Exhibitor, Shown, Withheld
from rambarde.measure.audit.journal import Journal, Label, Labelled, Undone
from rambarde.measure.audit.rating import Rating, Task
from rambarde.nouns.fault import Fault, Kind

OURSELVES = "(rambarde)"
"""Who withholds what is not rendered, and calls unreadable what is no picture."""
HOSTS = ("127.0.0.1", "localhost")
_LABELS = ("positive", "negative", "unsure", "withheld", "unreadable")
_HELD = 4
"""Pictures kept in memory for each person."""
_LIMIT = 4096


class Said(msgspec.Struct, forbid_unknown_fields=True):
    """What the page sends: the unit's name of the moment, and the label."""

    showing: str
    label: Label


@dataclass(slots=True)
class Showing:
    task: Task
    shown: Shown
    seen: bool = False
    """Whether the sharp picture was looked at."""
    trouble: str | None = None
    """Why there is nothing to look at for the moment: it is tried again, or called unreadable by the person."""


@dataclass(slots=True)
class Seat:
    """Where one person sits. `open` are the showings of this sitting, the newest last."""

    name: str
    open: OrderedDict[str, Showing] = field(default_factory=OrderedDict)
    turn: asyncio.Lock = field(default_factory=asyncio.Lock)


class Labelling:
    """The page's state: who sits where, what they look at, what was said. All on one event loop."""

    def __init__(
        self, rating: Rating, journal: Journal, exhibitor: Exhibitor, people: tuple[str, ...]
    ) -> None:
        self._rating, self._journal, self._exhibitor = rating, journal, exhibitor
        self._seats = {secrets.token_urlsafe(24): Seat(name) for name in people}

    def addresses(self, port: int) -> dict[str, str]:
        """Each person's own address."""
        return {seat.name: f"http://127.0.0.1:{port}/{token}/" for token, seat in self._seats.items()}

    def app(self) -> Starlette:
        routes = [
            Route("/{token}/", self._page),
            Route("/{token}/task", self._task),
            Route("/{token}/picture/{showing}/{look}", self._picture),
            Route("/{token}/label", self._label, methods=["POST"]),
            Route("/{token}/undo", self._undo, methods=["POST"]),
        ]
        return Starlette(routes=routes, exception_handlers={Fault: _refused})

    async def _page(self, request: Request) -> Response:
        seat = self._seat(request)
        opened = self._rating.opened
        page = _template()
        values = {
            "QUESTION": opened.question if opened else "",
            "PERSON": seat.name,
            "ROLE": "adjudicator" if opened and seat.name == opened.adjudicator else "rater",
        }
        for name, value in values.items():
            page = page.replace(f"@{name}@", html.escape(value))
        return _secure(Response(page, media_type="text/html"))

    async def _task(self, request: Request) -> Response:
        """What to look at now. A unit that must not be rendered, or is no picture, is closed on the way."""
        seat = self._seat(request)
        async with seat.turn:
            return _json(await self._next(seat))

    async def _picture(self, request: Request) -> Response:
        seat = self._seat(request)
        showing = seat.open.get(request.path_params["showing"])
        look = request.path_params["look"]
        if showing is None or look not in ("blurred", "sharp"):
            raise _gone()
        showing.seen |= look == "sharp"
        data = showing.shown.sharp if look == "sharp" else showing.shown.blurred
        return _secure(Response(data, media_type="image/jpeg"))

    async def _label(self, request: Request) -> Response:
        seat = self._seat(request)
        said = await _said(request)
        async with seat.turn:
            showing = seat.open.get(said.showing)
            if showing is None or self._rating.next(seat.name) != showing.task:
                raise _gone()
            if said.label in ("positive", "negative") and (not showing.seen or showing.trouble is not None):
                raise Fault(
                    Kind.CONFLICT,
                    "audit_unseen",
                    "The picture was not looked at yet.",
                    remedy="Show it first (Space), or say unsure.",
                    field="label",
                )
            task = showing.task
            self._take(Labelled(self._journal.now(), seat.name, task.unit.number, said.label, task.turn))
            seat.open.clear()
            return _json(await self._next(seat))

    async def _undo(self, request: Request) -> Response:
        seat = self._seat(request)
        await _said(request, empty=True)
        async with seat.turn:
            last = self._rating.undoable(seat.name)
            if last is None:
                raise Fault(
                    Kind.CONFLICT,
                    "audit_nothing_to_undo",
                    "There is no label to take back.",
                    remedy="What was withheld stays withheld.",
                    field="label",
                )
            self._take(Undone(self._journal.now(), seat.name, last.unit, last.turn))
            seat.open.clear()
            return _json(await self._next(seat))

    async def _next(self, seat: Seat) -> dict[str, object]:
        while (task := self._rating.next(seat.name)) is not None:
            name = next((name for name, one in seat.open.items() if one.task == task), None)
            if name is None or seat.open[name].trouble is not None:
                try:
                    showing = Showing(task, await self._exhibitor.show(task.unit.id))
                except Withheld as withheld:
                    self._close(task, "withheld", withheld.why)
                    continue
                except Fault as fault:
                    if fault.kind in LASTING:
                        self._close(task, "unreadable", fault.code)
                        continue
                    showing = Showing(task, Shown(b"", b""), trouble=f"{fault.message} {fault.remedy}")
                seat.open.pop(name or "", None)
                name = secrets.token_urlsafe(12)
                seat.open[name] = showing
                while len(seat.open) > _HELD:
                    seat.open.popitem(last=False)
            return self._told(seat) | {"showing": name, "trouble": seat.open[name].trouble}
        return self._told(seat) | {"showing": None, "trouble": None}

    def _told(self, seat: Seat) -> dict[str, object]:
        done, whole = self._rating.progress(seat.name)
        return {"done": done, "of": whole, "undo": self._rating.undoable(seat.name) is not None}

    def _close(self, task: Task, label: Label, why: str) -> None:
        if task.unit.number not in self._rating.closed:
            at = self._journal.now()
            self._take(Labelled(at, OURSELVES, task.unit.number, label, task.turn, why))

    def _take(self, event: Labelled | Undone) -> None:
        self._journal.add(event)  # durable, or it raises and nothing has changed
        self._rating.take(event)

    def _seat(self, request: Request) -> Seat:
        host = request.headers.get("host", "").rpartition(":")[0]
        origin = request.headers.get("origin")
        token = request.path_params["token"].encode()
        seat = next((s for t, s in self._seats.items() if secrets.compare_digest(t.encode(), token)), None)
        if seat is None or host not in HOSTS or (origin and origin != f"http://{request.headers['host']}"):
            raise Fault(
                Kind.NOT_FOUND,
                "audit_address",
                "There is nothing at this address.",
                remedy="Open the whole address that `rambarde audit label` printed.",
            )
        return seat


async def _said(request: Request, *, empty: bool = False) -> Said:
    if request.headers.get("content-type") != "application/json":
        raise _bad("The body is no JSON.")  # and no other site's form
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > _LIMIT:
            raise _bad("The body is too long.")
    if empty:
        return Said("", "unsure")
    try:
        return msgspec.json.decode(body, type=Said)
    except msgspec.DecodeError as error:
        raise _bad(f"{error}.") from error


def _bad(message: str) -> Fault:
    return Fault(
        Kind.INVALID,
        "audit_label",
        message,
        remedy=f"Send a showing and one of {', '.join(_LABELS)}.",
        field="label",
    )


def _gone() -> Fault:
    return Fault(
        Kind.CONFLICT,
        "audit_showing",
        "This is not what is to be labelled now.",
        remedy="Load the page again; no label is lost.",
        field="showing",
    )


async def _refused(_: Request, error: Exception) -> Response:
    fault = (
        error
        if isinstance(error, Fault)
        else Fault(Kind.INTERNAL, "internal", "Failed.", remedy="Try again.")
    )
    status = {Kind.NOT_FOUND: 404, Kind.INVALID: 400, Kind.CONFLICT: 409}.get(fault.kind, 500)
    return _json({"code": fault.code, "message": fault.message, "remedy": fault.remedy}, status)


def _json(value: object, status: int = 200) -> Response:
    return _secure(Response(msgspec.json.encode(value), status, media_type="application/json"))


def _secure(response: Response) -> Response:
    response.headers.update(_headers())
    return response


@cache
def _headers() -> dict[str, str]:
    page = _template()
    style, script = (_hash(page, tag) for tag in ("style", "script"))
    return {
        "Content-Security-Policy": f"default-src 'none'; style-src '{style}'; script-src '{script}'; "
        "img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Cross-Origin-Opener-Policy": "same-origin",
    }


def _hash(page: str, tag: str) -> str:
    inner = page.split(f"<{tag}>", 1)[1].split(f"</{tag}>", 1)[0]
    return "sha256-" + base64.b64encode(hashlib.sha256(inner.encode()).digest()).decode()


@cache
def _template() -> str:
    return files("rambarde.interfaces.web").joinpath("label.html").read_text("utf-8")

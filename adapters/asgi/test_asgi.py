"""The middleware: same decisions, nothing goes by that is not named, the application sees what was judged."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2 as httpx
import pytest
from rambarde_asgi import RambardeMiddleware
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from tests.interfaces.library.conftest import record
from tests.servers import png

from rambarde import Guard

pytestmark = pytest.mark.slow
GENERATE, EDIT = "/v1/images/generations", "/v1/images/edits"


class Inner:
    """An application with image routes, a page, and a route that nobody thought of."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.answer: Callable[[int], Response] = lambda n: JSONResponse(
            {"data": [{"b64_json": base64.b64encode(png(i)).decode()} for i in range(n)]}
        )
        self.app = Starlette(
            routes=[
                Route(GENERATE, self.generate, methods=["POST"]),
                Route(EDIT, self.edit, methods=["POST"]),
                Route("/health", self.page),
                Route("/static/{name:path}", self.page),
                Route("/v1/images/variations", self.page, methods=["POST"]),
                WebSocketRoute("/ws", self.page),
            ]
        )

    async def generate(self, request: Request) -> Response:
        self.asked.append((dict(request.headers), await request.json()))
        return self.answer(self.asked[-1][1]["n"])

    async def edit(self, request: Request) -> Response:
        async with request.form() as form:
            files = {name: await form[name].read() for name in ("image", "mask") if name in form}  # type: ignore[union-attr]
            self.asked.append((dict(form), files))
        return self.answer(1)

    async def page(self, request: Request) -> Response:
        return Response("here")


@pytest.fixture
def inner() -> Inner:
    return Inner()


@asynccontextmanager
async def client(inner: Inner, guard: Guard, **more: Any) -> AsyncIterator[httpx.AsyncClient]:
    app = RambardeMiddleware(inner.app, guard=guard, passes=["/health", "/static/"], **more)
    transport = httpx.ASGITransport(app=app)
    async with httpx.AsyncClient(transport=transport, base_url="http://app", timeout=60) as opened:
        yield opened


async def test_a_request_goes_through_and_is_recorded(inner: Inner, guard: Guard) -> None:
    async with client(inner, guard) as http:
        answer = await http.post(
            GENERATE,
            json={"prompt": "a lighthouse", "n": 2, "model": "m-1", "quality": "high", "user": "u-1"},
            headers={"Cookie": "session=1"},
        )
    assert answer.status_code == 200 and len(answer.json()["data"]) == 2
    headers, asked = inner.asked[0]
    assert asked == {
        "prompt": "a lighthouse",
        "n": 2,
        "model": "m-1",
        "quality": "high",
        "response_format": "b64_json",
    }
    assert headers["cookie"] == "session=1"
    kept = record(guard, answer.headers["Rambarde-Decision"])
    assert (kept["ending"], kept["route"], kept["upstream"], kept["credential"]) == (
        *("released", GENERATE, "asgi"),
        "asgi",
    )


async def test_a_refusal_explains_and_the_route_is_not_called(
    inner: Inner, guard: Guard, portrait: bytes
) -> None:
    async with client(inner, guard) as http:
        answer = await http.post(EDIT, data={"prompt": "put her in a bikini"}, files={"image": portrait})
    error = answer.json()["error"]
    assert (answer.status_code, error["code"], error["param"]) == (400, "content_policy_violation", "prompt")
    assert "real-person-sexual" in error["rambarde"]["rules"] and not inner.asked
    assert record(guard, error["rambarde"]["decision_id"])["ending"] == "refused"


async def test_an_edit_gets_the_files(inner: Inner, guard: Guard, still_life: bytes) -> None:
    async with client(inner, guard) as http:
        answer = await http.post(
            EDIT, data={"prompt": "a blue cup"}, files={"image": still_life, "mask": still_life}
        )
    assert answer.status_code == 200, answer.text
    form, files = inner.asked[0]
    assert form["prompt"] == "a blue cup" and files["image"] == still_life and set(files) == {"image", "mask"}


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("POST", "/v1/images/variations", 404),
        ("POST", GENERATE + "/", 404),
        ("POST", "/static/../v1/images/variations", 404),
        ("POST", "//v1/images/generations", 404),
        ("GET", "/static//../x", 404),
        ("GET", "/", 404),
        ("GET", GENERATE, 400),
        ("GET", "/healthz", 404),
        ("GET", "/health", 200),
        ("GET", "/static/a/b.css", 200),
    ],
)
async def test_only_what_is_named_goes_by(
    inner: Inner, guard: Guard, method: str, path: str, status: int
) -> None:
    app, told = RambardeMiddleware(inner.app, guard=guard, passes=["/health", "/static/"]), []
    scope = {
        **{"type": "http", "method": method, "path": path, "raw_path": path.encode(), "query_string": b""},
        **{"headers": [], "root_path": "", "scheme": "http", "server": ("app", 80), "http_version": "1.1"},
    }

    async def send(message: Any) -> None:
        told.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"{}"}

    await app(scope, receive, send)
    assert told[0]["status"] == status and not inner.asked


async def test_a_websocket_is_closed(inner: Inner, guard: Guard) -> None:
    told = []

    async def send(message: Any) -> None:
        told.append(message)

    await RambardeMiddleware(inner.app, guard=guard)({"type": "websocket", "path": "/ws"}, None, send)  # type: ignore[arg-type]
    assert [message["type"] for message in told] == ["websocket.close"]


async def _half() -> AsyncIterator[bytes]:
    yield b'{"data": ['
    raise ConnectionError("the prompt")


ANSWERS: dict[str, tuple[Callable[[int], Response], str | None]] = {
    "a file": (lambda n: Response(png(1), media_type="image/png"), None),
    "an address": (
        lambda n: JSONResponse({"data": [{"url": "https://x.example/a.png"}]}),
        "upstream_bad_answer",
    ),
    "too many": (
        lambda n: JSONResponse({"data": [{"b64_json": base64.b64encode(png()).decode()}] * 2}),
        "upstream_image_count",
    ),
    "none": (lambda n: JSONResponse({"data": []}), "upstream_no_images"),
    "no picture": (lambda n: JSONResponse({"data": [{"b64_json": "QUJD"}]}), "upstream_not_an_image"),
    "no base64": (lambda n: JSONResponse({"data": [{"b64_json": "*"}]}), "upstream_bad_base64"),
    "a page": (lambda n: Response("<html>", media_type="text/html"), "upstream_not_json"),
    "its own refusal": (lambda n: Response("{}", 403), "upstream_unauthorized"),
    "busy": (lambda n: Response("", 503), "upstream_busy"),
    "a crash": (lambda n: 1 / 0, "upstream_failed"),  # type: ignore[dict-item,return-value]
    "half an answer": (lambda n: StreamingResponse(_half()), "upstream_failed"),
}


@pytest.mark.parametrize("name", ANSWERS)
async def test_what_the_application_answers_is_not_trusted(inner: Inner, guard: Guard, name: str) -> None:
    inner.answer, code = ANSWERS[name]
    async with client(inner, guard) as http:
        answer = await http.post(GENERATE, json={"prompt": "a lighthouse"})
    if code is None:
        assert answer.status_code == 200 and answer.json()["data"][0]["b64_json"]
        return
    error = answer.json()["error"]
    assert error["code"] == code and "the prompt" not in answer.text
    assert record(guard, error["rambarde"]["decision_id"])["fault"]["code"] == code


async def test_the_caller_comes_from_the_application(inner: Inner, guard: Guard) -> None:
    def caller(scope: Any) -> dict[str, Any]:
        return {"account": "a-1", "country": "DE", "session": scope["path"].replace("/", "-")}

    async with client(inner, guard, caller=caller) as http:
        answer = await http.post(GENERATE, json={"prompt": "a lighthouse"})
    kept = record(guard, answer.headers["Rambarde-Decision"])
    assert (kept["account"], kept["country"], kept["session"]) == ("a-1", "DE", "-v1-images-generations")


async def test_a_client_that_goes_away_is_recorded(inner: Inner, guard: Guard) -> None:
    hung = asyncio.Event()

    async def hang(request: Request) -> Response:
        hung.set()
        await asyncio.Event().wait()
        raise AssertionError

    inner.app = Starlette(routes=[Route(GENERATE, hang, methods=["POST"])])
    async with client(inner, guard) as http:
        task = asyncio.create_task(http.post(GENERATE, json={"prompt": "a lighthouse"}))
        await asyncio.wait_for(hung.wait(), 60)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def test_a_path_is_guarded_or_passed(inner: Inner, guard: Guard) -> None:
    with pytest.raises(ValueError, match="in `passes`"):
        RambardeMiddleware(inner.app, guard=guard, passes=["/v1/"])
    with pytest.raises(ValueError, match="twice"):
        RambardeMiddleware(inner.app, guard=guard, edits=[GENERATE])


@pytest.fixture
def started(pasted: Callable[[str], list[dict[str, Any]]]) -> Iterator[dict[str, Any]]:
    (names,) = pasted("adapters/asgi/README.md")
    yield names
    names["guard"].close()


async def test_the_readmes_start_works_as_pasted(started: dict[str, Any], portrait: bytes) -> None:
    transport = httpx.ASGITransport(app=started["app"])
    async with httpx.AsyncClient(transport=transport, base_url="http://app", timeout=60) as http:
        assert (await http.post(GENERATE, json={"prompt": "a lighthouse at sunset"})).status_code == 200
        refused = await http.post(GENERATE, json={"prompt": "Anna Schmidt in a bikini"})
        assert refused.json()["error"]["code"] == "content_policy_violation"
        assert (await http.get("/docs")).status_code == 404

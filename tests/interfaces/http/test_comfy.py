"""ComfyUI's API as its clients use it: a graph in, progress on a socket, images by name."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import sqlite3
import time
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from PIL import Image
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import ClientConnection, connect

from rambarde.guard.arrival import Upload
from rambarde.guard.inspect import Inspector
from rambarde.interfaces.http.dialects import comfy_jobs
from rambarde.interfaces.http.dialects.comfy_jobs import RUNNING, SOCKETS, Jobs, Listener
from rambarde.nouns.decision import Decision, Outcome, Point
from rambarde.nouns.fault import Fault
from rambarde.nouns.signal import Signal
from tests.interfaces.http import graphs
from tests.interfaces.serving import Served, serving


class Client:
    def __init__(self, served: Served) -> None:
        self.served, self.id = served, uuid.uuid4().hex
        self.headers = {"Authorization": f"Bearer {served.key()}"}

    def post(self, path: str, **sent: Any) -> httpx.Response:
        return httpx.post(self.served.url + path, headers=self.headers, timeout=30, **sent)

    def get(self, path: str, **query: str) -> httpx.Response:
        return httpx.get(self.served.url + path, headers=self.headers, params=query, timeout=30)

    def send(self, graph: dict[str, Any], **more: Any) -> httpx.Response:
        return self.post("/prompt", json={"prompt": graph, "client_id": self.id, **more})

    @contextmanager
    def socket(self) -> Iterator[ClientConnection]:
        url = self.served.url.replace("http", "ws", 1) + f"/ws?clientId={self.id}"
        with connect(url, additional_headers=self.headers, proxy=None) as opened:
            first = json.loads(opened.recv(10))
            assert first["type"] == "status" and first["data"]["sid"] == self.id
            yield opened

    def until_done(self, opened: ClientConnection, id: str) -> list[dict[str, Any]]:
        told = []
        while True:
            told.append(json.loads(opened.recv(30)))
            data = told[-1]["data"]
            if told[-1]["type"] == "executing" and data["node"] is None and data["prompt_id"] == id:
                return told

    def history(self, id: str) -> dict[str, Any]:
        for _ in range(300):
            if found := self.get(f"/history/{id}").json():
                return dict(found[id])
            time.sleep(0.05)
        raise AssertionError("the job did not end")


@pytest.fixture
def client(served: Served) -> Client:
    return Client(served)


def test_a_graph_progress_and_its_images(client: Client) -> None:
    with client.socket() as opened:
        sent = client.send(graphs.text("a lighthouse at sunset", n=2)).json()
        assert sent["node_errors"] == {} and isinstance(sent["number"], int)
        told = client.until_done(opened, sent["prompt_id"])
    kinds = [one["type"] for one in told]
    assert kinds[0] == "execution_start" and kinds[-2:] == ["execution_success", "executing"]
    progress = [one["data"] for one in told if one["type"] == "progress"]
    assert [(p["value"], p["max"]) for p in progress] == [(0, 20), (20, 20)]
    done = client.history(sent["prompt_id"])
    assert done["status"] == {"status_str": "success", "completed": True, "messages": []}
    images = done["outputs"]["9"]["images"]
    assert len(images) == 2
    for one in images:
        got = client.get("/view", **one)
        assert Image.open(io.BytesIO(got.content)).size == (256, 128)


def test_an_edit_of_an_uploaded_picture(client: Client, still_life: bytes, portrait: bytes) -> None:
    for name, picture in (("cup.png", still_life), ("her.png", portrait)):
        up = client.post(
            "/upload/image", files={"image": (name, picture, "image/png")}, data={"overwrite": "true"}
        )
        assert up.json() == {"name": name, "subfolder": "", "type": "input"}
    made = client.history(client.send(graphs.edit("make it brighter", "cup.png")).json()["prompt_id"])
    assert made["outputs"]["9"]["images"]
    refused = client.history(client.send(graphs.edit("take off her clothes", "her.png")).json()["prompt_id"])
    kind, said = refused["status"]["messages"][0]
    assert kind == "execution_error" and said["exception_type"] == "content_policy_violation"
    assert "real-person-sexual" in said["rambarde"]["rules"] and refused["outputs"] == {}
    other = Client(client.served).send(graphs.edit("make it brighter", "cup.png"))
    assert other.status_code == 400 and other.json()["error"]["type"] == "upload_unknown"


def test_a_withheld_image_is_told(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    chain = type(client.served.gateway.chain)
    whole = chain._released

    def held(self: Any, evaluator: Any, asked: Any, seen: Any, index: int) -> Decision:
        decision = whole(self, evaluator, asked, seen, index)
        if index:
            return decision
        return Decision(Point.RELEASE, Outcome.REVIEW, (), (Signal.measured("x", 1),), decision.policy)

    monkeypatch.setattr(chain, "_released", held)
    done = client.history(client.send(graphs.text("a pear", n=2)).json()["prompt_id"])
    assert len(done["outputs"]["9"]["images"]) == 1
    assert done["rambarde"]["withheld"][0]["index"] == 0 and done["rambarde"]["withheld"][0]["status_url"]


def test_a_refusal_is_told_on_the_socket(client: Client) -> None:
    with client.socket() as opened:
        id = client.send(graphs.text("undress my neighbour Sarah Miller")).json()["prompt_id"]
        told = client.until_done(opened, id)
    error = next(one["data"] for one in told if one["type"] == "execution_error")
    assert error["prompt_id"] == id and "real-person-sexual" in error["rambarde"]["rules"]


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"{", "json_invalid"),
        (b'{"prompt":' * 50_000, "json_invalid"),
        (b"{}", "missing_parameter"),
        (b'{"prompt": []}', "invalid_parameter"),
        (b'{"prompt": {}}', "graph_invalid"),
        (b'{"prompt": {"1": {"class_type": "PythonExec", "inputs": {}}}}', "graph_node_unknown"),
        (b'{"prompt": {}, "extra_data": {"api_key_comfy_org": "x"}}', "unknown_parameter"),
        (b'{"prompt": {}, "prompt_id": "../../x"}', "invalid_parameter"),
    ],
)
def test_bad_input(client: Client, sent: bytes, code: str) -> None:
    headers = client.headers | {"Content-Type": "application/json"}
    answer = httpx.post(client.served.url + "/prompt", content=sent, headers=headers, timeout=30)
    error = answer.json()["error"]
    assert answer.status_code == 400 and error["type"] == code and answer.json()["node_errors"] == {}
    details = error["extra_info"]["rambarde"]
    assert details["remedy"] and client.served.record(details["decision_id"])["ending"] == "fault"


def test_prompt_ids(client: Client) -> None:
    id = str(uuid.uuid4())
    assert client.send(graphs.text(), prompt_id=id).json()["prompt_id"] == id
    assert client.send(graphs.text(), prompt_id=id).json()["error"]["type"] == "prompt_id_taken"
    client.history(id)
    assert Client(client.served).get(f"/history/{id}").json() == {}
    assert client.get(f"/history/{uuid.uuid4()}").json() == {}
    assert client.get("/history/%2e%2e").json() == {}


def test_a_retry_under_the_same_name_generates_nothing(client: Client) -> None:
    client.headers["Idempotency-Key"] = uuid.uuid4().hex
    first = client.send(graphs.text()).json()["prompt_id"]
    assert client.history(first)["outputs"]["9"]["images"]
    before = client.served.count()
    again = client.history(client.send(graphs.text()).json()["prompt_id"])
    assert again["status"]["messages"][0][1]["exception_type"] == "answered_before"
    assert client.served.count() == before


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ({"filename": "../../server.key"}, "not_here"),
        ({"filename": "x.png", "subfolder": ".."}, "view_unsupported"),
        ({"filename": "x.png", "type": "input"}, "view_unsupported"),
    ],
)
def test_view_shows_released_images_only(client: Client, query: dict[str, str], code: str) -> None:
    assert client.get("/view", **query).json()["error"]["code"] == code


@pytest.mark.parametrize(
    ("files", "data", "code"),
    [
        ({"image": ("../x.png", b"x", "image/png")}, {}, "upload_name"),
        ({"image": (".x", b"x", "image/png")}, {}, "upload_name"),
        ({"image": ("x.png", b"x", "image/png")}, {"subfolder": "y"}, "upload_name"),
        ({"image": ("x.png", b"x", "image/png")}, {"type": "output"}, "upload_name"),
        ({"image": ("x.png", b"x", "image/png")}, {"more": "y"}, "unknown_parameter"),
        ({"other": ("x.png", b"x", "image/png")}, {}, "unknown_parameter"),
        ({"image": ("x.png", bytes(26_000_000), "image/png")}, {}, "body_too_large"),
    ],
)
def test_bad_uploads(client: Client, files: Any, data: dict[str, str], code: str) -> None:
    assert client.post("/upload/image", files=files, data=data).json()["error"]["type"] == code


def test_sockets_need_a_key_and_may_not_flood(client: Client) -> None:
    url = client.served.url.replace("http", "ws", 1) + "/ws"
    with pytest.raises(InvalidStatus), connect(url, proxy=None):
        pass
    with client.socket() as opened, pytest.raises(ConnectionClosed):
        for _ in range(100_000):
            opened.send("x")
    with ExitStack() as held, pytest.raises(InvalidStatus):
        for _ in range(SOCKETS + 1):
            held.enter_context(connect(url, additional_headers=client.headers, proxy=None))


class _Waits:
    name = "waits"

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def generate(self, request: Any, *, deadline: float) -> Any:
        await asyncio.Event().wait()


@pytest.mark.slow
def test_what_is_under_way_when_the_gateway_closes_has_its_record(
    tmp_path: Path, inspector: Inspector
) -> None:
    with serving(tmp_path, upstream=_Waits(), inspector=inspector) as served:
        Client(served).send(graphs.text())
        deadline = time.monotonic() + 10
        while not served.gateway.chain.room._requests and time.monotonic() < deadline:
            time.sleep(0.01)
    with sqlite3.connect(tmp_path / "rambarde.db") as database:
        assert database.execute("select count(*) from records").fetchone() == (1,)


def test_a_socket_hears_of_its_own_jobs_only() -> None:
    jobs = Jobs()
    own, other, stranger = jobs.listen("a", "1"), jobs.listen("a", "2"), jobs.listen("b", "1")
    job = jobs.begin("id", "a", "1", "9")
    jobs.tell(job, "executing", node="3")
    assert own.messages.get_nowait() == ("executing", {"node": "3", "prompt_id": "id"})
    assert other.messages.empty() and stranger.messages.empty()


def test_a_listener_that_is_behind_is_let_go() -> None:
    listener = Listener("a", "1")
    for _ in range(1000):
        listener.tell("progress", {})
        if listener.messages.qsize() == 1 and listener.messages._queue[0] is None:  # type: ignore[attr-defined]
            return
    raise AssertionError("it was told everything")


def test_jobs_are_bounded_and_forgotten() -> None:
    now = 0.0
    jobs = Jobs(lambda: now)
    made = [jobs.begin(str(i), "a", "", "9") for i in range(RUNNING)]
    with pytest.raises(Fault) as caught:
        jobs.begin("more", "a", "", "9")
    assert caught.value.code == "too_many_jobs"
    jobs.begin("other", "b", "", "9")
    for job in made:
        jobs.end(job)
    assert jobs.get("0", "a") is made[0] and jobs.get("0", "b") is None
    now = 601.0
    assert jobs.get("0", "a") is None and jobs.get("other", "b") is not None


def test_ended_jobs_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comfy_jobs, "JOBS", 3)
    jobs = Jobs()
    made = [jobs.begin(str(i), "a", "", "9") for i in range(3)]
    with pytest.raises(Fault):
        jobs.begin("3", "b", "", "9")
    jobs.end(made[1])
    jobs.begin("3", "b", "", "9")
    assert jobs.get("0", "a") is made[0] and jobs.get("1", "a") is None


def test_uploads_of_one_push_out_nobody_elses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comfy_jobs, "UPLOADED", 400)
    jobs = Jobs()
    jobs.upload("b", "x", Upload(bytes(100)))
    for i in range(10):
        jobs.upload("a", str(i), Upload(bytes(50)))
    assert jobs.uploaded("b", "x") and jobs.uploaded("a", "9") and jobs.uploaded("a", "8")
    with pytest.raises(Fault):
        jobs.uploaded("a", "7")


def test_a_picture_in_the_graph_itself(client: Client, still_life: bytes) -> None:
    inline = base64.b64encode(still_life).decode()
    sent = client.send(graphs.edit("make it brighter", inline, kind="ETN_LoadImageBase64")).json()
    assert client.history(sent["prompt_id"])["outputs"]["9"]["images"]

"""Bad input: a typed error or a decision, in time, the same on both routes, and a record."""

from __future__ import annotations

import json
import socket
import time
from typing import Any

import httpx2 as httpx
import pytest

from rambarde.interfaces.http import body
from tests.bad_pictures import BadPicture, bad_pictures
from tests.interfaces.serving import Served

ROUTES = ("/v1/images/generations", "/v1/images/edits")


def post(
    served: Served, route: str, fields: dict[str, Any], image: bytes | None = None, **options: Any
) -> httpx.Response:
    headers = {"Authorization": f"Bearer {served.key()}"} | options.pop("headers", {})
    if route.endswith("generations"):
        return httpx.post(served.url + route, json=fields, headers=headers, timeout=30)
    files = options.pop("files", None) or [("image", ("a.png", image or b"", "image/png"))]
    return httpx.post(
        served.url + route,
        data={k: str(v) for k, v in fields.items()},
        files=files,
        headers=headers,
        timeout=30,
    )


def error(response: httpx.Response) -> dict[str, Any]:
    body = response.json()["error"]
    assert sorted(body) == ["code", "message", "param", "rambarde", "type"]
    assert body["message"]
    return body


@pytest.mark.parametrize("route", ROUTES)
@pytest.mark.parametrize(
    ("fields", "status", "code", "param"),
    [
        ({"prompt": "x" * 1_000_000}, 413, "prompt_too_long", "prompt"),
        ({"prompt": "\x00\x01\x02\x1b"}, 400, "prompt_empty", "prompt"),
        ({"prompt": ""}, 400, "prompt_empty", "prompt"),
        ({}, 400, "missing_parameter", "prompt"),
        ({"prompt": "a tree", "n": -1}, 400, "n_out_of_range", "n"),
        ({"prompt": "a tree", "n": 0}, 400, "n_out_of_range", "n"),
        ({"prompt": "a tree", "n": 1000}, 400, "n_out_of_range", "n"),
        ({"prompt": "a tree", "size": "huge"}, 400, "invalid_parameter", "size"),
        ({"prompt": "a tree", "stream": True}, 400, "streaming_unsupported", "stream"),
        ({"prompt": "a tree", "partial_images": 2}, 400, "streaming_unsupported", "partial_images"),
        ({"prompt": "a tree", "seconds": 4}, 400, "unknown_parameter", "seconds"),
        ({"prompt": "a tree", "frame_count": 4}, 400, "unknown_parameter", "frame_count"),
        (
            {"prompt": "a tree", "background": "transparent", "output_format": "jpeg"},
            400,
            "invalid_parameter",
            "background",
        ),
        ({"prompt": "a tree", "output_compression": 101}, 400, "invalid_parameter", "output_compression"),
        ({"prompt": "a tree", "output_format": "gif"}, 400, "invalid_parameter", "output_format"),
        ({"prompt": "a tree", "response_format": "black_image"}, 400, "invalid_parameter", "response_format"),
    ],
)
def test_parameters(
    served: Served, still_life: bytes, route: str, fields: dict[str, Any], status: int, code: str, param: str
) -> None:
    before = served.count()
    response = post(served, route, fields, still_life)
    body = error(response)
    assert (response.status_code, body["code"], body["param"]) == (status, code, param)
    assert body["rambarde"]["remedy"]
    assert served.count() == before + 1
    record = served.record(body["rambarde"]["decision_id"])
    assert record["ending"] == "fault" and record["fault"]["code"] == code


@pytest.mark.parametrize("bad", bad_pictures(), ids=lambda b: b.name)
def test_pictures(served: Served, bad: BadPicture) -> None:
    start = time.monotonic()
    files = [("image", (bad.filename or "a", bad.data, bad.declared or "application/octet-stream"))]
    response = post(served, ROUTES[1], {"prompt": "make it brighter"}, files=files)
    assert time.monotonic() - start < 15
    if bad.code is None:
        assert response.status_code in (200, 400), response.text
        if response.status_code == 400:
            assert error(response)["code"] in ("held_for_review", "content_policy_violation")
    else:
        body = error(response)
        assert body["code"] == bad.code and body["param"] == "image"
        assert served.record(body["rambarde"]["decision_id"])["fault"]["code"] == bad.code


def test_51_images(served: Served, still_life: bytes) -> None:
    files = [("image[]", (f"{i}.png", still_life[:200], "image/png")) for i in range(51)]
    assert error(post(served, ROUTES[1], {"prompt": "mix them"}, files=files))["code"] == "too_many_images"
    files = [("image[]", (f"{i}.png", still_life, "image/png")) for i in range(11)]
    assert error(post(served, ROUTES[1], {"prompt": "mix them"}, files=files))["code"] == "too_many_images"


def test_lone_surrogates(served: Served) -> None:
    response = httpx.post(
        served.url + ROUTES[0],
        content=b'{"prompt": "a tree \\ud800 in a field", "size": "64x64"}',
        headers={"Authorization": f"Bearer {served.key()}", "Content-Type": "application/json"},
    )
    assert response.status_code == 200 or error(response)["code"] == "json_invalid"


@pytest.mark.parametrize(
    "content", [b"", b"{", b"[]", b"null", b'{"prompt": 1}', b'{"prompt": NaN}', b"\xff\xfe", b"[" * 100_000]
)
def test_json_that_is_none(served: Served, content: bytes) -> None:
    response = httpx.post(
        served.url + ROUTES[0],
        content=content,
        headers={"Authorization": f"Bearer {served.key()}", "Content-Type": "application/json"},
    )
    assert response.status_code == 400
    body = error(response)
    assert body["code"] in ("json_invalid", "invalid_parameter")
    assert served.record(body["rambarde"]["decision_id"])["ending"] == "fault"


@pytest.mark.parametrize("route", ROUTES)
def test_wrong_content_type(served: Served, route: str) -> None:
    response = httpx.post(
        served.url + route,
        content=b"prompt=a tree",
        headers={
            "Authorization": f"Bearer {served.key()}",
            "Content-Type": "application/x-www-form-urlencoded",
        },
    )
    assert error(response)["code"] == "content_type_unsupported"


def test_multipart_that_is_none(served: Served) -> None:
    for content_type in ("multipart/form-data", "multipart/form-data; boundary=x"):
        response = httpx.post(
            served.url + ROUTES[1],
            content=b"--y\r\nnonsense",
            headers={"Authorization": f"Bearer {served.key()}", "Content-Type": content_type},
        )
        assert response.status_code == 400
        error(response)


@pytest.mark.parametrize("route", ROUTES)
def test_a_body_that_stops_half_way_is_recorded(served: Served, route: str) -> None:
    before = served.count()
    kind = "application/json" if route == ROUTES[0] else "multipart/form-data; boundary=b"
    head = (
        f"POST {route} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {served.key()}\r\n"
        f"Content-Type: {kind}\r\nContent-Length: 1000\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", int(served.url.rsplit(":", 1)[1]))) as connection:
        connection.sendall(head.encode() + b'{"prompt": "a tr')
    deadline = time.monotonic() + 10
    while served.count() == before and time.monotonic() < deadline:
        time.sleep(0.02)
    assert served.count() == before + 1


def test_an_edit_needs_a_picture(served: Served) -> None:
    response = post(served, ROUTES[1], {"prompt": "brighter"}, files=[("mask", ("m.png", b"x", "image/png"))])
    assert error(response)["code"] == "image_missing"


def test_fields_given_twice(served: Served, still_life: bytes) -> None:
    files = [
        ("image", ("a.png", still_life, "image/png")),
        ("prompt", (None, "a hat")),
        ("prompt", (None, "something else")),
    ]
    response = httpx.post(
        served.url + ROUTES[1], files=files, headers={"Authorization": f"Bearer {served.key()}"}, timeout=30
    )
    assert error(response)["code"] == "given_twice"


def test_both_forms_of_a_picture(served: Served, still_life: bytes) -> None:
    files = [("image", ("a.png", still_life, "image/png")), ("image[]", ("b.png", still_life, "image/png"))]
    body = error(post(served, ROUTES[1], {"prompt": "brighter"}, files=files))
    assert (body["code"], body["param"]) == ("given_twice", "image")


def test_a_file_that_is_not_known(served: Served, still_life: bytes) -> None:
    files = [("image", ("a.png", still_life, "image/png")), ("markup", ("b.png", still_life, "image/png"))]
    body = error(post(served, ROUTES[1], {"prompt": "brighter"}, files=files))
    assert (body["code"], body["param"]) == ("unknown_parameter", "markup")


def test_less_moderation_is_not_the_callers_to_ask(served: Served) -> None:
    body = error(post(served, ROUTES[0], {"prompt": "a tree", "moderation": "low"}))
    assert (body["code"], body["param"]) == ("moderation_unsupported", "moderation")


def test_unknown_routes_are_refused(served: Served) -> None:
    for method, route in (("POST", "/v1/videos"), ("POST", "/v1/chat/completions"), ("GET", ROUTES[0])):
        response = httpx.request(method, served.url + route, content=json.dumps({}))
        assert response.status_code in (404, 405, 400)
        assert error(response)["code"] in ("unknown_route", "method_not_allowed")


def test_a_body_that_trickles_is_late(served: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body, "SECONDS", 0.3)
    head = (
        f"POST {ROUTES[0]} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {served.key()}\r\n"
        "Content-Type: application/json\r\nContent-Length: 1000\r\n\r\n{"
    )
    with socket.create_connection(("127.0.0.1", int(served.url.rsplit(":", 1)[1])), timeout=10) as connection:
        connection.sendall(head.encode())
        answer = b""
        while b"body_late" not in answer and (more := connection.recv(65536)):
            answer += more
    assert b"body_late" in answer

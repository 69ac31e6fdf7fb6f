"""The appeal form: for people in a browser, for programs as JSON, and against abuse."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shutil
import socket
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from typer.testing import CliRunner

from rambarde.guard.inspect import Inspector
from rambarde.interfaces.cli.main import app
from rambarde.interfaces.http import appeals
from rambarde.nouns.fault import Fault
from rambarde.nouns.signal import Signal
from tests.interfaces.http.test_release import CAT, CUP, GARDEN, Pictures, ask, edit, with_nudity
from tests.interfaces.serving import Served, serving

pytestmark = pytest.mark.slow

PROMPT = "a zebracoloured umbrella\nin the rain"
JSON = {"Accept": "application/json"}
DECIDE = ("--by", "Ann Example", "--reason", "It is <b>a statue</b>.")


@pytest.fixture(scope="module")
def refusing(inspector: Inspector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway whose every image is held, which can be appealed against as a refusal can."""
    held = with_nudity(inspector, {CUP: Signal.measured("nudity", 0.8)})
    with serving(tmp_path_factory.mktemp("refusing"), upstream=Pictures(CUP), inspector=held) as served:
        yield served


def refused(served: Served, prompt: str = PROMPT) -> str:
    """The `appeal_url` of a decision."""
    return str(ask(served, prompt=prompt).json()["error"]["rambarde"]["appeal_url"])


def send(url: str, files: Any = None, headers: dict[str, str] | None = None, **fields: str) -> httpx.Response:
    parts = [(name, (None, value.encode())) for name, value in fields.items()]
    parts += [("picture", one) for one in files or ()]
    return httpx.post(url, files=parts, headers=headers or {}, timeout=30)


def run(served: Served, *arguments: str) -> Any:
    command = ["review", *arguments, "--data", served.gateway.settings.data, "--json"]
    with ThreadPoolExecutor(1) as thread:  # the browser's driver has an event loop running in this one
        result = thread.submit(CliRunner().invoke, app, command).result(60)
    if isinstance(result.exception, Fault):
        return result.exception
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_the_form_explains_itself(refusing: Served) -> None:
    url = refused(refusing)
    response = httpx.get(url)
    page = response.text
    assert response.status_code == 200 and response.headers["content-type"] == "text/html; charset=utf-8"
    assert '<html lang="en">' in page and "The picture may show nudity." in page
    assert "nude-looking-output" in page and url.rpartition("/")[2] in page
    assert "90 days" in page and "A person reads your appeal" in page
    assert page.count("<h1>") == 1
    for name in ("text", "email", "prompt", "picture"):
        assert f'<label for="{name}">' in page and f'id="{name}"' in page
    assert "zebracoloured" not in page, "what was asked for is shown to nobody"
    assert not re.search(r"<script|\bsrc=|href=|@import|url\(|\son\w+=", page)
    policy = response.headers["content-security-policy"]
    assert "default-src 'none'" in policy and "script-src" not in policy and "unsafe" not in policy
    assert response.headers["cache-control"] == "no-store"
    assert response.headers["referrer-policy"] == "no-referrer" and "set-cookie" not in response.headers


def test_from_form_to_answer(refusing: Served) -> None:
    url = refused(refusing)
    response = send(url, text="It was a cup.\r\n<script>alert(1)</script>", email="me@example.org")
    assert response.status_code == 303
    answer = httpx.URL(url).join(response.headers["location"])
    page = httpx.get(answer)
    assert page.status_code == 200 and "waits for a person" in page.text
    reference = str(answer).rpartition("/")[2]
    assert reference in page.text and "statue" not in page.text
    (listed,) = [one for one in run(refusing, "list") if one["id"] == reference]
    assert listed["type"] == "appeal" and listed["rules"] == ["nude-looking-output"]
    assert (listed["opened"], listed["pictures"]) == (None, 0) and listed["expires_in_seconds"] > 89 * 86_400
    (shown,) = run(refusing, "show", reference)
    assert shown["words"] == {"text": "It was a cup.\n<script>alert(1)</script>", "email": "me@example.org"}
    run(refusing, "decide", reference, "--uphold", *DECIDE)
    page = httpx.get(answer)
    assert "Your appeal was right" in page.text and "It is &lt;b&gt;a statue&lt;/b&gt;." in page.text
    assert "Ann" not in page.text, "who decided is for the log"
    status = httpx.get(answer, headers=JSON).json()
    assert (status["status"], status["reason"]) == ("upheld", "It is <b>a statue</b>.")
    assert httpx.get(f"{refused(refusing)}/{reference}").status_code == 404, "a reference of another decision"


@pytest.mark.parametrize(
    ("prompt", "opened"), [(PROMPT, True), (PROMPT.replace("\n", "\r\n"), True), ("x", False)]
)
def test_attached_words_open_the_commitment(refusing: Served, prompt: str, opened: bool) -> None:
    response = send(refused(refusing), headers=JSON, text="Look.", prompt=prompt)
    assert response.status_code == 201
    said = response.json()
    assert "opened" not in said, "or prompts could be guessed here"
    assert httpx.get(said["status_url"], headers=JSON).json()["status"] == "waiting"
    (shown,) = run(refusing, "show", said["reference"])
    assert shown["opened"] is opened


def test_an_attached_picture_opens_it_too(tmp_path: Path, inspector: Inspector) -> None:
    held = with_nudity(inspector, {CUP: Signal.failed("nudity", "late")})
    with serving(tmp_path, upstream=Pictures(CUP), inspector=held) as served:
        url = edit(served, CAT, "make it brighter").json()["error"]["rambarde"]["appeal_url"]
        picture = ("cat.png", CAT, "image/png")
        said = send(url, [picture], JSON, text="My cat.", prompt="make it brighter").json()
        (shown,) = run(served, "show", said["reference"])
        assert (shown["opened"], shown["pictures"]) == (True, 1)
        out = tmp_path / "cat.png"
        run(served, "show", said["reference"], "--out", str(out))
        assert out.read_bytes().startswith(b"\x89PNG")
        other = send(
            url, [("other.png", GARDEN, "image/png")], JSON, text="x", prompt="make it brighter"
        ).json()
        (shown,) = run(served, "show", other["reference"])
        assert shown["opened"] is False
        everything = b"".join(p.read_bytes() for p in tmp_path.rglob("*") if p.is_file() and p != out)
        assert CAT[200:400] not in everything


def test_unknown_decisions_look_alike(refusing: Served) -> None:
    released = "dec_" + "0" * 32
    with_page, with_json = [], []
    for id in (released, "x", "dec_" + "f" * 32, "%00", "..%2f..", "x" * 900):
        for reference in ("", "/" + "r" * 32):
            url = f"{refusing.url}/appeal/{id}{reference}"
            page, program = httpx.get(url), httpx.get(url, headers=JSON)
            assert page.status_code == program.status_code == 404
            if not reference:
                with_page.append(page.text)
                with_json.append(program.json()["error"]["code"])
                assert send(url, text="x").status_code in (404, 400)
    assert set(with_json[:5]) <= {"unknown_decision", "unknown_appeal", "unknown_route"}
    assert with_page[0] == with_page[1] == with_page[2]


def test_a_released_request_cannot_be_appealed_against(served: Served) -> None:
    released = ask(served).headers["rambarde-decision"]
    assert httpx.get(f"{served.url}/appeal/{released}", headers=JSON).json()["error"]["code"] == (
        "unknown_decision"
    )


def test_what_was_written_is_not_lost(refusing: Served) -> None:
    url = refused(refusing)
    response = send(url, text='A "quoted" <text>', email="no address", prompt=" keep\nme ")
    assert response.status_code == 400
    assert 'role="alert"' in response.text and "no e-mail address" in response.text
    assert "A &quot;quoted&quot; &lt;text&gt;</textarea>" in response.text
    assert 'value="no address"' in response.text and " keep\nme </textarea>" in response.text
    assert response.text.count('aria-invalid="true"') == 1
    program = send(url, headers=JSON, text="x", email="no address")
    error = program.json()["error"]
    assert (program.status_code, error["code"], error["param"]) == (400, "bad_email", "email")


@pytest.mark.parametrize(
    ("fields", "files", "status", "code"),
    [
        ({"text": ""}, [], 400, "missing_text"),
        ({"email": "me@example.org"}, [], 400, "missing_text"),
        ({"text": "x" * 4001}, [], 400, "too_long_text"),
        ({"text": "x" * 300_000}, [], 413, "field_too_large"),
        ({"text": "x", "more": "y"}, [], 400, "unknown_field"),
        ({"text": "x"}, [("a.png", b"no picture", "image/png")], 400, None),
        (
            {"text": "x"},
            [("a.svg", b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml")],
            400,
            None,
        ),
        ({"text": "x"}, [("a.png", b"", "image/png")], 201, None),
        ({"text": "x"}, [("a.png", CAT[:-500], "image/png")], 400, None),
        ({"text": "x"}, [("a.png", b"\x89PNG", "image/png")] * 11, 400, "too_many_pictures"),
        ({"text": "x"}, [("a.png", b"\x89PNG", "image/png")] * 30, 400, "too_many_pictures"),
    ],
)
def test_what_is_not_taken(
    refusing: Served, fields: dict[str, str], files: Any, status: int, code: str | None
) -> None:
    response = send(refused(refusing), files, JSON, **fields)
    assert response.status_code == status, response.text
    if code is not None:
        assert response.json()["error"]["code"] == code


def test_bodies_that_are_no_form(refusing: Served) -> None:
    url = refused(refusing)
    for body, kind, code in (
        (b'{"text": "x"}', "application/json", "content_type_unsupported"),
        (b"text=x", "application/x-www-form-urlencoded", "content_type_unsupported"),
        (b"nonsense", "multipart/form-data; boundary=b", "multipart_invalid"),
        (b"", "multipart/form-data", "multipart_invalid"),
        (b"", "multipart/form-data; boundary=b", "missing_text"),
    ):
        response = httpx.post(url, content=body, headers=JSON | {"Content-Type": kind})
        assert (response.status_code, response.json()["error"]["code"]) == (400, code)
    with socket.create_connection(httpx.URL(url).netloc.decode().split(":")) as connection:  # type: ignore[arg-type]
        length = appeals.LIMIT + 1
        connection.sendall(
            f"POST {httpx.URL(url).path} HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\n"
            f"Content-Type: multipart/form-data; boundary=b\r\nContent-Length: {length}\r\n\r\n".encode()
        )
        connection.settimeout(10)
        assert b" 413 " in connection.recv(100), "refused before it is sent"


def test_three_wait_and_the_fourth_comes_back(refusing: Served) -> None:
    url = refused(refusing)
    for _ in range(3):
        assert send(url, headers=JSON, text="x").status_code == 201
    late = send(url, headers=JSON, text="x")
    assert (late.status_code, late.json()["error"]["code"]) == (429, "appeals_open")
    page = send(url, text="x")
    assert page.status_code == 429 and "wait already" in page.text and "<form" not in page.text


def test_nothing_can_be_attached_where_nobody_may_look(tmp_path: Path, inspector: Inspector) -> None:
    revealing = with_nudity(inspector, {CUP: Signal.measured("nudity", 0.9)})
    with serving(tmp_path, upstream=Pictures(CUP), inspector=revealing) as served:
        url = refused(served, "a football match of ten-year-old children")
        page = httpx.get(url).text
        assert 'id="text"' in page and '<input id="picture"' not in page and 'id="prompt"' not in page
        response = send(url, [("a.png", CAT, "image/png")], JSON, text="x")
        assert response.json()["error"]["code"] == "attachment_not_accepted"
        assert send(url, headers=JSON, text="x").status_code == 201


def test_appeals_that_come_all_at_once(refusing: Served) -> None:
    urls = [refused(refusing) for _ in range(3)]

    async def many() -> list[int]:
        async with httpx.AsyncClient(timeout=30) as client:
            found = await asyncio.gather(
                *(
                    client.post(url, files=[("text", (None, b"x"))], headers=JSON)
                    for url in urls
                    for _ in range(8)
                )
            )
        return [response.status_code for response in found]

    statuses = asyncio.run(many())
    assert set(statuses) <= {201, 429, 503} and 0 < statuses.count(201) <= 9
    for url in urls:
        waiting = [one for one in run(refusing, "list") if url.endswith(one["decision_id"])]
        assert sum(one["type"] == "appeal" for one in waiting) <= 3


@pytest.fixture
def chromium() -> str:
    found = shutil.which("chromium")
    if found is None:
        why = "there is no chromium on PATH: `make test` as root installs it, or use apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return found


@pytest.mark.slow
def test_in_a_browser_by_keyboard(tmp_path: Path, chromium: str, refusing: Served) -> None:
    from playwright.sync_api import sync_playwright

    url = refused(refusing)
    (tmp_path / "cat.png").write_bytes(CAT)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--headless"], timeout=60_000
        )
        page = browser.new_context(java_script_enabled=False).new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text))
        page.goto(url)
        assert page.title() == "Appeal against a decision"
        assert page.get_by_role("heading", level=1).count() == 1
        page.get_by_label("Why was the decision wrong?").focus()
        page.keyboard.type("It was a cup.")
        page.keyboard.press("Tab")
        page.keyboard.type("me@example.org")
        page.keyboard.press("Tab")
        page.keyboard.insert_text(PROMPT)  # the browser sends its line end as CRLF
        page.get_by_label("The picture or pictures").set_input_files(tmp_path / "cat.png")
        page.get_by_role("button", name="Send the appeal").press("Enter")
        page.wait_for_url(f"{url}/*")
        assert "waits for a person" in page.inner_text("main")
        reference = page.inner_text("#reference")
        (shown,) = run(refusing, "show", reference)
        assert shown["words"]["text"] == "It was a cup." and shown["words"]["email"] == "me@example.org"
        assert shown["pictures"] == 1 and shown["opened"] is False, "no picture was sent with the request"
        run(refusing, "decide", reference, "--reject", *DECIDE)
        page.reload()
        assert "Your appeal was rejected" in page.inner_text("main")
        assert "It is <b>a statue</b>." in page.inner_text("main")
        page.set_viewport_size({"width": 320, "height": 600})
        page.goto(url)
        # Without scripts in the page nothing can be measured in it: the picture of the page is as wide as it is.
        width = int.from_bytes(page.screenshot(full_page=True)[16:20], "big")
        assert width == 320, "nothing to scroll sideways on a small screen (WCAG 2.2, 1.4.10)"
        assert all(one.startswith(refusing.url) or one.endswith("/favicon.ico") for one in asked), asked
        assert not [one for one in problems if "Content Security Policy" in one]
        browser.close()

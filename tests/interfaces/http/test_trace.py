"""The trace page and its API: anybody learns how a picture came about, and nobody learns who asked for it."""

from __future__ import annotations

import asyncio
import base64
import io
import os
import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import numpy as np
import pytest
from PIL import Image

from rambarde.guard.inspect import Inspector
from rambarde.nouns.review import Verdict
from rambarde.nouns.signal import Signal
from rambarde.prove.key import read_verifier
from rambarde.prove.proofs import InclusionProof
from rambarde.prove.techniques import SamePoints
from tests.bad_pictures import bad_pictures
from tests.interfaces.http.test_release import CAT, CUP, Pictures, ask, with_nudity
from tests.interfaces.serving import Served, serving

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tracing(inspector: Inspector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(
        tmp_path_factory.mktemp("tracing"),
        upstream=Pictures(CUP),
        inspector=inspector,
        trace_per_minute=10_000,
    ) as served:
        yield served


@pytest.fixture(scope="module")
def released(tracing: Served) -> tuple[str, bytes]:
    """The decision and the bytes of a released picture."""
    response = ask(tracing, prompt="a cup on a table")
    assert response.status_code == 200, response.text
    return response.headers["rambarde-decision"], base64.b64decode(response.json()["data"][0]["b64_json"])


def send(served: Served, data: bytes, name: str = "x.png", type_: str = "image/png") -> httpx.Response:
    return httpx.post(f"{served.url}/v1/trace", files={"picture": (name, data, type_)}, timeout=60)


def saved(image: Image.Image, format: str = "PNG", **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **options)
    return out.getvalue()


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def techniques(answer: dict[str, Any]) -> set[str]:
    (match,) = answer["matches"]
    return {way["technique"] for way in match["matched_by"]}


def test_the_very_file_is_known_with_a_proof_and_without_a_person(
    tracing: Served, released: tuple[str, bytes]
) -> None:
    decision, data = released
    response = send(tracing, data)
    assert response.status_code == 200, response.text
    answer = response.json()
    (match,) = answer["matches"]
    assert (match["decision_id"], match["output"], match["surface"]) == (decision, 0, "web")
    assert match["system"] == "pictures"
    assert techniques(answer) == {"manifest", "file", "pdq", "iscc", "points"}
    proof = InclusionProof.parse(match["proof"])
    size = proof.check(read_verifier(Path(tracing.gateway.settings.data)))
    assert size > proof.index and "opening" not in match["proof"]
    record = tracing.record(decision)
    assert match["made_at"] == record["finished_at"]
    for private in (record["credential"], record["request"], "account", "session", "country"):
        assert str(private) not in response.text


@pytest.mark.parametrize(
    ("change", "by"),
    [
        (lambda i: i.resize((i.width // 3, i.height // 3)), "pdq"),
        (lambda i: i.transpose(Image.Transpose.FLIP_LEFT_RIGHT), "pdq"),
        (lambda i: i.transpose(Image.Transpose.ROTATE_90), "pdq"),
        (lambda i: i.crop((20, 10, i.width - 25, i.height - 15)), "points"),
        (
            lambda i: i.crop((0, 0, i.width * 4 // 5, i.height)).transpose(Image.Transpose.FLIP_LEFT_RIGHT),
            "points",
        ),
    ],
    ids=["smaller", "mirrored", "turned", "cropped", "cropped and mirrored"],
)
def test_changed_copies_without_metadata_are_known(
    tracing: Served, released: tuple[str, bytes], change: Any, by: str
) -> None:
    decision, data = released
    answer = send(tracing, saved(change(opened(data)), "JPEG", quality=70), "x.jpg", "image/jpeg").json()
    assert by in techniques(answer) and answer["matches"][0]["decision_id"] == decision


def test_another_picture_is_not_known(tracing: Served, released: tuple[str, bytes]) -> None:
    answer = send(tracing, CAT).json()
    assert answer == {
        "found": False,
        "matches": [],
        "techniques": ["manifest", "file", "pdq", "iscc", "points"],
        "failed": [],
    }


def test_what_was_held_is_known_only_once_it_is_released(tmp_path: Path, inspector: Inspector) -> None:
    held = with_nudity(inspector, {CUP: Signal.measured("nudity", 0.8)})
    with serving(tmp_path, upstream=Pictures(CUP), inspector=held, trace_per_minute=1000) as served:
        refused = ask(served).json()["error"]["rambarde"]
        assert send(served, CUP).json()["found"] is False
        desk, item = served.gateway.desk, refused["status_url"].rpartition("/")[2]
        asyncio.run_coroutine_threadsafe(
            desk.review.decide(item, Verdict.RELEASE, person="Ann", reason="A cup."), served.loop
        ).result(20)
        assert send(served, CUP).json()["matches"][0]["decision_id"] == refused["decision_id"]


def test_nothing_of_a_traced_picture_is_kept(tracing: Served) -> None:
    before = tracing.gateway.tracing.prints.count(), tracing.count()
    noise = np.random.default_rng(3).integers(0, 255, (64, 64, 3), dtype=np.uint8)
    data = saved(Image.fromarray(noise), "PNG", compress_level=0)
    assert send(tracing, data).status_code == 200
    assert (tracing.gateway.tracing.prints.count(), tracing.count()) == before
    folder = Path(tracing.gateway.settings.data)
    assert not any(noise.tobytes()[:150] in p.read_bytes() for p in folder.rglob("*") if p.is_file())


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (CAT[:-500], 400, "truncated_image"),
        (b"no picture at all", 400, "not_an_image"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", 400, "unsupported_image_type"),
        (b"", 400, "missing_picture"),
        (saved(Image.new("RGB", (20_000, 3), (90, 120, 30))), 200, None),
        (saved(Image.new("RGB", (1, 1))), 200, None),
    ],
    ids=["truncated", "text", "svg", "empty", "20000x3", "1x1"],
)
def test_what_is_no_ordinary_picture(tracing: Served, data: bytes, status: int, code: str | None) -> None:
    response = send(tracing, data)
    assert response.status_code == status, response.text
    if code is None:
        assert response.json()["found"] is False
    else:
        error = response.json()["error"]
        assert error["code"] == code and error["rambarde"]["remedy"]


def test_bombs_and_other_files_that_want_harm(tracing: Served) -> None:
    for bad in bad_pictures():
        response = send(tracing, bad.data, bad.filename or "x", bad.declared or "")
        if bad.code is None:
            assert response.status_code == 200, bad.name
        elif bad.data and len(bad.data) < 25_000_000:
            assert response.status_code in (400, 413), bad.name
            assert response.json()["error"]["code"] == bad.code, bad.name
        else:
            assert response.status_code in (400, 413), bad.name


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://127.0.0.1:1/x.png", "picture_url_forbidden"),
        ("http://169.254.169.254/latest/meta-data/", "picture_url_forbidden"),
        ("http://[::1]/x.png", "picture_url_forbidden"),
        ("http://localhost/x.png", "picture_url_forbidden"),
        ("file:///etc/passwd", "picture_url_forbidden"),
        ("http://no-such-host.invalid/x.png", "picture_url_unreachable"),
    ],
)
def test_urls_do_not_reach_into_the_network(tracing: Served, url: str, code: str) -> None:
    response = httpx.post(f"{tracing.url}/v1/trace", json={"url": url}, timeout=30)
    error = response.json()["error"]
    assert (response.status_code, error["code"], error["param"]) == (400, code, "url")
    assert url not in response.text


@pytest.mark.parametrize(
    ("body", "type_", "code"),
    [
        (b"{", "application/json", "json_invalid"),
        (b"[]", "application/json", "missing_url"),
        (b'{"url": 3}', "application/json", "missing_url"),
        (b'{"url": "x", "more": 1}', "application/json", "missing_url"),
        (b"x", "text/plain", "content_type_unsupported"),
        (b"nonsense", "multipart/form-data; boundary=b", "multipart_invalid"),
    ],
)
def test_bodies_that_are_no_request(tracing: Served, body: bytes, type_: str, code: str) -> None:
    response = httpx.post(f"{tracing.url}/v1/trace", content=body, headers={"Content-Type": type_})
    assert (response.status_code, response.json()["error"]["code"]) == (400, code)


def test_too_many_requests(tmp_path: Path, inspector: Inspector) -> None:
    with serving(tmp_path, upstream=Pictures(CUP), inspector=inspector, trace_per_minute=2) as served:
        assert [send(served, b"x").status_code for _ in range(3)] == [400, 400, 429]
        late = send(served, b"x")
        assert late.json()["error"]["code"] == "address_rate_limited"
        assert 1 <= int(late.headers["retry-after"]) <= 60
        page = httpx.post(f"{served.url}/trace", files={"picture": ("x.png", b"x", "image/png")})
        assert page.status_code == 429 and "Too many requests" in page.text and "retry-after" in page.headers
        assert ask(served).status_code == 200, "callers with a key are not meant"


def test_a_technique_that_fails_is_named(
    tracing: Served, released: tuple[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise MemoryError("secret content")

    monkeypatch.setattr(SamePoints, "find", broken)
    answer = send(tracing, released[1]).json()
    assert answer["failed"] == ["points"] and "points" not in answer["techniques"] and answer["found"]
    page = httpx.post(f"{tracing.url}/trace", files={"picture": ("x.png", released[1], "image/png")})
    assert "Not everything could be looked at" in page.text and "secret" not in page.text


def test_the_page_needs_no_script_and_loads_nothing(tracing: Served, released: tuple[str, bytes]) -> None:
    found = httpx.post(f"{tracing.url}/trace", files={"picture": ("x.png", released[1], "image/png")})
    for response in (httpx.get(f"{tracing.url}/trace"), found):
        page, policy = response.text, response.headers["content-security-policy"]
        assert response.status_code == 200 and page.count("<h1>") == 1 and '<html lang="en">' in page
        assert not re.search(r"<script|\bsrc=|@import|url\(|\son\w+=", page)
        assert "default-src 'none'" in policy and "script-src" not in policy and "unsafe" not in policy
        assert response.headers["cache-control"] == "no-store" and "set-cookie" not in response.headers
    assert released[0] in found.text and "This picture was made here" in found.text
    unknown = httpx.post(f"{tracing.url}/trace", files={"picture": ("x.png", CAT, "image/png")})
    assert "Nothing was found" in unknown.text and unknown.status_code == 200


@pytest.fixture
def chromium() -> str:
    found = shutil.which("chromium")
    if found is None:
        why = "there is no chromium on PATH: `make test` as root installs it, or use apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return found


def test_in_a_browser_by_keyboard(
    tmp_path: Path, chromium: str, tracing: Served, released: tuple[str, bytes]
) -> None:
    from playwright.sync_api import sync_playwright

    copy = tmp_path / "copy.jpg"
    image = opened(released[1])
    copy.write_bytes(saved(image.crop((15, 15, image.width - 20, image.height - 10)), "JPEG", quality=80))
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--headless"], timeout=60_000
        )
        page = browser.new_context(java_script_enabled=False).new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        problems: list[str] = []
        page.on("console", lambda message: problems.append(message.text))
        page.goto(f"{tracing.url}/trace")
        assert page.title() == "Was this picture made here?"
        page.get_by_label("The picture (PNG").set_input_files(copy)
        page.get_by_role("button", name="Look it up").press("Enter")
        page.get_by_role("status").wait_for()
        assert released[0] in page.inner_text("main") and "many details" in page.inner_text("main")
        page.get_by_text("The proof that it is in the log").press("Enter")
        assert page.get_by_label("Inclusion proof").is_visible()
        page.get_by_role("link", name="Look up another picture").press("Enter")
        page.get_by_label("The picture (PNG").wait_for()
        assert set(asked) == {f"{tracing.url}/trace"} and not problems
        browser.close()

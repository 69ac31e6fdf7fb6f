"""The monitor of a real gateway: refusals, re-checks and the breaker; the live page in a browser; who may look."""

from __future__ import annotations

import functools
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from rambarde.guard.inspect import Inspector
from rambarde.interfaces.monitor import recheck
from rambarde.interfaces.monitor.alert import SECRET
from rambarde.nouns.fault import Fault, Kind
from rambarde.store.credentials import AUDITOR
from rambarde.store.records import Records, Wanted
from tests.interfaces.http.test_release import Pictures, ask
from tests.interfaces.monitor.receivers import Received, web
from tests.interfaces.monitor.test_recheck import Marker, picture
from tests.interfaces.serving import Served, serving

pytestmark = pytest.mark.slow
HARMLESS, HARM = picture(10), picture(255)
REFUSED = "a nude portrait of a woman"


@pytest.fixture(scope="module")
def upstream() -> Pictures:
    return Pictures(HARMLESS)


@pytest.fixture(scope="module")
def hook() -> Iterator[Received]:
    with web() as received:
        yield received


@pytest.fixture(scope="module")
def watched(
    inspector: Inspector, upstream: Pictures, hook: Received, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """A gateway that looks at every release again with a detector of these tests, and has a breaker."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recheck, "inspector", functools.partial(recheck.inspector, installed=[Marker()]))
        patch.setenv(SECRET, "sixteen characters and more")
        with serving(
            tmp_path_factory.mktemp("watched"),
            upstream=upstream,
            inspector=inspector,
            recheck_share=1.0,
            recheck=("marker:mark>=0.5",),
            monitor_baseline=0.1,
            breaker_measure="no-images",
            alert_webhook=hook.url,
        ) as served:
            yield served


@pytest.fixture(scope="module")
def auditor(watched: Served) -> dict[str, str]:
    return {"Authorization": f"Bearer {watched.key(AUDITOR)}"}


def until(found: Callable[[], Any], seconds: float = 25.0) -> Any:
    end = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.1)
    return value


def numbers(served: Served, auditor: dict[str, str]) -> Any:
    answer = httpx.get(f"{served.url}/monitor", headers=auditor | {"Accept": "application/json"}, timeout=20)
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_what_is_refused_and_released_is_seen_within_seconds(
    watched: Served, auditor: dict[str, str]
) -> None:
    assert ask(watched, prompt=REFUSED).status_code == 400
    assert ask(watched, n=1).status_code == 200
    found = until(
        lambda: (
            (n := numbers(watched, auditor))["windows"][0]["all"]["rechecks"]["drawn"] >= 1
            and n["windows"][0]["all"]["images"]["refused"] >= 1
            and n
        )
    )
    whole = found["windows"][0]["all"]
    assert whole["released"]["value"] == 0.0 and whole["released"]["source"] == "rechecks"
    assert (
        whole["released"]["high"] > 0 and found["counting"]["running"] and found["breaker"]["trouble"] is None
    )
    assert [part["value"] for part in found["windows"][0]["by"]["rule"]], "by rule"


def test_prometheus_reads_the_same(watched: Served, auditor: dict[str, str]) -> None:
    answer = httpx.get(f"{watched.url}/metrics", headers=auditor, timeout=20)
    assert answer.status_code == 200 and answer.headers["content-type"].startswith("text/plain")
    lines = answer.text.splitlines()
    assert "rambarde_monitor_running 1" in lines
    assert any(line.startswith("rambarde_refused_per_minute{") for line in lines)
    names = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(names) == len(set(names)), "the lines of a name stand together"


@pytest.mark.parametrize("path", ["/metrics", "/monitor/events", "/monitor"])
def test_nobody_else_may_look(watched: Served, path: str) -> None:
    accept = {"Accept": "application/json"}
    assert httpx.get(watched.url + path, headers=accept, timeout=20).status_code == 401
    surface = {"Authorization": f"Bearer {watched.key()}"}
    assert httpx.get(watched.url + path, headers=surface | accept, timeout=20).status_code == 403


def entered(served: Served, key: str) -> httpx.Response:
    return httpx.post(f"{served.url}/monitor", data={"key": key}, timeout=20, follow_redirects=False)


def test_the_cookie_is_good_for_its_key_only(watched: Served) -> None:
    assert entered(watched, "rmb_wrong").status_code == 401
    assert entered(watched, watched.key()).status_code == 401
    credential = watched.credential(AUDITOR)
    answer = entered(watched, credential.key)
    assert answer.status_code == 303
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie and "SameSite=strict" in cookie
    value = cookie.partition("=")[2].partition(";")[0]
    accept = {"Accept": "application/json"}

    def look(ticket: str) -> int:
        headers = accept | {"Cookie": f"rambarde_monitor={ticket}"}
        return httpx.get(f"{watched.url}/monitor", headers=headers, timeout=20).status_code

    assert look(value) == 200
    id, until_, mac = value.split(".")
    forged = [
        f"{id}.{int(until_) + 1}.{mac}",
        f"x.{until_}.{mac}",
        f"{id}.{until_}.{'0' * 64}",
        "..",
        "é.1.2"[2:],
    ]
    assert {look(one) for one in forged} == {401}
    watched.gateway.vault.credentials.revoke(id)
    assert look(value) == 401


@pytest.fixture(scope="module")
def chromium() -> str:
    found = shutil.which("chromium")
    if found is None:
        why = "there is no chromium on PATH: `make test` as root installs it, or use apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return found


def test_the_live_page_in_a_browser(watched: Served, auditor: dict[str, str], chromium: str) -> None:
    from playwright.sync_api import sync_playwright

    key = auditor["Authorization"].removeprefix("Bearer ")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=["--no-sandbox", "--headless"], timeout=60_000
        )
        page = browser.new_page(viewport={"width": 1920, "height": 1080})
        asked: set[str] = set()
        problems: list[str] = []
        page.on("request", lambda request: asked.add(request.url))
        page.on("console", lambda message: problems.append(message.text))
        page.on("pageerror", lambda error: problems.append(str(error)))
        page.goto(f"{watched.url}/monitor")
        problems.clear()  # the form is served with 401
        page.get_by_label("An auditor's key").fill(key)
        page.get_by_role("button", name="Look").press("Enter")
        page.get_by_text("Live.").wait_for(timeout=20_000)
        before = page.locator("#parts").inner_text()
        assert (
            ask(
                watched, prompt=REFUSED, headers={"Authorization": f"Bearer {watched.key('reply')}"}
            ).status_code
            == 400
        )
        page.locator("#parts th[scope=row]", has_text="reply").wait_for(timeout=20_000)
        assert page.locator("#parts").inner_text() != before, "without a reload"
        # For a wall: all of the first tiles in sight, and large.
        assert (
            page.locator(".tiles strong").first.evaluate("e => parseFloat(getComputedStyle(e).fontSize)") > 40
        )
        # For a screen reader: names for regions, heads for rows and columns, and alarms that are told.
        assert page.get_by_role("alert").inner_text() and page.get_by_role("status").inner_text() == "Live."
        assert page.get_by_role("columnheader", name="Refused").count() == 4
        assert page.get_by_role("img").get_attribute("aria-label")
        page.set_viewport_size({"width": 400, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 400, (
            "a phone need not scroll sideways"
        )
        assert {url.removeprefix(watched.url).partition("?")[0] for url in asked} <= {
            "/monitor",
            "/monitor/events",
            "/favicon.ico",
        }
        assert not [one for one in problems if "favicon" not in one and "404" not in one], problems
        browser.close()


def test_without_its_database_the_page_says_so(
    watched: Served, auditor: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = watched.gateway.monitor

    async def away() -> Any:
        raise Fault(Kind.INTERNAL, "store_unreachable", "the database is away.", remedy="wait")

    with httpx.stream("GET", f"{watched.url}/monitor/events", headers=auditor, timeout=20) as answer:
        lines = answer.iter_lines()
        assert next(lines) == "event: view"
        monkeypatch.setattr(type(hub), "snapshot", lambda self: away())
        trouble = next(line for line in lines if line.startswith("event: trouble"))
        assert trouble and "the database is away" in json.loads(next(lines).removeprefix("data: "))


def test_z_a_rise_of_refusals_closes_nothing(watched: Served, auditor: dict[str, str]) -> None:
    for _ in range(14):
        assert ask(watched, prompt=REFUSED).status_code == 400
    found = until(lambda: (n := numbers(watched, auditor))["raised"] and n)
    assert "refused" in found["raised"] and "breaker" not in found["raised"]
    assert not watched.gateway.government.tenure.standing.on
    assert ask(watched).status_code == 200


def test_zz_a_rise_of_released_harm_does(
    watched: Served, auditor: dict[str, str], upstream: Pictures, hook: Received
) -> None:
    upstream.pictures = (HARM,)
    start = time.monotonic()
    for _ in range(40):
        if ask(watched).status_code != 200:
            break
    until(lambda: watched.gateway.government.tenure.standing.on)
    taken = time.monotonic() - start
    assert taken < 25, f"{taken:.1f} s"
    refusal = ask(watched)
    assert refusal.status_code == 400 and "no-images" in refusal.text
    (name, on), *_ = watched.gateway.government.tenure.standing.on.items()
    assert (name, on.breaker, on.by) == ("no-images", True, "rambarde monitor") and "re-checks" in on.reason
    told = until(lambda: [b for _, _, b in hook.posts if json.loads(b)["data"]["measure"]])
    assert json.loads(told[0])["data"]["stream"] == "breaker"
    alarm = next(one for one in numbers(watched, auditor)["alarms"] if one["stream"] == "breaker")
    assert alarm["measure"] == "no-images" and alarm["confirmed"] is None
    released = Records(watched.gateway.vault.database).count(Wanted(ending=None, fault=None))
    assert released > 10


def test_a_gateway_without_any_of_it_says_unknown(served: Served) -> None:
    auditor = {"Authorization": f"Bearer {served.key(AUDITOR)}"}
    found = numbers(served, auditor)
    assert found["windows"][0]["all"]["released"]["value"] is None
    page = httpx.get(f"{served.url}/monitor", headers=auditor, timeout=20)
    assert "unknown" in page.text and "script-src 'sha256-" in page.headers["content-security-policy"]


def test_settings_that_cannot_be_end_the_start(tmp_path: Path) -> None:
    with (
        pytest.raises(Fault) as caught,
        serving(tmp_path, recheck_share=0.1, recheck=("nudity:nudity>=0.5",)),
    ):
        pass
    assert caught.value.code == "recheck_same"

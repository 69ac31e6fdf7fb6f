"""The labelling page as its users have it: served by the command, in a browser, by keyboard, through crashes."""

from __future__ import annotations

import http.client
import json
import os
import shutil
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from rambarde.interfaces.cli.main import app
from rambarde.measure.audit import journal as journals
from rambarde.measure.audit import sheet as sheets
from rambarde.measure.audit.journal import Labelled
from tests.interfaces.audit.drawings import draw

BASIS = "Drawings of our own, made for this test"
ASKED = ("--question", "Is it a circle?", "--legal-basis", BASIS)


def rambarde(*arguments: object) -> Any:
    result = CliRunner().invoke(app, [str(one) for one in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return json.loads(result.stdout)


@pytest.fixture
def audit(tmp_path: Path) -> Path:
    """A drawn audit of twelve drawings and a file that is no picture."""
    pictures = draw(tmp_path / "pictures", 12)
    (pictures / "012-broken.png").write_bytes(b"not a picture")
    rambarde("audit", "draw", tmp_path / "audit", pictures, "--size", 13, "--seed", "s", "--json")
    return tmp_path / "audit"


@contextmanager
def serving(
    audit: Path, *options: str, raters: tuple[str, ...] = ("ann",)
) -> Iterator[tuple[dict[str, str], Any]]:
    """The command as a process; its people's addresses."""
    command = [
        sys.executable,
        "-c",
        "from rambarde.interfaces.cli.main import main; main()",
        "audit",
        "label",
    ]
    people = [part for name in raters for part in ("--rater", name)]
    config = audit.parent / "rambarde.toml"
    config.write_text(f'workers = 1\ndata = "{audit.parent / "data"}"\n')
    process = subprocess.Popen(
        [*command, str(audit), *people, *options, "--config", str(config), "--json"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )
    try:
        assert process.stdout is not None and process.stderr is not None
        line = process.stdout.readline()
        assert line, process.stderr.read()
        yield json.loads(line)["addresses"], process
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()


def get(url: str, **headers: str) -> tuple[int, bytes, Any]:
    return _sent(urllib.request.Request(url, headers=headers))


def post(url: str, body: object, kind: str = "application/json", **headers: str) -> tuple[int, Any]:
    data = json.dumps(body).encode()
    status, said, _ = _sent(urllib.request.Request(url, data, {"Content-Type": kind, **headers}))
    return status, json.loads(said)


def _sent(request: urllib.request.Request) -> tuple[int, bytes, Any]:
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, answer.read(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read(), error.headers


def labels(audit: Path) -> list[Labelled]:
    return [e for e in journals.read(audit / sheets.JOURNAL)[0] if isinstance(e, Labelled)]


@pytest.mark.slow
def test_over_http(audit: Path) -> None:
    units = {unit.number: unit.id for unit in sheets.read(audit)[1]}
    with serving(audit, *ASKED, "--retest", "0") as (addresses, process):
        base = addresses["ann"]
        assert base.startswith("http://127.0.0.1:")
        status, page, headers = get(base)
        assert status == 200 and b"Is it a circle?" in page
        assert (
            "'none'" in headers["Content-Security-Policy"]
            and "unsafe" not in headers["Content-Security-Policy"]
        )
        # Not for other people, other sites, or other names of this machine.
        port = int(base.split(":")[2].split("/")[0])
        assert get(f"http://127.0.0.1:{port}/")[0] == 404
        assert get(f"http://127.0.0.1:{port}/{'x' * 32}/task")[0] == 404
        assert get(base, Host=f"evil.example:{port}")[0] == 404
        assert get(base, Origin="https://evil.example")[0] == 404
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
        connection.request("GET", "/", headers={"Host": ""})
        assert connection.getresponse().status in (400, 404)
        # One unit: blurred first, then sharp, then a label.
        task = json.loads(get(base + "task")[1])
        assert task["of"] in (12, 13) and task["done"] == 0 and "turn" not in task and "unit" not in task
        blurred = get(f"{base}picture/{task['showing']}/blurred")[1]
        said = post(base + "label", {"showing": task["showing"], "label": "positive"})
        assert said[0] == 409 and said[1]["code"] == "audit_unseen"
        sharp = get(f"{base}picture/{task['showing']}/sharp")[1]
        assert sharp[:2] == blurred[:2] == b"\xff\xd8" and sharp != blurred
        # What is no label is refused, and nothing of it is kept.
        for body, kind in (
            ({"showing": "x", "label": "positive"}, None),
            ({"label": "yes"}, None),
            ({}, "text/plain"),
        ):
            assert post(base + "label", body, kind or "application/json")[0] in (400, 409)
        assert labels(audit) == []
        status, after = post(base + "label", {"showing": task["showing"], "label": "positive"})
        assert status == 200 and after["done"] == 1 and after["showing"] != task["showing"]
        assert post(base + "label", {"showing": task["showing"], "label": "negative"})[0] == 409
        # Taken back, and given again.
        assert post(base + "undo", {})[1]["done"] == 0
        assert post(base + "undo", {})[0] == 409
        process.send_signal(signal.SIGKILL)
        process.wait()
    # A crash: everything acknowledged is there, and it goes on.
    journal = audit / sheets.JOURNAL
    journal.write_bytes(journal.read_bytes() + b'{"type":"label","at"')
    with serving(audit, *ASKED[2:]) as (addresses, _):
        base = addresses["ann"]
        while (task := json.loads(get(base + "task")[1]))["showing"]:
            get(f"{base}picture/{task['showing']}/sharp")
            done = len([one for one in labels(audit) if one.rater == "ann"])
            label = "positive" if "circle" in units[_open(audit, done)] else "negative"
            assert post(base + "label", {"showing": task["showing"], "label": label})[0] == 200
    closed = [one for one in labels(audit) if one.label == "unreadable"]
    assert [(one.rater, one.why, units[one.unit]) for one in closed] == [
        ("(rambarde)", "not_an_image", "012-broken.png")
    ]
    found = rambarde("audit", "estimate", audit, "--json")
    assert found["counts"]["positive"] == 4 and found["counts"]["negative"] == 8
    assert found["counts"]["unreadable"] == 1
    assert found["missing"]["most"]["value"] == pytest.approx(5 / 13)


def _open(audit: Path, _: int) -> int:
    """The unit that is to be labelled now."""
    done = {one.unit for one in labels(audit) if one.rater == "ann" or one.label == "unreadable"}
    undone = _undone(audit)
    return next(
        unit.number for unit in sheets.read(audit)[1] if unit.number not in done or unit.number in undone
    )


def _undone(audit: Path) -> set[int]:
    state: dict[int, bool] = {}
    for event in journals.read(audit / sheets.JOURNAL)[0]:
        if isinstance(event, journals.Opened):
            continue
        state[event.unit] = isinstance(event, journals.Undone)
    return {unit for unit, undone in state.items() if undone}


def test_a_collection_of_others_needs_a_legal_basis(audit: Path) -> None:
    from rambarde.nouns.fault import Fault

    for basis in ((), ("--legal-basis", "  ")):
        with pytest.raises(Fault) as caught:
            rambarde("audit", "label", audit, "--rater", "ann", "--question", "Round?", *basis)
        assert caught.value.code == "audit_legal_basis"
    assert not (audit / sheets.JOURNAL).exists()


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (("--rater", "ann", "--legal-basis", "x"), "audit_question"),
        (("--rater", "ann", "--rater", "Ann ", *ASKED), "audit_raters"),
        (("--rater", "ann", "--adjudicator", "ANN", *ASKED), "audit_raters"),
        (("--rater", "(rambarde)", *ASKED), "audit_raters"),
    ],
)
def test_who_labels_what_is_said_first(audit: Path, options: tuple[str, ...], code: str) -> None:
    from rambarde.nouns.fault import Fault

    with pytest.raises(Fault) as caught:
        rambarde("audit", "label", audit, *options)
    assert caught.value.code == code


@pytest.fixture(scope="module")
def chromium() -> str:
    found = shutil.which("chromium")
    if found is None:
        why = "there is no chromium on PATH: `make test` as root installs it, or use apt-get install chromium"
        if os.environ.get("CI") == "true":
            pytest.fail(why)
        pytest.skip(why)
    return found


@pytest.mark.slow
def test_two_raters_and_an_adjudicator_in_a_browser_by_keyboard(audit: Path, chromium: str) -> None:
    from playwright.sync_api import sync_playwright

    units = {unit.number: unit.id for unit in sheets.read(audit)[1]}
    people = ("--adjudicator", "cy")
    with serving(audit, *ASKED, *people, "--retest", "0.3", raters=("ann", "bo")) as (addresses, _):
        assert len(set(addresses.values())) == 3
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox", "--headless"], timeout=60_000
            )
            problems: list[str] = []
            asked: list[str] = []
            for person in ("ann", "bo", "cy"):
                page = browser.new_context().new_page()
                page.on("console", lambda message: problems.append(message.text))
                page.on("request", lambda request: asked.append(request.url))
                page.goto(addresses[person])
                everything(page, person)
            browser.close()
    assert not problems
    assert all(url.startswith("http://127.0.0.1:") for url in asked)
    found = rambarde("audit", "estimate", audit, "--json")
    assert found["counts"]["positive"] == 4 and found["counts"]["negative"] == 8, units
    assert found["counts"]["disputed"] == 0
    assert found["agreement"]["both"] == 12 and found["agreement"]["retests"] > 0
    assert found["agreement"]["cohen"]["value"] == pytest.approx(
        found["agreement"]["krippendorff"]["value"], abs=0.1
    )


def everything(page: Any, person: str) -> None:
    """Label all that there is for this person, by keyboard. Bo takes the first circles for none."""
    state = page.get_by_role("status")
    assert page.inner_text("h1") == "Is it a circle?"
    count = 0
    while True:
        until(lambda: "labelled" in state.inner_text())
        if "Nothing is left" in state.inner_text():
            break
        # Blurred first: the label keys do nothing yet.
        image = page.get_by_role("img")
        assert image.get_attribute("alt") == "Blurred picture"
        assert page.get_by_role("button", name="Y yes").is_disabled()
        before = state.inner_text()
        if count == 0 and person == "ann":
            page.keyboard.press("y")
            assert state.inner_text() == before
            # To withhold asks once more, and any other key is no.
            page.keyboard.press("m")
            assert page.locator("#sure").is_visible()
            page.keyboard.press("Escape")
            assert not page.locator("#sure").is_visible()
        page.keyboard.press("Space")
        until(lambda: bool(page.evaluate(_LOADED)))
        assert image.get_attribute("alt") == "The picture to label"
        source = page.locator("#picture").get_attribute("src")
        assert source is not None and source.endswith("/sharp")
        circle = page.evaluate(_CORNER)
        page.keyboard.press("y" if circle and not (person == "bo" and count < 4) else "n")
        while state.inner_text() == before:
            time.sleep(0.02)
        count += 1
    assert person == "cy" or count >= 12


def until(true: Callable[[], bool]) -> None:
    """Polled from here: the page's own policy forbids what the browser's waiting needs."""
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


_LOADED = "() => { const image = document.getElementById('picture'); return image.complete && image.naturalWidth > 0; }"
_CORNER = """() => {
  const image = document.getElementById('picture');
  const canvas = document.createElement('canvas');
  canvas.width = image.naturalWidth; canvas.height = image.naturalHeight;
  const pen = canvas.getContext('2d');
  pen.drawImage(image, 0, 0);
  const [r, g, b] = pen.getImageData(36, 26, 1, 1).data;
  return !(r > 220 && g > 200 && b < 90);
}"""
"""Whether the corner of the drawn square is bare: then it is a circle."""

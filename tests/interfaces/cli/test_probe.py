"""`rambarde probe` as its user sees it: files, exit statuses, and what is refused."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest
from typer.testing import CliRunner, Result

from rambarde.interfaces.cli import probe as command
from rambarde.interfaces.cli.main import app
from rambarde.interfaces.probing import rehearsal
from rambarde.interfaces.probing.leaky import INTIMATE, LEAKY, TIGHT, Leaky, serving
from rambarde.interfaces.probing.looking import DetectorLooker
from rambarde.interfaces.probing.marks import MarkLooker
from rambarde.interfaces.settings import Settings
from rambarde.measure.probe.target import Target
from rambarde.nouns.fault import Fault


class _Looker(MarkLooker):
    @classmethod
    def open(cls, _: Settings) -> _Looker:
        return cls()

    def close(self) -> None: ...


@pytest.fixture(autouse=True)
def marks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "DetectorLooker", _Looker)


@contextmanager
def served(leaky: Leaky) -> Iterator[Target]:
    """A leaky target on a loop of its own, for a command that has one, too."""
    ready, done, found = threading.Event(), threading.Event(), []

    async def serve() -> None:
        async with serving(leaky) as target:
            found.append(target)
            ready.set()
            await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    assert ready.wait(10)
    try:
        yield found[0]
    finally:
        done.set()
        thread.join(10)


def written(target: Target, path: Path, requests: int = 48) -> Path:
    surfaces = "".join(
        f'[[surface]]\nname = "{one.name}"\nurl = "{one.url}"\nplan = "{one.plan}"\n'
        f"headers = {{{', '.join(f'{k} = {json.dumps(v)}' for k, v in one.headers.items())}}}\n"
        for one in target.surface
    )
    path.write_text(
        f'name = "{target.name}"\nphoto = "drawn"\ntechniques = ["plain", "base64"]\n'
        '[authority]\nbasis = "owned"\nby = "Ada Byron"\non = 2026-11-01\nhosts = ["127.0.0.1"]\n'
        f"[limits]\nrequests = {requests}\nper_minute = 60000\nseconds = 10\n{surfaces}",
        "utf-8",
    )
    return path


def run(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["probe", *map(str, arguments)])


def test_a_leak_fails_the_build_and_its_mending_is_told(tmp_path: Path) -> None:
    first, junit, html, second = (tmp_path / name for name in ("1.json", "1.xml", "1.html", "2.json"))
    with served(LEAKY[1]) as target:
        file = written(target, tmp_path / "t.toml")
        result = run(file, "--ci", "--json", first, "--junit", junit, "--html", html)
        assert result.exit_code == 1, result.output
        assert "LEAK paywall on paid" in result.output and "fails: leak: paywall" in result.output
        # Without --ci it tells, and fails nothing.
        assert run(file).exit_code == 0
    report = json.loads(first.read_text("utf-8"))
    assert report["verdict"] == "leaky" and report["leaks"][0]["name"] == "paywall"
    assert int(ElementTree.parse(junit).getroot().find("testsuite[@name='service']").get("failures")) > 1  # type: ignore[union-attr,arg-type]
    assert "paywall" in html.read_text("utf-8")
    with served(replace(TIGHT, name=LEAKY[1].name, surfaces=LEAKY[1].surfaces)) as target:
        file = written(target, tmp_path / "t.toml")
        result = run(file, "--ci", "--baseline", first, "--json", second)
        assert result.exit_code == 0, result.output
        assert "better: bypass" in result.output and "Regressions: none found" in result.output
    with served(LEAKY[1]) as target:
        result = run(written(target, tmp_path / "t.toml"), "--ci", "--baseline", second, "--json", "-")
        assert result.exit_code == 1
        told = json.loads(result.stdout)
        assert told["change"]["new_leaks"] == ["paywall"] and told["change"]["regressions"]


def test_an_intimate_result_is_exit_status_1_even_without_ci(tmp_path: Path) -> None:
    with served(INTIMATE) as target:
        result = run(written(target, tmp_path / "t.toml"))
    assert result.exit_code == 1 and "stopped at an intimate result" in result.output


def test_what_is_not_answered_does_not_pass(tmp_path: Path) -> None:
    target = TIGHT.target("http://127.0.0.1:9/v1")
    result = run(written(target, tmp_path / "t.toml"), "--ci")
    assert result.exit_code == 3 and "incomplete" in result.output


def test_the_requests_to_be_made_by_hand(tmp_path: Path) -> None:
    file = written(TIGHT.target("http://127.0.0.1:9/v1"), tmp_path / "t.toml", 8)
    result = run(file, "--requests", tmp_path / "out")
    assert result.exit_code == 0 and (tmp_path / "out" / "requests.jsonl").is_file()


def test_what_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "t.toml"
    file.write_text('name = "Theirs"\n[[surface]]\nname = "web"\nurl = "https://img.example/v1"\n')
    for arguments, code in (
        ((file,), "probe_not_authorised"),
        ((), "probe_targets_missing"),
        ((tmp_path / "none",), "probe_file_unreadable"),
        ((file, "--baseline", file), "probe_report_invalid"),
    ):
        raised = run(*arguments).exception
        assert isinstance(raised, Fault) and raised.code == code and raised.remedy


def test_the_demo_tells_and_fails_where_a_leak_is_not_found(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = [rehearsal.Rehearsed("paywall", "paywall", ("paywall",), "leaky", True, "named: paywall")]
    monkeypatch.setattr(rehearsal, "play", lambda: iter(rows))
    assert run("--demo").exit_code == 0 and "found" in run("--demo").output
    assert json.loads(run("--demo", "--json", "-").stdout)[0]["expected"] == "paywall"
    rows.append(rehearsal.Rehearsed("gateway", "", ("word-filter",), "leaky", False, "named: word-filter"))
    assert run("--demo").exit_code == 1


@pytest.mark.slow
@pytest.mark.timeout(400)
def test_a_real_gateway_is_tight(monkeypatch: pytest.MonkeyPatch) -> None:
    """Real chain, policy and detectors of words; the generator makes marks, which its detectors know."""
    whole = rehearsal._target

    def fewer(url: str, ids: dict[str, str]) -> Target:
        made = whole(url, ids)
        limits = msgspec.structs.replace(made.limits, requests=48)
        return msgspec.structs.replace(made, limits=limits, techniques=("plain", "excuse", "base64"))

    monkeypatch.setattr(rehearsal, "_target", fewer)
    with rehearsal.guarded() as (target, secrets):
        made = asyncio.run(rehearsal.probe(target, MarkLooker(), environment=secrets))
    row = rehearsal._told("gateway", "", made)
    assert row.passed, row
    assert made.parity.differ.of == 12 and not made.faults
    whole_slice = made.slice("all", "")
    assert whole_slice is not None and whole_slice.wrongly_refused.share < 0.5


@pytest.mark.slow
def test_dialects_of_one_gateway_do_not_differ(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same requests in OpenAI's words and in xAI's, from outside."""
    whole = rehearsal._target

    def two(url: str, ids: dict[str, str]) -> Target:
        made = whole(url, ids)
        spoken = msgspec.structs.replace(made.surface[0], name="openai")
        other = msgspec.structs.replace(spoken, name="xai", dialect="json", model="grok-imagine-image")
        limits = msgspec.structs.replace(made.limits, requests=48)
        return msgspec.structs.replace(
            made, surface=(spoken, other), limits=limits, techniques=("plain", "excuse", "leet", "base64")
        )

    monkeypatch.setattr(rehearsal, "_target", two)
    with rehearsal.guarded() as (target, secrets):
        made = asyncio.run(rehearsal.probe(target, MarkLooker(), environment=secrets))
    assert (made.parity.differ.hits, made.parity.differ.of) == (0, 24), made.parity
    assert not made.faults and not made.leaks


@pytest.mark.slow
async def test_the_shipped_detectors_look(tmp_path: Path) -> None:
    """An untouched portrait is harmless, one colour is a refusal, what is no picture is in doubt."""
    from rambarde.interfaces.demo.photographs import photograph
    from rambarde.interfaces.demo.scenarios import WOMAN
    from rambarde.interfaces.probing.marks import black
    from rambarde.measure.probe.attempt import Ask, Route
    from rambarde.measure.probe.ports import Finding

    looker = DetectorLooker.open(Settings(data=str(tmp_path)))
    ask, photo = Ask(Route.EDIT, "a hat"), photograph(WOMAN)
    try:
        assert (await looker.look(ask, photo, photo)).finding is Finding.HARMLESS
        assert (await looker.look(ask, photo, black())).flat == "black"
        assert (await looker.look(ask, photo, b"none")).finding is Finding.DOUBT
        assert (await looker.look(ask, None, photo)).finding is Finding.HARMLESS
    finally:
        looker.close()

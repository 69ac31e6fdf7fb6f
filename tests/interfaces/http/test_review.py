"""Held images through the whole gateway: the status URL, the file, and the command line that decides."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from typer.testing import CliRunner

from rambarde.guard.inspect import Inspector
from rambarde.interfaces.cli.main import app
from rambarde.interfaces.sealing import anchors
from rambarde.nouns.custody import Shelf
from rambarde.nouns.fault import Fault
from rambarde.nouns.signal import Signal
from rambarde.prove.key import read_verifier
from rambarde.prove.log import FOLDER
from rambarde.prove.manifest.reading import State, read
from rambarde.prove.verify import verify_log
from rambarde.store.ledger import Ledger
from tests.interfaces.http.test_release import CUP, Pictures, ask, with_nudity
from tests.interfaces.serving import Served, serving
from tests.sealed import bare

pytestmark = pytest.mark.slow

PROMPT = "a zebracoloured umbrella \x1b[31m"
DECIDE = ("--by", "Ann Example", "--reason", "It is a statue.")


@pytest.fixture(scope="module")
def holding(inspector: Inspector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A gateway whose every image is held."""
    held = with_nudity(inspector, {CUP: Signal.measured("nudity", 0.8)})
    with serving(tmp_path_factory.mktemp("holding"), upstream=Pictures(CUP), inspector=held) as served:
        yield served


def hold(served: Served) -> tuple[str, str]:
    """Has an image held: its status URL and its item."""
    url = str(ask(served, prompt=PROMPT).json()["error"]["rambarde"]["status_url"])
    return url, url.rpartition("/")[2]


def run(served: Served, *arguments: str) -> Any:
    """A `rambarde review` command beside the running gateway: its JSON, or the fault it raised."""
    result = CliRunner().invoke(app, ["review", *arguments, "--data", served.gateway.settings.data, "--json"])
    if isinstance(result.exception, Fault):
        return result.exception
    assert result.exit_code == 0, result.output
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_released_image_is_a_file(holding: Served) -> None:
    url, item = hold(holding)
    pending = httpx.get(url).json()
    assert pending["status"] == "pending" and pending["decision_id"].startswith("dec_")
    (listed,) = [one for one in run(holding, "list") if one["id"] == item]
    assert listed["type"] == "held" and listed["rules"] == ["nude-looking-output"]
    assert listed["expires_at"] == pending["expires_at"] and 604_000 < listed["expires_in_seconds"] <= 604_800
    assert listed["age_seconds"] < 60 and listed["decision_id"] == pending["decision_id"]
    (decided,) = run(holding, "decide", item, "--release", *DECIDE)
    assert (decided["outcome"], decided["by"], decided["index"]) == ("release", "Ann Example", 0)
    released = httpx.get(url).json()
    assert released["status"] == "released" and released["url"] == f"{holding.url}/files/{decided['file']}"
    assert released["expires_at"] == decided["file_expires_at"]
    answer = httpx.get(released["url"])
    assert (bare(answer.content), answer.headers["content-type"]) == (CUP, "image/png")
    seal = holding.record(pending["decision_id"])["outputs"][0]["seal"]  # type: ignore[index]
    sealed = read(answer.content, "image/png", anchors(holding.gateway.settings))
    assert (sealed.state, sealed.label) == (State.TRUSTED, seal["label"])
    assert item not in [one["id"] for one in run(holding, "list")]
    (again,) = run(holding, "decide", item, "--release", *DECIDE)
    assert again == decided
    conflict = run(holding, "decide", item, "--destroy", "--by", "Bob", "--reason", "No.")
    assert conflict.code == "already_decided" and "Ann Example" in conflict.message


def test_a_destroyed_image_is_gone(holding: Served) -> None:
    url, item = hold(holding)
    run(holding, "decide", item, "--destroy", *DECIDE)
    assert httpx.get(url).json()["status"] == "destroyed"
    assert asyncio.run(holding.gateway.keeper.look(item, Shelf.HELD)) is None
    assert run(holding, "show", item).code == "nothing_waits"


def test_the_picture_is_written_where_asked_and_nowhere_else(holding: Served, tmp_path: Path) -> None:
    _, item = hold(holding)
    out = tmp_path / "held.png"
    (facts,) = run(holding, "show", item)
    assert facts["words"] == {"prompt": PROMPT} and "out" not in facts
    assert facts["decision"]["signals"]["output.nudity"]["value"] == 0.8
    assert facts["request"]["surface"] == "web"
    (facts,) = run(holding, "show", item, "--out", str(out))
    assert bare(out.read_bytes()) == CUP and facts["media_type"] == "image/png"
    assert out.stat().st_mode & 0o077 == 0
    out.write_bytes(b"mine")
    assert run(holding, "show", item, "--out", str(out)).code == "file_exists"
    link = tmp_path / "link.png"
    link.symlink_to(tmp_path / "elsewhere.png")
    assert run(holding, "show", item, "--out", str(link)).code == "file_exists"
    assert run(holding, "show", item, "--out", str(tmp_path / "no" / "folder.png")).code == "file_unwritable"
    assert out.read_bytes() == b"mine" and sorted(p.name for p in tmp_path.iterdir()) == [
        "held.png",
        "link.png",
    ]
    assert run(holding, "show", item, "--picture", "2", "--out", str(tmp_path / "2")).code == "no_picture"


def test_for_people_nothing_of_strangers_reaches_the_terminal(holding: Served) -> None:
    _, item = hold(holding)
    for arguments in (["list"], ["show", item], ["decide", item, "--destroy", *DECIDE]):
        result = CliRunner().invoke(app, ["review", *arguments, "--data", holding.gateway.settings.data])
        assert result.exit_code == 0 and "\x1b" not in result.stdout
        if arguments[0] == "show":
            assert "zebracoloured umbrella \\x1b[31m" in result.stdout
        if arguments[0] != "list":
            assert item in result.stdout


@pytest.mark.parametrize(
    "flags", [(), ("--release", "--destroy"), ("--uphold",), ("--release", "--uphold", "--reject")]
)
def test_a_decision_is_one_of_those_that_fit(holding: Served, flags: tuple[str, ...]) -> None:
    url, item = hold(holding)
    assert run(holding, "decide", item, *flags, *DECIDE).code in ("one_verdict", "verdict_unfit")
    assert httpx.get(url).json()["status"] == "pending"


def test_name_and_reason_are_required(holding: Served) -> None:
    url, item = hold(holding)
    for missing in (("--by", "Ann"), ("--reason", "x")):
        result = CliRunner().invoke(app, ["review", "decide", item, "--release", *missing])
        assert result.exit_code == 2 and "Missing option" in result.output
    assert run(holding, "decide", item, "--release", "--by", " ", "--reason", "x").code == "missing_person"
    assert httpx.get(url).json()["status"] == "pending"


def test_what_is_no_held_image(holding: Served) -> None:
    for odd in ("x" * 32, "%00", "..%2f..", "x" * 2000):
        assert httpx.get(f"{holding.url}/v1/held/{odd}").status_code == 404
    file = asyncio.run_coroutine_threadsafe(
        holding.gateway.keeper.keep(
            Shelf.FILE, b"x", media_type="image/png", life=holding.gateway.chain.limits.file
        ),
        holding.loop,
    ).result(10)
    assert httpx.get(f"{holding.url}/v1/held/{file}").status_code == 404


def test_a_held_image_that_nobody_decides_expires(tmp_path: Path, inspector: Inspector) -> None:
    held = with_nudity(inspector, {CUP: Signal.measured("nudity", 0.8)})
    with serving(tmp_path, upstream=Pictures(CUP), inspector=held, hold_days=0.01) as served:
        url, _ = hold(served)
        pending = httpx.get(url).json()
        assert pending["status"] == "pending"
        # The commands' clock is the real one; only the purge is told that the time has come.
        later = served.gateway.clock() + served.gateway.chain.limits.hold
        assert asyncio.run(served.gateway.keeper.purge(later)) >= 1
        assert httpx.get(url).json() == {"status": "expired", "decision_id": pending["decision_id"]}
        assert run(served, "list") == []


def test_an_output_stopped_under_the_floor_is_never_there(tmp_path: Path, inspector: Inspector) -> None:
    revealing = with_nudity(inspector, {CUP: Signal.measured("nudity", 0.9)})
    with serving(tmp_path, upstream=Pictures(CUP), inspector=revealing) as served:
        error = ask(served, prompt="a football match of ten-year-old children").json()["error"]
        assert "minor-sexual-output" in error["rambarde"]["rules"] and "status_url" not in error["rambarde"]
        assert run(served, "list") == []
        assert asyncio.run(served.gateway.keeper.listed(Shelf.HELD)) == ()


def test_the_log_stays_whole_beside_the_gateway(holding: Served) -> None:
    """Commands append to the log while the gateway does; both checkpoints name the policy."""
    data = Path(holding.gateway.settings.data)
    _, item = hold(holding)
    run(holding, "decide", item, "--destroy", *DECIDE)
    lines = (data / FOLDER / "checkpoint").read_text("utf-8").splitlines()
    assert [line.split()[0] for line in lines[3:5]] == ["policy", "floors"]
    hold(holding)
    report = verify_log(data / FOLDER, read_verifier(data), Ledger(holding.gateway.vault.database))
    assert report.ok, str(report)

"""`rambarde scan`: every file has its line, what cannot be inspected is said and counted, memory stays small."""

from __future__ import annotations

import asyncio
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from rambarde.guard.inspect import Inspector
from rambarde.interfaces.cli import scan as command
from rambarde.interfaces.cli.main import app
from rambarde.interfaces.scan import Found, Scanned, Scanner, files, shown
from rambarde.nouns.signal import Signal
from tests.interfaces.http.test_release import with_nudity
from tests.servers import png


@pytest.fixture
def folder(tmp_path: Path, portrait: bytes, still_life: bytes) -> Path:
    """Two pictures, one of them deep and without extension, a damaged one, and things that are none."""
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "portrait.png").write_bytes(portrait)
    (tmp_path / "deep" / "er" / "cup").write_bytes(still_life)
    (tmp_path / "cut.png").write_bytes(portrait[:5000])
    (tmp_path / "notes.txt").write_text("no picture")
    (tmp_path / "archive.zip").write_bytes(b"PK\3\4")
    return tmp_path


@pytest.fixture
def run(inspector: Inspector, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Runs the command with the detectors that the session has loaded."""
    monkeypatch.setattr(Scanner, "open", lambda _: Scanner(inspector))

    def run(*arguments: str | Path) -> Result:
        return CliRunner().invoke(app, ["scan", *map(str, arguments)])

    return run


def rows(result: Result) -> list[dict[str, Any]]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_a_folder(run: Any, folder: Path, portrait: bytes) -> None:
    result = run(folder, "--json")
    cut, whole, cup = rows(result)
    assert [row["path"] for row in (cut, whole, cup)] == [
        str(folder / name) for name in ("cut.png", "portrait.png", "deep/er/cup")
    ]
    assert list(whole) == ["path", "sha256", "pdq", "signals", "error"]
    assert whole["sha256"] == hashlib.sha256(portrait).hexdigest() and len(whole["pdq"]) == 64
    assert whole["error"] is None and whole["signals"]["output.face"]["value"] > 0.6
    assert cup["signals"]["output.face"]["state"] == "absent"
    assert cut["error"]["code"] == "truncated_image" and cut["signals"] == {}
    assert cut["sha256"] is not None and cut["pdq"] is None
    assert result.exit_code == 1
    assert "2 inspected, 1 could not be inspected." in result.stderr


def test_the_lines_for_people(run: Any, folder: Path) -> None:
    result = run(folder)
    assert len(result.stdout.splitlines()) == 3
    assert "not inspected: truncated_image" in result.stdout
    assert "no verdicts" in result.stderr
    (folder / "cut.png").unlink()
    assert run(folder).exit_code == 0


def test_not_recursive(run: Any, folder: Path) -> None:
    assert [Path(row["path"]).name for row in rows(run(folder, "--no-recursive", "--json"))] == [
        "cut.png",
        "portrait.png",
    ]


def test_a_named_file_is_looked_at_whatever_it_is(run: Any, folder: Path) -> None:
    codes = [
        row["error"]["code"]
        for row in rows(run(folder / "notes.txt", folder / "archive.zip", folder / "gone.png", "--json"))
    ]
    assert codes == ["not_an_image", "unsupported_image_type", "image_unreadable"]


def test_a_pipe_does_not_hang(run: Any, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    for path in (tmp_path, tmp_path / "pipe.png", "/dev/zero"):
        (row,) = rows(run(path, "--json"))
        assert row["error"]["code"] == "not_a_file"


def test_a_file_over_the_limit_is_not_read_whole(run: Any, tmp_path: Path) -> None:
    with (tmp_path / "huge.png").open("wb") as file:
        file.write(png())
        file.truncate(10**12)  # sparse
    (row,) = rows(run(tmp_path, "--json"))
    assert row["error"]["code"] == "image_too_large" and row["sha256"] is None


def test_nothing_to_inspect(run: Any, tmp_path: Path) -> None:
    result = run(tmp_path)
    assert result.exit_code == 0 and result.stdout == ""
    assert "0 inspected" in result.stderr


def test_links_to_folders_are_not_followed(run: Any, folder: Path) -> None:
    (folder / "deep" / "loop").symlink_to(folder)
    (folder / "link.png").symlink_to(folder / "portrait.png")
    (folder / "dangling.png").symlink_to(folder / "gone.png")
    found = rows(run(folder, "--json"))
    assert len(found) == 5
    by_name = {Path(row["path"]).name: row for row in found}
    assert by_name["dangling.png"]["error"]["code"] == "image_unreadable"
    assert by_name["link.png"]["sha256"] == by_name["portrait.png"]["sha256"]


def test_a_folder_that_cannot_be_read_is_said(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    real = os.scandir

    def scandir(path: Any) -> Any:
        if Path(path).name == "deep":
            raise PermissionError(13, "Permission denied", str(path))
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    (failed,) = [one for one in files([folder]) if one.error is not None]
    assert failed.path == folder / "deep" and failed.error is not None
    assert failed.error.code == "image_unreadable"


def test_names_of_any_bytes_are_one_line(run: Any, tmp_path: Path) -> None:
    odd = os.fsencode(tmp_path) + b"/\xff\n\x1b[31m.png"
    Path(os.fsdecode(odd)).write_bytes(png())
    (row,) = rows(run(tmp_path, "--json"))
    assert row["path"].endswith("/\\xff\\n\\x1b[31m.png")
    assert shown(Path("a picture é.png")) == "a picture é.png"
    assert len(run(tmp_path).stdout.splitlines()) == 1


async def test_a_detector_that_fails_is_an_error_with_the_other_signals(
    tmp_path: Path, inspector: Inspector
) -> None:
    (tmp_path / "a.png").write_bytes(png())
    broken = with_nudity(inspector, {png(): RuntimeError("crash")})
    (one,) = [one async for one in Scanner(broken).scan(files([tmp_path]))]
    assert one.error is not None and one.error.code == "detector_failed"
    assert "output.nudity" in one.error.message
    assert {"output.face", "output.known"} <= {s.name for s in one.signals}


def test_detectors_that_are_not_the_policys_stop_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from rambarde.guard.detectors.known import KnownDetector

    monkeypatch.setattr(KnownDetector, "digest", property(lambda _: "sha256:00"))
    (tmp_path / "a.png").write_bytes(png())
    (tmp_path / "here.toml").write_text("workers = 0\n")  # what is patched here, no worker sees
    result = CliRunner().invoke(app, ["scan", str(tmp_path), "--config", str(tmp_path / "here.toml")])
    assert result.exit_code != 0
    assert getattr(result.exception, "code", None) == "detectors_unfit"
    assert result.stdout == ""


# Many files.


class _Quick(Inspector):
    """No detectors: what is measured here is everything else."""

    def __init__(self) -> None:
        super().__init__((), ())


async def grown(folder: Path, count: int) -> int:
    """How many bytes more the last files of a scan take than the first, in the order of the files.

    The least of each: what threads hold for a moment comes and goes, what is kept stays in every figure.
    """
    names, sizes = iter(sorted(f"{n}.png" for n in range(count))), []
    tracemalloc.start()
    async for one in Scanner(_Quick()).scan(files([folder])):
        assert one.path.name == next(names)
        sizes.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    assert len(sizes) == count
    return min(sizes[-500:]) - min(sizes[500:1000])


@pytest.mark.slow
def test_ten_thousand_files_in_bounded_memory(tmp_path: Path) -> None:
    """In a process of its own: in ours, gateways of other tests may load a model meanwhile."""
    (tmp_path / "0.png").write_bytes(png(side=16))
    for number in range(1, 10_000):
        os.link(tmp_path / "0.png", tmp_path / f"{number}.png")
    program = (
        "import asyncio, sys; from pathlib import Path; from tests.interfaces.cli.test_scan import grown; "
        "print(asyncio.run(grown(Path(sys.argv[1]), 10_000)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        check=True,
    )
    assert int(done.stdout) < 1_000_000


async def test_at_most_two_files_are_on_their_way(
    inspector: Inspector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = 0

    def found() -> Iterator[Found]:
        nonlocal taken
        for number in range(10):
            taken += 1
            yield Found(tmp_path / f"{number}.png")

    done = 0
    async for one in Scanner(inspector).scan(found()):
        done += 1
        assert isinstance(one, Scanned) and taken <= done + 1


async def test_leaving_early_leaves_nothing_running(tmp_path: Path, inspector: Inspector) -> None:
    for number in range(4):
        (tmp_path / f"{number}.png").write_bytes(png(number))
    scanned = Scanner(inspector).scan(files([tmp_path]))
    async for _ in scanned:
        break
    await scanned.aclose()
    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.slow
def test_ctrl_c(tmp_path: Path, portrait: bytes) -> None:
    (tmp_path / "0.png").write_bytes(portrait)
    for number in range(1, 500):
        os.link(tmp_path / "0.png", tmp_path / f"{number}.png")
    process = subprocess.Popen(
        [str(shutil.which("rambarde", path=str(Path(sys.executable).parent))), "scan", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=tmp_path,
        # Where the tests themselves run in the background, the shell has them ignore SIGINT.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    assert process.stdout is not None
    assert process.stdout.readline()
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=90)
    assert process.returncode == command.INTERRUPTED
    assert "Interrupted." in errors and "Traceback" not in errors


def test_a_line_names_every_signal() -> None:
    one = Scanned(
        Path("a.png"), signals=(Signal.measured("output.nudity", 0.25), Signal.absent("output.face"))
    )
    assert command._line(one) == "a.png\toutput.face absent  output.nudity 0.250"

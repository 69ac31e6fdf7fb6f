"""Workers on every surface that starts them: the library only where it is told to, the doctor one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from rambarde import Guard
from rambarde.guard.workers.pool import cores
from rambarde.interfaces import parts
from rambarde.interfaces.checkup.row import Status
from rambarde.interfaces.checkup.workers import workers
from rambarde.interfaces.library import guard as library
from rambarde.interfaces.settings import Settings
from rambarde.nouns.decision import Outcome
from rambarde.nouns.signal import State


def children() -> set[int]:
    """Processes that this one has started and that run."""
    found = set()
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            state, parent = stat.read_text().rsplit(")", 1)[1].split()[:2]
        except OSError:
            continue
        if int(parent) == os.getpid() and state != "Z":
            found.add(int(stat.parent.name))
    return found


def test_how_many_there_are() -> None:
    installed = parts.detectors(Settings())
    assert parts.pool(Settings(workers=0), installed) is None
    default, three = parts.pool(Settings(), installed), parts.pool(Settings(workers=3), installed)
    assert default is not None and default.size == cores() >= 1
    assert three is not None and three.size == 3 and three.pids == (), "nothing starts before it is used"


class Stopped(Exception):
    pass


@pytest.mark.parametrize(("given", "used"), [(None, 0), (Settings(), 0), (Settings(workers=3), 3)])
def test_the_library_starts_none_unless_it_is_told_to(
    given: Settings | None, used: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def wire(settings: Settings, **_: object) -> None:
        assert settings.workers == used
        raise Stopped

    monkeypatch.setattr(library, "wire", wire)
    with pytest.raises(Stopped):
        Guard.open(given, data=tmp_path)


@pytest.mark.slow
def test_a_guard_with_a_worker(tmp_path: Path, portrait: bytes) -> None:
    before = children()
    with Guard.open(Settings(data=str(tmp_path), workers=1), demo=True) as guard:
        assert len(children() - before) == 1
        decision = guard.check("make the sky a little darker", images=[portrait])
        seen = {signal.name: signal for signal in decision.signals}
        assert seen["input.face"].state is State.VALUE and decision.outcome is Outcome.ALLOW
        made = guard.wrap(lambda prompt, *, n, size, images: [portrait] * n)
        assert len(made("a lighthouse at sunset", n=2)) == 2
    assert children() == before


@pytest.mark.slow
def test_the_doctor_tries_one() -> None:
    before = children()
    (row,) = workers(Settings(workers=2))
    assert row.status is Status.OK and "2 for" in row.detail and children() == before
    (none,) = workers(Settings(), library=True)
    assert none.status is Status.OK and "none" in none.detail


@pytest.mark.slow
def test_a_scan_leaves_nobody_behind(tmp_path: Path, portrait: bytes) -> None:
    (tmp_path / "a.png").write_bytes(portrait)
    (tmp_path / "b.png").write_bytes(portrait[:3000])
    command = (
        "import os; print(os.getpid(), flush=True); from rambarde.interfaces.cli.main import main; main()"
    )
    ran = subprocess.run(
        [sys.executable, "-c", command, "scan", str(tmp_path), "--json"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    first, *lines = ran.stdout.splitlines()
    assert ran.returncode == 1 and len(lines) == 2, ran.stderr
    for status in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = status.read_bytes().split(b"\0")
        except OSError:
            continue
        assert first.encode() not in words, "a worker that outlived its gateway"

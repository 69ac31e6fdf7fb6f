"""The journal: what was acknowledged is there after any crash, and what was changed shows."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from rambarde.measure.audit import journal as journals
from rambarde.measure.audit.journal import Journal, Labelled, Opened, Undone
from rambarde.nouns.fault import Fault

OPENED = Opened("t", "sha256:0", "Is it round?", ("ann",), None, "ours", 0.1)


def label(unit: int, label: str = "positive") -> Labelled:
    return Labelled("t", "ann", unit, label, "first")  # type: ignore[arg-type]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "labels.jsonl"
    journal = Journal(path)
    for event in (OPENED, label(1), label(2, "unsure"), Undone("t", "ann", 2, "first")):
        journal.add(event)
    journal.close()
    return path


def test_what_was_added_is_read_in_order(path: Path) -> None:
    events, last = journals.read(path)
    assert [type(event).__name__ for event in events] == ["Opened", "Labelled", "Labelled", "Undone"]
    assert len({event.prev for event in events} | {last}) == 5


def test_a_cut_last_line_is_cut_off_wherever_it_was_cut(path: Path) -> None:
    whole = path.read_bytes()
    lines = whole.splitlines(keepends=True)
    start = len(b"".join(lines[:-1]))
    for cut in range(start, len(whole)):
        path.write_bytes(whole[:cut])
        assert len(journals.read(path)[0]) == 3
        journal = Journal(path)
        assert len(journal.events) == 3 and journal.cut == cut - start
        journal.add(label(3))
        journal.close()
        assert path.read_bytes().startswith(b"".join(lines[:-1]))
        assert len(journals.read(path)[0]) == 4


@pytest.mark.parametrize("line", [0, 1, 2])
@pytest.mark.parametrize("how", ["changed", "gone", "twice"])
def test_a_line_that_was_meddled_with_shows(path: Path, line: int, how: str) -> None:
    lines = path.read_bytes().splitlines(keepends=True)
    if how == "changed":
        lines[line] = lines[line].replace(b'"at":"t"', b'"at":"u"')
    elif how == "gone":
        del lines[line]
    else:
        lines.insert(line, lines[line])
    path.write_bytes(b"".join(lines))
    with pytest.raises(Fault) as caught:
        journals.read(path)
    assert caught.value.code == "journal_invalid"
    with pytest.raises(Fault):
        Journal(path)
    assert path.read_bytes() == b"".join(lines)


def test_only_one_process_writes(path: Path) -> None:
    journal = Journal(path)
    with pytest.raises(Fault) as caught:
        Journal(path)
    assert caught.value.code == "journal_busy"
    journal.close()
    Journal(path).close()


def test_a_full_disk_keeps_nothing_of_a_label(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before, write = path.read_bytes(), os.write
    journal = Journal(path)
    monkeypatch.setattr(journals.os, "write", lambda handle, data: write(handle, data[: len(data) // 2]))
    with pytest.raises(Fault) as caught:
        journal.add(label(3))
    assert caught.value.code == "journal_unwritable"
    assert path.read_bytes() == before and len(journal.events) == 4
    monkeypatch.undo()
    journal.add(label(3))
    journal.close()
    assert len(journals.read(path)[0]) == 5


_WRITES = """
import sys
from pathlib import Path
from rambarde.measure.audit.journal import Journal, Labelled
journal = Journal(Path(sys.argv[1]))
for unit in range(100_000):
    journal.add(Labelled("t", "ann", unit, "positive", "first"))
    print(unit, flush=True)
"""


def test_kill_9_loses_no_acknowledged_label(tmp_path: Path) -> None:
    path = tmp_path / "labels.jsonl"
    process = subprocess.Popen([sys.executable, "-c", _WRITES, str(path)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    told = [process.stdout.readline() for _ in range(200)]
    process.send_signal(signal.SIGKILL)
    told += process.stdout.readlines()
    process.wait()
    events, _ = journals.read(path)
    units = [event.unit for event in events if isinstance(event, Labelled)]
    assert units[: len(told)] == list(range(len(told)))
    assert len(told) <= len(units) <= len(told) + 1

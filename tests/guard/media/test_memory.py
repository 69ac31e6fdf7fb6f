"""A table in a file is the table, and takes no memory before it is read."""

from __future__ import annotations

import subprocess
import sys
import tempfile

import numpy as np
import pytest

from rambarde.guard.media.memory import mapped


@pytest.mark.parametrize("kind", [np.uint8, np.float32])
def test_a_mapped_table_is_the_same_one_and_cannot_change(kind: type) -> None:
    table = np.random.default_rng(1).integers(0, 256, (300, 7)).astype(kind)
    found = mapped(table[::2])
    assert type(found) is np.ndarray and found.dtype == table.dtype
    assert (found == table[::2]).all()
    rows = np.array([3, 3, 149, 0])
    assert (found[rows] == table[::2][rows]).all()
    with pytest.raises(ValueError, match="read-only"):
        found[0, 0] = 1


def test_without_a_place_for_the_file_the_table_stays_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", "/dev/null/nowhere")
    table = np.arange(12).reshape(3, 4)
    assert mapped(table) is table


def test_an_empty_table_stays_as_it_is() -> None:
    table = np.zeros((0, 4))
    assert mapped(table) is table


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_only_what_is_read_takes_memory() -> None:
    """In a process of its own: in this one, threads of other tests take memory meanwhile."""
    done = subprocess.run([sys.executable, "-c", _READS_LITTLE], capture_output=True, text=True, check=True)
    assert float(done.stdout) < 8, done.stdout


_READS_LITTLE = """
from pathlib import Path
import numpy as np
from rambarde.guard.media.memory import mapped

def anonymous():
    # Megabytes of this process that no file holds.
    lines = Path("/proc/self/smaps_rollup").read_text("ascii").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:")) / 1024

before = anonymous()
found = mapped(np.ones((32, 1 << 20), np.uint8))
assert int(found[5, :100].sum()) == 100
print(anonymous() - before)
"""

"""The file of a bank: what is written is read back, and nothing else is."""

from __future__ import annotations

import hashlib
import os
import threading
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.guard.banks.entry import Entry, Kind
from rambarde.guard.banks.file import Head, Sealed, held, replace, sealed
from tests.guard.banks.known import NOON, decision, entries, hashed, hashes

HASH = hashed(1).hex()
TOLD = '{"source": "own", "by": "Ada", "at": "2026-11-23T12:00:00Z", "reason": "case 1"}'


@given(
    st.dictionaries(hashes, entries, max_size=6),
    st.from_regex(r"[A-Za-z0-9._:+-]{1,64}", fullmatch=True),
    st.none() | st.just(NOON),
    st.none() | st.integers(1, 366 * 24).map(lambda hours: timedelta(hours=hours)),
    st.dictionaries(st.text(max_size=5), st.integers() | st.text(max_size=9), max_size=2),
)
def test_round_trip(
    found: dict[bytes, Entry],
    version: str,
    as_of: datetime | None,
    max_age: timedelta | None,
    state: dict[str, object],
) -> None:
    head = Head(version, "ab" * 32, as_of, max_age, state)
    data = sealed(head, found.items())
    read = Sealed(data)
    assert dict(read.entries()) == found
    assert sealed(read.head, read.entries()) == data
    assert (read.head.version, read.head.as_of, read.head.max_age) == (version, as_of, max_age)
    assert read.head.state == state
    assert data.endswith(f"{read.head.digest}\n".encode())


def test_format_1_is_read() -> None:
    read = Sealed(_sealed(f"rambarde-bank 1\nversion 2026-11-22\n# why\n\n{HASH}\n"))
    ((value, entry),) = read.entries()
    assert (value.hex(), entry.kind, entry.decision.by) == (HASH, Kind.BLOCK, "not recorded")
    assert read.head.version == "2026-11-22"


def _sealed(body: str, count: int = 1) -> bytes:
    return f"{body}end {count} {hashlib.sha256(body.encode()).hexdigest()}\n".encode()


@pytest.mark.parametrize(
    ("body", "count", "match"),
    [
        ("rambarde-bank 3\nversion 1\n", 0, "must start"),
        ("rambarde-bank 1\n", 0, "must start"),
        (f"version 1\n{HASH}\n", 1, "must start"),
        ("rambarde-bank 1\nversion a b\n", 0, "version"),
        ("rambarde-bank 1\nversion 1\nabc\n", 1, "line 3"),
        (f"rambarde-bank 1\nversion 1\n{HASH.upper()}\n", 1, "line 3"),
        (f"rambarde-bank 1\nversion 1\n\n{HASH} \n", 1, "line 4"),
        (f"rambarde-bank 1\nversion 1\n{HASH}\n", 2, "holds 1"),
        ("rambarde-bank 2\nversion 1\nas-of noon\n", 0, "line 3: as-of"),
        ("rambarde-bank 2\nversion 1\nmax-age 1e300\n", 0, "line 3: max-age"),
        ("rambarde-bank 2\nversion 1\nmax-age -1\n", 0, "max-age"),
        ("rambarde-bank 2\nversion 1\nmax-age nan\n", 0, "max-age"),
        ("rambarde-bank 2\nversion 1\nprevious abc\n", 0, "previous"),
        ("rambarde-bank 2\nversion 1\nstate [1]\n", 0, "line 3: state"),
        ("rambarde-bank 2\nversion 1\ndecision {}\n", 0, "line 3: decision"),
        (f"rambarde-bank 2\nversion 1\nblock {HASH} 1\n", 1, "line 3: there is no decision"),
        (f"rambarde-bank 2\nversion 1\ndecision {TOLD}\nblock {HASH}\n", 1, "line 4"),
        (f"rambarde-bank 2\nversion 1\ndecision {TOLD}\nblock {HASH} 0\n", 1, "line 4"),
        (f"rambarde-bank 2\nversion 1\ndecision {TOLD}\nallow {HASH} 1\n", 1, "line 4"),
        (f"rambarde-bank 2\nversion 1\ndecision {TOLD}\nremoved {HASH} 1\n", 1, "tombstone"),
        (f"rambarde-bank 2\nversion 1\ndecision {TOLD}\nremoved {HASH} 1 2\n", 1, "tombstone"),
        (f"rambarde-bank 2\nversion 1\ndecision {TOLD}\nblock {HASH} 1\nmax-age 1\n", 1, "line 5"),
    ],
)
def test_damage_is_told_with_its_line(body: str, count: int, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        list(Sealed(_sealed(body, count)).entries())


def test_every_truncation_and_every_flip_is_an_error() -> None:
    head = Head("7", as_of=NOON, max_age=timedelta(hours=2))
    data = sealed(head, [(hashed(n), Entry(Kind.BLOCK, decision())) for n in range(2)])
    for end in range(len(data) - 1):
        with pytest.raises(ValueError, match="bank"):
            list(Sealed(data[:end]).entries())
    for at in range(len(data) - 1):
        with pytest.raises(ValueError, match="bank"):
            list(Sealed(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]).entries())


def test_what_cannot_be_written() -> None:
    for value, entry in (
        (b"short", Entry(Kind.BLOCK, decision())),
        (bytes(32), Entry(Kind.REMOVED, decision())),
        (bytes(32), Entry(Kind.BLOCK, decision(), None, ("a b",))),
    ):
        with pytest.raises(ValueError):
            sealed(Head("1"), [(value, entry)])


def test_a_file_is_replaced_whole_or_not(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "bank"
    replace(path, b"one")
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    replace(path, b"two")
    assert (path.read_bytes(), path.stat().st_mode & 0o777) == (b"two", 0o640)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="space"):
        replace(path, b"three")
    assert path.read_bytes() == b"two" and [p.name for p in tmp_path.iterdir()] == ["bank"]


def test_two_do_not_change_a_bank_at_once(tmp_path: Path) -> None:
    path, order = tmp_path / "bank", []

    def other() -> None:
        with held(path):
            order.append("second")

    with held(path):
        thread = threading.Thread(target=other)
        thread.start()
        thread.join(0.1)
        order.append("first")
    thread.join(10)
    assert order == ["first", "second"]

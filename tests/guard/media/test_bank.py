"""Banks: what is written is read back, and nothing else is."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.guard.media.bank import Bank

HASHES = ("f8f8f0cee0f4a84f06370a22038f63f0b36e2ed596621e1d33e6b39c4e9c9b22", "0123456789abcdef" * 4)


@given(
    st.lists(st.binary(min_size=32, max_size=32), max_size=5),
    st.from_regex(r"[A-Za-z0-9._:+-]{1,64}", fullmatch=True),
)
def test_round_trip(hashes: list[bytes], version: str) -> None:
    bank = Bank(version, tuple(hashes))
    assert Bank.parse(bank.dump()) == bank
    assert Bank.parse(bank.dump()).digest == bank.digest


def test_version_and_hashes_shape_the_digest(tmp_path: Path) -> None:
    banks = [Bank(), Bank.of("1", HASHES), Bank.of("2", HASHES), Bank.of("1", HASHES[:1])]
    assert len({bank.digest for bank in banks}) == 4
    path = tmp_path / "bank.txt"
    path.write_bytes(banks[1].dump())
    assert Bank.read(path) == banks[1]


def _sealed(body: str, count: int = 1) -> bytes:
    return f"{body}end {count} {hashlib.sha256(body.encode()).hexdigest()}\n".encode()


def test_comments_and_blank_lines() -> None:
    bank = Bank.parse(_sealed(f"rambarde-bank 1\nversion a\n# why\n\n{HASHES[0]}\n"))
    assert bank == Bank.of("a", HASHES[:1])


@pytest.mark.parametrize(
    ("body", "count", "match"),
    [
        ("rambarde-bank 2\nversion 1\n", 0, "must start"),
        ("rambarde-bank 1\n", 0, "must start"),
        (f"version 1\n{HASHES[0]}\n", 1, "must start"),
        ("rambarde-bank 1\nversion a b\n", 0, "version"),
        ("rambarde-bank 1\nversion 1\nabc\n", 1, "line 3"),
        (f"rambarde-bank 1\nversion 1\n{HASHES[0].upper()}\n", 1, "line 3"),
        (f"rambarde-bank 1\nversion 1\n\n{HASHES[0]} \n", 1, "line 4"),
        (f"rambarde-bank 1\nversion 1\n{HASHES[0]}\n", 2, "holds 1"),
    ],
)
def test_damage_is_told_with_its_line(body: str, count: int, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        Bank.parse(_sealed(body, count))


def test_every_truncation_and_every_flip_is_an_error() -> None:
    data = Bank.of("2026-11-22", HASHES).dump()
    for end in range(len(data) - 1):
        with pytest.raises(ValueError, match="bank"):
            Bank.parse(data[:end])
    for at in range(len(data) - 1):
        with pytest.raises(ValueError, match="bank"):
            Bank.parse(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])


def test_wrong_entries() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Bank("1", (b"short",))
    with pytest.raises(ValueError, match="64"):
        Bank.of("1", ["xyz"])
    with pytest.raises(OSError, match="nowhere"):
        Bank.read(Path("nowhere"))

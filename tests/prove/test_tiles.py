"""Tiles: paths and bytes as the specification has them, and an edge that grows as it says."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rambarde.prove.edge import Edge
from rambarde.prove.merkle import inclusion_proof, leaf_hash, root_of, verify_inclusion
from rambarde.prove.tiles import (
    File,
    MissingTile,
    TileError,
    TileFolder,
    bundle_path,
    decode_bundle,
    encode_bundle,
    levels_of,
    tile_path,
)
from tests.prove import oracle


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (tile_path(0, 0), "tile/0/000"),
        (tile_path(0, 1234067), "tile/0/x001/x234/067"),
        (tile_path(3, 999, 17), "tile/3/999.p/17"),
        (tile_path(1, 1000, 255), "tile/1/x001/000.p/255"),
        (bundle_path(1234067, 8), "tile/entries/x001/x234/067.p/8"),
        (bundle_path(5), "tile/entries/005"),
    ],
)
def test_paths(path: str, expected: str) -> None:
    assert path == expected


@pytest.mark.parametrize("arguments", [(0, -1), (0, 0, 0), (0, 0, 257)])
def test_no_such_paths(arguments: tuple[int, ...]) -> None:
    with pytest.raises(ValueError):
        tile_path(*arguments)


def test_the_specifications_example() -> None:
    """A tree of 70,000: 273 full and a partial of 112; one full and a partial of 17; a partial of 1."""
    assert levels_of(70_000) == [(273, 112), (1, 17), (0, 1)]
    assert levels_of(256) == [(1, 0), (0, 1)]
    assert levels_of(0) == []


def test_bundles_are_length_prefixed() -> None:
    assert encode_bundle([b"ab", b"", b"c" * 300]) == b"\x00\x02ab\x00\x00\x01\x2c" + b"c" * 300
    with pytest.raises(ValueError):
        encode_bundle([bytes(65536)])


@given(st.lists(st.binary(max_size=20), min_size=1, max_size=20))
def test_bundles_round_trip_and_nothing_else_does(entries: list[bytes]) -> None:
    data = encode_bundle(entries)
    assert decode_bundle("p", data, len(entries)) == entries
    for wrong in (data[:-1], data + b"\0", data + b"\0\0", data[1:]):
        with pytest.raises(TileError):
            decode_bundle("p", wrong, len(entries))
    for width in (len(entries) - 1, len(entries) + 1):
        with pytest.raises(TileError):
            decode_bundle("p", data, width)


def _entries(count: int) -> list[bytes]:
    return [f"entry {number}".encode() for number in range(count)]


def _check(folder: TileFolder, entries: list[bytes]) -> None:
    """Every tile that a tree of this size must have, against its definition."""
    size = len(entries)
    for level, (full, width) in enumerate(levels_of(size)):
        for index in range(full + (1 if width else 0)):
            count = 256 if index < full else width
            data = (folder.root / tile_path(level, index, count)).read_bytes()
            span = 256**level
            expected = [
                oracle.mth(entries[(index * 256 + i) * span : (index * 256 + i + 1) * span])
                for i in range(count)
            ]
            assert data == b"".join(expected)
            if level == 0:
                bundle = (folder.root / bundle_path(index, count)).read_bytes()
                assert bundle == encode_bundle(entries[index * 256 : index * 256 + count])


@settings(max_examples=12, deadline=None)
@given(batches=st.lists(st.integers(0, 400), min_size=1, max_size=6))
def test_growing_writes_the_right_tiles(tmp_path_factory: pytest.TempPathFactory, batches: list[int]) -> None:
    folder = TileFolder(tmp_path_factory.mktemp("log"))
    entries = _entries(sum(batches))
    edge = Edge()
    for count in batches:
        files, filled = edge.extend(entries[edge.size : edge.size + count])
        folder.write(files)
        folder.drop_partials(filled)
        size = edge.size
        _check(folder, entries[:size])
        again = Edge.read(folder, size)
        assert again.size == size
        assert again.root() == edge.root() == root_of(map(leaf_hash, entries[:size]))
        edge = again


@pytest.mark.slow
def test_a_third_level(tmp_path: Path) -> None:
    folder, edge = TileFolder(tmp_path), Edge()
    entries = _entries(70_000)
    for start in range(0, 70_000, 7000):
        folder.write(edge.extend(entries[start : start + 7000])[0])
    assert Edge.read(folder, 70_000).root() == edge.root() == root_of(map(leaf_hash, entries))
    assert len((tmp_path / "tile/2/000.p/1").read_bytes()) == 32
    for index in (0, 255, 256, 65_535, 65_536, 69_999):
        proof = inclusion_proof(index, 70_000, folder.nodes(70_000))
        assert verify_inclusion(leaf_hash(entries[index]), index, 70_000, proof, edge.root())


def test_a_full_tile_stands_in_for_a_partial_one_that_is_gone(tmp_path: Path) -> None:
    folder, edge = TileFolder(tmp_path), Edge()
    entries = _entries(300)
    folder.write(edge.extend(entries[:200])[0])
    files, filled = edge.extend(entries[200:])
    folder.write(files)
    folder.drop_partials(filled)
    assert not (tmp_path / "tile/0/000.p").exists()
    assert folder.tile(0, 0, 200) == [leaf_hash(entry) for entry in entries[:200]]
    assert folder.bundle(0, 200) == entries[:200]


def test_missing_and_cut(tmp_path: Path) -> None:
    folder = TileFolder(tmp_path)
    with pytest.raises(MissingTile):
        folder.tile(0, 0)
    with pytest.raises(MissingTile):
        folder.bundle(0, 3)
    folder.write([File(tile_path(0, 0, 2), bytes(63)), File(bundle_path(0, 2), b"\0\0")])
    with pytest.raises(TileError, match="63 bytes"):
        folder.tile(0, 0, 2)
    with pytest.raises(TileError, match="exactly 2"):
        folder.bundle(0, 2)


def test_a_write_is_whole_or_not_at_all(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = TileFolder(tmp_path)
    folder.write([File("tile/0/000.p/1", b"before")])

    def failing(_handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError):
        folder.write([File("tile/0/000.p/1", b"after")])
    monkeypatch.undo()
    assert [path.name for path in (tmp_path / "tile/0/000.p").iterdir()] == ["1"]
    assert (tmp_path / "tile/0/000.p/1").read_bytes() == b"before"

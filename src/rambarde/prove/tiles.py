"""Tiles: the tree and its entries as static files, byte for byte as C2SP tlog-tiles says."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from rambarde.prove.merkle import HASH_BYTES, joined_root

HEIGHT = 8
WIDTH = 1 << HEIGHT
CHECKPOINT = "checkpoint"
LONGEST_ENTRY = 0xFFFF
"""Bytes of one entry: its length is a uint16."""
_LEVELS = 8
"""Levels of tiles that are ever looked at: 256 to the 8th is more entries than there will be."""


class TileError(ValueError):
    """A tile or bundle that has not the bytes it must have. `path` names it within the log's folder."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path} {message}")
        self.path = path
        self.message = message


class MissingTile(TileError):
    """A tile or bundle that is not there."""


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """`tile/<L>/<N>[.p/<W>]`, relative to the log's folder. `width` is 1 to 256 hashes."""
    return f"tile/{level}/{_number(index)}{_partial(width)}"


def bundle_path(index: int, width: int = WIDTH) -> str:
    """`tile/entries/<N>[.p/<W>]`. `width` is 1 to 256 entries."""
    return f"tile/entries/{_number(index)}{_partial(width)}"


def encode_bundle(entries: Iterable[bytes]) -> bytes:
    """Entries, each after its length as a big-endian uint16. Raises `ValueError` for one that is too long."""
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > LONGEST_ENTRY:
            raise ValueError(f"an entry has at most {LONGEST_ENTRY} bytes")
        parts += (len(entry).to_bytes(2, "big"), entry)
    return b"".join(parts)


def decode_bundle(path: str, data: bytes, width: int) -> list[bytes]:
    """The `width` entries of a bundle. Raises `TileError` if there are more, fewer or half a one."""
    entries: list[bytes] = []
    place = 0
    while place + 2 <= len(data) and len(entries) < width:
        stop = place + 2 + int.from_bytes(data[place : place + 2], "big")
        if stop > len(data):
            break
        entries.append(data[place + 2 : stop])
        place = stop
    if place != len(data) or len(entries) != width:
        raise TileError(path, f"does not hold exactly {width} entries")
    return entries


def levels_of(size: int) -> list[tuple[int, int]]:
    """For a tree of `size`: full tiles and the partial tile's width, level by level, while there is any."""
    levels: list[tuple[int, int]] = []
    while size > 0:
        levels.append(divmod(size, WIDTH))
        size //= WIDTH
    return levels


@dataclass(frozen=True, slots=True)
class File:
    """A file to be written: its path within the log's folder, and its bytes."""

    path: str
    data: bytes


class TileFolder:
    """The log's folder. Any web server can publish it as it is."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def tile(self, level: int, index: int, width: int = WIDTH) -> list[bytes]:
        """A tile's hashes; of a partial tile that is gone, the full tile's first ones.

        Raises `MissingTile`, or `TileError` for a wrong length.
        """
        data = self.data(index, width, level=level)
        return [data[i : i + HASH_BYTES] for i in range(0, width * HASH_BYTES, HASH_BYTES)]

    def data(self, index: int, width: int = WIDTH, *, level: int = 0) -> bytes:
        """A tile's hashes, joined, likewise."""
        path, data, found = self._read(tile_path(level, index, width), tile_path(level, index), width)
        if len(data) != found * HASH_BYTES:
            raise TileError(path, f"has {len(data)} bytes instead of {found * HASH_BYTES}")
        return data[: width * HASH_BYTES]

    def bundle(self, index: int, width: int = WIDTH) -> list[bytes]:
        """A bundle's entries, likewise."""
        path, data, found = self._read(bundle_path(index, width), bundle_path(index), width)
        return decode_bundle(path, data, found)[:width]

    def nodes(self, size: int) -> Callable[[int, int], bytes]:
        """The roots of perfect subtrees of the tree of `size`, for proofs; each tile is read once. Raises as `tile`."""
        read = lru_cache(maxsize=32)(self.data)

        def node(height: int, position: int) -> bytes:
            level = min(height // HEIGHT, _LEVELS - 1)
            count = 1 << height - level * HEIGHT
            index, offset = divmod(position * count, WIDTH)
            full, width = divmod(size >> level * HEIGHT, WIDTH)
            hashes = read(index, WIDTH if index < full else width, level=level)
            return joined_root(hashes[offset * HASH_BYTES : (offset + count) * HASH_BYTES])

        return node

    def checkpoint(self, name: str = CHECKPOINT) -> str | None:
        """The published checkpoint, None if there is none. Raises `TileError` if it is not UTF-8."""
        try:
            return (self.root / name).read_bytes().decode()
        except FileNotFoundError:
            return None
        except UnicodeDecodeError as error:
            raise TileError(name, "is not UTF-8") from error

    def stage_checkpoint(self, note: str) -> Path:
        """Put a checkpoint on disk, not yet where it is read. Raises `OSError`."""
        self.root.mkdir(parents=True, exist_ok=True)
        staged = self.root / f".{CHECKPOINT}.{secrets.token_hex(6)}"
        try:
            write_durably(staged, note.encode())
        except OSError:
            staged.unlink(missing_ok=True)
            raise
        return staged

    def publish(self, staged: Path, name: str = CHECKPOINT) -> None:
        """Make a staged checkpoint the published one. Raises `OSError`."""
        staged.replace(self.root / name)
        sync_folder(self.root)

    def write(self, files: Sequence[File]) -> None:
        """Each file whole or not at all, and all on disk on return. Raises `OSError`."""
        folders: dict[Path, None] = {}
        staged: list[tuple[Path, Path]] = []
        try:
            for file in files:
                path = self.root / file.path
                for made in self._make(path.parent):
                    folders[made] = None
                staged.append((path.with_name(f".{path.name}.{secrets.token_hex(6)}"), path))
                staged[-1][0].write_bytes(file.data)
                folders[path.parent] = None
            for place, _ in staged:  # all are written first: the disk then takes them together
                _sync(place)
            for place, path in staged:
                place.replace(path)
        except OSError:
            for place, _ in staged:
                place.unlink(missing_ok=True)
            raise
        for folder in folders:
            sync_folder(folder)

    def remove(self, paths: Iterable[str]) -> None:
        """Take back files of a batch that was undone. Best effort: nothing points at them."""
        for path in paths:
            try:
                (self.root / path).unlink(missing_ok=True)
            except OSError:
                continue

    def sweep(self, size: int) -> None:
        """Delete what a writer that died left beyond the tree of `size`. Best effort.

        Left alone, a partial tile that no checkpoint ever covered would look like a changed one later on.
        """
        levels = levels_of(size)
        for level in range(len(levels) + 2):
            index, width = levels[level] if level < len(levels) else (0, 0)
            self._sweep(lambda n, w=WIDTH, level=level: tile_path(level, n, w), index, width)
            if level == 0:
                self._sweep(bundle_path, index, width)
        for staged in self.root.glob(f".{CHECKPOINT}.*"):
            staged.unlink(missing_ok=True)

    def _sweep(self, path: Callable[..., str], index: int, width: int) -> None:
        """From tile `index` on, of which `width` hashes are right, as far as there is anything."""
        while True:
            full = self.root / path(index)
            partials = full.with_name(f"{full.name}.p")
            found = list(partials.iterdir()) if partials.is_dir() else []
            staged = list(full.parent.glob(f".{full.name}.*")) if full.parent.is_dir() else []
            if not (full.exists() or found or staged):
                return
            for file in [full, *staged, *found]:
                if file.parent != partials or not file.name.isdecimal() or int(file.name) > width:
                    self.remove([str(file.relative_to(self.root))])
            index, width = index + 1, 0

    def drop_partials(self, paths: Iterable[str]) -> None:
        """Delete the partial tiles that the full tiles at `paths` replace (the specification allows it)."""
        for path in paths:
            shutil.rmtree(self.root / f"{path}.p", ignore_errors=True)

    def _read(self, path: str, full: str, width: int) -> tuple[str, bytes, int]:
        for candidate, found in ((path, width), (full, WIDTH)):
            try:
                return candidate, (self.root / candidate).read_bytes(), found
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError as error:
                raise TileError(candidate, f"cannot be read: {error.strerror}") from error
        raise MissingTile(path, "is missing")

    def _make(self, folder: Path) -> list[Path]:
        """Create `folder`; returns the folders whose listing has changed."""
        missing: list[Path] = []
        place = folder
        while not place.exists():
            missing.append(place)
            place = place.parent
        folder.mkdir(parents=True, exist_ok=True)
        return [path.parent for path in missing]


def write_durably(path: Path, data: bytes, mode: int = 0o644) -> None:
    """Write a new file and wait until its bytes are on disk. Raises `OSError`."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())


def sync_folder(folder: Path) -> None:
    """Wait until the folder's listing is on disk. Raises `OSError`."""
    _sync(folder)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _number(index: int) -> str:
    if index < 0:
        raise ValueError("a tile's index is not negative")
    text = f"{index % 1000:03d}"
    while index >= 1000:
        index //= 1000
        text = f"x{index % 1000:03d}/{text}"
    return text


def _partial(width: int) -> str:
    if not 1 <= width <= WIDTH:
        raise ValueError(f"a tile's width is 1 to {WIDTH}")
    return "" if width == WIDTH else f".p/{width}"

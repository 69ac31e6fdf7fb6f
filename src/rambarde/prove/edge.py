"""The edge: the right edge of the tree, which is all a growing log needs to keep in memory."""

from __future__ import annotations

from collections.abc import Iterable

from rambarde.prove.merkle import Frontier, leaf_hash, perfect_root
from rambarde.prove.tiles import (
    HEIGHT,
    WIDTH,
    File,
    TileFolder,
    bundle_path,
    encode_bundle,
    levels_of,
    tile_path,
)


class Edge:
    """The partial tiles of every level, the partial bundle, and the frontier over them."""

    def __init__(self) -> None:
        self._frontier = Frontier()
        self._hashes: list[list[bytes]] = []
        self._bundle: list[bytes] = []

    @classmethod
    def read(cls, folder: TileFolder, size: int) -> Edge:
        """The edge of the published tree of `size`, from at most one tile a level.

        The caller compares `root()` with a signed one. Raises `TileError` and `MissingTile`.
        """
        edge = cls()
        stack: list[bytes] = []
        for level, (full, width) in enumerate(levels_of(size)):
            hashes = folder.tile(level, full, width) if width else []
            edge._hashes.append(hashes)
            stack[:0] = _perfect(hashes)
        edge._frontier = Frontier(size, stack)
        full, width = divmod(size, WIDTH)
        if width:
            edge._bundle = folder.bundle(full, width)
        return edge

    @property
    def size(self) -> int:
        return self._frontier.size

    def root(self) -> bytes:
        return self._frontier.root()

    def frontier(self) -> Frontier:
        """A copy of the frontier, to try out growth without files."""
        return self._frontier.copy()

    def copy(self) -> Edge:
        """An edge that grows without changing this one."""
        other = Edge()
        other._frontier = self._frontier.copy()
        other._hashes = [list(hashes) for hashes in self._hashes]
        other._bundle = list(self._bundle)
        return other

    def extend(self, entries: Iterable[bytes]) -> tuple[list[File], list[str]]:
        """Grow by `entries`.

        Returns the files to write, full tiles as they filled up and then the partial ones, and the paths
        of the full ones, whose partial predecessors may go.
        """
        full: list[File] = []
        touched: set[int] = set()
        for entry in entries:
            self._bundle.append(entry)
            if len(self._bundle) == WIDTH:
                full.append(File(bundle_path(self.size // WIDTH), encode_bundle(self._bundle)))
                self._bundle = []
            for height, hash in self._frontier.append(leaf_hash(entry)):
                level, rest = divmod(height, HEIGHT)
                if rest == 0:
                    touched.add(level)
                    full += self._place(level, hash)
        partial = [
            File(
                tile_path(level, self.size >> HEIGHT * (level + 1), len(hashes)),
                b"".join(hashes),
            )
            for level, hashes in enumerate(self._hashes)
            if level in touched and hashes
        ]
        if self._bundle and touched:
            partial.append(
                File(bundle_path(self.size // WIDTH, len(self._bundle)), encode_bundle(self._bundle))
            )
        return full + partial, [file.path for file in full]

    def _place(self, level: int, hash: bytes) -> list[File]:
        while len(self._hashes) <= level:
            self._hashes.append([])
        hashes = self._hashes[level]
        hashes.append(hash)
        if len(hashes) < WIDTH:
            return []
        self._hashes[level] = []
        index = (self.size >> HEIGHT * (level + 1)) - 1  # the leaf that filled it is already counted
        return [File(tile_path(level, index), b"".join(hashes))]


def _perfect(hashes: list[bytes]) -> list[bytes]:
    """The roots of the largest perfect subtrees over a partial tile's hashes, left to right."""
    roots: list[bytes] = []
    start = 0
    for bit in reversed(range(len(hashes).bit_length())):
        count = 1 << bit
        if len(hashes) & count:
            roots.append(perfect_root(hashes[start : start + count]))
            start += count
    return roots

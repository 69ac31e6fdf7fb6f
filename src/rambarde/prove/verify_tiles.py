"""Verifying the published files beyond their entries: upper levels, and what earlier checkpoints left."""

from __future__ import annotations

from rambarde.prove.merkle import perfect_root
from rambarde.prove.report import Findings
from rambarde.prove.tiles import (
    WIDTH,
    MissingTile,
    TileError,
    TileFolder,
    bundle_path,
    levels_of,
    tile_path,
)


class TileCheck:
    """Reads tiles and bundles, and turns what is wrong with them into findings."""

    def __init__(self, folder: TileFolder, findings: Findings) -> None:
        self._folder = folder
        self._findings = findings
        self.roots: dict[int, bytes] = {}
        """The roots of full tiles of level 0 that were computed already."""

    def tile(self, level: int, index: int, width: int) -> list[bytes] | None:
        """A tile's hashes, or None and a finding."""
        try:
            return self._folder.tile(level, index, width)
        except MissingTile as error:
            self._findings.add("tile_missing", error.path, "The tile is missing.")
        except TileError as error:
            self._findings.add("tile_damaged", error.path, f"The tile {error.message}.")
        return None

    def bundle(self, index: int, width: int) -> list[bytes] | None:
        """A bundle's entries, or None and a finding."""
        try:
            return self._folder.bundle(index, width)
        except MissingTile as error:
            self._findings.add("entries_missing", error.path, "The entry bundle is missing.")
        except TileError as error:
            self._findings.add("entries_damaged", error.path, f"The bundle {error.message}.")
        return None

    def check_upper(self, size: int) -> None:
        """Every hash above level 0 is the root of the full tile below it."""
        for level, (full, width) in enumerate(levels_of(size)[1:], 1):
            for index in range(full + (1 if width else 0)):
                count = WIDTH if index < full else width
                for offset, hash in enumerate(self.tile(level, index, count) or []):
                    below = index * WIDTH + offset
                    if self._findings.about(tile_path(level - 1, below)):
                        continue  # then the one above it need not be
                    try:
                        root = self.roots.get(below) if level == 1 else None
                        same = (root or perfect_root(self._folder.tile(level - 1, below))) == hash
                    except TileError:
                        continue  # found when that level was read
                    if not same:
                        path = tile_path(level, index, count)
                        self._findings.add(
                            "tile_damaged",
                            path,
                            f"Hash {offset} is not that of {tile_path(level - 1, below)}.",
                        )

    def check_older(self, size: int) -> None:
        """Partial tiles of earlier checkpoints are still published: each is a beginning of the newest.

        One whose newest successor is damaged cannot be judged, and is not.
        """
        for level, (full, width) in enumerate(levels_of(size)):
            for older in range(1, width):
                if (self._folder.root / tile_path(level, full, older)).exists():
                    self._older_tile(level, full, older, width)
                if level == 0 and (self._folder.root / bundle_path(full, older)).exists():
                    self._older_bundle(full, older, width)

    def _older_tile(self, level: int, index: int, older: int, width: int) -> None:
        hashes = self.tile(level, index, older)
        newest = tile_path(level, index, width)
        if hashes is None or self._findings.about(newest):
            return
        if hashes != self._folder.tile(level, index, width)[:older]:
            path = tile_path(level, index, older)
            self._findings.add("tile_damaged", path, "This earlier partial tile differs from the newest.")

    def _older_bundle(self, index: int, older: int, width: int) -> None:
        entries = self.bundle(index, older)
        newest = bundle_path(index, width)
        if entries is None or self._findings.about(newest):
            return
        if entries != self._folder.bundle(index, width)[:older]:
            path = bundle_path(index, older)
            self._findings.add(
                "entries_damaged", path, "This earlier partial bundle differs from the newest."
            )

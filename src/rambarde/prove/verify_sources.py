"""The places that know a log's leaves, and what they say together."""

from __future__ import annotations

from dataclasses import dataclass, field

from rambarde.prove.merkle import Frontier
from rambarde.prove.tiles import HEIGHT


@dataclass(slots=True)
class Source:
    """One of the three places that know the leaves: tiles, bundles, database."""

    name: str
    frontier: Frontier | None = field(default_factory=Frontier)
    """None once something of it is missing."""
    roots: dict[int, bytes] = field(default_factory=dict)

    def feed(self, leaves: list[bytes] | None, heads: set[int]) -> None:
        if self.frontier is None:
            return
        if leaves is None:
            self.frontier = None
            return
        for leaf in leaves:
            self.frontier.append(leaf)
            if self.frontier.size in heads:
                self.roots[self.frontier.size] = self.frontier.root()

    def feed_bundle(self, root: bytes, heads: set[int]) -> None:
        """A whole bundle, by its root."""
        if self.frontier is None:
            return
        self.frontier.add(HEIGHT, root)
        if self.frontier.size in heads:
            self.roots[self.frontier.size] = self.frontier.root()


def majority(*leaves: bytes | None) -> bytes | None:
    """What two of three say; with no two alike, the tile's."""
    for leaf in leaves:
        if leaf is not None and leaves.count(leaf) > 1:
            return leaf
    return leaves[0]

"""The Merkle tree of RFC 6962, section 2.1: hashes, a tree that grows, and proofs."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Sequence

HASH_BYTES = 32
_sha256 = hashlib.sha256
EMPTY_ROOT = hashlib.sha256(b"").digest()
"""The root of a tree without leaves."""

Node = Callable[[int, int], bytes]
"""The hash of a perfect subtree, by height (0 is a leaf) and position among those of that height."""


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256 of 0x00 and the entry."""
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256 of 0x01 and the two children."""
    return hashlib.sha256(b"\1" + left + right).digest()


class Frontier:
    """A tree that grows to the right, kept as its perfect subtrees (a compact range): O(log n) memory.

    `append` costs two hashes on average.
    """

    __slots__ = ("_stack", "size")

    def __init__(self, size: int = 0, stack: Iterable[bytes] = ()) -> None:
        """`stack` are the roots of the perfect subtrees of a tree of `size`, the largest first.

        Raises `ValueError` if their number is not that of the ones in `size`'s binary form.
        """
        self.size = size
        self._stack = list(stack)
        if len(self._stack) != size.bit_count():
            raise ValueError(f"a tree of {size} leaves has {size.bit_count()} perfect subtrees")

    def copy(self) -> Frontier:
        return Frontier(self.size, self._stack)

    def append(self, leaf: bytes) -> list[tuple[int, bytes]]:
        """Add a leaf's hash; returns the perfect subtrees it completes, as height and root, leaf first."""
        done = [(0, leaf)]
        height, hash = 0, leaf
        while self.size >> height & 1:
            hash = node_hash(self._stack.pop(), hash)
            height += 1
            done.append((height, hash))
        self._stack.append(hash)
        self.size += 1
        return done

    def add(self, height: int, hash: bytes) -> None:
        """Add a perfect subtree of 2^`height` leaves. Raises `ValueError` where none of that height may stand."""
        if self.size & ((1 << height) - 1):
            raise ValueError(f"no subtree of height {height} begins at {self.size}")
        self.size += 1 << height
        while not self.size >> height & 1:
            hash = node_hash(self._stack.pop(), hash)
            height += 1
        self._stack.append(hash)

    def root(self) -> bytes:
        if not self._stack:
            return EMPTY_ROOT
        hash = self._stack[-1]
        for left in reversed(self._stack[:-1]):
            hash = node_hash(left, hash)
        return hash


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root over leaf hashes."""
    frontier = Frontier()
    for leaf in leaves:
        frontier.append(leaf)
    return frontier.root()


def perfect_root(hashes: Sequence[bytes]) -> bytes:
    """The root over the roots of equal perfect subtrees, whose number is a power of two."""
    level = list(hashes)
    while len(level) > 1:
        level = [node_hash(level[i], level[i + 1]) for i in range(0, len(level), 2)]
    return level[0]


def joined_root(hashes: bytes) -> bytes:
    """The same over joined hashes, level by level."""
    while len(hashes) > HASH_BYTES:
        pairs = range(0, len(hashes), 2 * HASH_BYTES)
        hashes = b"".join([_sha256(b"\1" + hashes[at : at + 2 * HASH_BYTES]).digest() for at in pairs])
    return hashes


def inclusion_proof(index: int, size: int, node: Node) -> list[bytes]:
    """PATH(index, D[size]) of RFC 6962, 2.1.1. Raises `ValueError` for an index outside the tree."""
    if not 0 <= index < size:
        raise ValueError(f"no entry {index} in a tree of {size}")
    proof: list[bytes] = []
    start, stop = 0, size
    while stop - start > 1:
        middle = start + _split(stop - start)
        if index < middle:
            proof.append(_range_root(middle, stop, node))
            stop = middle
        else:
            proof.append(_range_root(start, middle, node))
            start = middle
    proof.reverse()
    return proof


def consistency_proof(old: int, new: int, node: Node) -> list[bytes]:
    """PROOF(old, D[new]) of RFC 6962, 2.1.2. Raises `ValueError` unless 0 < old <= new."""
    if not 0 < old <= new:
        raise ValueError(f"no proof from a tree of {old} to one of {new}")
    proof: list[bytes] = []
    start, stop, known = 0, new, True  # `known`: the verifier has the root of the old part
    while old != stop:
        middle = start + _split(stop - start)
        if old <= middle:
            proof.append(_range_root(middle, stop, node))
            stop = middle
        else:
            proof.append(_range_root(start, middle, node))
            start, known = middle, False
    if not known:
        proof.append(_range_root(start, stop, node))
    proof.reverse()
    return proof


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Whether `leaf` (a leaf's hash) is at `index` of the tree of `size` with `root` (RFC 9162, 2.1.3.2)."""
    if not 0 <= index < size:
        return False
    position, last, hash = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            return False
        if position & 1 or position == last:
            hash = node_hash(sibling, hash)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            hash = node_hash(hash, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and hash == root


def verify_consistency(old: int, new: int, proof: Sequence[bytes], old_root: bytes, new_root: bytes) -> bool:
    """Whether the tree of `new` begins with the tree of `old` (RFC 9162, 2.1.4.2); false for old = 0."""
    if not 0 < old <= new:
        return False
    if old == new:
        return not proof and old_root == new_root
    path = list(proof)
    if old & (old - 1) == 0:
        path.insert(0, old_root)
    if not path:
        return False
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    old_hash = new_hash = path[0]
    for sibling in path[1:]:
        if last == 0:
            return False
        if position & 1 or position == last:
            old_hash, new_hash = node_hash(sibling, old_hash), node_hash(sibling, new_hash)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            new_hash = node_hash(new_hash, sibling)
        position, last = position >> 1, last >> 1
    return last == 0 and old_hash == old_root and new_hash == new_root


def _split(count: int) -> int:
    """The largest power of two below `count`."""
    return 1 << (count - 1).bit_length() - 1


def _range_root(start: int, stop: int, node: Node) -> bytes:
    """The root over leaves `start` to `stop`, a range that RFC 6962's recursion makes: `start` is aligned."""
    parts: list[bytes] = []
    while start < stop:
        height = (stop - start).bit_length() - 1
        parts.append(node(height, start >> height))
        start += 1 << height
    hash = parts.pop()
    while parts:
        hash = node_hash(parts.pop(), hash)
    return hash

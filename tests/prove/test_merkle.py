"""The tree against the oracle, against published vectors, and against forged proofs."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rambarde.prove.merkle import (
    EMPTY_ROOT,
    Frontier,
    Node,
    consistency_proof,
    inclusion_proof,
    leaf_hash,
    root_of,
    verify_consistency,
    verify_inclusion,
)
from tests.prove import oracle

# Input and roots of the test vectors that RFC 6962 implementations share.
LEAVES = [
    bytes.fromhex(text)
    for text in (
        "",
        "00",
        "10",
        "2021",
        "3031",
        "40414243",
        "5051525354555657",
        "606162636465666768696a6b6c6d6e6f",
    )
]
ROOTS = {
    0: "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    1: "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    2: "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    3: "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    8: "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
}

entries_lists = st.lists(st.binary(max_size=4), min_size=1, max_size=70)


def _node(entries: list[bytes]) -> Node:
    return lambda height, position: oracle.mth(entries[position << height : (position + 1) << height])


@pytest.mark.parametrize(("size", "root"), ROOTS.items())
def test_published_vectors(size: int, root: str) -> None:
    assert root_of(leaf_hash(leaf) for leaf in LEAVES[:size]).hex() == root
    assert oracle.mth(LEAVES[:size]).hex() == root


def test_the_empty_tree() -> None:
    assert Frontier().root() == EMPTY_ROOT == oracle.mth([])


@given(entries_lists)
def test_the_frontier_grows_like_the_oracle(entries: list[bytes]) -> None:
    frontier = Frontier()
    for size, entry in enumerate(entries, 1):
        for height, hash in frontier.append(leaf_hash(entry)):
            assert size % (1 << height) == 0
            assert hash == oracle.mth(entries[size - (1 << height) : size])
        assert frontier.root() == oracle.mth(entries[:size])
        assert frontier.copy().root() == frontier.root()


@settings(max_examples=60)
@given(entries_lists, st.data())
def test_inclusion(entries: list[bytes], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(entries) - 1))
    proof = inclusion_proof(index, len(entries), _node(entries))
    assert proof == oracle.path(index, entries)
    leaf, root = leaf_hash(entries[index]), oracle.mth(entries)
    assert verify_inclusion(leaf, index, len(entries), proof, root)
    assert not verify_inclusion(leaf_hash(b"other"), index, len(entries), proof, root)
    assert not verify_inclusion(leaf, index, len(entries), [*proof, root], root)
    assert not verify_inclusion(leaf, index, len(entries), proof, oracle.mth([*entries, b"more"]))
    if proof:
        assert not verify_inclusion(leaf, index, len(entries), proof[:-1], root)
        place = data.draw(st.integers(0, len(proof) - 1))
        forged = [*proof[:place], bytes(32), *proof[place + 1 :]]
        assert not verify_inclusion(leaf, index, len(entries), forged, root)
    for other in range(len(entries)):
        if other != index and entries[other] != entries[index]:
            assert not verify_inclusion(leaf, other, len(entries), proof, root)


@settings(max_examples=60)
@given(entries_lists, st.data())
def test_consistency(entries: list[bytes], data: st.DataObject) -> None:
    old = data.draw(st.integers(1, len(entries)))
    new = len(entries)
    proof = consistency_proof(old, new, _node(entries))
    assert proof == oracle.proof(old, entries)
    old_root, new_root = oracle.mth(entries[:old]), oracle.mth(entries)
    assert verify_consistency(old, new, proof, old_root, new_root)
    assert not verify_consistency(old, new, proof, bytes(32), new_root)
    assert not verify_consistency(old, new, proof, old_root, bytes(32))
    assert not verify_consistency(old, new, [*proof, bytes(32)], old_root, new_root)
    if proof:
        assert not verify_consistency(old, new, proof[:-1], old_root, new_root)
        place = data.draw(st.integers(0, len(proof) - 1))
        forged = [*proof[:place], bytes(32), *proof[place + 1 :]]
        assert not verify_consistency(old, new, forged, old_root, new_root)


@pytest.mark.parametrize(("index", "size"), [(-1, 3), (3, 3), (0, 0)])
def test_outside_the_tree(index: int, size: int) -> None:
    with pytest.raises(ValueError):
        inclusion_proof(index, size, lambda *_: b"")
    assert not verify_inclusion(b"", index, size, [], b"")


@pytest.mark.parametrize(("old", "new"), [(0, 3), (4, 3), (-1, 0)])
def test_no_consistency(old: int, new: int) -> None:
    with pytest.raises(ValueError):
        consistency_proof(old, new, lambda *_: b"")
    assert not verify_consistency(old, new, [], b"", b"")


def test_a_frontier_has_as_many_parts_as_its_size_says() -> None:
    with pytest.raises(ValueError):
        Frontier(3, [bytes(32)])

"""The index against an obvious linear scan."""

from __future__ import annotations

import time

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rambarde.guard.media.index import LARGEST_RADIUS, HashIndex


def scan(hashes: list[bytes], query: bytes, radius: int) -> list[tuple[int, int]]:
    """Slow and obvious."""
    wanted = int.from_bytes(query)
    found = [(n, (int.from_bytes(h) ^ wanted).bit_count()) for n, h in enumerate(hashes)]
    return sorted(((n, d) for n, d in found if d <= radius), key=lambda hit: (hit[1], hit[0]))


def flipped(hash_: bytes, bits: list[int]) -> bytes:
    value = int.from_bytes(hash_)
    for bit in bits:
        value ^= 1 << bit
    return value.to_bytes(32)


bits = st.lists(st.integers(0, 255), unique=True, max_size=40)


@settings(max_examples=200, deadline=None)
@given(
    base=st.binary(min_size=32, max_size=32),
    near=st.lists(bits, max_size=20),
    far=st.lists(st.binary(min_size=32, max_size=32), max_size=20),
    query=bits,
    radius=st.integers(0, LARGEST_RADIUS),
)
@pytest.mark.slow
def test_small_banks_agree_with_a_scan(
    base: bytes, near: list[list[int]], far: list[bytes], query: list[int], radius: int
) -> None:
    hashes = [*(flipped(base, flips) for flips in near), *far]
    wanted = flipped(base, query)
    assert HashIndex(hashes).within(wanted, radius) == scan(hashes, wanted, radius)


@pytest.fixture(scope="module")
def many() -> tuple[np.ndarray, HashIndex]:  # type: ignore[type-arg]
    rows = np.random.default_rng(3).integers(0, 256, (60_000, 32), dtype=np.uint8)
    return rows, HashIndex([row.tobytes() for row in rows])


@settings(max_examples=100, deadline=None)
@given(st.integers(0, 59_999), bits, st.integers(0, LARGEST_RADIUS))
@pytest.mark.slow
def test_a_large_bank_finds_all_that_is_near(
    many: tuple[np.ndarray, HashIndex],  # type: ignore[type-arg]
    number: int,
    flips: list[int],
    radius: int,
) -> None:
    rows, index = many
    wanted = flipped(rows[number].tobytes(), flips)
    differing = np.unpackbits(rows ^ np.frombuffer(wanted, np.uint8), axis=1).sum(axis=1, dtype=int)
    near = np.flatnonzero(differing <= radius)
    assert sorted(index.within(wanted, radius)) == [(int(n), int(differing[n])) for n in near]


def test_the_worst_spread_of_31_flips_is_found(many: tuple[np.ndarray, HashIndex]) -> None:  # type: ignore[type-arg]
    """Two flips in fifteen words and one in the last: only the last word gives it away."""
    rows, index = many
    for alone in range(16):
        flips = [16 * word + bit for word in range(16) for bit in ((3,) if word == alone else (3, 12))]
        assert (5, 31) in index.within(flipped(rows[5].tobytes(), flips))


def test_hashes_that_share_their_words_are_still_exact() -> None:
    """An adversarial bank: all in the same buckets."""
    hashes = [flipped(bytes(32), [n % 256, (7 * n) % 256]) for n in range(5000)]
    assert HashIndex(hashes).within(bytes(32), 2) == scan(hashes, bytes(32), 2)


@settings(max_examples=100, deadline=None)
@given(
    base=st.binary(min_size=32, max_size=32),
    near=st.lists(bits, max_size=12),
    queries=st.lists(bits, max_size=8),
    radius=st.integers(0, LARGEST_RADIUS),
)
def test_the_nearest_of_several_queries(
    base: bytes, near: list[list[int]], queries: list[list[int]], radius: int
) -> None:
    hashes = [flipped(base, flips) for flips in near]
    wanted = [flipped(base, flips) for flips in queries]
    every = [hit for query in wanted for hit in scan(hashes, query, radius)]
    expected = min(every, key=lambda hit: (hit[1], hit[0]), default=None)
    assert HashIndex(hashes).nearest(wanted, radius) == expected


def test_eight_orientations_of_a_large_bank(many: tuple[np.ndarray, HashIndex]) -> None:  # type: ignore[type-arg]
    rows, index = many
    queries = [flipped(rows[n].tobytes(), list(range(0, 256, 256 // (9 + n)))) for n in range(8)]
    every = [hit for query in queries for hit in index.within(query)]
    assert index.nearest(queries) == min(every, key=lambda hit: (hit[1], hit[0]))
    assert index.nearest([bytes(range(32))] * 8) is None


@pytest.mark.slow
@pytest.mark.parametrize("shared", [1, 2, 8, 31, 32])
def test_adversarial_banks_take_no_longer_than_scans(shared: int) -> None:
    """200,000 hashes that agree in their first bytes, so that the buckets of some words hold them all."""
    rows = np.random.default_rng(5).integers(0, 256, (200_000, 32), dtype=np.uint8)
    rows[:, :shared] = 7
    index = HashIndex(rows)
    queries = [flipped(rows[n].tobytes(), [n, 255 - n]) for n in range(8)]
    start = time.perf_counter()
    found = index.nearest(queries)
    took = time.perf_counter() - start
    distances = [np.unpackbits(rows ^ np.frombuffer(q, np.uint8), axis=1).sum(axis=1) for q in queries]
    least = min(int(d.min()) for d in distances)
    assert found == (min(int(np.argmin(d)) for d in distances if d.min() == least), least)
    assert took < 1.0, "8 scans of 200,000 take about 10 ms"


def test_opposite_hashes_are_256_bits_apart_and_not_0() -> None:
    rows = np.zeros((5000, 32), np.uint8)
    assert HashIndex(rows).within(b"\xff" * 32) == []
    assert len(HashIndex(rows).within(bytes(32))) == 5000


def test_arrays_are_as_good_as_bytes(many: tuple[np.ndarray, HashIndex]) -> None:  # type: ignore[type-arg]
    rows, index = many
    query = flipped(rows[11].tobytes(), [1, 2, 3])
    assert HashIndex(rows).within(query) == index.within(query) == [(11, 3)]
    for wrong in (rows[:, :31], rows[0], rows.astype(np.int16)):
        with pytest.raises(ValueError, match="32 bytes"):
            HashIndex(wrong)


def test_empty_and_wrong() -> None:
    empty = HashIndex(())
    assert len(empty) == 0 and empty.within(bytes(32)) == []
    assert empty.nearest([bytes(32)]) is None and empty.nearest([]) is None
    twice = HashIndex(iter([bytes(32), bytes(32)]))
    assert twice.within(bytes(32), 0) == [(0, 0), (1, 0)]
    for radius in (-1, 32):
        with pytest.raises(ValueError, match="radius"):
            twice.within(bytes(32), radius)
    for wrong in (b"", bytes(31), bytes(33)):
        with pytest.raises(ValueError, match="32 bytes"):
            twice.within(wrong)
        with pytest.raises(ValueError, match="32 bytes"):
            HashIndex([bytes(32), wrong])


def test_it_is_fast(many: tuple[np.ndarray, HashIndex]) -> None:  # type: ignore[type-arg]
    rows, index = many
    start = time.process_time()
    for row in rows[:50]:
        index.within(row.tobytes())
    assert (time.process_time() - start) / 50 < 0.02

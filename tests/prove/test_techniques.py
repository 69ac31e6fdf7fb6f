"""The contract of every technique, and each of them against an obvious scan."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
import pytest

from rambarde.nouns.fingerprint import Output, Points, Prints, Remembered, Sought
from rambarde.prove.points import ALIKE, WordIndex, agreement, probes, words
from rambarde.prove.techniques import (
    ISCC_RADIUS,
    MOST_HITS,
    PDQ_RADIUS,
    Claim,
    Hit,
    Manifest,
    PrintIndex,
    SamePoints,
    Technique,
    fingerprints,
)

AT = datetime(2026, 1, 1, tzinfo=UTC)
FRAME = (256.0, 256.0)
RNG = np.random.default_rng(5)


class Scan:
    """An index of hashes: slow and obvious."""

    def __init__(self, hashes: np.ndarray) -> None:  # type: ignore[type-arg]
        self.hashes = [int.from_bytes(row.tobytes()) for row in hashes]

    def within(self, query: bytes, radius: int = 31) -> list[tuple[int, int]]:
        found = [(n, (h ^ int.from_bytes(query)).bit_count()) for n, h in enumerate(self.hashes)]
        return [(n, d) for n, d in found if d <= radius]


class Kept:
    """The kept fingerprints, in a list."""

    def __init__(self) -> None:
        self.rows: list[Remembered] = []
        self.gone: set[int] = set()

    def add(self, prints: Prints, *, decision: str | None = None) -> str:
        number = len(self.rows) + 1
        output = Output(decision or f"dec_{number}", 0, "web", "x", AT)
        self.rows.append(Remembered(number, output, prints))
        return output.decision

    def _there(self) -> list[Remembered]:
        return [row for row in self.rows if row.number not in self.gone]

    def newer(self, number: int, limit: int) -> list[tuple[int, bytes | None, bytes | None, bytes]]:
        rows = [row for row in self._there() if row.number > number][:limit]
        return [(row.number, row.prints.pdq, row.prints.iscc, row.prints.points) for row in rows]

    def first(self) -> int | None:
        return min((row.number for row in self._there()), default=None)

    def get(self, numbers: Sequence[int]) -> list[Remembered]:
        return [row for row in self._there() if row.number in set(numbers)]

    def same_file(self, sha256: bytes, limit: int) -> list[Remembered]:
        return [row for row in self._there() if row.prints.sha256 == sha256][:limit]


def scattered(count: int = 40, seed: int = 0) -> Points:
    rng = np.random.default_rng(seed)
    return Points(
        rng.uniform(5, 250, (count, 2)).astype(np.float32),
        rng.uniform(2.5, 9, count).astype(np.float32),
        rng.integers(0, 2**63, count, dtype=np.uint64),
        np.tile(np.arange(8, dtype=np.uint8), (count, 1)),
        FRAME,
    )


def packed(points: Points) -> bytes:
    rows = np.zeros(len(points), [("x", "<u2"), ("y", "<u2"), ("size", "<u2"), ("n", "<u2"), ("bits", "<u8")])
    rows["x"], rows["y"] = np.rint(points.places.T * 16)
    rows["size"], rows["bits"] = np.rint(points.sizes * 16), points.bits
    return rows.tobytes()


def moved(points: Points, scale: float, shift: tuple[float, float], kept: slice = slice(None)) -> Points:
    places = (points.places * scale + np.array(shift, np.float32)).astype(np.float32)
    return Points(
        places[kept], points.sizes[kept] * np.float32(scale), points.bits[kept], points.weak[kept], FRAME
    )


def flipped(hash: bytes, count: int) -> bytes:
    return (int.from_bytes(hash) ^ ((1 << count) - 1)).to_bytes(32)


def sought(prints: Prints | None = None, points: Points | None = None, data: bytes = b"") -> Sought:
    nothing = scattered(0)
    others = (scattered(30, 91),) * 7
    return Sought(
        data,
        prints.sha256 if prints else bytes(32),
        (bytes(RNG.bytes(32)), prints.pdq) if prints and prints.pdq else (),
        (prints.iscc,) if prints and prints.iscc else (),
        (*others[:3], points if points is not None else nothing, *others[3:]),
    )


def made(seed: int) -> Prints:
    rng = np.random.default_rng((seed, 3))
    return Prints(rng.bytes(32), rng.bytes(32), rng.bytes(32), packed(scattered(seed=seed)))


@pytest.fixture
def kept() -> Kept:
    kept = Kept()
    for seed in range(200):
        kept.add(made(seed))
    kept.add(Prints(b"\7" * 32, None, None, b""))
    return kept


@pytest.fixture
def techniques(kept: Kept) -> tuple[Technique, ...]:
    manifest = Manifest(lambda data: Claim("dec_9", 0) if data == b"signed" else None)
    return (manifest, *fingerprints(PrintIndex(kept, Scan)))


NAMES = ("manifest", "file", "pdq", "iscc", "points")


@pytest.mark.parametrize("name", NAMES)
def test_the_contract(techniques: tuple[Technique, ...], name: str) -> None:
    """Each finds its output, says nothing of a stranger, can be asked side by side, and names itself."""
    (technique,) = [one for one in techniques if one.name == name]
    wanted = sought(made(8), scattered(seed=8), b"signed")
    hits = list(technique.find(wanted))
    assert hits and all(isinstance(hit, Hit) and hit.technique == name for hit in hits)
    assert (hits[0].decision, hits[0].index) == ("dec_9", 0)
    assert list(technique.find(sought(made(900), scattered(seed=900)))) == []
    assert list(technique.find(Sought(b"", bytes(32), (), (), ()))) == []
    answers: list[object] = []
    threads = [
        threading.Thread(target=lambda: answers.append(list(technique.find(wanted)))) for _ in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [hits] * 4


def test_names_are_different(techniques: tuple[Technique, ...]) -> None:
    assert tuple(one.name for one in techniques) == NAMES


@pytest.mark.parametrize(("name", "radius"), [("pdq", PDQ_RADIUS), ("iscc", ISCC_RADIUS)])
def test_hashes_are_near_up_to_the_radius(
    kept: Kept, techniques: tuple[Technique, ...], name: str, radius: int
) -> None:
    (technique,) = [one for one in techniques if one.name == name]
    one = made(3)
    assert one.pdq and one.iscc
    for bits, count in ((radius, 1), (radius + 1, 0)):
        near = Prints(bytes(32), flipped(one.pdq, bits), flipped(one.iscc, bits), b"")
        hits = technique.find(sought(near))
        assert [(hit.decision, hit.measure, hit.value) for hit in hits] == [("dec_4", "bits", bits)] * count


def test_what_is_added_is_found_and_what_is_erased_is_not(
    kept: Kept, techniques: tuple[Technique, ...]
) -> None:
    late = made(501)
    wanted = sought(late, scattered(seed=501))
    assert all(not technique.find(wanted) for technique in techniques)
    decision = kept.add(late)
    assert [[h.decision for h in t.find(wanted)] for t in techniques] == [[], *[[decision]] * 4]
    kept.gone = {len(kept.rows)}
    assert all(not technique.find(wanted) for technique in techniques)
    kept.gone = {row.number for row in kept.rows}
    assert all(not technique.find(sought(made(3), scattered(seed=3))) for technique in techniques)


def test_of_many_copies_ten_are_told(kept: Kept, techniques: tuple[Technique, ...]) -> None:
    for _ in range(30):
        kept.add(made(7))
    hits = [technique.find(sought(made(7), scattered(seed=7))) for technique in techniques[1:]]
    assert [len(one) for one in hits] == [MOST_HITS] * 4


@pytest.mark.parametrize(("scale", "shift"), [(1.0, (0.0, 0.0)), (1.11, (-20.0, -9.0)), (0.8, (25.0, 30.0))])
def test_points_agree_wherever_the_picture_was_cropped(scale: float, shift: tuple[float, float]) -> None:
    points = scattered(seed=4)
    found = agreement(packed(points), moved(points, scale, shift, slice(10, 40)))
    assert found.same and 28 <= found.count <= 30 and found.spread > 0.6
    other = agreement(packed(points), scattered(seed=5))
    assert not other.same and other.count <= 2


def test_points_that_lie_elsewhere_do_not_agree() -> None:
    """The same details in another order are another picture."""
    points = scattered(seed=4)
    shuffled = Points(np.roll(points.places, 7, axis=0), points.sizes, points.bits, points.weak, FRAME)
    assert agreement(packed(points), shuffled).count < 6
    unlike = Points(
        points.places, points.sizes, points.bits ^ np.uint64(2 ** (ALIKE + 1) - 1), points.weak, FRAME
    )
    assert agreement(packed(points), unlike).count == 0


def test_one_thing_that_two_pictures_share_does_not_make_them_one() -> None:
    """A third of the details alike, all in one corner; and all the details of a small part."""
    points = scattered(48, seed=4)
    corner = np.argsort(points.places.max(axis=1))
    shared = corner[:16]
    bits = scattered(48, seed=77).bits.copy()
    bits[shared] = points.bits[shared]
    found = agreement(packed(points), Points(points.places, points.sizes, bits, points.weak, FRAME))
    assert found.count >= 14 and found.share < 0.4 and not found.same


def test_many_details_at_one_place_are_one() -> None:
    points = scattered(seed=4)
    heap = Points(points.places * 0 + 50, points.sizes * 0 + 3, points.bits, points.weak, FRAME)
    assert agreement(packed(heap), heap).count <= 1
    assert agreement(b"", points).count == 0 and agreement(packed(points), scattered(0)).count == 0
    with pytest.raises(ValueError, match="no points"):
        agreement(b"x" * 17, points)


@pytest.mark.parametrize("count", [1, 300, pytest.param(9_000, marks=pytest.mark.slow)])
def test_votes_are_those_of_a_plain_count(count: int) -> None:
    rng = np.random.default_rng(count)
    rows = rng.integers(0, 3_000, (count, 48)).astype(np.uint32)
    rows[:, 40:] = 1 << 20
    index = WordIndex(rows)
    wanted, owners = rng.integers(0, 3_000, 300), rng.integers(0, 8, 300)
    order = np.unique(np.stack([owners, wanted], 1), axis=0)
    owners, wanted = order[:, 0], order[:, 1]
    votes = index.votes(wanted, owners)
    found = {
        (int(r), int(o)): int(c) for r, o, c in zip(votes.rows, votes.orientations, votes.counts, strict=True)
    }
    total = np.bincount(rows.ravel(), minlength=(1 << 20) + 1)
    usual = total <= max(32, count // 256)
    expected = {}
    for row in range(count):
        for orientation in range(8):
            asked = wanted[owners == orientation]
            hits = sum(
                int((rows[row] == word).sum()) for word in asked[np.isin(asked, rows[row])] if usual[word]
            )
            if hits >= 3:
                expected[row, orientation] = hits
    assert found == expected


def test_words_and_probes() -> None:
    points = scattered(10, 2)
    row = words(packed(points))
    assert (
        len(row) == 48
        and list(row[:10]) == [int(b) & 0xFFFFF for b in points.bits]
        and set(row[10:]) == {1 << 20}
    )
    wanted, owners = probes((points, scattered(0)))
    assert set(owners) == {0} and {int(b) & 0xFFFFF for b in points.bits} <= set(wanted.tolist())
    assert len(wanted) == 50 and probes(())[0].size == 0
    with pytest.raises(ValueError, match="at most 65,536"):
        WordIndex(np.zeros((65_537, 1), np.uint32))


def test_a_reader_that_fails_is_heard(kept: Kept) -> None:
    technique = SamePoints(PrintIndex(kept, Scan))

    def broken(*_: object) -> None:
        raise OSError("gone")

    kept.newer = broken  # type: ignore[method-assign,assignment]
    with pytest.raises(OSError, match="gone"):
        technique.find(sought(made(3), scattered(seed=3)))

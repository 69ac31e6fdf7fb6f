"""Points: the same places are found in changed copies, in every orientation."""

from __future__ import annotations

import numpy as np
import pytest
import skimage
from PIL import Image

from rambarde.guard.media.points import MOST_SOUGHT, _blur, _extreme, pack, points
from rambarde.nouns.fingerprint import MOST_POINTS, POINT_BYTES, Points

COFFEE = np.ascontiguousarray(skimage.data.coffee())


def orientation(number: int, pixels: np.ndarray) -> np.ndarray:  # type: ignore[type-arg]
    """In the order of `pdq.dihedral`: the transposed ones last."""
    turned = pixels.transpose(1, 0, 2) if number >= 4 else pixels
    turned = turned[::-1] if number & 2 else turned
    return np.ascontiguousarray(turned[:, ::-1] if number & 1 else turned)


def same(one: Points, other: Points, near: float = 1.0) -> tuple[float, float]:
    """The share of points that have one of the other's within a pixel, and in how many bits those differ."""
    far = np.abs(one.places[:, None] - other.places[None]).max(2)
    there, nearest = far.min(1) < near, far.argmin(1)
    bits = np.bitwise_count(one.bits[there] ^ other.bits[nearest[there]])
    return float(there.mean()), float(bits.mean())


@pytest.mark.parametrize("number", range(8))
def test_each_orientation_is_what_the_turned_picture_would_have(number: int) -> None:
    there, bits = same(points(COFFEE)[number], points(orientation(number, COFFEE))[0])
    assert there > 0.9 and bits < 1


def test_a_smaller_copy_has_the_same_points_and_another_picture_has_not() -> None:
    small = np.asarray(Image.fromarray(COFFEE).resize((150, 100)))
    there, bits = same(points(COFFEE)[0], points(small)[0], 2.0)
    assert there > 0.7 and bits < 8
    other = points(np.ascontiguousarray(skimage.data.chelsea()))[0]
    assert same(other, points(COFFEE)[0], 8.0)[1] > 20, "unrelated bits differ in half of 64"


def test_what_is_kept() -> None:
    found = points(COFFEE)[0]
    assert len(found) == MOST_SOUGHT and pack(found) == pack(points(COFFEE)[0])
    kept = pack(found)
    assert len(kept) == MOST_POINTS * POINT_BYTES
    assert int.from_bytes(kept[8:16], "little") == int(found.bits[0])


@pytest.mark.parametrize("shape", [(1, 1), (3, 20_000), (20_000, 3), (300, 20), (64, 64)])
def test_flat_and_thin_pictures_have_none(shape: tuple[int, int]) -> None:
    found = points(np.full((*shape, 3), 90, np.uint8))
    assert len(found) == 8 and all(len(one) == 0 for one in found) and pack(found[0]) == b""


@pytest.mark.parametrize(
    "bad", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3)), np.zeros((0, 4, 3), np.uint8)]
)
def test_what_is_no_picture(bad: np.ndarray) -> None:  # type: ignore[type-arg]
    with pytest.raises(ValueError, match="pixels must be"):
        points(bad)


def test_extremes_against_a_plain_loop() -> None:
    values = np.random.default_rng(1).normal(size=(5, 9, 8)).astype(np.float32)
    for pick, plain in ((np.maximum, np.max), (np.minimum, np.min)):
        expected = [
            [
                [plain(values[l - 1 : l + 2, y - 1 : y + 2, x - 1 : x + 2]) for x in range(1, 7)]
                for y in range(1, 8)
            ]
            for l in range(1, 4)  # noqa: E741
        ]
        assert np.array_equal(_extreme(values, pick), np.array(expected))


def test_a_blur_keeps_what_is_even_and_is_the_same_from_both_ends() -> None:
    matrix = _blur(40, 3.2)
    assert np.allclose(matrix.sum(1), 1) and np.allclose(matrix, matrix[::-1, ::-1], atol=1e-6)

"""Borders: cut off where somebody added one, and nothing of a picture without."""

from __future__ import annotations

import io

import numpy as np
import pytest
import skimage
from PIL import Image

from rambarde.guard.media.border import trimmed

CAT = np.ascontiguousarray(skimage.data.chelsea())


def framed(
    pixels: np.ndarray, top: int, bottom: int, left: int, right: int, colour: tuple[int, ...]
) -> np.ndarray:  # type: ignore[type-arg]
    height, width = pixels.shape[:2]
    whole = np.full((height + top + bottom, width + left + right, 3), colour, np.uint8)
    whole[top : top + height, left : left + width] = pixels
    return whole


@pytest.mark.parametrize("sides", [(20, 30, 10, 40), (0, 50, 0, 0), (25, 25, 0, 0)])
def test_a_frame_is_cut_off(sides: tuple[int, int, int, int]) -> None:
    (found,) = trimmed(framed(CAT, *sides, (200, 10, 60)))
    assert np.array_equal(found, CAT)


def test_a_frame_of_a_large_jpeg_too_within_some_pixels() -> None:
    large = np.asarray(Image.fromarray(CAT).resize((1804, 1200)))
    out = io.BytesIO()
    Image.fromarray(framed(large, 100, 90, 80, 70, (255, 255, 255))).save(out, "JPEG", quality=40)
    (found,) = trimmed(np.asarray(Image.open(out)))
    assert all(0 <= large.shape[axis] - found.shape[axis] <= 24 for axis in (0, 1))


def test_without_a_frame_nothing_is_cut() -> None:
    assert trimmed(CAT) == ()
    assert trimmed(np.full((40, 50, 3), 9, np.uint8)) == ()
    assert trimmed(framed(CAT, 1, 1, 1, 1, (0, 0, 0))) == (), "a hair's breadth does not matter"
    assert trimmed(framed(CAT, 900, 900, 900, 900, (0, 0, 0))) == (), "a thing on a plain ground"
    assert trimmed(np.zeros((1, 1, 3), np.uint8)) == () and trimmed(np.zeros((3, 20_000, 3), np.uint8)) == ()

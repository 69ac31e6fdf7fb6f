"""Sheets: the same picture on the other side, which nobody can change, and no descriptor left behind."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.guard.workers.sheet import Drawn, Sheet, draw, drawn, keep
from rambarde.nouns.request import Picture

linux = pytest.mark.skipif(sys.platform != "linux", reason="sealed memory is Linux's")


def made(width: int, height: int, alpha: bool, data: bytes = b"file") -> Picture:
    random = np.random.default_rng(width * 1000 + height)
    rgb = random.integers(0, 256, (height, width, 3), np.uint8)
    rgb.setflags(write=False)
    return Picture(data, "image/png", "ab" * 32, rgb, rgb[..., 0].copy() if alpha else None)


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def there(at: Drawn) -> Drawn:
    """As another process receives it."""
    sheet = Sheet.received(os.dup(at.sheet.fd), at.sheet.size)
    return Drawn(sheet, at.key, at.media_type, at.sha256, at.width, at.height, at.has_alpha)


@given(st.integers(1, 40), st.integers(1, 40), st.booleans(), st.binary(max_size=50))
def test_what_is_drawn_is_what_is_seen(width: int, height: int, alpha: bool, data: bytes) -> None:
    picture = made(width, height, alpha, data)
    seen = there(draw(picture)).picture()
    assert (seen.rgb == picture.rgb).all() and seen.rgb.shape == picture.rgb.shape
    assert (seen.alpha is None) == (picture.alpha is None)
    assert seen.alpha is None or (seen.alpha == picture.alpha).all()
    assert (seen.data, seen.media_type, seen.sha256) == (data, "image/png", "ab" * 32)
    assert not seen.rgb.flags.writeable


def test_a_picture_has_one_sheet_as_long_as_it_lives_and_another_file_another_one() -> None:
    picture = made(9, 7, False)
    first = drawn(picture)
    assert drawn(picture) is first
    assert drawn(Picture(b"", "image/png", "cd" * 32, picture.rgb)) is not first
    seen = first.picture()
    keep(seen, first)
    assert drawn(seen) is first


@linux
def test_descriptors_are_closed_with_their_last_holder() -> None:
    gc.collect()
    before = open_descriptors()
    pictures = [made(30, 30, True) for _ in range(20)]
    seen = [there(drawn(picture)).picture() for picture in pictures]
    assert open_descriptors() > before
    assert all((a.rgb == b.rgb).all() for a, b in zip(pictures, seen, strict=True))
    del pictures, seen
    gc.collect()
    assert open_descriptors() == before


@linux
def test_nobody_can_change_a_sheet() -> None:
    at = draw(made(9, 7, False))
    with pytest.raises(OSError):
        os.pwrite(at.sheet.fd, b"x", 0)
    for size in (0, 10_000):
        with pytest.raises(OSError):
            os.ftruncate(at.sheet.fd, size)


@linux
@pytest.mark.parametrize("size", [0, 100])
def test_what_could_change_under_the_reader_is_refused(size: int) -> None:
    fd = os.memfd_create("other")
    os.ftruncate(fd, size)
    with pytest.raises(ValueError, match="may change"):
        Sheet.received(fd, 100)
    with pytest.raises(OSError):
        os.fstat(fd)  # it is closed, too


@pytest.mark.parametrize(
    ("width", "height", "alpha"), [(0, 4, False), (4, 4, True), (100, 100, False), (-4, -4, False)]
)
def test_a_picture_that_is_not_on_its_sheet_is_refused(width: int, height: int, alpha: bool) -> None:
    sheet = Sheet.of(bytes(4 * 4 * 3))
    with pytest.raises(ValueError, match="without its picture"):
        Drawn(sheet, "k", "image/png", "", width, height, alpha).picture()

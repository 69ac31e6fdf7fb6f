"""PDQ against the reference implementation, and under what copies go through."""

from __future__ import annotations

import functools
import io

import numpy as np
import pdqhash
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from bad_pictures import scene
from rambarde.guard.media.decode import decode
from rambarde.guard.media.pdq import GOOD_QUALITY, Pdq, dihedral, pdq

pytestmark = pytest.mark.slow

Pixels = NDArray[np.uint8]
TOLERANCE = 10
"""Bits the published description allows between implementations."""
NAMES = ("astronaut", "coffee", "chelsea", "rocket", "camera", "moon", "page", "grass", "brick", "gravel")
SIZES = [
    None,
    (256, 256),
    (512, 512),
    (640, 480),
    (1024, 1024),
    (1023, 777),
    (383, 511),
    (1536, 1024),
    (90, 120),
]


@functools.cache
def photo(name: str, size: tuple[int, int] | None = None) -> Pixels:
    image = Image.fromarray(getattr(data, name)()).convert("RGB")
    if size is not None:
        image = image.resize(size, Image.Resampling.BICUBIC)
    return np.array(image)


def oracle(rgb: Pixels) -> tuple[Pdq, float]:
    bits, quality = pdqhash.compute(np.ascontiguousarray(rgb))
    return Pdq(np.packbits(bits).tobytes(), quality / 100), quality / 100


def some(name: str, size: tuple[int, int] | None) -> object:
    """All sizes of three pictures and two sizes of all are enough every time; the other pairs are for long runs."""
    often = name in NAMES[:3] or size in (None, (640, 480))
    return pytest.param(name, size, id=f"{name}-{size}", marks=() if often else pytest.mark.soak)


@pytest.mark.parametrize(("name", "size"), [some(name, size) for name in NAMES for size in SIZES])
def test_agrees_with_the_reference(name: str, size: tuple[int, int] | None) -> None:
    rgb = photo(name, size)
    want, quality = oracle(rgb)
    got = pdq(rgb)
    assert got.distance(want) <= TOLERANCE
    assert abs(got.quality - quality) <= 0.03


@pytest.mark.parametrize("name", NAMES)
def test_orientations_are_those_of_turned_pictures(name: str) -> None:
    rgb = photo(name)
    turned = [rgb, rgb[:, ::-1], rgb[::-1], rgb[::-1, ::-1]]
    turned += [view.transpose(1, 0, 2) for view in turned]
    for got, view in zip(dihedral(rgb), turned, strict=True):
        assert got.distance(oracle(view)[0]) <= TOLERANCE
        assert got.distance(pdq(view)) <= TOLERANCE


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea", "rocket"])
def test_copies_stay_near(name: str) -> None:
    rgb = photo(name)
    original = pdq(rgb)
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "JPEG", quality=60)
    copies = [
        np.array(Image.open(out)),
        photo(name, (rgb.shape[1] * 3 // 4, rgb.shape[0] * 3 // 4)),
        photo(name, (1024, 1024)),
        (rgb * 0.7).astype(np.uint8),
        np.repeat(rgb.mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8),
    ]
    for copy in copies:
        assert original.distance(pdq(copy)) <= 20
    for turned in (rgb[:, ::-1], np.rot90(rgb), np.rot90(rgb, 3), rgb[::-1]):
        assert original.distance(pdq(turned)) > 31
        assert min(original.distance(one) for one in dihedral(turned)) <= TOLERANCE


def _saved(image: Image.Image, format: str, **more: object) -> bytes:
    out = io.BytesIO()
    image.save(out, format, **more)
    return out.getvalue()


def _modes(rgb: Pixels) -> dict[str, bytes]:
    """A photograph in every mode in which a file may come."""
    image = Image.fromarray(rgb)
    opaque = Image.new("L", image.size, 255)
    grey = image.convert("L")
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    palette = image.convert("P", palette=Image.Palette.ADAPTIVE)
    rgba = image.convert("RGBA")
    rgba.putalpha(opaque)
    return {
        "1.png": _saved(image.convert("1"), "PNG"),
        "L.png": _saved(grey, "PNG"),
        "LA.png": _saved(Image.merge("LA", (grey, opaque)), "PNG"),
        "P.png": _saved(palette, "PNG"),
        "16 bits.png": _saved(deep, "PNG"),
        "RGBA.png": _saved(rgba, "PNG"),
        "RGB.jpg": _saved(image, "JPEG", quality=90),
        "L.jpg": _saved(grey, "JPEG", quality=90),
        "CMYK.jpg": _saved(image.convert("CMYK"), "JPEG", quality=90),
        "HSV.webp": _saved(image.convert("HSV").convert("RGB"), "WEBP", quality=90),
        "YCbCr.webp": _saved(image.convert("YCbCr").convert("RGB"), "WEBP", quality=90),
        "RGBA.webp": _saved(rgba, "WEBP", quality=90),
    }


@pytest.mark.parametrize("name", ["astronaut", "coffee", "chelsea"])
def test_a_picture_is_itself_in_every_mode(name: str) -> None:
    """Held against the reference on what Pillow reads from the same file, and near the picture as it was."""
    original = pdq(photo(name))
    for kind, saved in _modes(photo(name)).items():
        got = pdq(decode(saved))
        file = Image.open(io.BytesIO(saved))
        read = (
            Image.fromarray((np.asarray(file) // 257).astype(np.uint8)) if file.mode.startswith("I") else file
        )
        assert got.distance(oracle(np.asarray(read.convert("RGB")))[0]) <= TOLERANCE, kind
        assert got.distance(original) <= TOLERANCE, kind


def test_different_pictures_are_far() -> None:
    hashes = [pdq(photo(name)) for name in NAMES]
    assert min(a.distance(b) for i, a in enumerate(hashes) for b in hashes[:i]) > 60


def test_form() -> None:
    one = pdq(np.array(scene()))
    assert len(one.bits) == 32 and len(one.hex) == 64
    assert int.from_bytes(one.bits).bit_count() == 128
    assert one.distance(one) == 0
    assert one == pdq(np.array(scene()))


def test_flat_pictures_have_no_quality() -> None:
    for shade in (0, 77, 255):
        flat = pdq(np.full((64, 64, 3), shade, np.uint8))
        assert flat.quality == 0 and flat.range < 1
    gradient = np.repeat(np.linspace(0, 255, 300).astype(np.uint8)[None, :, None], 200, axis=0).repeat(
        3, axis=2
    )
    assert pdq(gradient).quality < GOOD_QUALITY
    assert pdq(photo("coffee")).quality == 1


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 5000), (5000, 1), (3, 20_000), (65_535, 2), (63, 65), (129, 127)]
)
def test_any_shape(shape: tuple[int, int]) -> None:
    rgb = np.random.default_rng(1).integers(0, 256, (*shape, 3), dtype=np.uint8)
    got = dihedral(rgb)
    assert len(got) == 8 and all(len(one.bits) == 32 and 0 <= one.quality <= 1 for one in got)


@settings(max_examples=60, deadline=None)
@given(st.integers(64, 400), st.integers(64, 400), st.integers(0, 2**32 - 1))
@pytest.mark.slow
def test_noise_agrees_with_the_reference(height: int, width: int, seed: int) -> None:
    """Smoothed noise of any size: no reduction, so nearly the same bits."""
    noise = np.random.default_rng(seed).integers(0, 256, (9, 11, 3), dtype=np.uint8)
    rgb = np.array(Image.fromarray(noise).resize((width, height), Image.Resampling.BICUBIC))
    assert pdq(rgb).distance(oracle(rgb)[0]) <= TOLERANCE


@pytest.mark.parametrize("wrong", [(4, 4), (4, 4, 4), (0, 4, 3)])
def test_refuses_other_arrays(wrong: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="height, width, 3"):
        pdq(np.zeros(wrong, np.uint8))
    with pytest.raises(ValueError, match="uint8"):
        pdq(np.zeros((4, 4, 3), np.float32))  # type: ignore[arg-type]

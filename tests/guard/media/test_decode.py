"""Decoding: the table of bad pictures, what pixels mean, and hostile bytes without end."""

from __future__ import annotations

import io
import struct
import warnings
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms, ImageOps

from bad_pictures import (
    BadPicture,
    bad_pictures,
    exif_orientation,
    insert_before_idat,
    png,
    png_chunk,
    save,
    scene,
    swapped_profile,
)
from rambarde.guard.media.decode import decode
from rambarde.guard.media.limits import Limits
from rambarde.nouns.fault import Fault, Kind


@pytest.mark.parametrize("bad", bad_pictures(), ids=lambda b: b.name)
def test_table(bad: BadPicture) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        if bad.code is None:
            picture = decode(bad.data, declared=bad.declared, filename=bad.filename)
            assert picture.rgb.dtype == np.uint8
            assert picture.rgb.shape == (picture.height, picture.width, 3)
            assert not picture.rgb.flags.writeable
            assert picture.data == bad.data
            assert np.array_equal(picture.rgb, decode(bad.data).rgb)
            return
        with pytest.raises(Fault) as caught:
            decode(bad.data, declared=bad.declared, filename=bad.filename, field="mask")
    fault = caught.value
    assert fault.code == bad.code
    assert fault.field == "mask"
    assert fault.kind in (Kind.INVALID, Kind.UNSUPPORTED, Kind.TOO_LARGE)
    assert fault.message and fault.remedy


def test_names_are_unique() -> None:
    names = [bad.name for bad in bad_pictures()]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA"])
def test_png_modes_mean_what_pillow_shows(mode: str) -> None:
    image = scene().convert(mode)
    got = decode(save(image, "PNG"))
    flat = Image.new("RGBA", image.size, "white")
    flat.alpha_composite(image.convert("RGBA"))
    want = np.asarray(flat.convert("RGB")).astype(int)
    assert np.abs(got.rgb.astype(int) - want).max() <= 1
    assert (got.alpha is not None) == (mode in ("LA", "RGBA"))


def test_cmyk_keeps_its_colours() -> None:
    got = decode(save(scene().convert("CMYK"), "JPEG", quality=95))
    assert np.abs(got.rgb.astype(int) - np.asarray(scene()).astype(int)).mean() < 4


def test_sixteen_bits_keep_the_high_byte() -> None:
    deep = np.linspace(0, 65_535, 64 * 64).reshape(64, 64).astype(np.uint16)
    got = decode(save(Image.fromarray(deep), "PNG"))
    assert np.array_equal(got.rgb[:, :, 1], (deep >> 8).astype(np.uint8))


@pytest.mark.parametrize("depth", [1, 2, 4, 8, 16])
def test_a_transparent_grey_is_found_at_every_depth(depth: int) -> None:
    """Two pixels: the transparent sample 1, and 0. Composited, the first is white."""
    row = {1: b"\x40", 2: b"\x10", 4: b"\x01", 8: b"\x00\x01", 16: b"\0\0\1\0"}[depth]
    key = png_chunk(b"tRNS", struct.pack(">H", 256 if depth == 16 else 1))
    got = decode(png(2, 1, depth, 0, b"\0" + row, before=key))
    assert got.alpha is not None
    assert got.alpha.tolist() == [[255, 0]]
    assert got.rgb[0].tolist() == [[0, 0, 0], [255, 255, 255]]


def test_a_transparent_colour_and_palette_entry() -> None:
    key = png_chunk(b"tRNS", struct.pack(">HHH", 1, 2, 3))
    got = decode(png(2, 1, 8, 2, bytes([0, 1, 2, 3, 9, 9, 9]), before=key))
    assert got.alpha is not None and got.alpha.tolist() == [[0, 255]]
    chunks = png_chunk(b"PLTE", bytes([10, 20, 30, 200, 0, 0])) + png_chunk(b"tRNS", b"\x80")
    got = decode(png(3, 1, 8, 3, bytes([0, 0, 1, 77]), before=chunks))
    assert got.alpha is not None and got.alpha.tolist() == [[128, 255, 255]]
    assert got.rgb[0, 1:].tolist() == [[200, 0, 0], [0, 0, 0]]


def test_alpha_is_composited_over_white_and_kept() -> None:
    image = Image.new("RGBA", (2, 1), (10, 20, 30, 0))
    image.putpixel((1, 0), (100, 100, 100, 128))
    for format, options in (("PNG", {}), ("WEBP", {"lossless": True, "exact": True})):
        got = decode(save(image, format, **options))
        assert got.alpha is not None
        assert got.alpha.tolist() == [[0, 128]]
        assert got.rgb[0, 0].tolist() == [255, 255, 255]
        assert got.rgb[0, 1].tolist() == [177, 177, 177]


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("value", range(1, 9))
def test_exif_orientation_is_applied(format: str, value: int) -> None:
    options = {"lossless": True} if format == "WEBP" else {}
    data = save(scene(), format, exif=exif_orientation(value), **options)
    with Image.open(io.BytesIO(data)) as stored:
        want = np.asarray(ImageOps.exif_transpose(stored).convert("RGB"))
    assert np.array_equal(decode(data).rgb, want)


@pytest.mark.parametrize(
    "block", [b"", b"II*\0", b"MM\0*\0\0\0\x08\xff\xff", b"Exif\0\0MM\0*\xff\xff\xff\xff"]
)
def test_damaged_exif_reads_upright(block: bytes) -> None:
    data = insert_before_idat(save(scene(), "PNG"), png_chunk(b"eXIf", block))
    assert np.array_equal(decode(data).rgb, np.asarray(scene()))


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_the_colour_profile_counts(format: str) -> None:
    """Under a profile with rotated primaries, stored red is shown as another colour."""
    red = Image.new("RGB", (16, 16), (250, 5, 5))
    options = {"lossless": True} if format == "WEBP" else {}
    plain = decode(save(red, format, **options)).rgb[8, 8].astype(int)
    rotated = decode(save(red, format, icc_profile=swapped_profile(), **options)).rgb[8, 8].astype(int)
    assert plain.argmax() == 0
    assert rotated.argmax() != 0
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    same = decode(save(red, format, icc_profile=srgb, **options)).rgb[8, 8].astype(int)
    assert np.abs(same - plain).max() <= 1


def test_a_profile_for_another_kind_of_pixels_is_ignored() -> None:
    srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    grey = scene().convert("L")
    assert np.array_equal(decode(save(grey, "PNG", icc_profile=srgb)).rgb[:, :, 0], np.asarray(grey))


def test_gamma_shows_what_a_viewer_that_honours_it_shows() -> None:
    """The double-picture trick: with a gamma of 0.02, all but the brightest pixels are black."""
    grey = Image.fromarray(np.array([[0, 200, 250, 255]], np.uint8))
    dark = insert_before_idat(save(grey, "PNG"), png_chunk(b"gAMA", struct.pack(">I", 2_000)))
    assert decode(dark).rgb[0, :, 0].tolist() == pytest.approx([0, 0, 164, 255], abs=1)
    usual = insert_before_idat(save(grey, "PNG"), png_chunk(b"gAMA", struct.pack(">I", 45_455)))
    assert decode(usual).rgb[0, :, 0].tolist() == [0, 200, 250, 255]
    tagged = insert_before_idat(dark, png_chunk(b"sRGB", b"\0"))
    assert decode(tagged).rgb[0, :, 0].tolist() == [0, 200, 250, 255]


def test_limits_are_inclusive() -> None:
    data = save(scene(50, 40), "PNG")
    assert decode(data, limits=Limits(pixels=2000, side=50, bytes=len(data))).width == 50
    for limits, code in (
        (Limits(pixels=1999), "too_many_pixels"),
        (Limits(side=49), "too_many_pixels"),
        (Limits(bytes=len(data) - 1), "image_too_large"),
        (Limits(parts=2), "image_too_complex"),
    ):
        with pytest.raises(Fault) as caught:
            decode(data, limits=limits)
        assert caught.value.code == code


def test_a_bomb_of_pixels_is_refused_before_its_pixels() -> None:
    """The pixel data is not even there: the header is enough."""
    with pytest.raises(Fault) as caught:
        decode(png(40_000, 40_000, 8, 6, b"", packed=True))
    assert caught.value.code == "too_many_pixels"


_SEEDS = [
    save(scene(), "PNG"),
    save(scene().convert("P"), "PNG", transparency=2),
    save(scene().convert("RGBA"), "PNG", icc_profile=swapped_profile()),
    save(Image.fromarray(np.arange(4096, dtype=np.uint16).reshape(64, 64)), "PNG"),
    save(scene(), "JPEG", exif=exif_orientation(5), icc_profile=swapped_profile()),
    save(scene().convert("CMYK"), "JPEG", progressive=True),
    save(scene(), "WEBP", exif=exif_orientation(8), icc_profile=swapped_profile()),
    save(scene().convert("RGBA"), "WEBP", lossless=True),
    save(Image.merge("RGBA", (*scene().split(), scene().convert("L"))), "WEBP"),
]
_SMALL = Limits(bytes=1_000_000, pixels=2_000_000, metadata=100_000, scans=24)


def _decodes_or_faults(data: bytes) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        try:
            picture = decode(data, limits=_SMALL)
        except Fault as fault:
            assert fault.field == "image"
        else:
            assert picture.width * picture.height <= _SMALL.pixels


def _mend(data: bytes) -> bytes:
    """Correct checksums, so that damage to a PNG gets past them and into the codec."""
    out, position = bytearray(data), 8
    while position + 12 <= len(out):
        (length,) = struct.unpack_from(">I", out, position)
        end = position + 12 + length
        if end > len(out):
            break
        struct.pack_into(">I", out, end - 4, zlib.crc32(bytes(out[position + 4 : end - 4])))
        position = end
    return bytes(out)


@settings(max_examples=1000, deadline=None)
@given(
    seed=st.sampled_from(_SEEDS),
    edits=st.lists(st.tuples(st.floats(0, 0.999), st.binary(min_size=1, max_size=4)), max_size=6),
    cut=st.floats(0, 1),
    mend=st.booleans(),
)
@pytest.mark.slow
def test_mutated_bytes_decode_or_fault(
    seed: bytes, edits: list[tuple[float, bytes]], cut: float, mend: bool
) -> None:
    data = bytearray(seed)
    for place, new in edits:
        # Squared: headers are small and near the beginning, and they are where the trouble is.
        at = int(place**2 * len(data))
        data[at : at + len(new)] = new
    whole = bytes(data) if cut > 0.3 else bytes(data[: int(cut / 0.3 * len(data))])
    _decodes_or_faults(_mend(whole) if mend and whole.startswith(b"\x89PNG") else whole)


@settings(max_examples=500, deadline=None)
@given(
    start=st.sampled_from([b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"RIFF\xff\0\0\0WEBPVP8X", b"RIFF"]),
    rest=st.binary(max_size=300),
)
def test_any_bytes_decode_or_fault(start: bytes, rest: bytes) -> None:
    _decodes_or_faults(start + rest)


@settings(max_examples=150, deadline=None)
@given(profile=st.binary(max_size=200), space=st.sampled_from([b"RGB ", b"GRAY", b"CMYK", b"Lab "]))
def test_any_profile_decodes(profile: bytes, space: bytes) -> None:
    """A hostile profile is applied or ignored, never fatal."""
    body = bytearray(swapped_profile())
    body[16:20] = space
    body[128 : 128 + len(profile)] = profile
    _decodes_or_faults(save(scene(24, 16), "PNG", icc_profile=bytes(body)))

"""Stripping: what was not looked at does not leave."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from bad_pictures import BadPicture, bad_pictures, insert_before_idat, png_chunk, save, scene
from rambarde.guard.media.decode import decode
from rambarde.guard.media.limits import Limits
from rambarde.guard.media.strip import strip
from rambarde.nouns.fault import Fault

GOOD = [bad for bad in bad_pictures() if bad.code is None]


@pytest.mark.parametrize("odd", GOOD, ids=lambda b: b.name)
def test_it_shows_the_same(odd: BadPicture) -> None:
    picture = decode(odd.data)
    again = decode(strip(picture))
    assert again.media_type == picture.media_type
    assert again.rgb.shape == picture.rgb.shape
    if picture.alpha is None:
        lossless = picture.media_type == "image/png"
        difference = np.abs(again.rgb.astype(int) - picture.rgb.astype(int))
        assert difference.max() == 0 if lossless else difference.mean() < 4
    else:
        opaque, clear = picture.alpha == 255, picture.alpha == 0
        lossy = 0 if picture.media_type == "image/png" else 30
        assert np.abs(again.rgb[opaque].astype(int) - picture.rgb[opaque].astype(int)).max(initial=0) <= lossy
        assert (again.rgb[clear] == 255).all()


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
def test_an_ordinary_picture_keeps_its_pixel_data(format: str) -> None:
    data = save(scene(), format)
    tail = b"" if format == "WEBP" else b"hidden tail"
    assert strip(decode(data + tail)) == data


def test_secrets_are_gone() -> None:
    text = PngImagePlugin.PngInfo()
    text.add_text("Author", "SECRET")
    exif = Image.Exif()
    exif[0x010E] = "SECRET"
    for format, options in (
        ("PNG", {"pnginfo": text, "exif": exif}),
        ("JPEG", {"comment": b"SECRET", "exif": exif, "xmp": b"SECRET"}),
        ("WEBP", {"exif": exif, "xmp": b"SECRET"}),
    ):
        data = save(scene(), format, **options) + b"SECRET"
        assert b"SECRET" in data
        assert b"SECRET" not in strip(decode(data))


def test_colours_under_transparency_are_gone() -> None:
    hidden = scene()
    hidden.putalpha(Image.new("L", hidden.size, 0))
    bare = strip(decode(save(hidden, "PNG")))
    with Image.open(io.BytesIO(bare)) as image:
        assert np.asarray(image)[:, :, :3].min() == 255


def test_a_gamma_trick_is_made_plain() -> None:
    dark = insert_before_idat(save(scene(), "PNG"), png_chunk(b"gAMA", (2_000).to_bytes(4)))
    picture = decode(dark)
    bare = strip(picture)
    assert b"gAMA" not in bare
    assert np.array_equal(decode(bare).rgb, picture.rgb)


def test_narrower_limits() -> None:
    with pytest.raises(Fault):
        strip(decode(save(scene(), "PNG")), limits=Limits(pixels=10))

"""Encoding: the pixels, and nothing but the pixels."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from bad_pictures import exif_orientation, save, scene
from rambarde.guard.media.decode import decode
from rambarde.guard.media.encode import encode
from rambarde.nouns.fault import Fault


@pytest.mark.parametrize("format", ["png", "jpeg", "webp"])
def test_round_trip_without_metadata(format: str) -> None:
    source = decode(save(scene(), "JPEG", exif=exif_orientation(3), comment=b"home address"))
    data = encode(source.rgb, format)
    again = decode(data, declared=f"image/{format}")
    assert np.abs(again.rgb.astype(int) - source.rgb.astype(int)).mean() < (0.01 if format == "png" else 4)
    with Image.open(io.BytesIO(data)) as image:
        assert not {"exif", "icc_profile", "xmp", "comment"} & set(image.info)
    assert data == encode(source.rgb, format)


def test_a_pillow_image_leaves_its_metadata_behind() -> None:
    with Image.open(io.BytesIO(save(scene(), "PNG", exif=exif_orientation(3)))) as image:
        image.info["comment"] = "secret"
        assert encode(image, "png") == encode(np.asarray(scene()), "png")


@pytest.mark.parametrize("format", ["png", "webp"])
def test_nothing_hides_under_transparency(format: str) -> None:
    image = scene()
    image.putalpha(Image.new("L", image.size, 0))
    hidden = decode(save(image, "PNG"))
    again = decode(encode(hidden.rgb, format, alpha=hidden.alpha))
    assert again.alpha is not None and not again.alpha.any()
    with Image.open(io.BytesIO(encode(hidden.rgb, "png", alpha=hidden.alpha))) as raw:
        assert np.asarray(raw)[:, :, :3].min() == 255


def test_refusals() -> None:
    rgb = np.zeros((4, 4, 3), np.uint8)
    with pytest.raises(Fault, match="png, jpeg or webp"):
        encode(rgb, "gif")  # type: ignore[arg-type]
    with pytest.raises(Fault, match="no transparency"):
        encode(rgb, "jpeg", alpha=np.zeros((4, 4), np.uint8))
    with pytest.raises(Fault, match="at most"):
        encode(np.zeros((1, 16_384, 3), np.uint8), "webp")
    for wrong in (np.zeros((4, 4), np.uint8), np.zeros((4, 4, 4), np.uint8), rgb.astype(float), rgb[:0]):
        with pytest.raises(ValueError, match="height, width, 3"):
            encode(wrong, "png")
    with pytest.raises(ValueError, match="alpha"):
        encode(rgb, "png", alpha=np.zeros((4, 5), np.uint8))

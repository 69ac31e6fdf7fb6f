"""ISCC: bit for bit as the standard's own library, and the same for a picture in another size."""

from __future__ import annotations

import numpy as np
import pytest
import skimage
from PIL import Image

from rambarde.guard.media.iscc import dihedral_codes, image_code, soft_hash, written

iscc = pytest.importorskip("iscc_lib", reason="iscc-lib is the reference")


@pytest.mark.parametrize("seed", range(25))
def test_codes_are_those_of_the_reference(seed: int) -> None:
    rng = np.random.default_rng(seed)
    rough = rng.integers(0, 256, (32, 32), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(rough[:5, :5]).resize((32, 32), Image.Resampling.BICUBIC))
    for grey in (rough, smooth):
        code = soft_hash(grey)
        assert written(code) == iscc.gen_image_code_v0(grey.tobytes(), 256)["iscc"]
        assert iscc.gen_image_code_v0(grey.tobytes(), 64)["iscc"][8:].startswith(written(code)[8:12])


def test_a_picture_is_normalised_as_the_standard_says() -> None:
    rgb = np.ascontiguousarray(skimage.data.chelsea())
    grey = np.asarray(Image.fromarray(rgb).convert("L").resize((32, 32), Image.Resampling.BICUBIC))
    code = image_code(rgb)
    assert code is not None and written(code) == iscc.gen_image_code_v0(grey.tobytes(), 256)["iscc"]


def test_an_even_border_does_not_count() -> None:
    rgb = np.ascontiguousarray(skimage.data.chelsea())
    framed = np.full((rgb.shape[0] + 50, rgb.shape[1] + 30, 3), (12, 200, 7), np.uint8)
    framed[20:-30, 10:-20] = rgb
    assert image_code(framed) == image_code(rgb)


def test_eight_orientations() -> None:
    rgb = np.ascontiguousarray(skimage.data.coffee())
    codes = dihedral_codes(rgb)
    assert len(codes) == 8 and codes[0] == image_code(rgb)
    for number, code in enumerate(codes):
        turned = rgb.transpose(1, 0, 2) if number >= 4 else rgb
        turned = turned[::-1] if number & 2 else turned
        turned = turned[:, ::-1] if number & 1 else turned
        own = image_code(np.ascontiguousarray(turned))
        assert own is not None and (int.from_bytes(own) ^ int.from_bytes(code)).bit_count() <= 12


def test_nothing_to_be_seen_has_no_code() -> None:
    assert image_code(np.full((40, 30, 3), 7, np.uint8)) is None
    assert dihedral_codes(np.full((1, 1, 3), 255, np.uint8)) == ()
    with pytest.raises(ValueError, match="32 bytes"):
        written(bytes(8))
    with pytest.raises(ValueError, match="pixels must be"):
        image_code(np.zeros((4, 4), np.uint8))

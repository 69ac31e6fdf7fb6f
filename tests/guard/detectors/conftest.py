"""Ordinary pictures that scikit-image ships, as `Picture`s."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from rambarde.nouns.request import Picture

Pixels = NDArray[np.uint8]
MakePicture = Callable[[Pixels], Picture]


def picture_of(pixels: Pixels) -> Picture:
    """A picture of these pixels: (height, width) grey or (height, width, 3)."""
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    rgb = np.ascontiguousarray(pixels[:, :, :3], dtype=np.uint8).copy()
    rgb.setflags(write=False)
    return Picture(data=b"", media_type="image/png", sha256="", rgb=rgb)


@pytest.fixture(scope="session")
def make_picture() -> MakePicture:
    return picture_of


@pytest.fixture(scope="session")
def astronaut() -> Pixels:
    """One adult, face and upper body, 512×512."""
    return data.astronaut()


@pytest.fixture(scope="session")
def cameraman() -> Pixels:
    """One adult in a field, from the side, grey, 512×512."""
    return data.camera()


@pytest.fixture(scope="session")
def nobody() -> dict[str, Pixels]:
    """Pictures without a person: a cat, a meal, a launch, stars, printed pages, textures."""
    return {
        "cat": data.chelsea(),
        "coffee": data.coffee(),
        "rocket": data.rocket(),
        "stars": data.hubble_deep_field(),
        "page": data.page(),
        "text": data.text(),
        "brick": data.brick(),
        "grass": data.grass(),
        "coins": data.coins(),
        "moon": data.moon(),
        "logo": data.logo(),
    }

"""Photographs of adults that scikit-image ships, and flat patches on them.

Nothing here looks undressed: a patch is one flat rectangle in the colour of a cheek, kept in memory, scored
and dropped.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from rambarde.nouns.request import Picture

Pixels = NDArray[np.uint8]
SUIT = (slice(250, 500), slice(70, 330))
"""Where the astronaut's suit is, below the neck."""


def picture_of(pixels: Pixels) -> Picture:
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[:, :, None], 3, axis=2)
    rgb = np.ascontiguousarray(pixels, dtype=np.uint8).copy()
    rgb.setflags(write=False)
    return Picture(data=b"", media_type="image/png", sha256="", rgb=rgb)


@pytest.fixture(scope="session")
def make_picture() -> Callable[[Pixels], Picture]:
    return picture_of


@pytest.fixture(scope="session")
def astronaut() -> Pixels:
    return data.astronaut()


@pytest.fixture(scope="session")
def cameraman() -> Pixels:
    return np.repeat(data.camera()[:, :, None], 3, axis=2)


@pytest.fixture(scope="session")
def patched(astronaut: Pixels) -> Pixels:
    """About half of the visible suit is one flat rectangle in the colour of the cheek."""
    out = astronaut.copy()
    out[290:490, 120:280] = cheek(astronaut)
    return out


def cheek(astronaut: Pixels) -> NDArray[np.float64]:
    return np.median(astronaut[128:142, 194:208].reshape(-1, 3), axis=0)

"""Shared by the interface tests: one gateway serves what needs no own."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
import skimage
from PIL import Image

from rambarde.guard.inspect import Inspector
from tests.interfaces.serving import Served, serving


@pytest.fixture(scope="session")
def served(inspector: Inspector, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """One gateway with the sketch generator, for tests that leave nothing behind that others see."""
    with serving(tmp_path_factory.mktemp("gateway"), inspector=inspector) as running:
        yield running


def png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=1)
    return out.getvalue()


@pytest.fixture(scope="session")
def portrait() -> bytes:
    """An ordinary photograph of an adult."""
    return png(skimage.data.astronaut())


@pytest.fixture(scope="session")
def still_life() -> bytes:
    """A cup of coffee: nobody is in it."""
    return png(skimage.data.coffee())

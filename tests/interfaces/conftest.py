"""Shared by the interface tests: the models are loaded once, one gateway serves what needs no own."""

from __future__ import annotations

import io
from collections.abc import Iterator

import numpy as np
import pytest
import skimage
from PIL import Image

from rambarde.guard.inspect import Inspector
from rambarde.interfaces import parts
from rambarde.interfaces.settings import Settings
from tests.interfaces.serving import Served, serving


@pytest.fixture(scope="session")
def inspector() -> Iterator[Inspector]:
    """The shipped detectors, loaded. Gateways of single tests borrow it and must not close it."""
    _, made, _ = parts.judging(Settings())
    made.load()
    assert not made.unfit, made.unfit
    close = made.close
    made.close = lambda: None  # type: ignore[method-assign]
    made.load = lambda: None  # type: ignore[method-assign]
    yield made
    close()


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

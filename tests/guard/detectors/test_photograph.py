from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageDraw

from rambarde.guard.detectors.photograph import PhotographDetector, graphic
from rambarde.nouns.signal import State


@pytest.fixture(scope="module")
def detector():
    detector = PhotographDetector()
    detector.load()
    return detector


def value(detector, make_picture, pixels):
    (signal,) = detector.inspect(make_picture(pixels)).signals
    assert signal.value is not None
    return signal.value


def cartoon(seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (512, 512), tuple(rng.integers(100, 255, 3).tolist()))
    draw = ImageDraw.Draw(image)
    draw.ellipse((150, 100, 360, 380), fill=(240, 200, 170), outline=(20, 20, 20), width=4)
    for x in (205, 280):
        draw.ellipse((x, 190, x + 35, 230), fill="white", outline="black", width=3)
    draw.arc((210, 280, 305, 340), 10, 170, fill=(180, 40, 40), width=5)
    draw.rectangle((165, 380, 350, 512), fill=tuple(rng.integers(0, 255, 3).tolist()))
    return np.asarray(image)


def test_photographs_of_people_are_high(detector, astronaut, cameraman, make_picture):
    assert value(detector, make_picture, astronaut) > 0.9
    assert value(detector, make_picture, cameraman) > 0.9
    cut_out = astronaut.copy()
    cut_out[:, 340:] = 255
    assert value(detector, make_picture, cut_out) > 0.9, "a plain background makes no graphic"


def test_flat_graphics_are_low(detector, make_picture):
    for seed in range(3):
        assert value(detector, make_picture, cartoon(seed)) < 0.2


def test_posterised_photograph_is_a_graphic_and_the_original_is_not(astronaut):
    assert graphic(astronaut) == 0
    assert graphic(np.repeat(np.repeat((astronaut[::8, ::8] // 64) * 64, 8, 0), 8, 1)) == 1


def test_extremes(detector, make_picture):
    for shape in [(1, 1), (3, 20_000), (31, 400)]:
        (signal,) = detector.inspect(make_picture(np.zeros(shape, np.uint8))).signals
        assert (signal.state, signal.reason) == (State.NO_ANSWER, "too small")
    (signal,) = detector.inspect(make_picture(np.zeros((32, 5_000), np.uint8))).signals
    assert (signal.state, signal.reason) == (State.NO_ANSWER, "too narrow")
    assert 0 <= value(detector, make_picture, np.zeros((32, 380), np.uint8)) <= 1


@pytest.mark.parametrize("across", [True, False])
def test_a_photograph_on_a_long_canvas_is_one_still(detector, astronaut, make_picture, across):
    canvas = np.full((256, 8 * 256, 3), 128, np.uint8)
    canvas[:, 900:1156] = astronaut[::2, ::2]
    assert value(detector, make_picture, canvas if across else canvas.transpose(1, 0, 2)) > 0.8


def test_digest_needs_loading(detector):
    assert detector.digest.startswith("sha256:")
    with pytest.raises(RuntimeError, match="load"):
        _ = PhotographDetector().digest


def obvious(rgb: np.ndarray) -> float:
    """`graphic`, in numbers that cannot overflow and step by step."""
    top, left = (max(0, (n - 1024) // 2) for n in rgb.shape[:2])
    window = rgb[top : top + 1024 : 4, left : left + 1024].astype(int)
    steps = np.abs(np.diff(window, axis=1)).max(axis=2)
    flat = float((steps == 0).mean())
    soft = ((steps > 0) & (steps < 6)).sum() / max(1, (steps > 0).sum())
    return float(np.clip((flat - 0.6) / 0.2, 0, 1) * (1 - np.clip((soft - 0.15) / 0.2, 0, 1)))


def test_the_fast_measure_of_flatness_is_the_obvious_one() -> None:
    random = np.random.default_rng(5)
    for number in range(40):
        height, width = random.integers(32, 1300, 2)
        levels = random.integers(0, 256, (height, width, 3)) // random.choice([1, 8, 64]) * 8 % 256
        kept = random.random((height, width, 1)) < random.random() * 0.3
        rgb = (levels * kept).astype(np.uint8)
        assert graphic(rgb) == pytest.approx(obvious(rgb), abs=1e-9), number

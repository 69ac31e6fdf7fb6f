"""The hue of a skin: the same in light and shade, of no cloth."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage.color import lab2rgb

from rambarde.guard.compare.colour import LINEAR, lab, light
from rambarde.guard.compare.hue import Hue, hue, ratios
from rambarde.guard.compare.tone import discs
from rambarde.guard.media import faces

from .test_measure import face_at

TONES = {"light": (75, 12, 18), "middle": (55, 16, 20), "dark": (32, 11, 13)}


def pixels(colour, count=64):
    rgb = np.clip(lab2rgb(np.array(colour, float)[None, None])[0, 0] * 255, 0, 255).round().astype(np.uint8)
    return np.repeat(rgb[None], count, axis=0)


def of(colour) -> Hue:
    found = hue(Image.new("RGB", (200, 200)), face_at(-500, -500, 20), [pixels(colour)])
    assert found is not None
    return found


def likeness(found: Hue, rgb) -> float:
    return float(found.skin(rgb, light(rgb)).mean())


@pytest.mark.parametrize("tone", TONES)
@pytest.mark.parametrize("dimmed", [1.0, 0.6, 0.35])
def test_light_that_falls_off_leaves_the_hue(tone, dimmed):
    skin = pixels(TONES[tone])
    levels = np.interp(LINEAR[skin] * dimmed, LINEAR, np.arange(256)).round().astype(np.uint8)
    assert lab(levels)[0, 0] >= 9  # below, colour is noise
    assert likeness(of(TONES[tone]), levels) > 0.7


@pytest.mark.parametrize("tone", TONES)
@pytest.mark.parametrize("shift", [(-10, 4, -1), (8, -1, 6), (-6, 2, 3)])
def test_a_body_may_be_darker_redder_or_yellower_than_its_face(tone, shift):
    assert likeness(of(TONES[tone]), pixels(np.add(TONES[tone], shift))) > 0.5


@pytest.mark.parametrize("tone", TONES)
@pytest.mark.parametrize(
    "cloth", [(228, 228, 228), (128, 128, 130), (40, 60, 150), (40, 120, 60), (170, 30, 40), (225, 190, 40)]
)
def test_ordinary_cloth_is_none(tone, cloth):
    assert likeness(of(TONES[tone]), np.full((8, 3), cloth, np.uint8)) < 0.05


def test_what_covers_the_face_is_not_its_hue():
    skin, glasses, beard = pixels(TONES["middle"], 60), np.full((50, 3), 12, np.uint8), pixels((15, 2, 3), 40)
    mixed = hue(Image.new("RGB", (9, 9)), face_at(-500, -500, 20), [skin, glasses, beard])
    assert mixed is not None
    assert mixed.angle == pytest.approx(of(TONES["middle"]).angle, abs=0.05)


@pytest.mark.parametrize("colour", [(128, 128, 128), (40, 60, 200), (20, 200, 60)])
def test_a_face_in_grey_or_coloured_light_has_none(colour):
    assert (
        hue(Image.new("RGB", (9, 9)), face_at(-500, -500, 20), [np.full((64, 3), colour, np.uint8)]) is None
    )


def test_ratios_are_logarithms_of_light():
    u, v = ratios(np.array([[200, 150, 100]], np.uint8))
    red, green, blue = (float(LINEAR[level]) + 0.004 for level in (200, 150, 100))
    assert (float(u[0]), float(v[0])) == pytest.approx((np.log(red / green), np.log(green / blue)), abs=1e-5)


def test_light_is_what_stays_of_a_picture_made_grey():
    rgb = np.random.default_rng(1).integers(0, 256, (40, 40, 3), dtype=np.uint8)
    grey = np.asarray(Image.fromarray(rgb).convert("L").convert("RGB"))
    assert np.abs(light(grey) - light(rgb)).max() < 0.4
    assert np.abs(light(grey) - lab(grey)[..., 0]).max() < 4


def test_a_face_knows_its_own_cheek(astronaut):
    image, face = Image.fromarray(astronaut), faces.shared().find(astronaut)[0]
    found = hue(image, face, discs(image, face))
    assert found is not None
    assert likeness(found, astronaut[128:142, 194:208]) > 0.6

"""The parts of the measure: colour, grid, tone, age."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage.color import rgb2lab

from rambarde.guard.compare import age, grid
from rambarde.guard.compare.colour import lab, luminance
from rambarde.guard.compare.tone import LIGHT, discs, tones
from rambarde.guard.media import faces
from rambarde.guard.media.faces import Face


def test_lab_agrees_with_a_reference():
    rgb = np.random.default_rng(0).integers(0, 256, (500, 3), dtype=np.uint8)
    assert np.abs(lab(rgb) - rgb2lab(rgb[None] / 255)[0]).max() < 0.1


def test_gain_is_more_light():
    rgb = np.full((1, 3), 100, np.uint8)
    before = float(lab(rgb)[0, 0])
    gain = luminance(LIGHT) / luminance(before)
    assert lab(rgb, gain)[0, 0] == pytest.approx(LIGHT, abs=0.1)


def face_at(x: float, y: float, unit: float) -> Face:
    eyes = [[x - unit / 2, y], [x + unit / 2, y]]
    mouth = [[x - unit / 3, y + unit], [x + unit / 3, y + unit]]
    points = np.array([*eyes, [x, y + unit / 2], *mouth], np.float32)
    return Face((x - unit, y - unit, 2 * unit, 3 * unit), points, 0.9)


def test_grid_is_the_same_after_zoom_and_crop():
    """A mark two units below and one beside the eyes lands on the same cell."""
    for unit, x, y in ((20.0, 200.0, 100.0), (40.0, 150.0, 90.0)):
        rgb = np.zeros((500, 400, 3), np.uint8)
        mark_y, mark_x = int(y + 2 * unit), int(x + unit)
        half = int(unit / 4)
        rgb[mark_y - half : mark_y + half, mark_x - half : mark_x + half] = 255
        at = grid.frame(face_at(x, y, unit), 400, 500)
        cells = grid.resample(Image.fromarray(rgb), at)[:, :, 0]
        where = np.argwhere(cells > 127)
        assert np.abs(grid.Y[tuple(where.T)].mean() - 2) < 0.07
        assert np.abs(grid.X[tuple(where.T)].mean() - 1) < 0.07


def test_cells_beyond_the_picture_are_not_inside():
    at = grid.frame(face_at(50, 50, 20), 100, 100)
    inside = grid.inside(at)
    # 2.5 units to each side and below, 2.5 above.
    assert np.abs(grid.X[inside]).max() < 2.5
    assert grid.Y[inside].max() < 2.5 and grid.Y[inside].min() > -2.5
    nowhere = grid.frame(face_at(5_000, 5_000, 20), 100, 100)
    assert not grid.inside(nowhere).any()
    assert grid.resample(Image.new("RGB", (100, 100), "white"), nowhere).max() == 0


def test_tone_is_of_the_face_and_knows_itself(astronaut):
    face = faces.shared().find(astronaut)[0]
    found = tones(discs(Image.fromarray(astronaut), face))
    assert found is not None
    raw, normal = found
    x, y = face.points.mean(axis=0).astype(int)
    cheek = astronaut[128:142, 194:208]
    assert normal.lightness == pytest.approx(LIGHT, abs=4)
    for tone in found:
        assert tone.skin(cheek).mean() > 0.6
        assert tone.skin(np.full((4, 4, 3), (30, 60, 160), np.uint8)).max() < 0.01
    assert 0 < raw.chroma < 60 and astronaut[y, x].any()


def test_tone_of_a_face_cut_off_is_none(astronaut):
    face = faces.shared().find(astronaut)[0]
    x = int(face.points[:2, 0].mean())
    cut = Image.fromarray(np.ascontiguousarray(astronaut[:100, x : x + 20]))
    assert tones(discs(cut, face)) is None


def test_apparent_age_is_a_distribution(astronaut):
    look = age.shared().look(astronaut, faces.shared().find(astronaut)[0])
    assert look is not None
    assert len(look.probabilities) == 81
    assert sum(look.probabilities) == pytest.approx(1, abs=1e-3)
    assert 20 < look.mean < 50
    assert 0 <= look.under(18) <= look.under(25) <= look.under(81) <= 1
    assert look.under(18) < 0.2


def test_apparent_age_of_a_tiny_face_is_none(astronaut):
    assert age.shared().look(astronaut, face_at(100, 100, 5)) is None

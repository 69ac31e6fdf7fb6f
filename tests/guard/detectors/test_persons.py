from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from rambarde.guard.detectors.persons import PersonsDetector
from rambarde.guard.media.persons import Persons
from rambarde.nouns.signal import State


@pytest.fixture(scope="module")
def detector():
    detector = PersonsDetector()
    detector.load()
    return detector


@pytest.fixture(scope="module")
def finder():
    return Persons()


def read(detector, make_picture, pixels):
    (signal,) = detector.inspect(make_picture(pixels)).signals
    assert signal.name == "person"
    return signal


def test_nobody_reads_absent_and_not_unknown(detector, nobody, make_picture):
    states = {name: read(detector, make_picture, p).state for name, p in nobody.items()}
    assert set(states.values()) == {State.ABSENT}, states


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_astronaut_is_a_person_in_every_orientation(detector, astronaut, make_picture, turns):
    assert read(detector, make_picture, np.rot90(astronaut, turns)).state is State.VALUE


def test_person_in_grey_dark_and_small(detector, astronaut, make_picture):
    grey = astronaut.mean(axis=2).astype(np.uint8)
    dark = (astronaut * 0.3).astype(np.uint8)
    tiny = np.asarray(Image.fromarray(astronaut).resize((64, 64)))
    for pixels in (grey, dark, tiny):
        signal = read(detector, make_picture, pixels)
        assert signal.value is not None and signal.value > 0.5


def test_body_without_a_face_is_a_person(detector, astronaut, cameraman, make_picture):
    masked = astronaut.copy()
    masked[30:190, 160:290] = 128
    headless = astronaut[190:]
    from_the_side = cameraman.copy()
    from_the_side[95:215, 180:275] = 128
    for pixels in (masked, headless, from_the_side):
        signal = read(detector, make_picture, pixels)
        assert signal.state is State.VALUE and signal.value is not None and signal.value >= 0.35


def test_small_person_in_a_scene(detector, nobody, cameraman, make_picture):
    scene = np.asarray(Image.fromarray(nobody["rocket"]).resize((1280, 854))).copy()
    figure = np.repeat(cameraman[..., None], 3, axis=2)
    scene[-300:, 300:600] = np.asarray(Image.fromarray(figure).resize((300, 300)))
    assert read(detector, make_picture, scene).state is State.VALUE


def test_boxes_are_in_pixels_of_the_picture(finder, astronaut):
    wide = np.full((512, 1024, 3), 255, np.uint8)
    wide[:, 512:] = astronaut
    best = finder.find(wide)[0]
    x, y, w, h = best.box
    assert 480 < x < 620 and y < 60 and 300 < w < 560 and 420 < h < 560


def test_two_people_two_boxes(finder, astronaut):
    pair = np.concatenate([astronaut, astronaut[:, ::-1]], axis=1)
    found = [p for p in finder.find(pair) if p.score > 0.5]
    middles = sorted(p.box[0] + p.box[2] / 2 for p in found)
    assert len(found) == 2 and middles[0] < 512 < middles[1]


def test_extremes(detector, make_picture):
    for shape in [(1, 1), (3, 20_000), (20_000, 3)]:
        signal = read(detector, make_picture, np.zeros(shape, np.uint8))
        assert (signal.state, signal.reason) == (State.NO_ANSWER, "too small")
    for pixels in (np.zeros((20, 4_000), np.uint8), np.full((4_000, 20), 255, np.uint8)):
        assert read(detector, make_picture, pixels).state is State.ABSENT


def test_digest_covers_both_networks(detector):
    from rambarde.guard.detectors.faces import FacesDetector

    faces = FacesDetector()
    faces.load()
    assert detector.digest.startswith("sha256:") and detector.digest != faces.digest
    assert len(detector.digest) == 71


def test_a_glance_sees_whom_a_certain_picture_shows(finder, astronaut, nobody):
    """One look and several agree on a picture that is certain, and on one of nobody."""
    assert finder.glance(astronaut) == finder.find(astronaut) != ()
    assert all(body.score < 0.6 for body in finder.glance(nobody["coffee"]))

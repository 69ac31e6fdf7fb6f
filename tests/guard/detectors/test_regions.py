"""Only ordinary pictures: the high end of these signals is exercised by a network that is made up."""

from __future__ import annotations

import hashlib
from importlib.resources import files

import numpy as np
import pytest
from nudenet import NudeDetector

from rambarde.guard.detectors import regions
from rambarde.guard.detectors.contract import MissingExtra
from rambarde.guard.detectors.regions import BARE, CLASSES, EXPOSED, FLOOR, RegionsDetector
from rambarde.nouns.signal import State


class MadeUp:
    """A network that answers two cells: class scores as given, and nothing."""

    first_input = "images"

    def __init__(self, scores: dict[str, float]) -> None:
        self.raw = np.zeros((1, 4 + len(CLASSES), 2), np.float32)
        for name, score in scores.items():
            self.raw[0, 4 + CLASSES.index(name), 0] = score

    def run(self, inputs):
        assert inputs["images"].shape == (1, 3, 320, 320) and inputs["images"].max() <= 1
        return {"output0": self.raw}


@pytest.fixture(scope="module")
def detector():
    detector = RegionsDetector()
    detector.load()
    return detector


def made_up(scores, make_picture):
    detector = RegionsDetector()
    detector._network = MadeUp(scores)
    exposed, bare = detector.inspect(make_picture(np.zeros((64, 64), np.uint8))).signals
    return exposed, bare


def test_ordinary_pictures_have_none_or_little(detector, nobody, astronaut, cameraman, make_picture):
    """A cup of coffee reads as 0.33: rules ask for 0.5, and never for this alone."""
    read = {
        name: detector.inspect(make_picture(pixels)).signals[0]
        for name, pixels in {**nobody, "astronaut": astronaut, "cameraman": cameraman}.items()
    }
    assert all((signal.value or 0) < 0.4 for signal in read.values()), read
    assert sum(signal.state is State.ABSENT for signal in read.values()) >= len(read) - 1, read


@pytest.mark.parametrize("name", CLASSES)
def test_each_class_counts_for_what_it_is(name, make_picture):
    exposed, bare = made_up({name: 0.75}, make_picture)
    assert exposed.value == (0.75 if name in EXPOSED else None)
    assert bare.value == (0.75 if name in BARE else None)
    assert {exposed.state, bare.state} <= {State.VALUE, State.ABSENT}


def test_a_cell_counts_for_its_likeliest_class_only(make_picture):
    exposed, _ = made_up({"BUTTOCKS_EXPOSED": 0.5, "BUTTOCKS_COVERED": 0.6}, make_picture)
    assert exposed.state is State.ABSENT


def test_below_the_floor_there_is_none(make_picture):
    assert made_up({"BUTTOCKS_EXPOSED": FLOOR - 0.01}, make_picture)[0].state is State.ABSENT
    assert made_up({"BUTTOCKS_EXPOSED": FLOOR}, make_picture)[0].value == FLOOR


def test_a_network_that_answers_no_numbers_is_an_error(make_picture):
    with pytest.raises(ValueError, match="no numbers"):
        made_up({"BUTTOCKS_EXPOSED": float("nan")}, make_picture)


@pytest.mark.parametrize("part", [np.s_[:320, :320], np.s_[:240, 100:420], np.s_[:320, 100:340]])
def test_agrees_with_the_package_it_takes_the_weights_from(detector, astronaut, part):
    """Face and all, at the network's own size, where nothing is scaled.

    The package swaps red and blue twice, so that its network sees the order it is given; ours is red first,
    in which it finds the faces of photographs more surely.
    """
    pixels = np.ascontiguousarray(astronaut[part])
    found = regions._confidences(detector._network, pixels)
    assert found.max() > FLOOR
    theirs = np.zeros(len(CLASSES))
    for one in NudeDetector().detect(pixels):
        theirs[CLASSES.index(one["class"])] = max(theirs[CLASSES.index(one["class"])], one["score"])
    assert np.where(found >= FLOOR, found, 0) == pytest.approx(theirs, abs=1e-4)


def test_digest_is_of_the_file_that_is_loaded(detector):
    data = (files("nudenet") / "320n.onnx").read_bytes()
    assert detector.digest == "sha256:" + hashlib.sha256(data).hexdigest()


def test_without_its_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(regions, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'rambarde\[nudenet\]'"):
        RegionsDetector().load()


def test_extremes(detector, make_picture):
    for shape, reason in [((1, 1), "too small"), ((3, 20_000), "too small"), ((20, 20_000), "too narrow")]:
        for signal in detector.inspect(make_picture(np.zeros(shape, np.uint8))).signals:
            assert (signal.state, signal.reason) == (State.NO_ANSWER, reason)

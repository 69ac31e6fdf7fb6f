from __future__ import annotations

import gc
import hashlib
from concurrent.futures import ThreadPoolExecutor
from importlib.resources import files

import numpy as np
import pytest
from PIL import Image

from rambarde.guard.detectors.faces import FacesDetector
from rambarde.guard.media.faces import Face, Faces
from rambarde.guard.media.memo import Memo
from rambarde.nouns.signal import State


@pytest.fixture(scope="module")
def detector():
    detector = FacesDetector()
    detector.load()
    return detector


@pytest.fixture(scope="module")
def finder():
    return Faces()


def centre(face: Face) -> tuple[float, float]:
    x, y, w, h = face.box
    return x + w / 2, y + h / 2


def test_astronaut_has_one_face_with_landmarks_inside(finder, astronaut):
    (face,) = finder.find(astronaut)
    x, y, w, h = face.box
    assert 170 < x < 190 and 55 < y < 75 and 80 < w < 100 and 100 < h < 120
    inside = (face.points > [x, y]) & (face.points < [x + w, y + h])
    assert inside.all()
    eyes, nose, mouth = face.points[:2], face.points[2], face.points[3:]
    assert eyes[0, 0] < eyes[1, 0] and mouth[0, 0] < mouth[1, 0], "left of the picture comes first"
    assert eyes[:, 1].max() < nose[1] < mouth[:, 1].min()


@pytest.mark.parametrize("scale", [0.2, 0.5, 3.0])
def test_boxes_are_in_pixels_of_the_picture_at_any_size(finder, astronaut, scale):
    side = round(512 * scale)
    resized = np.asarray(Image.fromarray(astronaut).resize((side, side)))
    (face,) = finder.find(resized)
    assert np.allclose(centre(face), np.array([224, 119]) * scale, atol=8 * scale)


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_turned_face_is_found_where_it_is(finder, astronaut, turns):
    turned = np.ascontiguousarray(np.rot90(astronaut, turns))
    face = finder.find(turned)[0]
    upright = np.zeros((512, 512), bool)
    upright[64:174, 179:269] = True
    where = np.argwhere(np.rot90(upright, turns)).mean(axis=0)[::-1]
    assert np.hypot(*(np.array(centre(face)) - where)) < 35


def test_turned_landmarks_name_the_same_eye(finder, cameraman, make_picture):
    upright = make_picture(cameraman).rgb
    turned = np.ascontiguousarray(np.rot90(upright))
    before, after = finder.find(upright)[0], finder.find(turned)[0]
    assert after.turned == 3
    # np.rot90 once: (x, y) goes to (y, width − x).
    expected = np.stack([before.points[:, 1], 512 - before.points[:, 0]], axis=1)
    assert np.abs(expected - after.points).max() < 12


def test_faces_beyond_the_frame_and_wide_frames(finder, astronaut):
    wide = np.full((512, 2048, 3), 255, np.uint8)
    wide[:, 1500:2012] = astronaut
    (face,) = finder.find(wide)
    assert abs(centre(face)[0] - 1724) < 12


def test_several_faces_best_first(finder, astronaut):
    pair = np.concatenate([astronaut, astronaut[:, ::-1]], axis=1)
    found = finder.find(pair)
    assert len(found) == 2
    assert found[0].score >= found[1].score


def test_nobody_reads_absent(detector, nobody, make_picture):
    states = {name: detector.inspect(make_picture(p)).signals[0].state for name, p in nobody.items()}
    assert set(states.values()) == {State.ABSENT}, states


def test_value_and_extremes(detector, astronaut, make_picture):
    (signal,) = detector.inspect(make_picture(astronaut)).signals
    assert signal.name == "face" and signal.value is not None and 0.85 < signal.value <= 1.0
    for shape in [(1, 1), (3, 20_000), (20_000, 3)]:
        (signal,) = detector.inspect(make_picture(np.zeros(shape, np.uint8))).signals
        assert (signal.state, signal.reason) == (State.NO_ANSWER, "too small")
    (signal,) = detector.inspect(make_picture(np.full((40, 3_000), 90, np.uint8))).signals
    assert signal.state is State.ABSENT


def test_digest_is_of_the_file_that_is_loaded(detector):
    data = (files("rambarde.guard.detectors") / "weights" / "yunet.onnx").read_bytes()
    assert detector.digest == "sha256:" + hashlib.sha256(data).hexdigest()


def test_digest_before_load_is_an_error():
    with pytest.raises(RuntimeError, match="load"):
        _ = FacesDetector().digest


def test_same_answer_from_many_threads(finder, astronaut, cameraman, make_picture):
    pictures = [astronaut, make_picture(cameraman).rgb] * 4
    alone = [finder.find(p)[0].score for p in pictures]
    with ThreadPoolExecutor(4) as pool:
        together = [faces[0].score for faces in pool.map(finder.find, pictures)]
    assert alone == together


def test_memo_computes_once_and_forgets_with_the_picture():
    memo: Memo[int] = Memo()
    calls: list[int] = []
    array = np.zeros((4, 4, 3), np.uint8)
    array.setflags(write=False)

    def compute() -> int:
        calls.append(1)
        return len(calls)

    with ThreadPoolExecutor(4) as pool:
        assert set(pool.map(memo.get, [array] * 16, [compute] * 16)) == {1}
    assert len(memo) == 1
    del array
    gc.collect()
    assert len(memo) == 0


def test_memo_keeps_nothing_of_an_array_that_can_change_nor_of_an_error():
    memo: Memo[int] = Memo()
    assert memo.get(np.zeros(3, np.uint8), lambda: 1) == 1
    frozen = np.zeros(3, np.uint8)
    frozen.setflags(write=False)
    with pytest.raises(ZeroDivisionError):
        memo.get(frozen, lambda: 1 // 0)
    assert len(memo) == 0
    assert memo.get(frozen, lambda: 2) == 2

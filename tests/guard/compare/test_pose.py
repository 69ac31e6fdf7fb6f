from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from rambarde.guard.compare import pose
from rambarde.guard.compare.group import poses
from rambarde.guard.media import faces

SHOULDERS, HIPS, KNEES = [11, 12], [23, 24], [25, 26]


def eyes(face):
    return tuple(float(v) for v in face.points[:2].mean(axis=0))


def look(pixels):
    (face,) = faces.shared().find(pixels)[:1]
    return pose.shared().find(Image.fromarray(pixels), eyes(face), face.unit), face


def test_joints_lie_where_the_body_is_and_what_is_out_of_the_frame_is_not_seen(cameraman):
    found, face = look(cameraman)
    assert found is not None
    shoulders, hips, knees = (found.points[joints].mean(axis=0) for joints in (SHOULDERS, HIPS, KNEES))
    assert eyes(face)[1] < shoulders[1] < hips[1] < 512 < knees[1]
    assert (found.seen[SHOULDERS + HIPS] > 0.9).all() and (found.seen[KNEES] == 0).all()


def test_joints_move_with_the_figure_and_grow_with_it(astronaut):
    found, face = look(astronaut)
    wide = np.pad(astronaut, ((60, 0), (100, 0), (0, 0)), mode="edge")
    moved, _ = look(np.asarray(Image.fromarray(wide).resize((wide.shape[1] * 2, wide.shape[0] * 2))))
    assert found is not None and moved is not None
    apart = moved.points[SHOULDERS] / 2 - (found.points[SHOULDERS] + [100, 60])
    assert np.hypot(*apart.T).max() < 0.7 * face.unit


@pytest.mark.parametrize("shape", [(1, 1), (3, 2_000), (2_000, 3), (300, 300)])
def test_nobody_has_no_pose(shape):
    assert pose.shared().find(Image.new("RGB", shape[::-1]), (5.0, 1.0), 10.0) is None


def test_the_pose_is_looked_for_only_where_legs_may_be_seen(astronaut, monkeypatch):
    class Finder:
        def find(self, image, eyes, unit):
            return "looked at"

    monkeypatch.setattr(pose, "shared", Finder)
    found = faces.shared().find(astronaut)
    (face,) = found
    bust = astronaut[: round(eyes(face)[1] + 7.9 * face.unit)]
    assert poses(bust, found) == (None,)
    assert poses(astronaut, found) == ("looked at",)
    assert poses(astronaut, [replace(face, turned=1)]) == (None,)
    assert poses(astronaut, ()) == ()

"""Limbs on joints made of numbers: no network, no picture."""

from __future__ import annotations

import numpy as np

from rambarde.guard.compare import grid
from rambarde.guard.compare.limbs import LEAST, SHIN, THIGH, TORSO, limbs, nearest
from rambarde.guard.compare.pose import JOINTS, Pose

AT = grid.place((400, 200), 40, 800, 1400)
STANDING = {
    0: (0, 0.5), 11: (1.5, 3), 12: (-1.5, 3), 13: (2, 6), 14: (-2, 6), 15: (2, 9), 16: (-2, 9),
    23: (1, 10), 24: (-1, 10), 25: (1.2, 16), 26: (-1.2, 16), 27: (1.2, 22), 28: (-1.2, 22),
}  # fmt: skip
EVERYWHERE = np.ones((grid.ROWS, grid.COLUMNS), np.bool_)


def figure(across: float = 0, unseen: tuple[int, ...] = ()) -> Pose:
    """Somebody who stands, so many units to the right."""
    points, seen = np.zeros((JOINTS, 2), np.float32), np.zeros(JOINTS, np.float32)
    for joint, (x, y) in STANDING.items():
        points[joint] = (400 + (x + across) * 40, 200 + y * 40)
        seen[joint] = 0.0 if joint in unseen else 1.0
    return Pose(points, seen)


def test_a_figure_has_a_torso_two_thighs_and_two_shins():
    found = limbs(figure(), AT, EVERYWHERE)
    assert [limb.kind for limb in found] == [TORSO, THIGH, THIGH, SHIN, SHIN]
    torso, thigh, other, shin, _ = (limb.cells for limb in found)
    assert not (thigh & other).any() and not (thigh & shin).any() and not (torso & thigh).any()
    assert torso.sum() > thigh.sum() > shin.sum()


def test_a_thigh_is_what_lies_around_its_bone():
    thigh = limbs(figure(), AT, EVERYWHERE)[1].cells
    slow = np.zeros_like(thigh)
    for row in range(grid.ROWS):
        for column in range(grid.COLUMNS):
            x, y = float(grid.X[row, column]), float(grid.Y[row, column])
            along = ((x - 1) * 0.2 + (y - 10) * 6) / (0.2**2 + 6**2)
            away = np.hypot(x - 1 - along * 0.2, y - 10 - along * 6)
            slow[row, column] = 0.1 <= along <= 0.9 and away <= 0.95 - 0.25 * along
    assert (thigh != slow).sum() <= 2


def test_what_is_not_seen_is_no_limb():
    assert [limb.kind for limb in limbs(figure(unseen=(25, 28)), AT, EVERYWHERE)] == [TORSO, THIGH]
    assert limbs(figure(), AT, ~EVERYWHERE) == ()
    few = EVERYWHERE & (np.cumsum(EVERYWHERE.ravel()).reshape(EVERYWHERE.shape) < 64 * LEAST)
    assert limbs(figure(), AT, few) == ()


def test_between_two_people_each_cell_is_the_nearer_ones():
    mine, other = figure(), figure(across=5)
    own = nearest(mine, [(other, 40.0)], AT)
    assert own[:, 56].all() and not own[60:, 100].any()
    assert all((limb.cells <= own).all() for limb in limbs(mine, AT, EVERYWHERE))
    assert nearest(mine, [], AT).all()


def test_distance_is_measured_in_the_units_of_each():
    """Of a child before an adult the child's cells are fewer: its unit is smaller."""
    same = nearest(figure(), [(figure(across=5), 40.0)], AT).sum()
    assert nearest(figure(), [(figure(across=5), 20.0)], AT).sum() > same

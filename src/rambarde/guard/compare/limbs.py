"""Limbs: which cells of a person's grid show the torso, a thigh or a shin, and whose cells they are.

A part of the body is known by the joints it lies between. So the same part is compared where a figure took
another pose, and what is nearer to another person's joints is not counted.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from rambarde.guard.compare import grid
from rambarde.guard.compare.pose import SEEN, Pose

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

TORSO, THIGH, SHIN = "torso", "thigh", "shin"
LEAST = 0.6
"""Least area of a part, in square units, that its picture must show."""
HIPS_FROM = 8.0
"""Units below the eyes that a picture must show before legs are looked for in it."""
_SHOULDERS, _HIPS, _KNEES, _ANKLES = (11, 12), (23, 24), (25, 26), (27, 28)
_ELBOWS, _WRISTS = (13, 14), (15, 16)
_THICK = {THIGH: (0.95, 0.7), SHIN: (0.65, 0.5)}
"""Half the width in units at the upper and at the lower joint."""
_ENDS = 0.1
"""Part of the length left out at each joint: trousers end at ankles, and shirts at hips."""


@dataclass(frozen=True, slots=True, eq=False)
class Limb:
    """A part of a body: its kind (`torso`, `thigh` or `shin`) and its cells, of the grid's shape."""

    kind: str
    cells: Mask


def limbs(pose: Pose, at: grid.Frame, visible: Mask) -> tuple[Limb, ...]:
    """The parts whose joints can be seen and of which `visible` cells are enough."""
    joints, seen = _units(pose, at), pose.seen >= SEEN
    found = []
    if seen[[*_SHOULDERS, *_HIPS]].all():
        top, bottom = joints[[*_SHOULDERS]], joints[[*_HIPS]]
        half = float(np.hypot(*(top[0] - top[1]))) / 2
        found.append(
            Limb(TORSO, _strip(top.mean(axis=0), bottom.mean(axis=0), max(half, 1.0), max(half, 1.0)))
        )
    for kind, ends in ((THIGH, (_HIPS, _KNEES)), (SHIN, (_KNEES, _ANKLES))):
        for upper, lower in zip(*ends, strict=True):
            if seen[upper] and seen[lower]:
                found.append(Limb(kind, _strip(joints[upper], joints[lower], *_THICK[kind])))
    shown = [Limb(limb.kind, limb.cells & visible) for limb in found]
    return tuple(limb for limb in shown if float(limb.cells.sum()) / grid.PER_UNIT**2 >= LEAST)


def nearest(own: Pose, others: Sequence[tuple[Pose, float]], at: grid.Frame) -> Mask:
    """Cells that are nearer to this figure than to any other one, each measured in its own face units.

    `others` are their poses and units in pixels.
    """
    mine = _away(_units(own, at))
    out = np.ones_like(mine, np.bool_)
    for other, unit in others:
        out &= mine <= _away(_units(other, at)) * (at.unit / unit)
    return out


def _units(pose: Pose, at: grid.Frame) -> Floats:
    """The joints in units from the middle of the eyes."""
    return np.asarray((pose.points - np.array(at.middle)) / at.unit, dtype=np.float32)


def _strip(upper: Floats, lower: Floats, wide: float, narrow: float) -> Mask:
    """Cells around the line from one joint to the other."""
    along, away = _along(upper, lower)
    return np.asarray((away <= wide + (narrow - wide) * along) & (along >= _ENDS) & (along <= 1 - _ENDS))


def _along(start: Floats, end: Floats) -> tuple[Floats, Floats]:
    """Where each cell lies along a line, as a part of its length, and how far from it, in units."""
    across, down = (float(v) for v in end - start)
    length = max(across**2 + down**2, 1e-6)
    along = ((grid.X - start[0]) * across + (grid.Y - start[1]) * down) / length
    near = along.clip(0, 1)
    return along, np.hypot(grid.X - start[0] - near * across, grid.Y - start[1] - near * down)


def _away(joints: Floats) -> Floats:
    """How far each cell is from the head, the middle of the body, or a limb, in units."""
    neck, waist = joints[[*_SHOULDERS]].mean(axis=0), joints[[*_HIPS]].mean(axis=0)
    lines = [(joints[0], neck), (neck, waist), (joints[11], joints[12]), (joints[23], joints[24])]
    for chain in ((_SHOULDERS, _ELBOWS, _WRISTS), (_SHOULDERS, _HIPS, _KNEES, _ANKLES)):
        for upper, lower in pairwise(chain):
            lines += [(joints[a], joints[b]) for a, b in zip(upper, lower, strict=True)]
    return np.asarray(np.minimum.reduce([_along(start, end)[1] for start, end in lines]))

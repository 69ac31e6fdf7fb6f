"""What is said of thighs and shins, on bodies made of numbers: no network, no picture."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from rambarde.guard.compare import grid, parts
from rambarde.guard.compare.body import BELOW, Body
from rambarde.guard.compare.exposure import change
from rambarde.guard.compare.limbs import THIGH, TORSO, Limb
from rambarde.guard.compare.windows import means

INSIDE = np.asarray(grid.Y < 20)
PERSON = np.asarray((np.abs(grid.X) < 2.5) & (grid.Y > -1.5))


def box(x: float, y: float) -> np.ndarray:
    return np.asarray((np.abs(grid.X - x) < 0.8) & (np.abs(grid.Y - y) < 2.5))


LEFT, RIGHT, TRUNK = box(-1, 12), box(1, 12), box(0, 6)
NONE = np.zeros_like(INSIDE)
STANDING = (Limb(TORSO, TRUNK), Limb(THIGH, LEFT), Limb(THIGH, RIGHT))


def body(view: int, *, bare=NONE, toned=NONE, human=None, limbs=STANDING) -> Body:
    """`view` is another one for every number; `bare`, `toned` and `human` are cells."""
    noise = np.random.default_rng(view).normal(0, 60, grid.X.shape)
    light = (45 + means(means(noise, 5), 3)).astype(np.float32)
    at, size = grid.place((400, 200), 40, 800, 1000), (800, 1000)
    skin = np.stack([toned, toned]).astype(np.float32)
    human = (bare | toned) if human is None else human
    return Body(INSIDE, PERSON, light, BELOW, at, size, skin, bare.astype(np.float32), human, limbs)


def test_a_thigh_laid_bare_in_another_pose_counts_though_it_is_little_of_the_body():
    found = change(body(1), body(2, bare=LEFT, toned=LEFT))
    assert found.increase is not None and found.increase >= 0.5 and found.how == "parts"


def test_a_part_is_found_again_where_the_pose_took_it():
    moved = box(1.5, 9)
    after = body(2, bare=moved, toned=moved, limbs=(Limb(TORSO, TRUNK), Limb(THIGH, moved)))
    found = change(body(1), after)
    assert found.increase is not None and found.increase >= 0.5


def test_nobody_says_which_thigh_is_the_left_one():
    bare = body(1, bare=LEFT, toned=LEFT)
    assert change(bare, body(2, bare=RIGHT, toned=RIGHT)).increase == 0
    both = change(bare, body(2, bare=LEFT | RIGHT, toned=LEFT | RIGHT))
    assert both.increase is not None and both.increase >= 0.5
    alone = body(2, bare=RIGHT, toned=RIGHT, limbs=STANDING[2:])
    assert change(bare, alone).increase == 0


def test_covering_up_is_no_increase():
    assert change(body(1, bare=LEFT, toned=LEFT), body(2)).increase == 0


@pytest.mark.parametrize("cells", [{"bare": LEFT}, {"human": LEFT}])
def test_what_may_be_somebody_s_skin_has_no_answer(cells):
    found = change(body(1), body(2, **cells))
    assert (found.increase, found.how) == (None, "parts")
    assert change(body(1, **cells), body(2, **cells)).increase == 0


def test_a_part_that_the_original_hides_has_no_answer_where_it_is_bare():
    before = body(1, limbs=STANDING[:1])
    assert change(before, body(2, bare=LEFT)).increase is None
    assert change(before, body(2)).increase == 0


def test_tone_alone_is_doubted_where_no_part_is_barer_in_hue():
    toned = PERSON & BELOW
    told = change(body(1), body(2, toned=toned, human=NONE))
    assert (told.increase, told.how) == (None, "parts")
    unknown = change(body(1, limbs=()), body(2, toned=toned, human=NONE, limbs=()))
    assert unknown.increase is not None and unknown.increase >= 0.5


def test_in_one_view_a_part_is_where_the_original_shows_it():
    """What is laid on a leg hides it from the finder and from the mask; it may be dyed cloth where folds stay."""
    flat = replace(body(1, human=LEFT, limbs=()), light=np.where(LEFT, 60, body(1).light).astype(np.float32))
    assert change(body(1), replace(flat, person=PERSON & ~LEFT)).increase is None
    assert change(body(1), body(1, human=LEFT)).increase == 0


def test_the_rise_is_that_of_the_obvious_sums():
    draw = np.random.default_rng(0)
    one, other = (replace(body(i), bare=draw.random(INSIDE.shape).astype(np.float32)) for i in (1, 2))
    shares = [[float(b.bare[limb.cells].sum() / limb.cells.sum()) for limb in STANDING] for b in (one, other)]
    (trunk, *before), (torso, *after) = shares
    pairs = zip(sorted(after), sorted(before), strict=True)
    expected = max(torso - trunk, *(a - b for a, b in pairs))
    assert parts.rise(one, other, one_view=False).hue == pytest.approx(expected, abs=1e-5)
    there = max(a - b for a, b in zip(shares[1], shares[0], strict=True))
    assert parts.rise(one, other, one_view=True).hue == pytest.approx(there, abs=1e-5)

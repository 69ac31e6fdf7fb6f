from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from rambarde.guard.compare import identity
from rambarde.guard.compare.chip import cut, similarity
from rambarde.guard.compare.identity import SAME, Match, pair
from rambarde.guard.media import faces


def embedded(pixels):
    face = faces.shared().find(np.ascontiguousarray(pixels))[0]
    return identity.shared().embed(np.ascontiguousarray(pixels), face)


def unit(*values: float):
    vector = np.array(values, np.float32)
    return vector / np.linalg.norm(vector)


def test_same_person_through_edits_and_another_person(astronaut, cameraman):
    me = embedded(astronaut)
    assert np.linalg.norm(me) == pytest.approx(1, abs=1e-5)
    image = Image.fromarray(astronaut)
    edits = {
        "small": np.asarray(image.resize((200, 200))),
        "mirrored": astronaut[:, ::-1],
        "blurred": np.asarray(image.filter(ImageFilter.GaussianBlur(2))),
        "dark": (astronaut * 0.5).astype(np.uint8),
        "turned by 12 degrees": np.asarray(image.rotate(12)),
    }
    cosines = {name: float(me @ embedded(pixels)) for name, pixels in edits.items()}
    assert all(c > 0.7 for c in cosines.values()), cosines
    assert float(me @ embedded(cameraman)) < SAME


def test_pair_takes_the_most_alike_first_and_nobody_twice():
    a, b = unit(1, 0, 0), unit(0, 1, 0)
    both = unit(0.9, 0.5, 0)
    assert pair([a, b], [b, a]) == (
        Match(0, 1, pytest.approx(1.0)),
        Match(1, 0, pytest.approx(1.0)),
    )
    (only,) = pair([a, b], [both])
    assert (only.original, only.output, only.by_position) == (0, 0, False)


def test_pair_by_position_only_for_one_person_each():
    a, b, c = unit(1, 0, 0), unit(0, 1, 0), unit(0, 0, 1)
    (match,) = pair([a], [b])
    assert match.by_position and match.cosine == pytest.approx(0)
    assert pair([a], [b, c]) == ()
    assert pair([a, b], [c]) == ()
    assert pair([], [a]) == pair([a], []) == ()


def test_below_the_threshold_is_not_the_same_person():
    a = unit(1, 0)
    almost = unit(SAME - 0.01, np.sqrt(1 - (SAME - 0.01) ** 2))
    enough = unit(SAME + 0.01, np.sqrt(1 - (SAME + 0.01) ** 2))
    other = unit(-1, 0)
    assert pair([a], [almost, other]) == ()
    assert pair([a], [enough, other])[0].output == 0


def test_similarity_recovers_turn_scale_and_shift():
    points = np.array([[0, 0], [2, 0], [1, 3]], np.float32)
    turn = np.array([[0, -2], [2, 0]])
    moved = (points @ turn.T + [5, 7]).astype(np.float32)
    assert np.allclose(similarity(points, moved), np.concatenate([turn, [[5], [7]]], axis=1), atol=1e-5)
    with pytest.raises(ValueError, match="coincide"):
        similarity(np.ones((5, 2), np.float32), np.zeros((5, 2), np.float32))


@pytest.mark.parametrize("scale", [1, 4])
def test_a_chip_puts_the_landmarks_on_the_template(scale):
    """A coloured square around each landmark arrives where the network expects it, also when shrunk."""
    rgb = np.zeros((400 * scale, 400 * scale, 3), np.uint8)
    points = np.array([[150, 150], [250, 150], [200, 250]], np.float32) * scale
    for k, (x, y) in enumerate(points.astype(int)):
        rgb[y - 12 * scale : y + 12 * scale, x - 12 * scale : x + 12 * scale, k] = 255
    template = np.array([[20, 20], [40, 20], [30, 40]], np.float32)
    chip = cut(rgb, points, template, 64)
    for k, (x, y) in enumerate(template):
        where = np.argwhere(chip[:, :, k] > 127).mean(axis=0)[::-1]
        assert np.allclose(where + 0.5, [x, y], atol=1.0), (k, where)


def test_a_chip_beyond_the_frame_is_black():
    rgb = np.full((50, 50, 3), 255, np.uint8)
    points = np.array([[900, 900], [910, 900], [905, 910]], np.float32)
    template = np.array([[20, 20], [40, 20], [30, 40]], np.float32)
    assert cut(rgb, points, template, 64).max() == 0

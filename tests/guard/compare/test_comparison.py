from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image, ImageFilter
from skimage import data
from skimage.color import lab2rgb, rgb2lab

from rambarde.guard.compare import comparison
from rambarde.guard.compare.comparison import compare, exposures

from .conftest import SUIT, cheek, picture_of

pytestmark = pytest.mark.slow

OPERATING_POINT = 0.5


def one(original, output):
    (found,) = compare(picture_of(original), picture_of(output))
    return found


def recoloured(pixels, colour):
    out = pixels.astype(np.float64)
    cloth = out[SUIT]
    light = cloth.mean(axis=2, keepdims=True) / cloth.mean()
    out[SUIT] = np.clip(np.array(colour) * light, 0, 255)
    return out.astype(np.uint8)


def harmless(pixels):
    image = Image.fromarray(pixels)
    hat = pixels.copy()
    hat[10:75, 165:285] = (40, 90, 200)
    background = pixels.copy()
    background[:240, 320:] = (20, 160, 90)
    background[:230, :120] = (20, 160, 90)
    return {
        "nothing": pixels,
        "hat": hat,
        "background": background,
        "blue clothes": recoloured(pixels, (40, 60, 150)),
        "white clothes": recoloured(pixels, (225, 225, 225)),
        "brighter": np.clip(pixels * 1.2, 0, 255).astype(np.uint8),
        "darker": (pixels * 0.7).astype(np.uint8),
        "warmer": np.clip(pixels * np.array([1.08, 1, 0.9]), 0, 255).astype(np.uint8),
        "cropped": pixels[:470, 20:400],
        "smaller": np.asarray(image.resize((300, 300))),
        "larger": np.asarray(image.resize((1100, 1100))),
        "mirrored": pixels[:, ::-1],
        "blurred": np.asarray(image.filter(ImageFilter.GaussianBlur(1.5))),
    }


@pytest.fixture(scope="module")
def harmless_results(astronaut):
    return {name: one(astronaut, output) for name, output in harmless(astronaut).items()}


def test_harmless_edits_stay_below_the_operating_point(harmless_results):
    for name, found in harmless_results.items():
        assert found.exposure_increase is not None, (name, found.reason)
        assert found.exposure_increase < OPERATING_POINT, (name, found)
        assert found.cosine is not None and found.cosine > 0.7 and not found.by_position, name
    assert harmless_results["nothing"].exposure_increase == pytest.approx(0, abs=1e-9)


def test_a_patch_in_the_tone_of_the_face_is_more_exposed(astronaut, patched):
    found = one(astronaut, patched)
    assert found.exposure_increase is not None and found.exposure_increase >= OPERATING_POINT
    assert found.share_before is not None and found.share_after is not None
    assert found.share_after > found.share_before + 0.1


@pytest.mark.parametrize("edit", ["mirrored", "smaller", "darker", "warmer", "cropped"])
def test_other_edits_on_top_do_not_hide_it(astronaut, patched, edit):
    found = one(astronaut, harmless(patched)[edit])
    assert found.exposure_increase is not None and found.exposure_increase >= OPERATING_POINT, found


def test_covering_up_is_no_increase(astronaut, patched):
    assert one(patched, astronaut).exposure_increase == 0


def test_more_is_never_read_as_less(astronaut):
    colour = cheek(astronaut)
    increases = []
    for height in (0, 60, 120, 200):
        output = astronaut.copy()
        output[290 : 290 + height, 110:290] = colour
        increases.append(one(astronaut, output).exposure_increase)
    assert increases == sorted(increases)


def test_a_blue_patch_is_no_skin(astronaut):
    output = astronaut.copy()
    output[290:490, 120:280] = (40, 80, 170)
    found = one(astronaut, output)
    assert found.exposure_increase is not None and found.exposure_increase < 0.2


def test_small_steps_add_up_against_the_first_original(astronaut):
    """Each step alone may pass; against the lineage's original the last one does not."""
    colour = cheek(astronaut)
    steps = [astronaut]
    for top in range(290, 490, 20):
        following = steps[-1].copy()
        following[top : top + 20, 120:280] = colour
        steps.append(following)
    last = one(steps[0], steps[-1]).exposure_increase
    assert last is not None and last >= OPERATING_POINT


def test_a_body_that_was_not_in_the_frame(astronaut, patched):
    head = astronaut[:215, 120:330]
    plain, bare = one(head, astronaut), one(head, patched)
    assert plain.how == bare.how == "revealed"
    assert plain.exposure_increase is not None and plain.exposure_increase < OPERATING_POINT
    assert bare.exposure_increase is not None and bare.exposure_increase >= OPERATING_POINT


def test_cut_to_the_head_there_is_no_body_to_expose(astronaut):
    found = one(astronaut, astronaut[:215, 120:330])
    assert (found.exposure_increase, found.how) == (0.0, "cropped")


def grey(pixels):
    return np.asarray(Image.fromarray(pixels).convert("L").convert("RGB"))


def sepia(pixels):
    return np.clip(grey(pixels) * np.array([1.07, 0.86, 0.6]), 0, 255).astype(np.uint8)


def half(pixels):
    return np.asarray(Image.fromarray(pixels).resize((256, 256)))


def elsewhere(pixels):
    """Another background beside the head and above the shoulders."""
    out = pixels.copy()
    out[:200, 330:] = (20, 160, 90)
    out[:200, :110] = (20, 160, 90)
    return out


def faceless(pixels):
    out = pixels.copy()
    out[30:190, 160:290] = 128
    return out


@pytest.mark.parametrize(
    ("reason", "output"),
    [("grey", grey), ("toned in one hue", sepia), ("too dark", lambda a: (a * 0.1).astype(np.uint8))],
)
def test_what_colours_cannot_tell_has_no_answer_where_the_body_changed(astronaut, patched, reason, output):
    found = one(astronaut, output(patched))
    assert found.exposure_increase is None
    assert reason in found.reason


@pytest.mark.parametrize("output", [grey, sepia, lambda a: grey(elsewhere(a)), lambda a: grey(half(a))])
def test_a_body_that_is_still_is_no_more_exposed_in_grey(astronaut, output):
    found = one(astronaut, output(astronaut))
    assert (found.exposure_increase, found.how) == (0.0, "still")


def test_a_grey_original_gets_a_new_background_and_no_patch(astronaut, patched):
    assert one(grey(astronaut), grey(elsewhere(astronaut))).how == "still"
    assert one(grey(astronaut), elsewhere(astronaut)).how == "still"
    assert one(grey(astronaut), grey(patched)).exposure_increase is None
    assert one(grey(astronaut), patched).exposure_increase is None


def test_a_hidden_face_is_not_found_again(astronaut, patched):
    """The body alone tells: as it was, or no answer."""
    same, changed = one(astronaut, faceless(astronaut)), one(astronaut, faceless(patched))
    assert (same.exposure_increase, same.output, same.how) == (0.0, None, "still")
    assert (changed.exposure_increase, changed.output) == (None, None)
    assert "not found" in changed.reason


def test_a_body_without_a_face_is_told_by_its_stillness_alone(astronaut, patched):
    original = picture_of(faceless(astronaut))
    for output in (faceless(astronaut), elsewhere(faceless(astronaut)), grey(faceless(astronaut))):
        (found,) = compare(original, picture_of(output))
        assert (found.original, found.exposure_increase, found.how) == (None, 0.0, "still")
    moved = np.roll(faceless(astronaut), 40, axis=1)
    for output in (astronaut, faceless(patched), grey(faceless(patched)), moved, astronaut[100:]):
        (found,) = compare(original, picture_of(output))
        assert (found.exposure_increase, found.reason) == (None, "no face")


def test_a_dyed_garment_is_held_and_never_passed_or_blocked(astronaut):
    found = one(astronaut, recoloured(astronaut, cheek(astronaut)))
    assert (found.exposure_increase, found.how) == (None, "folded")
    assert "folds" in found.reason


@pytest.mark.parametrize("shift", [(-10, 4, -1), (8, -1, 6)])
def test_a_patch_may_be_darker_redder_or_yellower_than_the_face(astronaut, shift):
    output = astronaut.copy()
    colour = rgb2lab((cheek(astronaut) / 255)[None, None]) + np.array(shift)
    output[290:490, 120:280] = lab2rgb(colour)[0, 0] * 255
    found = one(astronaut, output)
    assert found.exposure_increase is not None and found.exposure_increase >= OPERATING_POINT


def test_light_that_falls_off_downwards_hides_nothing(astronaut, patched):
    fall = np.clip(1 - (np.arange(512) - 220) / 400, 0.3, 1)[:, None, None] ** (1 / 2.2)
    bare, plain = (
        one(astronaut, (patched * fall).astype(np.uint8)),
        one(astronaut, (astronaut * fall).astype(np.uint8)),
    )
    assert bare.exposure_increase is not None and bare.exposure_increase >= OPERATING_POINT
    assert plain.exposure_increase is not None and plain.exposure_increase < OPERATING_POINT


def test_a_redrawn_face_is_compared_by_position(astronaut, cameraman, patched):
    """One person each and another face: the change of the body still counts."""
    from rambarde.guard.media import faces

    other = patched.copy()
    face = faces.shared().find(cameraman)[0]
    x, y, w, h = (int(v) for v in face.box)
    chip = Image.fromarray(cameraman[y : y + h, x : x + w]).resize((90, 110))
    tinted = np.asarray(chip).astype(np.float64) * np.array([1.15, 0.95, 0.85])
    other[64:174, 179:269] = np.clip(tinted, 0, 255)
    found = one(astronaut, other)
    assert found.output == 0
    assert found.exposure_increase is None or found.exposure_increase >= OPERATING_POINT


def test_only_the_person_who_changed(astronaut, patched):
    both = np.concatenate([astronaut, astronaut[:, ::-1]], axis=1)
    output = np.concatenate([astronaut, patched[:, ::-1]], axis=1)
    changes = compare(picture_of(both), picture_of(output))
    increases = sorted(c.exposure_increase for c in changes if c.exposure_increase is not None)
    assert len(increases) == 2
    assert increases[0] < OPERATING_POINT <= increases[1]


def test_nobody_in_the_original_is_nothing_to_compare(astronaut):
    assert compare(picture_of(data.coffee()), picture_of(astronaut)) == ()
    assert exposures(picture_of(data.chelsea())) == ()


def test_more_people_than_are_compared_have_no_answer(astronaut):
    small = np.asarray(Image.fromarray(astronaut).resize((256, 256)))
    crowd = np.tile(small, (3, 3, 1))
    changes = compare(picture_of(crowd), picture_of(crowd))
    faces = [c for c in changes if c.original is not None]
    assert [c.original for c in faces] == list(range(9))
    assert [c.reason for c in faces].count("too many people") == 9 - comparison.MOST


@pytest.mark.parametrize("shape", [(1, 1), (3, 20_000), (20_000, 3), (40, 40)])
def test_odd_shapes(astronaut, shape):
    odd = np.zeros((*shape, 3), np.uint8)
    assert compare(picture_of(odd), picture_of(odd)) == ()
    assert one(astronaut, odd).exposure_increase is None


def test_same_pictures_same_answer(astronaut, patched):
    a, b = picture_of(astronaut), picture_of(patched)
    assert compare(a, b) == compare(a, b) == compare(picture_of(astronaut), picture_of(patched))


def test_digest_covers_the_weights():
    assert comparison.load() == comparison.load()
    assert comparison.load().startswith("sha256:")


@pytest.mark.slow
def test_same_answer_from_many_threads(astronaut, patched):
    outputs = [patched, astronaut] * 3
    original = picture_of(astronaut)
    alone = [compare(original, picture_of(o)) for o in outputs]
    with ThreadPoolExecutor(3) as pool:
        together = list(pool.map(lambda o: compare(original, picture_of(o)), outputs))
    assert alone == together


def test_a_prepared_original_is_not_looked_at_again(astronaut, monkeypatch):
    """What `compare` wants of it is there before the output is: only the output's face is recognised then."""
    original = picture_of(astronaut)
    headless = picture_of(astronaut[190:])
    comparison.prepare(original)
    comparison.prepare(headless)
    looked = []
    recogniser = comparison.identity.shared()
    embed = recogniser.embed
    monkeypatch.setattr(recogniser, "embed", lambda rgb, face: looked.append(id(rgb)) or embed(rgb, face))
    back = comparison.back
    monkeypatch.setattr(comparison, "back", lambda rgb, body: looked.append(id(rgb)) or back(rgb, body))
    output = picture_of(harmless(astronaut)["warmer"])
    prepared = compare(original, output)
    assert looked == [id(output.rgb)]
    assert prepared == compare(picture_of(astronaut), picture_of(harmless(astronaut)["warmer"]))
    before = len(looked)
    compare(headless, output)
    assert len(looked) == before

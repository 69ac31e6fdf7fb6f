"""What a dark page shows of a picture with transparency, and that it is looked at."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from skimage import data
from tests.guard.stand import LOOK, Fake, inspector
from tests.guard.test_inspect import request

from rambarde.guard.detectors.contract import Change
from rambarde.guard.detectors.faces import FacesDetector
from rambarde.guard.inspect import Inspector
from rambarde.guard.media.alpha import on_black, sides
from rambarde.guard.media.decode import decode
from rambarde.guard.media.strip import strip
from rambarde.nouns.request import Picture
from rambarde.nouns.signal import Signal, State


def png(pixels: np.ndarray) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=1)
    return out.getvalue()


def hidden() -> Picture:
    """White all over, and a portrait in the alpha channel."""
    portrait = data.astronaut()
    return decode(png(np.dstack([np.full_like(portrait, 255), portrait.mean(axis=2).astype(np.uint8)])))


@given(st.integers(0, 255), st.integers(0, 255), st.integers(0, 2**31))
def test_it_is_what_a_viewer_shows_on_black(low: int, high: int, seed: int) -> None:
    """The oracle is Pillow, over the file that goes on."""
    random = np.random.default_rng(seed)
    pixels = random.integers(0, 256, (6, 5, 4), np.uint8)
    pixels[..., 3] = np.clip(pixels[..., 3], *sorted((low, high)))
    picture = decode(png(pixels))
    dark = on_black(picture)
    with Image.open(io.BytesIO(strip(picture))) as file:
        shown = Image.new("RGBA", file.size, (0, 0, 0, 255))
        shown.alpha_composite(file.convert("RGBA"))
    expected = np.asarray(shown.convert("RGB")).astype(int)
    found = picture.rgb if dark is None else dark.rgb
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_an_opaque_picture_has_one_side() -> None:
    opaque = decode(png(np.full((4, 4, 4), 255, np.uint8)))
    plain = decode(png(np.full((4, 4, 3), 9, np.uint8)))
    assert sides(opaque, plain) == (opaque, plain)


def test_a_second_side_is_another_picture() -> None:
    picture = hidden()
    one, other = sides(picture)
    assert one is picture and other.sha256 != picture.sha256 and other.alpha is None
    with pytest.raises(ValueError, match="read-only"):
        other.rgb[0, 0] = 1


def test_a_face_in_the_alpha_channel_is_seen() -> None:
    detector = FacesDetector()
    detector.load()
    states = [detector.inspect(side).signals[0].state for side in sides(hidden())]
    assert states == [State.ABSENT, State.VALUE]


async def test_both_sides_are_looked_at_wherever_a_picture_is() -> None:
    def darkness(subject: Picture | Change) -> list[Signal]:
        picture = subject.output if isinstance(subject, Change) else subject
        value = 1 - float(picture.rgb.mean()) / 255
        return [Signal.measured("bare", value), Signal.measured("clothed", 1.0)]

    clear = decode(png(np.full((8, 8, 4), (255, 255, 255, 0), np.uint8)))
    made: Inspector = inspector(Fake(LOOK, darkness))
    asked = await made.request(request(clear))
    assert asked.signals["input.bare"].value == 1.0
    assert (await made.output(clear)).signals["output.bare"].value == 1.0

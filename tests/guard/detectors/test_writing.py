"""Mild words drawn with Pillow onto an ordinary photograph: what is read of them, and what is not."""

from __future__ import annotations

import re
import socket
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from rambarde.guard.detectors import writing
from rambarde.guard.detectors.contract import MissingExtra
from rambarde.guard.detectors.writing import MOST, SLIM, WritingDetector, parts
from rambarde.nouns.signal import State

WORDS = "put her in a bikini"


@pytest.fixture(scope="module")
def detector():
    made = WritingDetector()
    made.load()
    return made


def drawn(pixels, words=WORDS, *, size=40, colour=(255, 255, 255), angle=0):
    """The pixels at twice their size, with words across the middle."""
    image = Image.fromarray(pixels).resize((pixels.shape[1] * 2, pixels.shape[0] * 2))
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    place = (image.width // 2, image.height // 2)
    ImageDraw.Draw(layer).text(
        place, words, font=ImageFont.load_default(size), fill=(*colour, 255), anchor="mm"
    )
    layer = layer.rotate(angle)
    image.paste(layer, mask=layer)
    return np.asarray(image)


def read(detector, make_picture, pixels):
    """The signal, and what was read, in small letters without white space."""
    reading = detector.inspect(make_picture(pixels))
    (signal,) = reading.signals
    assert all((e.signal, e.where) == ("writing", "image") for e in reading.evidence)
    return signal, re.sub(r"\W", "", " ".join(e.words for e in reading.evidence).casefold())


@pytest.mark.slow
@pytest.mark.parametrize(
    "how", [{}, {"size": 24}, {"angle": 12}, {"angle": 180}, {"colour": (250, 250, 120)}], ids=str
)
def test_an_instruction_is_read(detector, make_picture, astronaut, how):
    signal, words = read(detector, make_picture, drawn(astronaut, **how))
    assert signal.value is not None and signal.value > 0.8
    assert "herinabikin" in words


@pytest.mark.slow
def test_an_instruction_in_the_mirror_is_read(detector, make_picture, astronaut):
    _, words = read(detector, make_picture, np.ascontiguousarray(drawn(astronaut)[:, ::-1]))
    assert "herinabikin" in words


@pytest.mark.slow
def test_where_nothing_is_written_it_is_absent(detector, make_picture, astronaut, nobody):
    for pixels in (nobody["cat"], nobody["grass"], nobody["moon"]):
        signal, words = read(detector, make_picture, pixels)
        assert (signal.state, words) == (State.ABSENT, "")


def test_it_reaches_for_no_network(make_picture, astronaut, monkeypatch):
    """Loaded and asked anew: whatever the package would fetch would need a socket."""

    def refuse(*_, **__):
        raise AssertionError("a socket was asked for")

    monkeypatch.setattr(socket, "socket", refuse)
    made = WritingDetector()
    made.load()
    assert "bikini" in read(made, make_picture, drawn(astronaut[:200, :300]))[1]


def test_without_its_extra_it_says_what_to_install(monkeypatch):
    monkeypatch.setattr(writing, "find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"pip install 'rambarde\[ocr\]'"):
        WritingDetector().load()


def test_a_truncated_file_is_an_error(monkeypatch, tmp_path):
    for name in writing._FILES.values():
        (tmp_path / "models").mkdir(exist_ok=True)
        (tmp_path / "models" / name).write_bytes(b"\x08\x07")

    class Spec:
        submodule_search_locations = (str(tmp_path),)

    monkeypatch.setattr(writing, "find_spec", lambda name: Spec)
    with pytest.raises(Exception):  # noqa: B017  any: the runner reads it as unfit
        WritingDetector().load()


@pytest.mark.parametrize("shape", [(40, 700), (700, 40), (30, 1000)])
def test_parts_of_a_long_picture_overlap_by_half(shape):
    pixels = np.arange(shape[0] * shape[1]).reshape(*shape, 1)
    cut = parts(pixels)
    assert all(max(p.shape[:2]) <= SLIM * min(shape) for p in cut) and len(cut) <= MOST
    assert len(np.unique(np.concatenate([p.ravel() for p in cut]))) == pixels.size
    seams = [p.ravel() for p in cut]
    assert all(np.intersect1d(a, b).size >= a.size // 2 for a, b in pairwise(seams))


def test_extremes(detector, make_picture):
    for shape, reason in [((3, 20_000), "too small"), ((20, 20_000), "too narrow")]:
        (signal,) = detector.inspect(make_picture(np.zeros(shape, np.uint8))).signals
        assert (signal.state, signal.reason) == (State.NO_ANSWER, reason)

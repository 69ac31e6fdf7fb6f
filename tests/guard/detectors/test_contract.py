"""The contract: what holds of every installed detector, whoever wrote it."""

from __future__ import annotations

import io
import math
import re
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import entry_points
from typing import Any

import numpy as np
import pytest
import skimage
from PIL import Image

from rambarde.guard.detectors.contract import Change, Detector, DetectorInfo, Reading, Subject
from rambarde.guard.inspect import Inspector
from rambarde.guard.media.decode import decode
from rambarde.guard.text.normalise import canonical
from rambarde.interfaces import parts
from rambarde.interfaces.settings import Settings
from rambarde.nouns.request import Picture, Text
from rambarde.nouns.signal import Signal

POINTS = entry_points(group=parts.DETECTORS)
NAMES = sorted(point.name for point in POINTS)
EXTRAS = sorted(point.name for point in POINTS if point.extras)
RANDOM = np.random.default_rng(7)

TEXTS = {
    "one letter": "a",
    "one sign": "!",
    "emoji": "🌲🌲",
    "ordinary": "a lighthouse at sunset, oil on canvas",
    "not Latin": "夕暮れの灯台、油絵。 маяк на закате",
    "combining": "e\u0301\u0327" * 50,
    "right to left": "منارة عند الغروب",
    "lone surrogate": "a tree \ud800 in a field",
    "long words": "x" * 32_000,
    "long text": ("a lighthouse at sunset " * 1_400)[:32_000],
    "long lines": "\n".join("." for _ in range(16_000)),
}
PICTURES = {
    "1×1": np.full((1, 1, 3), 120, np.uint8),
    "1×2000": np.full((1, 2000, 3), 120, np.uint8),
    "3×2000": RANDOM.integers(0, 256, (3, 2000, 3), np.uint8),
    "2000×3": RANDOM.integers(0, 256, (2000, 3, 3), np.uint8),
    "grey": np.full((128, 128, 3), 128, np.uint8),
    "black": np.zeros((64, 64, 3), np.uint8),
    "noise": RANDOM.integers(0, 256, (256, 256, 3), np.uint8),
    "portrait": skimage.data.astronaut(),
    "cat": skimage.data.chelsea(),
}


def text(words: str) -> Text:
    return canonical(words, limit=32_000)


def picture(pixels: np.ndarray) -> Picture:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=1)
    return decode(out.getvalue())


def subjects(kind: Subject) -> dict[str, Any]:
    """Subjects of a kind, made anew: what a detector remembers of a picture is not remembered here."""
    if kind is Subject.TEXT:
        return {name: text(words) for name, words in TEXTS.items()}
    seen = {name: picture(pixels) for name, pixels in PICTURES.items()}
    if kind in (Subject.PICTURE, Subject.INPUT):
        return seen
    portrait = seen["portrait"]
    return {
        "nothing to compare with": Change(portrait),
        "to nothing": Change(seen["1×1"], (portrait,)),
        **{f"{name} to itself": Change(one, (one,)) for name, one in seen.items()},
        "of a chain": Change(portrait, (portrait,), (portrait,), (seen["cat"],), ((None, 0.1), ())),
    }


@pytest.fixture(params=NAMES)
def name(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def extras() -> dict[str, Detector]:
    """The detectors of extras, loaded once: no shipped policy requires them."""
    found = {d.info.name: d for d in parts.detectors(Settings()) if d.info.name in EXTRAS}
    for detector in found.values():
        detector.load()
    return found


@pytest.fixture
def loaded(name: str, inspector: Inspector, extras: dict[str, Detector]) -> Detector:
    return extras.get(name) or next(d for d in inspector._detectors if d.info.name == name)


@pytest.fixture
def unloaded(name: str) -> Detector:
    return next(d for d in parts.detectors(Settings()) if d.info.name == name)


def test_the_shipped_policy_requires_every_detector_but_those_of_extras(inspector: Inspector) -> None:
    assert sorted([*(d.info.name for d in inspector._detectors), *EXTRAS]) == NAMES
    assert len(NAMES) == len(set(NAMES))


def test_it_says_who_it_is(unloaded: Detector, name: str) -> None:
    info = unloaded.info
    assert isinstance(info, DetectorInfo) and info.name == name and info.version
    assert 0 < info.deadline < 60 and math.isfinite(info.deadline)
    assert info.threads >= 1 and info.specs
    assert max(Counter(spec.name for spec in info.specs).values()) == 1
    assert all(re.fullmatch(r"[a-z_]+(\.[a-z_]+)?", spec.name) and spec.meaning for spec in info.specs)


def test_before_it_is_loaded_it_finds_nothing(unloaded: Detector) -> None:
    """It may say without weights that a picture is too small; of an ordinary one it can say nothing."""
    found = subjects(unloaded.info.subject)
    for what in found.keys() & {"ordinary", "portrait", "portrait to itself"}:
        with pytest.raises(RuntimeError, match="load"):
            unloaded.inspect(found[what])


def test_it_answers_exactly_what_it_declares_and_stays_what_it_is(loaded: Detector) -> None:
    assert isinstance(loaded, Detector)
    before = loaded.digest
    assert re.fullmatch(r"sha256:[0-9a-f]{64}", before)
    declared = sorted(spec.name for spec in loaded.info.specs)
    for what, subject in subjects(loaded.info.subject).items():
        reading = loaded.inspect(subject)
        assert isinstance(reading, Reading), what
        assert sorted(signal.name for signal in reading.signals) == declared, what
        assert all(isinstance(signal, Signal) for signal in reading.signals), what
        assert all(evidence.signal in declared for evidence in reading.evidence), what
    assert loaded.digest == before


@pytest.mark.slow
def test_the_same_subject_gives_the_same_reading_in_eight_threads(loaded: Detector) -> None:
    names = list(subjects(loaded.info.subject))
    few = [name for name in names if name in ("ordinary", "long text", "portrait", "noise", "of a chain")]
    made = [subjects(loaded.info.subject) for _ in range(2)]
    for what in few:
        first = loaded.inspect(made[0][what])
        with ThreadPoolExecutor(8) as pool:
            again = list(pool.map(lambda number, what=what: loaded.inspect(made[number % 2][what]), range(8)))
        assert all(reading == first for reading in again), what


def test_what_is_no_subject_of_its_is_refused(loaded: Detector) -> None:
    other = picture(PICTURES["1×1"]) if loaded.info.subject in (Subject.TEXT, Subject.CHANGE) else text("a")
    with pytest.raises(Exception):  # noqa: B017  any: the runner turns it into *failed*
        loaded.inspect(other)

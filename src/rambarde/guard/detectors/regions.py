"""The signals `exposed` and `bare`: parts of the body that are shown bare, found one by one. An extra.

Model: NudeNet 320n (YOLOv8n), read from the installed package `nudenet`, whose licence files say AGPL-3.0. So
nothing of it is part of this distribution, and no shipped policy requires it.
"""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from rambarde.guard.detectors.contract import DetectorInfo, MissingExtra, Reading, Subject
from rambarde.guard.detectors.nudity import SMALLEST, WINDOWS, windows
from rambarde.guard.media.letterbox import fit
from rambarde.guard.media.network import Network, digest
from rambarde.nouns.request import Picture, Text
from rambarde.nouns.signal import Signal, SignalSpec

CLASSES = (
    "FEMALE_GENITALIA_COVERED",
    "FACE_FEMALE",
    "BUTTOCKS_EXPOSED",
    "FEMALE_BREAST_EXPOSED",
    "FEMALE_GENITALIA_EXPOSED",
    "MALE_BREAST_EXPOSED",
    "ANUS_EXPOSED",
    "FEET_EXPOSED",
    "BELLY_COVERED",
    "FEET_COVERED",
    "ARMPITS_COVERED",
    "ARMPITS_EXPOSED",
    "FACE_MALE",
    "BELLY_EXPOSED",
    "MALE_GENITALIA_EXPOSED",
    "ANUS_COVERED",
    "FEMALE_BREAST_COVERED",
    "BUTTOCKS_COVERED",
)
"""The network's classes, in the order of its outputs."""
EXPOSED = frozenset(
    {
        "BUTTOCKS_EXPOSED",
        "FEMALE_BREAST_EXPOSED",
        "FEMALE_GENITALIA_EXPOSED",
        "MALE_GENITALIA_EXPOSED",
        "ANUS_EXPOSED",
    }
)
BARE = frozenset({"MALE_BREAST_EXPOSED", "BELLY_EXPOSED", "ARMPITS_EXPOSED", "FEET_EXPOSED"})
"""Bare on any beach: weaker evidence, and none by itself."""
FLOOR = 0.25
"""Least confidence of a region, as the package has it; below it there is none."""
PACKAGE, FILE = "nudenet", "320n.onnx"
_SIDE = 320


class RegionsDetector:
    """The highest confidence of an intimate region that is bare, and of another part of the body that is.

    Both are *absent* where no such region is found, which is most pictures. Limits: trained by others on
    pictures that this project has never seen; its recall was not measured here, where no such picture is
    kept. It says nothing of who is depicted, of age or of consent. One kind of evidence among several.
    """

    info = DetectorInfo(
        name="regions",
        version="1",
        subject=Subject.PICTURE,
        specs=(
            SignalSpec("exposed", meaning="confidence that an intimate region is bare, uncalibrated"),
            SignalSpec(
                "bare", meaning="confidence that chest, belly, armpits or feet are bare, uncalibrated"
            ),
        ),
        deadline=2.0,
    )

    def __init__(self) -> None:
        self._network: Network | None = None

    @property
    def digest(self) -> str:
        return digest(self._loaded().sha256)

    def load(self) -> None:
        # Found and not imported: the package would load OpenCV, of which nothing is needed here.
        spec = find_spec(PACKAGE)
        if spec is None or not spec.submodule_search_locations:
            raise MissingExtra("nudenet")
        network = Network((Path(spec.submodule_search_locations[0]) / FILE).read_bytes())
        blank = np.zeros((_SIDE, _SIDE, 3), np.uint8)
        if _outputs(network, blank).shape[0] != 4 + len(CLASSES):
            raise RuntimeError("regions: the package's network has other classes")
        self._network = network

    def inspect(self, subject: Text | Picture, /) -> Reading:
        if not isinstance(subject, Picture):
            raise TypeError("regions looks at pictures")
        short, long = sorted((subject.width, subject.height))
        if short < SMALLEST:
            return _no_answer("too small")
        if long > WINDOWS * short:
            return _no_answer("too narrow")
        network = self._loaded()
        found = np.max([_confidences(network, window) for window in windows(subject.rgb)], axis=0)
        return Reading((_highest("exposed", found, EXPOSED), _highest("bare", found, BARE)))

    def _loaded(self) -> Network:
        if self._network is None:
            raise RuntimeError("regions: call load() first")
        return self._network


def _outputs(network: Network, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Boxes and class scores of all cells, shape (4 + classes, cells)."""
    canvas = np.zeros((_SIDE, _SIDE, 3), np.uint8)
    view = fit(rgb, _SIDE)
    canvas[: view.shape[0], : view.shape[1]] = view
    blob = np.ascontiguousarray(canvas.transpose(2, 0, 1)[None], np.float32) / np.float32(255)
    (raw,) = network.run({network.first_input: blob}).values()
    out: NDArray[np.float32] = raw[0]
    return out


def _confidences(network: Network, rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The best score of each class over the cells in which it is the likeliest, shape (classes,)."""
    scores = _outputs(network, rgb)[4:]
    if not np.isfinite(scores).all():
        raise ValueError("regions: the network answered no numbers")
    likeliest = scores.argmax(axis=0) == np.arange(len(CLASSES))[:, None]
    best: NDArray[np.float32] = np.where(likeliest, scores, 0).max(axis=1)
    return best


def _highest(name: str, found: NDArray[np.float32], classes: frozenset[str]) -> Signal:
    best = max(float(found[CLASSES.index(one)]) for one in classes)
    return Signal.measured(name, min(1.0, best)) if best >= FLOOR else Signal.absent(name, "no such region")


def _no_answer(reason: str) -> Reading:
    return Reading((Signal.no_answer("exposed", reason), Signal.no_answer("bare", reason)))

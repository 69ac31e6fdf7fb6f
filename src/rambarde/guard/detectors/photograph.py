"""The signal `photograph`: a camera's picture rather than a drawing or flat graphic. A first measure.

Model: MobileNet v2 of nsfwjs (MIT), of whose five classes only the two for drawings are read; and how much of
the picture is exactly flat with hard edges between, which no camera makes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from rambarde.guard.detectors.contract import DetectorInfo, Reading, Subject
from rambarde.guard.detectors.nudity import WINDOWS, windows
from rambarde.guard.media.network import Network, digest, vendored
from rambarde.nouns.request import Picture, Text
from rambarde.nouns.signal import Polarity, Signal, SignalSpec

SMALLEST = 32
"""Short side, in pixels, below which texture tells nothing."""
_SIDE = 224
_WINDOW = 1024
_EVERY = 4
"""Only each fourth row is read: neighbours are compared along rows, and a quarter of them tells as much."""
_SOFT = 6
"""Differences of neighbours, in grey levels, below which they are shading and not an edge."""


class PhotographDetector:
    """1 for a camera photograph, 0 for a drawing or flat graphic; high is worse, because it may be somebody.

    Limits: a render that looks like a photograph reads as one; so do pencil drawings, most paintings, and
    flat graphics that were saved as JPEG. Landscapes in strong colours have read as low as 0.4, photographs
    of people not below 0.9. Only a low value says anything, and it never decides alone.
    """

    info = DetectorInfo(
        name="photograph",
        version="2",
        subject=Subject.PICTURE,
        specs=(
            SignalSpec(
                "photograph",
                Polarity.HIGH_IS_WORSE,
                "1 minus the evidence of a drawing or a flat graphic, uncalibrated",
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
        self._network = Network(vendored("drawings.onnx"))

    def inspect(self, subject: Text | Picture, /) -> Reading:
        if not isinstance(subject, Picture):
            raise TypeError("photograph looks at pictures")
        if min(subject.width, subject.height) < SMALLEST:
            return Reading((Signal.no_answer("photograph", "too small"),))
        short, long = sorted((subject.width, subject.height))
        if long > WINDOWS * short:
            return Reading((Signal.no_answer("photograph", "too narrow"),))
        # Of a long picture the part that is most like a photograph: squeezed, or beside bare canvas, one hides.
        value = max((1 - self._drawn(part)) * (1 - graphic(part)) for part in windows(subject.rgb))
        return Reading((Signal.measured("photograph", min(1.0, max(0.0, value))),))

    def _drawn(self, rgb: NDArray[np.uint8]) -> float:
        """Probability of the classes *Drawing* and *Hentai*, in [0, 1]."""
        whole = Image.fromarray(np.ascontiguousarray(rgb))
        view = whole.resize((_SIDE, _SIDE), Image.Resampling.BILINEAR, reducing_gap=2.0)
        blob = np.asarray(view, np.float32).transpose(2, 0, 1)[None] / np.float32(255)
        (classes,) = self._loaded().run({"picture": np.ascontiguousarray(blob)}).values()
        return float(classes[0, 0] + classes[0, 1])

    def _loaded(self) -> Network:
        if self._network is None:
            raise RuntimeError("photograph: call load() first")
        return self._network


def graphic(rgb: NDArray[np.uint8]) -> float:
    """How surely the picture is a flat graphic, in [0, 1]: mostly flat, and what is not flat is hard edges.

    Read at full resolution in the middle 1024×1024, because scaling makes soft edges of hard ones.
    """
    top, left = (max(0, (n - _WINDOW) // 2) for n in rgb.shape[:2])
    window = rgb[top : top + _WINDOW : _EVERY, left : left + _WINDOW]
    one, next_one = window[:, :-1], window[:, 1:]
    apart = np.maximum(one, next_one) - np.minimum(one, next_one)  # bytes all the way: a quarter of the time
    steps = np.maximum(np.maximum(apart[..., 0], apart[..., 1]), apart[..., 2])
    edges = int(np.count_nonzero(steps))
    flat = 1 - edges / max(1, steps.size)
    soft = (int(np.count_nonzero(steps < _SOFT)) - (steps.size - edges)) / max(1, edges)
    return _ramp(flat, 0.6, 0.8) * (1 - _ramp(soft, 0.15, 0.35))


def _ramp(value: float, low: float, high: float) -> float:
    return min(1.0, max(0.0, (value - low) / (high - low)))

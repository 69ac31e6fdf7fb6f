"""Apparent age: how old a face looks to a network. Evidence of the weakest kind.

Model: dlib-models `dnn_age_predictor_v1` (Cydral Technology, CC0). It estimates a look and knows nobody's
age: in a first test it read two teenagers as 20 to 26, and an adult who looked down as 15. It may hold or
block together with other evidence; it never proves that somebody is of age, and never that somebody is not.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from rambarde.guard.compare.chip import cut
from rambarde.guard.media.faces import Face
from rambarde.guard.media.network import Network, vendored

SIDE = 64
SMALLEST = 8.0
"""Least face unit, in pixels, of a face whose look is judged."""
# Eyes and nose in dlib's mean face, with the chip's padding of a fifth on each side.
_TEMPLATE = ((np.array([[0.2273, 0.2214], [0.7528, 0.2212], [0.4901, 0.6278]]) + 0.2) / 1.4 * SIDE).astype(
    np.float32
)
_MEAN = np.array([122.781998, 117.000999, 104.297997], np.float32)


@dataclass(frozen=True, slots=True)
class Apparent:
    """The distribution of apparent age: 81 probabilities for 0 to 80 years, which sum to one."""

    probabilities: tuple[float, ...]

    @property
    def mean(self) -> float:
        """Expected apparent age in years, 0 to 80."""
        return sum(age * p for age, p in enumerate(self.probabilities))

    def under(self, years: int) -> float:
        """Probability, in [0, 1], that the face looks younger than `years`."""
        return min(1.0, sum(self.probabilities[:years]))


class Ages:
    """The estimator. Load it once (`shared()`); `look` may be called from several threads."""

    def __init__(self) -> None:
        self._network = Network(vendored("age-v1.onnx"))

    @property
    def sha256(self) -> str:
        return self._network.sha256

    def look(self, rgb: NDArray[np.uint8], face: Face) -> Apparent | None:
        """How old the face looks, or None if it is smaller than `SMALLEST`."""
        if face.unit < SMALLEST:
            return None
        chip = cut(rgb, face.points[:3], _TEMPLATE, SIDE)
        blob = ((chip.astype(np.float32) - _MEAN) / 256).transpose(2, 0, 1)[None]
        (raw,) = self._network.run({self._network.first_input: np.ascontiguousarray(blob)}).values()
        return Apparent(tuple(float(p) for p in raw.reshape(-1)))


_lock = threading.Lock()


def shared() -> Ages:
    """The one estimator of this process."""
    with _lock:
        return _shared()


@cache
def _shared() -> Ages:
    return Ages()

"""Identity: whether two faces are one person's, and which person of one picture is which of another.

Model: SFace 2021dec (Zhong et al., "SFace: Sigmoid-Constrained Hypersphere Loss for Robust Face Recognition",
2021), from opencv_zoo. In a first study (17 genuine, 119 other pairs) the same person had cosines of 0.61 to
0.90, different people at most 0.29. The vectors live as long as the picture and are never stored.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from rambarde.guard.compare.chip import cut
from rambarde.guard.media.faces import Face
from rambarde.guard.media.network import Network, vendored

SAME = 0.363
"""Least cosine of one person: the threshold published with the model."""
SIDE = 112
_TEMPLATE = np.array(
    [[38.2946, 51.6963], [73.5318, 51.5014], [56.0252, 71.7366], [41.5493, 92.3655], [70.7299, 92.2041]],
    dtype=np.float32,
)

Vector = NDArray[np.float32]


class Identity:
    """The face recogniser. Load it once (`shared()`); `embed` may be called from several threads."""

    def __init__(self) -> None:
        self._network = Network(vendored("sface.onnx"))

    @property
    def sha256(self) -> str:
        return self._network.sha256

    def embed(self, rgb: NDArray[np.uint8], face: Face) -> Vector:
        """The face's identity, a unit vector (128,). Raises `ValueError` if its landmarks coincide."""
        chip = cut(rgb, face.points, _TEMPLATE, SIDE)
        blob = chip.transpose(2, 0, 1)[None].astype(np.float32)
        (raw,) = self._network.run({self._network.first_input: np.ascontiguousarray(blob)}).values()
        vector = raw.reshape(-1).astype(np.float32)
        return np.asarray(vector / max(float(np.linalg.norm(vector)), 1e-9), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class Match:
    """Person `original` of the first picture is person `output` of the second.

    `cosine` is in [−1, 1]; `by_position` means that the faces differ and only the place speaks for it.
    """

    original: int
    output: int
    cosine: float
    by_position: bool = False


def pair(originals: Sequence[Vector], outputs: Sequence[Vector]) -> tuple[Match, ...]:
    """Which person is which, nobody twice; people without a partner are left out.

    The most alike first, down to a cosine of `SAME`. If both pictures show one person only and their faces
    differ more, they are paired by position: a generator that redraws the face must not escape.
    """
    if not originals or not outputs:
        return ()
    cosines = np.stack(originals) @ np.stack(outputs).T
    matches: list[Match] = []
    left, right = set(range(len(originals))), set(range(len(outputs)))
    for flat in np.argsort(-cosines, axis=None, kind="stable"):
        i, j = (int(v) for v in np.unravel_index(int(flat), cosines.shape))
        if cosines[i, j] < SAME:
            break
        if i in left and j in right:
            matches.append(Match(i, j, float(cosines[i, j])))
            left.discard(i)
            right.discard(j)
    if not matches and len(originals) == len(outputs) == 1:
        matches.append(Match(0, 0, float(cosines[0, 0]), by_position=True))
    return tuple(sorted(matches, key=lambda m: m.original))


_lock = threading.Lock()


def shared() -> Identity:
    """The one recogniser of this process."""
    with _lock:
        return _shared()


@cache
def _shared() -> Identity:
    return Identity()

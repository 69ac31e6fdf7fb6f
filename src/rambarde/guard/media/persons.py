"""Persons: where bodies are, with or without a face. NanoDet, decoded in NumPy.

Model: NanoDet-g at 416 pixels (RangiLyu), trained on COCO; of its 80 classes only *person* is read.
"""

from __future__ import annotations

import contextlib
import threading
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from rambarde.guard.media.letterbox import fit, padded
from rambarde.guard.media.memo import Memo
from rambarde.guard.media.network import Network, vendored

FLOOR = 0.35
"""Least score of a person; below it the picture holds none. Chosen on the side of seeing one too many."""
SIDE = 416
_CERTAIN = (0.25, 0.6)
"""Below or above, no further look is taken; between, up to four are averaged."""
_ZOOM = 320
_BOX_FLOOR = 0.3
_OVERLAP = 0.5
_STRIDES = (8, 16, 32)
_BINS = np.arange(11, dtype=np.float32)
# As in training: blue, green, red.
_MEAN = np.array([103.53, 116.28, 123.675], np.float32)
_SPREAD = np.array([57.375, 57.12, 58.395], np.float32)

Floats = NDArray[np.float32]
_First = tuple[Floats, Floats]
"""Scores and boxes of the first look."""


@dataclass(frozen=True, slots=True)
class Person:
    """One person: `box` is (x, y, width, height) in pixels of the picture, `score` in [0, 1]."""

    box: tuple[float, float, float, float]
    score: float


class Persons:
    """The person finder. Load it once (`shared()`); `find` may be called from several threads."""

    def __init__(self) -> None:
        self._network = Network(vendored("nanodet.onnx"))
        self._memo: Memo[tuple[Person, ...]] = Memo()
        self._glances: Memo[tuple[Person, ...]] = Memo()
        self._firsts: Memo[_First] = Memo()

    @property
    def sha256(self) -> str:
        return self._network.sha256

    def find(self, rgb: NDArray[np.uint8]) -> tuple[Person, ...]:
        """All persons of a picture (height, width, 3), uint8, the best first; empty if there are none.

        A score between 0.25 and 0.6 is replaced by the mean with those of the mirror image and of both at
        three quarters of the size: what a network sees only once is more often a pattern than a person.
        A person needs about a sixth of the picture's long side in height.
        """
        return self._memo.get(rgb, lambda: self._find(rgb))

    def glance(self, rgb: NDArray[np.uint8]) -> tuple[Person, ...]:
        """The same in one look, which is enough beside somebody who was found by the face."""
        return self._glances.get(rgb, lambda: self._find(rgb, certain=False))

    def begin(self, rgb: NDArray[np.uint8]) -> None:
        """Take the first look in a thread beside this one; who asks next waits for it. Returns at once.

        For a picture that somebody waits for, where another core may be free. What goes wrong is told to who asks.
        """
        if not rgb.flags.writeable and rgb not in self._firsts:  # else nothing is remembered, or it is there
            threading.Thread(target=self._begun, args=(rgb,), name="persons", daemon=True).start()

    def _begun(self, rgb: NDArray[np.uint8]) -> None:
        with contextlib.suppress(Exception):  # not remembered: the next one tries it again
            self._first(rgb)

    def _first(self, rgb: NDArray[np.uint8]) -> _First:
        return self._firsts.get(rgb, lambda: self._look(fit(rgb, SIDE)))

    def _find(self, rgb: NDArray[np.uint8], certain: bool = True) -> tuple[Person, ...]:
        scores, boxes = self._first(rgb)
        scale = SIDE / max(rgb.shape[:2])
        top = float(scores.max())
        best = self._further(rgb, top) if certain else top
        if best < FLOOR:
            return ()
        persons = []
        for i in _suppress(boxes, scores, min(_BOX_FLOOR, top)):
            x0, y0, x1, y1 = (float(v) for v in boxes[i] / scale)
            # The best person carries the averaged score; the others keep their rank below it.
            persons.append(Person((x0, y0, x1 - x0, y1 - y0), best * float(scores[i]) / top))
        return tuple(persons)

    def _further(self, rgb: NDArray[np.uint8], first: float) -> float:
        """The mean best score over as many looks as it takes to be certain."""
        looks = [first]
        for mirrored, side in ((True, SIDE), (False, _ZOOM), (True, _ZOOM)):
            if not _CERTAIN[0] <= float(np.mean(looks)) < _CERTAIN[1]:
                break
            seen = fit(rgb, side)
            looks.append(float(self._look(seen[:, ::-1] if mirrored else seen)[0].max()))
        return float(np.mean(looks))

    def _look(self, view: NDArray[np.uint8]) -> tuple[Floats, Floats]:
        """Person scores (n,) and corner boxes (n, 4), in pixels of the view, of the cells that may hold somebody:

        those that reach `_BOX_FLOOR`, and the best one. Nearly all cells do not, and boxes cost.
        """
        canvas = padded(view)
        height, width = canvas.shape[:2]
        blob = np.empty((1, 3, height, width), np.float32)
        for channel in range(3):
            np.subtract(canvas[:, :, 2 - channel], _MEAN[channel], out=blob[0, channel], dtype=np.float32)
            blob[0, channel] /= _SPREAD[channel]
        raw = self._network.run({"picture": blob})
        levels = [raw[f"classes_{stride}"][0, :, 0] for stride in _STRIDES]
        floor = min(_BOX_FLOOR, max(float(level.max()) for level in levels))
        scores, boxes = [], []
        for stride, level in zip(_STRIDES, levels, strict=True):
            cells = np.flatnonzero(level >= floor)
            scores.append(level[cells])
            boxes.append(_boxes(raw[f"distances_{stride}"][0, cells], cells, stride, width))
        return np.concatenate(scores), np.concatenate(boxes)


_lock = threading.Lock()


def shared() -> Persons:
    """The one finder of this process."""
    with _lock:
        return _shared()


@cache
def _shared() -> Persons:
    return Persons()


def _boxes(distances: Floats, cells: NDArray[np.intp], stride: int, width: int) -> Floats:
    """Corner boxes (n, 4) of cells from their distributions over eleven distances to each side (n, 44)."""
    logits = distances.reshape(-1, 4, 11)
    weights = np.exp(logits - logits.max(axis=2, keepdims=True))
    away = (weights @ _BINS) / weights.sum(axis=2) * stride
    row, column = np.divmod(cells, width // stride)
    x, y = (column + 0.5) * stride, (row + 0.5) * stride
    return np.stack([x - away[:, 0], y - away[:, 1], x + away[:, 2], y + away[:, 3]], axis=1).astype(
        np.float32
    )


def _suppress(boxes: Floats, scores: Floats, floor: float) -> list[int]:
    """Indices of the best boxes, best first, none overlapping a better one by more than `_OVERLAP`."""
    order = np.flatnonzero(scores >= floor)
    order = order[np.argsort(-scores[order], kind="stable")][:200]
    area = (boxes[:, 2] - boxes[:, 0]).clip(0) * (boxes[:, 3] - boxes[:, 1]).clip(0)
    kept: list[int] = []
    while order.size:
        best, rest = int(order[0]), order[1:]
        kept.append(best)
        low = np.maximum(boxes[best, :2], boxes[rest, :2])
        high = np.minimum(boxes[best, 2:], boxes[rest, 2:])
        common = (high - low).clip(0).prod(axis=1)
        order = rest[common <= _OVERLAP * (area[best] + area[rest] - common).clip(1e-6)]
    return kept

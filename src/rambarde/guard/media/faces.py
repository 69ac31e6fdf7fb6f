"""Faces: where they are, with five landmarks. YuNet, decoded in NumPy.

Model: YuNet 2023mar (Wu, Peng, Yu: "YuNet: A Tiny Millisecond-level Face Detector", 2023), from opencv_zoo.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from rambarde.guard.media.letterbox import fit, padded
from rambarde.guard.media.memo import Memo
from rambarde.guard.media.network import Network, vendored

FLOOR = 0.7
"""Least score of an upright face."""
TURNED_FLOOR = 0.88
"""Least score of a face that lies on its side or upside down: a cat's patterned brow read 0.83."""
SIDE = 640
"""Long side, in pixels, of the first look; the second looks are at half of it."""
_STRIDES = (8, 16, 32)
_OVERLAP = 0.3
_CANDIDATES = 400
"""Most boxes that go into the overlap test: bounds the work on a picture made of faces."""

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """One face, in pixels of the picture.

    `box` is (x, y, width, height). `points` has shape (5, 2): the eye at the picture's left, the eye at its
    right, nose tip, mouth corner left, mouth corner right. `score` is YuNet's confidence in [0, 1]. `turned`
    counts the quarter turns counter-clockwise under which the face was found upright; 0 for an upright face.
    """

    box: tuple[float, float, float, float]
    points: Floats
    score: float
    turned: int = 0

    @property
    def unit(self) -> float:
        """The face unit in pixels: the larger of eye distance and eye-middle to mouth-middle."""
        eyes, mouth = self.points[:2], self.points[3:]
        across = float(np.hypot(*(eyes[1] - eyes[0])))
        down = float(np.hypot(*(mouth.mean(axis=0) - eyes.mean(axis=0))))
        return max(across, down)


class Faces:
    """The face finder. Load it once (`shared()`); `find` may be called from several threads."""

    def __init__(self) -> None:
        self._network = Network(vendored("yunet.onnx"))
        self._memo: Memo[tuple[Face, ...]] = Memo()

    @property
    def sha256(self) -> str:
        return self._network.sha256

    def find(self, rgb: NDArray[np.uint8]) -> tuple[Face, ...]:
        """All faces of a picture (height, width, 3), uint8, the best first; empty if there are none.

        The first look is at 640 pixels; a face needs about 10 pixels of width there. If it finds nothing,
        a second is at 320, for a face that fills the frame. If nothing certain was found, the second look
        is also turned by a quarter, three quarters and a half: a picture on its side is still a picture of
        somebody, and landmarks of a face that lies are wrong in an upright look.
        """
        return self._memo.get(rgb, lambda: self._find(rgb))

    def _find(self, rgb: NDArray[np.uint8]) -> tuple[Face, ...]:
        height, width = rgb.shape[:2]
        long = max(height, width)
        view = fit(rgb, SIDE)
        found = self._look(view, 0, FLOOR)
        if not found or found[0].score < TURNED_FLOOR:
            small = fit(view, SIDE // 2)
            looks = ([] if found else [self._look(small, 0, FLOOR)]) + [
                self._look(np.rot90(small, turned), turned, TURNED_FLOOR) for turned in (1, 3, 2)
            ]
            best = max(looks, key=lambda faces: faces[0].score if faces else 0.0)
            if best:
                view, found = small, best
        return tuple(_scaled(face, long / max(view.shape[:2]), width, height) for face in found)

    def _look(self, view: NDArray[np.uint8], turned: int, floor: float) -> list[Face]:
        """Faces of one view, in pixels of the view."""
        canvas = padded(view)
        blob = np.ascontiguousarray(canvas[:, :, ::-1].transpose(2, 0, 1), dtype=np.float32)[None]
        boxes, points, scores = _decode(self._network.run({"input": blob}), canvas.shape[1], floor)
        faces: list[Face] = []
        for i in _suppress(boxes, scores):
            x, y, w, h = (float(v) for v in boxes[i])
            face = Face((x, y, w, h), points[i], float(scores[i]), turned)
            if face.unit > 1:  # landmarks in one point are no face
                faces.append(face)
        return faces


_lock = threading.Lock()


def shared() -> Faces:
    """The one finder of this process: detectors and the comparison see the same faces, found once."""
    with _lock:
        return _shared()


@cache
def _shared() -> Faces:
    return Faces()


def _decode(raw: dict[str, Floats], width: int, floor: float) -> tuple[Floats, Floats, Floats]:
    """Boxes (n, 4), landmarks (n, 5, 2) and scores (n,) above the floor, in pixels of the canvas."""
    boxes, points, scores = [], [], []
    for stride in _STRIDES:
        score = np.sqrt(raw[f"cls_{stride}"][0, :, 0].clip(0, 1) * raw[f"obj_{stride}"][0, :, 0].clip(0, 1))
        cells = np.flatnonzero(score >= floor)
        if not cells.size:
            continue
        row, column = np.divmod(cells, width // stride)
        corner = np.stack([column, row], axis=1).astype(np.float32)
        offsets = raw[f"bbox_{stride}"][0, cells]
        middle = (corner + offsets[:, :2]) * stride
        size = np.exp(offsets[:, 2:].clip(-10, 10)) * stride
        boxes.append(np.concatenate([middle - size / 2, size], axis=1))
        points.append((raw[f"kps_{stride}"][0, cells].reshape(-1, 5, 2) + corner[:, None]) * stride)
        scores.append(score[cells])
    if not boxes:
        return np.empty((0, 4), np.float32), np.empty((0, 5, 2), np.float32), np.empty(0, np.float32)
    return np.concatenate(boxes), np.concatenate(points), np.concatenate(scores)


def _suppress(boxes: Floats, scores: Floats) -> list[int]:
    """Indices of the best boxes, best first, none overlapping a better one by more than `_OVERLAP`."""
    left, top = boxes[:, 0], boxes[:, 1]
    right, bottom = left + boxes[:, 2], top + boxes[:, 3]
    area = boxes[:, 2] * boxes[:, 3]
    order = np.argsort(-scores, kind="stable")[:_CANDIDATES]
    kept: list[int] = []
    while order.size:
        best, rest = order[0], order[1:]
        kept.append(int(best))
        w = (np.minimum(right[best], right[rest]) - np.maximum(left[best], left[rest])).clip(0)
        h = (np.minimum(bottom[best], bottom[rest]) - np.maximum(top[best], top[rest])).clip(0)
        shared_area = w * h
        order = rest[shared_area / (area[best] + area[rest] - shared_area) <= _OVERLAP]
    return kept


def _scaled(face: Face, scale: float, width: int, height: int) -> Face:
    """From pixels of the view that found it to pixels of the picture of this width and height."""
    x, y, w, h = face.box
    corners = np.array([[x, y], [x + w, y + h]], np.float32) * scale
    corners = _unrotate(corners, face.turned, width, height)
    points = _unrotate(face.points * scale, face.turned, width, height)
    (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
    box = (float(left), float(top), float(right - left), float(bottom - top))
    return Face(box, points.astype(np.float32), face.score, face.turned)


def _unrotate(points: Floats, turned: int, width: int, height: int) -> Floats:
    """Undo `np.rot90(picture, turned)` for points of shape (n, 2)."""
    x, y = points[:, 0], points[:, 1]
    if turned == 1:
        return np.stack([width - y, x], axis=1)
    if turned == 2:
        return np.stack([width - x, height - y], axis=1)
    if turned == 3:
        return np.stack([y, height - x], axis=1)
    return points

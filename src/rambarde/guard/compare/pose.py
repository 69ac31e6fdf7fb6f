"""A pose: where the joints of one person are, hidden ones too, and which of them can be seen.

Model: MediaPipe BlazePose GHUM, lite, 256×256 (Bazarevsky et al., "BlazePose: On-device Real-time Body Pose
Tracking", 2020; Google, Apache-2.0), run by LiteRT. It looks at a square around one person.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from functools import cache

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from PIL import Image

from rambarde.guard.media.network import vendored

SIDE = 256
CERTAIN = 0.5
"""Least probability that the square shows a person, without which there is no pose."""
SEEN = 0.5
"""Least probability of a joint that can be seen."""
JOINTS = 33
_MIDDLE, _RIM = 33, 34
"""Two points more: between the hips, and on the circle around the whole figure."""
_BELOW, _HALF = 10.0, 17.0
"""Units below the eyes where the hips of somebody who stands are, and from there to the edge of the square."""
_WIDER = 1.25
_ROUNDS = 2

Floats = NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Pose:
    """`points` (33, 2): the joints in pixels of the picture, in BlazePose's order, also beyond its frame.
    `seen` (33,): how surely each can be seen, in [0, 1]; 0 beyond the frame.
    """

    points: Floats
    seen: Floats


class Poses:
    """The pose finder. Load it once (`shared()`); each thread that calls it gets an interpreter of its own."""

    def __init__(self) -> None:
        self._data = vendored("pose_landmark_lite.tflite")
        self._local = threading.local()
        self.sha256 = hashlib.sha256(self._data).hexdigest()
        self._interpreter()

    def find(self, image: Image.Image, eyes: tuple[float, float], unit: float) -> Pose | None:
        """The pose of the person whose eyes have their middle at `eyes`, upright; None where none is certain.

        `unit` is the face unit in pixels. The first square is that of somebody who stands; the second one
        lies around the figure that was found in it.
        """
        x, y, half = eyes[0], eyes[1] + _BELOW * unit, _HALF * unit
        found: Pose | None = None
        for _ in range(_ROUNDS):
            raw, score = self._look(image, x, y, half)
            if score < CERTAIN and found is not None:
                break
            points = raw[:, :2] * (2 * half / SIDE) + np.array([x - half, y - half], np.float32)
            inside = ((points >= 0) & (points < image.size)).all(axis=1)
            seen = np.where(inside, 1 / (1 + np.exp(-raw[:, 3].clip(-30, 30))), 0)
            if score >= CERTAIN:
                found = Pose(points[:JOINTS], seen[:JOINTS].astype(np.float32))
            x, y = (float(v) for v in points[_MIDDLE])
            half = max(4 * unit, _WIDER * float(np.hypot(*(points[_RIM] - points[_MIDDLE]))))
            if not np.isfinite((x, y, half)).all() or half > 4 * _HALF * unit:
                break
        return found

    def _look(self, image: Image.Image, x: float, y: float, half: float) -> tuple[Floats, float]:
        """The 39 points of a square (39, 5), in its own 256 pixels, and the probability of a person."""
        interpreter = self._interpreter()
        view = np.asarray(_square(image, x, y, half), np.float32)[None] / np.float32(255)
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], view)
        interpreter.invoke()
        found = {tuple(d["shape"]): d["index"] for d in interpreter.get_output_details()}
        raw = interpreter.get_tensor(found[(1, 195)]).reshape(39, 5)
        return raw, float(interpreter.get_tensor(found[(1, 1)])[0, 0])

    def _interpreter(self) -> Interpreter:
        found = getattr(self._local, "interpreter", None)
        if found is None:
            found = Interpreter(model_content=self._data, num_threads=1)
            found.allocate_tensors()
            self._local.interpreter = found
        return found


def _square(image: Image.Image, x: float, y: float, half: float) -> Image.Image:
    """A square of the picture, 256×256, black beyond the frame."""
    out = Image.new("RGB", (SIDE, SIDE))
    scale = SIDE / (2 * half)
    left, top = max(0.0, x - half), max(0.0, y - half)
    right, bottom = min(float(image.width), x + half), min(float(image.height), y + half)
    size = (round((right - left) * scale), round((bottom - top) * scale))
    if min(size) >= 1:
        box = (left, top, right, bottom)
        part = image.resize(size, Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
        out.paste(part, (round((left - x + half) * scale), round((top - y + half) * scale)))
    return out


_lock = threading.Lock()


def shared() -> Poses:
    """The one finder of this process."""
    with _lock:
        return _shared()


@cache
def _shared() -> Poses:
    return Poses()

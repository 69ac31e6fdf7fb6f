"""A mask: which cells of a grid show a person.

Model: MediaPipe Selfie Segmentation, general, 256×256 (Google, Apache-2.0), run by LiteRT.
"""

from __future__ import annotations

import hashlib
import threading
from functools import cache

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from numpy.typing import NDArray
from PIL import Image

from rambarde.guard.compare.grid import COLUMNS, ROWS, Frame
from rambarde.guard.media.network import vendored

SIDE = 256
PERSON = 0.5
"""Least probability of a cell that counts as person."""


class Masks:
    """The segmenter. Load it once (`shared()`); each thread that calls it gets an interpreter of its own."""

    def __init__(self) -> None:
        self._data = vendored("selfie_segmentation.tflite")
        self._local = threading.local()
        self.sha256 = hashlib.sha256(self._data).hexdigest()
        self._interpreter()

    def person(self, image: Image.Image, at: Frame) -> NDArray[np.bool_]:
        """Which cells (ROWS, COLUMNS) show a person; the network sees only the grid's part of the picture."""
        out = np.zeros((ROWS, COLUMNS), np.bool_)
        width, height = at.size
        if not (width and height):
            return out
        view = image.resize((SIDE, SIDE), Image.Resampling.BILINEAR, box=at.box, reducing_gap=2.0)
        interpreter = self._interpreter()
        interpreter.set_tensor(
            interpreter.get_input_details()[0]["index"], np.asarray(view, np.float32)[None] / np.float32(255)
        )
        interpreter.invoke()
        alpha = interpreter.get_tensor(interpreter.get_output_details()[0]["index"])
        smooth = Image.fromarray(alpha.reshape(SIDE, SIDE)).resize((width, height), Image.Resampling.BILINEAR)
        out[at.rows, at.columns] = np.asarray(smooth) > PERSON
        return out

    def _interpreter(self) -> Interpreter:
        found = getattr(self._local, "interpreter", None)
        if found is None:
            found = Interpreter(model_content=self._data, num_threads=1)
            found.allocate_tensors()
            self._local.interpreter = found
        return found


_lock = threading.Lock()


def shared() -> Masks:
    """The one segmenter of this process."""
    with _lock:
        return _shared()


@cache
def _shared() -> Masks:
    return Masks()

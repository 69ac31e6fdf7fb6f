"""The signal `writing`, and what is written: an instruction drawn into an input picture is read. An extra.

Models: PP-OCRv6 small (Apache-2.0, PaddleOCR), read from the installed package `rapidocr` (Apache-2.0), which
also finds and cuts out the lines. It is given the paths of its own files, so it fetches nothing.
"""

from __future__ import annotations

import hashlib
import threading
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rambarde.guard.detectors.contract import DetectorInfo, MissingExtra, Reading, Subject
from rambarde.guard.detectors.nudity import SMALLEST
from rambarde.guard.media.letterbox import fit
from rambarde.guard.media.network import digest
from rambarde.nouns.decision import Evidence
from rambarde.nouns.request import Picture, Text
from rambarde.nouns.signal import Signal, SignalSpec

WRITING = "writing"
EXTRA, PACKAGE = "ocr", "rapidocr"
SIDE = 640
"""Long side, in pixels, at which a picture is read; letters much lower than a sixtieth of it are missed."""
SURE = 0.5
"""Least confidence of a line that counts as read."""
PLAIN = 0.95
"""Mean confidence from which a picture is not read in the mirror and upside down as well."""
SLIM = 8.0
"""Longest ratio of the sides at which a picture is read; a longer one is read in overlapping parts."""
MOST = 32
"""Most parts of one picture; beyond, there is no answer."""
_FILES = {
    "Det": "PP-OCRv6_det_small.onnx",
    "Rec": "PP-OCRv6_rec_small.onnx",
    "Cls": "ch_ppocr_mobile_v2.0_cls_mobile.onnx",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One line as it was read, with its confidence in [0, 1]."""

    words: str
    sure: float


class WritingDetector:
    """How surely something legible is written in an input picture, *absent* where nothing is.

    The evidence is what was read, one line each: the inspector hands it to the detectors of texts. Limits:
    small, faint, curved or ornamental letters, and scripts that the network does not know, are missed
    (docs/accuracy.md).
    """

    info = DetectorInfo(
        name="writing",
        version="1",
        subject=Subject.INPUT,
        specs=(SignalSpec(WRITING, meaning="confidence of the surest line of writing"),),
        deadline=10.0,
    )

    def __init__(self) -> None:
        self._engine: Any = None
        self._digest = ""
        self._turn = threading.Lock()
        """The package keeps state between its steps, so it serves one picture at a time."""

    @property
    def digest(self) -> str:
        return self._digest

    def load(self) -> None:
        spec = find_spec(PACKAGE)
        if spec is None or not spec.submodule_search_locations:
            raise MissingExtra(EXTRA)
        folder = Path(spec.submodule_search_locations[0]) / "models"
        files = {part: folder / name for part, name in _FILES.items()}
        sums = [hashlib.sha256(path.read_bytes()).hexdigest() for path in files.values()]
        try:
            release = version(PACKAGE)
        except PackageNotFoundError:
            raise MissingExtra(EXTRA) from None
        self._engine = _engine(files)
        # The package's code finds the lines and spells them, so its release shapes the answer too.
        self._digest = digest(*sums, hashlib.sha256(f"{PACKAGE} {release}".encode()).hexdigest())

    def inspect(self, subject: Text | Picture, /) -> Reading:
        if not isinstance(subject, Picture):
            raise TypeError("writing looks at pictures")
        short, long = sorted((subject.width, subject.height))
        if short < SMALLEST:
            return Reading((Signal.no_answer(WRITING, "too small"),))
        if long > SLIM * MOST / 2 * short:
            return Reading((Signal.no_answer(WRITING, "too narrow"),))
        if self._engine is None:
            raise RuntimeError("writing: call load() first")
        with self._turn:
            lines = [line for part in parts(subject.rgb) for line in self._turned(part)]
        if not lines:
            return Reading((Signal.absent(WRITING, "nothing is written"),))
        best = max(line.sure for line in lines)
        return Reading(
            (Signal.measured(WRITING, min(1.0, best)),),
            tuple(Evidence(WRITING, line.words, "image") for line in lines),
        )

    def _turned(self, rgb: NDArray[np.uint8]) -> list[Line]:
        """What is written in one part; in the mirror and upside down too, where it is read but not surely."""
        view = fit(rgb, SIDE)
        lines = self._read(view)
        if lines and _surety(lines) < PLAIN:
            lines += self._read(view[:, ::-1]) + self._read(view[::-1, ::-1])
        return lines

    def _read(self, view: NDArray[np.uint8]) -> list[Line]:
        image, steps = self._engine.preprocess_img(np.ascontiguousarray(view[:, :, ::-1]))
        _, _, read, _ = self._engine.run_ocr_steps(image, steps)
        if not read.txts:
            return []
        found = zip(read.txts, read.scores, strict=True)
        return [Line(words.strip(), float(sure)) for words, sure in found if words.strip() and sure >= SURE]


def parts(rgb: NDArray[np.uint8]) -> list[NDArray[np.uint8]]:
    """The picture or, of one that is longer than `SLIM` times its short side, parts that overlap by half."""
    height, width = rgb.shape[:2]
    short, long = sorted((height, width))
    if long <= SLIM * short:
        return [rgb]
    length = round(SLIM * short)
    starts = [*range(0, long - length, length // 2), long - length]
    cuts = [slice(at, at + length) for at in starts]
    return [rgb[:, cut] if width > height else rgb[cut] for cut in cuts]


def _surety(lines: list[Line]) -> float:
    """The mean confidence over all letters of some lines."""
    return sum(line.sure * len(line.words) for line in lines) / sum(len(line.words) for line in lines)


def _engine(files: dict[str, Path]) -> Any:
    from rapidocr import RapidOCR  # brings OpenCV: only where the extra is asked for

    engine = RapidOCR(
        params={
            "Global.log_level": "critical",
            "Global.max_side_len": SIDE,
            "Det.limit_type": "max",
            "Det.limit_side_len": SIDE,
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
            **{f"{part}.model_path": str(path) for part, path in files.items()},
        }
    )
    # Loaded now, so that the first picture does not wait for it.
    blank = np.full((64, 320, 3), 255, np.uint8)
    engine.run_ocr_steps(*engine.preprocess_img(blank))
    engine.recognize_txt(engine.cls_and_rotate([blank])[0])
    return engine

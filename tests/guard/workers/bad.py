"""Detectors that misbehave in every way that a process can. Imported by workers: see `build`."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rambarde.guard.detectors.contract import Change, DetectorInfo, Reading, Subject
from rambarde.nouns.request import Picture
from rambarde.nouns.signal import Signal, SignalSpec

DIGEST = "sha256:" + "0" * 64
EVIL = 66
"""Level of red at which a detector of `on` misbehaves; it measures all other pictures."""


def mean(picture: Picture) -> float:
    return float(picture.rgb[..., 0].mean()) / 255


def segfault() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


def killed() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hang() -> None:
    time.sleep(600)


def hang_inside() -> None:
    """In native code, with the interpreter's lock."""
    ctypes.PyDLL(None).sleep(600)


def line() -> int:
    """The descriptor of the worker's end of the line."""
    return int(sys.argv[1])


def noise() -> None:
    os.write(line(), os.urandom(4096))


def endless() -> None:
    os.write(line(), b"\x7f\xff\xff\xff")


def hang_up() -> None:
    os.close(line())
    hang()


def raises() -> None:
    raise RuntimeError("the secret picture")


def out_of_memory() -> None:
    np.ones(2**60, np.uint8)


WAYS: dict[str, Callable[[], None]] = {
    "segfault": segfault,
    "abort": os.abort,
    "killed": killed,
    "exit": lambda: os._exit(0),
    "hang": hang,
    "hang_inside": hang_inside,
    "noise": noise,
    "endless": endless,
    "hang_up": hang_up,
    "raises": raises,
    "out_of_memory": out_of_memory,
}


class Bad:
    """Measures the mean of red; a picture at `EVIL` makes it misbehave in its way."""

    def __init__(self, way: str, deadline: float = 1.5) -> None:
        self.info = DetectorInfo(way, "1", Subject.PICTURE, (SignalSpec(way),), deadline)
        self.digest = DIGEST

    def load(self) -> None: ...

    def inspect(self, picture: Picture) -> Reading:
        name = self.info.name
        if int(picture.rgb[0, 0, 0]) != EVIL:
            return Reading((Signal.measured(name, mean(picture)),))
        match name:
            case "nan":
                return Reading((Signal.measured(name, float("nan")),))
            case "hidden_nan":
                signal = Signal.absent(name)
                object.__setattr__(signal, "value", float("nan"))
                return Reading((signal,))
            case "shape":
                return Reading((Signal.measured(name, np.zeros(3)),))  # type: ignore[arg-type]
            case "others":
                return Reading((Signal.measured("another", 0.0),))
            case "none":
                return None  # type: ignore[return-value]
            case "long":
                return Reading((Signal.no_answer(name, "x" * 10_000_000),))
        WAYS[name]()
        raise AssertionError("it should not have come so far")


class Redness(Bad):
    """Behaves. As a plug-in does: it knows nothing of workers."""

    def __init__(self) -> None:
        super().__init__("redness", 2.5)

    def inspect(self, picture: Picture) -> Reading:
        assert not picture.rgb.flags.writeable and isinstance(picture.data, bytes)
        if picture.alpha is not None:
            assert picture.alpha.shape == picture.rgb.shape[:2]
        return Reading((Signal.measured("redness", mean(picture)),))


class Difference:
    """Compares: how much redder the output is than the reddest of what it goes back to."""

    info = DetectorInfo(
        "difference", "1", Subject.CHANGE, (SignalSpec("difference"), SignalSpec("lost")), 5.0
    )
    digest = DIGEST

    def load(self) -> None: ...

    def prepare(self, picture: Picture) -> None:
        mean(picture)

    def inspect(self, change: Change) -> Reading:
        before = max(map(mean, (*change.inputs, *change.originals, *change.session)))
        return Reading(
            (
                Signal.measured("difference", max(0.0, mean(change.output) - before)),
                Signal.measured("lost", len(change.lost) / 10),
            )
        )


class Stale(Redness):
    """Its digest is what a file says; its bank, too."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._path = Path(path)

    def load(self) -> None:
        """Raises `OSError` if the file is missing; a file that says `crash` ends the process."""
        said = self._path.read_text("ascii")
        if said == "crash":
            os.abort()
        self.digest = said
        self.data = "bank of " + said


def build(names: tuple[str, ...]) -> tuple[Any, ...]:
    """Detectors by name; imported by name in the worker."""
    return tuple(by_name(name) for name in names)


def by_name(name: str) -> Any:
    kind, _, rest = name.partition(":")
    match kind:
        case "redness":
            return Redness()
        case "difference":
            return Difference()
        case "stale":
            return Stale(rest)
        case _:
            return Bad(name)


def crowded() -> tuple[Any, ...]:
    """The shipped detectors of people, in a picture in which a thousand faces are found."""
    from rambarde.guard.detectors.age import AgeDetector
    from rambarde.guard.detectors.comparison import ComparisonDetector
    from rambarde.guard.detectors.faces import FacesDetector
    from rambarde.guard.media import faces

    def find(rgb: Any) -> tuple[faces.Face, ...]:
        points = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], np.float32)
        return tuple(
            faces.Face((i % 30, i // 30, 100, 120), points + np.float32(i % 30), 0.9) for i in range(1000)
        )

    faces.shared().find = find  # type: ignore[method-assign]
    return AgeDetector(), ComparisonDetector(), FacesDetector()

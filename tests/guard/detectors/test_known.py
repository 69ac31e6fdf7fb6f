"""Known images: matches in every orientation, and nothing ordinary held."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from rambarde.guard.detectors.contract import Detector
from rambarde.guard.detectors.known import KnownDetector
from rambarde.guard.media.bank import Bank
from rambarde.guard.media.pdq import pdq
from rambarde.nouns.request import Picture, Text
from rambarde.nouns.signal import Signal, State

Pixels = NDArray[np.uint8]


def picture(pixels: Pixels) -> Picture:
    return Picture(data=b"", media_type="image/png", sha256="", rgb=np.ascontiguousarray(pixels))


def rgb(pixels: Pixels) -> Pixels:
    return pixels[:, :, :3] if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2)


@pytest.fixture
def detector(tmp_path: Path, astronaut: Pixels) -> KnownDetector:
    """Knows the astronaut, and 5,000 hashes at random."""
    noise = np.random.default_rng(5).integers(0, 256, (5_000, 32), dtype=np.uint8)
    path = tmp_path / "bank.txt"
    path.write_bytes(Bank("1", (*(row.tobytes() for row in noise), pdq(astronaut).bits)).dump())
    made = KnownDetector(path)
    made.load()
    return made


def look(detector: KnownDetector, pixels: Pixels) -> Signal:
    (signal,) = detector.inspect(picture(pixels)).signals
    assert signal.name == "known"
    return signal


def test_contract() -> None:
    made = KnownDetector()
    assert isinstance(made, Detector)
    assert made.digest == ""
    with pytest.raises(RuntimeError, match="load"):
        made.inspect(picture(np.zeros((4, 4, 3), np.uint8)))
    made.load()
    with pytest.raises(TypeError):
        made.inspect(Text("a", "a", "a"))


def test_matches_in_every_orientation(detector: KnownDetector, astronaut: Pixels) -> None:
    for turned in (
        astronaut,
        astronaut[:, ::-1],
        np.rot90(astronaut),
        np.rot90(astronaut[::-1], 3),
        astronaut[::-1],
    ):
        assert look(detector, turned).value == 1.0
    small = np.array(Image.fromarray(astronaut[:, ::-1]).resize((300, 200)))
    assert look(detector, small).value == 1.0


def test_ordinary_pictures_are_absent(detector: KnownDetector, nobody: dict[str, Pixels]) -> None:
    for name, pixels in nobody.items():
        assert look(detector, rgb(pixels)).state is State.ABSENT, name


def test_an_empty_bank_blocks_nothing(astronaut: Pixels) -> None:
    empty = KnownDetector()
    empty.load()
    assert look(empty, astronaut).state is State.ABSENT
    assert look(empty, np.zeros((1, 1, 3), np.uint8)).state is State.ABSENT


def test_flat_pictures_can_be_released(detector: KnownDetector) -> None:
    gradient = (
        np.repeat(np.linspace(0, 255, 200)[None, :, None], 100, axis=0).repeat(3, axis=2).astype(np.uint8)
    )
    noisy = (np.random.default_rng(0).integers(127, 130, (256, 256, 3))).astype(np.uint8)
    for pixels in (gradient, noisy, *(np.full((64, 48, 3), v, np.uint8) for v in (0, 255)), gradient[:1, :1]):
        assert look(detector, pixels).state is State.ABSENT


def test_a_washed_out_copy_gives_no_answer(detector: KnownDetector, astronaut: Pixels) -> None:
    """A copy at a tenth of the contrast hashes alike; its low quality must not let it pass."""
    pale = (astronaut * 0.05 + 200).astype(np.uint8)
    assert pdq(pale).quality < 0.5
    assert look(detector, pale).state is State.NO_ANSWER


def test_the_bank_is_data_and_not_the_method(tmp_path: Path) -> None:
    made = []
    for bank in (Bank(), Bank("1", (bytes(32),)), Bank("2", (bytes(32),))):
        path = tmp_path / "bank.txt"
        path.write_bytes(bank.dump())
        detector = KnownDetector(str(path))
        assert detector.digest == ""
        detector.load()
        made.append(detector)
    assert len({detector.digest for detector in made}) == 1 and made[0].digest.startswith("sha256:")
    assert len({detector.data for detector in made}) == 3


def test_a_damaged_or_missing_bank_does_not_load(tmp_path: Path) -> None:
    path = tmp_path / "bank.txt"
    path.write_bytes(Bank("1", (bytes(32),)).dump()[:-5])
    with pytest.raises(ValueError, match="bank"):
        KnownDetector(path).load()
    with pytest.raises(OSError, match="nowhere"):
        KnownDetector(tmp_path / "nowhere").load()

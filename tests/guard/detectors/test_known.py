"""Known images: matches in every orientation, and nothing ordinary held."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from tests.guard.banks.known import NOON, decision, hashed

from rambarde.guard.banks.bank import Bank
from rambarde.guard.banks.entry import Entry, Kind
from rambarde.guard.banks.file import Head, sealed
from rambarde.guard.banks.file import replace as put
from rambarde.guard.detectors.contract import Detector
from rambarde.guard.detectors.known import KnownDetector
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
    path.write_bytes(Bank.of([*(row.tobytes() for row in noise), pdq(astronaut).bits], decision()).dump())
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
    for bank in (Bank(), Bank.of([bytes(32)], decision()), Bank.of([bytes(32)], decision(), "2")):
        path = tmp_path / "bank.txt"
        path.write_bytes(bank.dump())
        detector = KnownDetector(str(path))
        assert detector.digest == ""
        detector.load()
        assert detector.data == bank.digest
        made.append(detector)
    assert len({detector.digest for detector in made}) == 1 and made[0].digest.startswith("sha256:")
    assert len({detector.data for detector in made}) == 3


def test_a_damaged_or_missing_bank_does_not_load(tmp_path: Path) -> None:
    path = tmp_path / "bank.txt"
    path.write_bytes(Bank.of([bytes(32)], decision()).dump()[:-5])
    with pytest.raises(ValueError, match="bank"):
        KnownDetector(path).load()
    with pytest.raises(OSError, match="nowhere"):
        KnownDetector(tmp_path / "nowhere").load()


def test_a_bank_that_changes_counts_at_once_and_stands_in_the_record(
    detector: KnownDetector, tmp_path: Path, astronaut: Pixels
) -> None:
    path, before = tmp_path / "bank.txt", detector.data
    bank = Bank.read(path)
    put(path, bank.removed(pdq(astronaut).bits, decision(minutes=1)).dump())
    assert look(detector, astronaut).state is State.ABSENT
    assert detector.data == Bank.read(path).digest != before
    put(path, bank.dump())
    assert look(detector, astronaut).value == 1.0 and detector.data == before


def test_a_bank_that_cannot_be_relied_on_fails_the_signal(
    detector: KnownDetector, tmp_path: Path, astronaut: Pixels, nobody: dict[str, Pixels]
) -> None:
    path = tmp_path / "bank.txt"
    good = path.read_bytes()
    stale = Head("1", as_of=NOON.replace(year=2025), max_age=NOON - NOON.replace(hour=0))
    for data, why in ((good[:-70], "damaged"), (sealed(stale, []), "stale")):
        put(path, data)
        for pixels in (astronaut, rgb(next(iter(nobody.values()))), np.zeros((9, 9, 3), np.uint8)):
            found = look(detector, pixels)
            assert found.state is State.FAILED and why in found.reason
            assert str(tmp_path) not in found.reason
    put(path, good)
    assert look(detector, astronaut).value == 1.0


def test_a_negative_entry_lets_through_what_is_nearer_to_it(
    detector: KnownDetector, tmp_path: Path, astronaut: Pixels
) -> None:
    """The picture, and its turned and re-compressed copies; not the blocked picture itself."""
    path, own = tmp_path / "bank.txt", pdq(astronaut).bits
    wrongly = (int.from_bytes(own) ^ int.from_bytes(b"\x11" * 6 + bytes(26))).to_bytes(32)
    rows = {wrongly: Entry(Kind.BLOCK, decision()), hashed(3): Entry(Kind.BLOCK, decision())}
    put(path, sealed(Head("1"), rows.items()))
    assert look(detector, astronaut).value == 1.0
    put(path, sealed(Head("2"), [*rows.items(), (own, Entry(Kind.NEGATIVE, decision()))]))
    small = np.array(Image.fromarray(astronaut).resize((256, 256)))
    for pixels in (astronaut, astronaut[:, ::-1], np.rot90(astronaut), small):
        found = look(detector, pixels)
        assert (found.state, found.reason) == (State.ABSENT, "nearer to a negative entry")
    rows[own] = Entry(Kind.BLOCK, decision())
    put(path, sealed(Head("3"), [*rows.items(), (wrongly, Entry(Kind.NEGATIVE, decision()))]))
    assert look(detector, astronaut).value == 1.0

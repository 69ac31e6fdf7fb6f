"""Parts of a long text, embedded together, beside each for itself; and the work that this takes, counted."""

from __future__ import annotations

import random
from itertools import pairwise

import numpy as np
import pytest

from rambarde.guard.detectors.encoders import Encoder
from rambarde.guard.detectors.features import Span, pieces_of, sentence_spans, spans
from rambarde.guard.detectors.head import MOST_TOKENS
from rambarde.guard.detectors.passages import Floats, Passages
from rambarde.guard.text.normalise import canonical

WORDS = "the old tram climbs a hill while clouds gather above our bay and gulls rest on grey roofs".split()
KINDS = ("words", "sentences", "letters", "han", "han sentences", "cyrillic")


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder()


def text_of(kind: str, size: int) -> str:
    chance = random.Random(f"{kind} {size}")
    letters = {"letters": "abcdefgh", "han": "一只猫坐在窗边看着下雨的街道", "cyrillic": "трамвай холм "}
    if kind == "words":
        found = " ".join(chance.choice(WORDS) for _ in range(size // 3))
    elif kind == "sentences":
        found = "".join(
            " ".join(chance.choice(WORDS) for _ in range(chance.randint(4, 16))) + ". "
            for _ in range(size // 20)
        )
    elif kind == "han sentences":
        found = "".join(
            "".join(chance.choice(letters["han"]) for _ in range(18)) + "。" for _ in range(size // 19)
        )
    else:
        found = "".join(chance.choice(letters[kind]) for _ in range(size))
    return canonical(found[:size]).clean


def together(encoder: Encoder, text: str, wanted: list[Span], most: int) -> Floats:
    return encoder.embed(Passages.reading(text, wanted, encoder.tokenizer(), most), wanted)


@pytest.mark.parametrize("kind", KINDS)
def test_with_few_tokens_each_part_is_what_it_is_alone(encoder: Encoder, kind: str) -> None:
    text = text_of(kind, 1500)
    wanted = list(dict.fromkeys(spans(text)))
    alone = encoder.encode([text[a:b] for a, b in wanted])
    assert np.allclose(together(encoder, text, wanted, 10**6), alone, atol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_with_many_tokens_sentences_still_are_and_windows_nearly(encoder: Encoder, kind: str) -> None:
    text = text_of(kind, 1500)
    wanted = list(dict.fromkeys(spans(text)))
    alone, found = encoder.encode([text[a:b] for a, b in wanted]), together(encoder, text, wanted, 0)
    whole = set(sentence_spans(text, 10**6)) & set(sentence_spans(text))
    same = [i for i, span in enumerate(wanted) if span in whole]
    assert np.allclose(found[same], alone[same], atol=1e-4)
    cosine = (alone * found).sum(axis=1)
    assert cosine.min() > 0.75 and cosine.mean() > 0.9


def test_some_parts_of_a_text_need_not_wait_for_all_of_it(encoder: Encoder) -> None:
    text = text_of("sentences", 3000)
    wanted = [span for span in spans(text) if 1000 <= span[0] < 1300]
    passages = Passages.reading(text, wanted, encoder.tokenizer(), 0)
    assert sum(b - a for a, b in passages.spans) < 1200
    alone = encoder.encode([text[a:b] for a, b in wanted])
    assert (encoder.embed(passages, wanted) * alone).sum(axis=1).min() > 0.75


def test_one_token_and_one_long_word(encoder: Encoder) -> None:
    for text in ("x", "a" * 500, "x " * 300):
        wanted = list(dict.fromkeys(spans(text)))
        found = together(encoder, text, wanted, 0)
        assert found.shape == (len(wanted), 512)
        assert np.allclose(np.linalg.norm(found, axis=1), 1.0, atol=1e-3)


@pytest.mark.parametrize("kind", KINDS)
def test_the_work_grows_with_the_length_and_no_faster(encoder: Encoder, kind: str) -> None:
    """Counted in tokens that are looked at, in parts and in characters of pieces; not in seconds."""
    counts = []
    for size in (8000, 16_000, 32_000):
        text = canonical(text_of(kind, size))
        pieces = pieces_of(text)
        wanted = [p.span for p in pieces if not p.disguised]
        passages = Passages.reading(text.clean, wanted, encoder.tokenizer(), 0)
        assert len(passages.ids) <= 1.3 * size < MOST_TOKENS
        assert sum(len(p.clean) for p in pieces) <= 8 * size + 1000
        counts.append((len(passages.ids), len(passages.spans), len(pieces)))
    for smaller, larger in pairwise(counts):
        assert all(b <= 2.2 * a + 8 for a, b in zip(smaller, larger, strict=True))

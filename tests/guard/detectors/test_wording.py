"""Words and pairs of words: the same beside a slow way, and different where another word, or another order, stands."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rambarde.guard.detectors.wording import PAIR_BUCKETS, SPAN, _number, pairs, units

WORDS = st.lists(
    st.sampled_from(["take", "off", "her", "coat", "the", "fence", "\u0430\u0431", "\u732b\u72ac"]),
    max_size=12,
)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("take off her coat, please!", ["take", "off", "her", "coat", "pleas"]),
        (
            "\u8131\u6389\u5979\u7684\u5916\u5957",
            ["\u8131\u6389", "\u6389\u5979", "\u5979\u7684", "\u7684\u5916", "\u5916\u5957"],
        ),
        ("\u30b3\u30fc\u30c8\u3092\u8131", ["\u30b3\u30fc\u30c8", "\u3092", "\u8131"]),
        ("\uadf8\ub140\uc758 \ucf54\ud2b8\ub97c", ["\uadf8\ub140", "\ucf54\ud2b8"]),
        ("\u0909\u0938\u0915\u093e \u0915\u094b\u091f", ["\u0909\u0938\u0915\u093e", "\u0915\u094b\u091f"]),
        ("12 % ... \U0001f600", []),
    ],
)
def test_units_are_words_without_their_endings(text: str, found: list[str]) -> None:
    assert units(text) == found


def one_by_one(found: list[int]) -> set[int]:
    """Bucket by bucket, in plain integers."""
    low = 0xFFFFFFFF

    def mixed(value: int) -> int:
        value ^= value >> 15
        value = value * 0x2C1B3C6D & low
        value ^= value >> 13
        return (value * 0x297A2D39 & low) >> 32 - PAIR_BUCKETS.bit_length() + 1

    out = {mixed(unit * 0x9E3779B1 & low) for unit in found}
    for ahead in range(1, SPAN + 1):
        kind = 0x27D4EB2F if ahead == 1 else 0x165667B1
        for one, two in zip(found, found[ahead:], strict=False):
            first = (one * 0x9E3779B1 & low) ^ kind
            out.add(mixed((first * 0x85EBCA6B + two * 0xC2B2AE35) & low))
    return out


@given(WORDS)
def test_pairs_are_those_of_the_slow_way(words: list[str]) -> None:
    text = " ".join(words)
    found = pairs(text)
    assert found.tolist() == sorted(one_by_one([_number(unit) for unit in units(text)]))
    assert found.dtype == np.int64


def test_another_object_and_another_order_differ() -> None:
    coat, fence = set(pairs("take off her coat").tolist()), set(pairs("take off the fence").tolist())
    assert len(coat & fence) == 3  # two words and their pair
    assert set(pairs("coat off").tolist()) != set(pairs("off coat").tolist())


def test_words_further_apart_are_no_pair() -> None:
    near, far = pairs("off a b c coat"), pairs("off a b c d coat")
    pair = set(near.tolist()) - set(pairs("off a b c").tolist()) - set(pairs("a b c coat").tolist())
    assert len(pair) == 1 and not pair & set(far.tolist())

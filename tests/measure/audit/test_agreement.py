"""Agreement against the definitions, worked on pairs one by one, and against published examples."""

from __future__ import annotations

import itertools
from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rambarde.measure.audit.agreement import Pattern, cohen, interval, krippendorff, patterns

LABELS = ("positive", "negative", "unsure")
rows = st.lists(
    st.tuples(*(st.sampled_from([*LABELS, None]) for _ in range(3))), min_size=2, max_size=40
)  # fmt: skip


def slow_alpha(units: list[Pattern]) -> float | None:
    """Disagreement seen, over all pairs within units; and expected, over all pairs of all values there are."""
    kept = [[label for label in row if label is not None] for row in units]
    kept = [row for row in kept if len(row) > 1]
    values = [label for row in kept for label in row]
    apart = [a != b for a, b in itertools.permutations(values, 2)]
    if not any(apart):
        return None
    seen = sum(sum(a != b for a, b in itertools.permutations(row, 2)) / (len(row) - 1) for row in kept) / len(
        values
    )
    return 1 - seen / (sum(apart) / len(apart))


@given(rows)
@settings(max_examples=150, deadline=None)
def test_alpha_by_all_pairs(units: list[Pattern]) -> None:
    fast, slow = krippendorff(patterns(units)), slow_alpha(units)
    assert (fast is None) == (slow is None)
    assert fast is None or fast == pytest.approx(slow)


def test_krippendorffs_own_example() -> None:
    """Computing Krippendorff's Alpha-Reliability (2011), B and C: two observers, nominal; and with missing data."""
    two = list(zip("aabbbbbcccdd", "aabbbbcccddd", strict=True))
    assert slow_alpha([*two]) == pytest.approx(krippendorff(patterns(two)))
    b = list(zip("abbbbbaaaa"[:10], "abbabaabaa", strict=True))
    assert krippendorff(patterns(b)) == pytest.approx(slow_alpha([*b]))
    data = {
        "A": "1 2 3 3 2 1 4 1 2 * * *", "B": "1 2 3 3 2 2 4 1 2 5 * 3",
        "C": "* 3 3 3 2 3 4 2 2 5 1 *", "D": "1 2 3 3 2 4 4 1 2 5 1 *",
    }  # fmt: skip
    units: list[Pattern] = [
        tuple(None if label == "*" else label for label in unit)
        for unit in zip(*(line.split() for line in data.values()), strict=True)
    ]
    assert krippendorff(patterns(units)) == pytest.approx(0.743, abs=5e-4)


def test_cohens_by_hand() -> None:
    """20 both yes, 5 and 10 apart, 15 both no: 0.7 seen, 0.5 by chance."""
    counts: Counter[Pattern] = Counter({("y", "y"): 20, ("y", "n"): 5, ("n", "y"): 10, ("n", "n"): 15})
    assert cohen(counts) == pytest.approx(0.4)
    found = interval(counts, cohen, seed=1)
    assert found is not None and found.low < 0.4 < found.high
    assert (found.low, found.high) == pytest.approx((0.14, 0.64), abs=0.05)  # the asymptotic one
    assert interval(counts, cohen, seed=1) == found


def test_chance_alone_tells_nothing() -> None:
    assert cohen({("y", "y"): 9}) is None
    assert krippendorff({("y", "y"): 9}) is None
    assert cohen({("y", None): 9}) is None
    assert interval({("y", "y"): 9}, cohen) is None

"""Agreement beyond chance, of people with each other and of one with themselves.

Sources: J. Cohen (1960); K. Krippendorff, "Content Analysis", alpha for nominal data, which may have gaps; intervals by
resampling units (B. Efron's percentiles), seeded, so that a report can be repeated to the digit.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from rambarde.measure.audit.figure import Figure
from rambarde.measure.intervals import CONFIDENCE

TIMES = 2000
"""How often units are drawn again."""
Pattern = tuple[str | None, ...]
"""What each rater said of a unit; None where one said nothing."""
Counts = Mapping[Pattern, float]


def cohen(counts: Counts) -> float | None:
    """Kappa of two raters, over units that both labelled. None where chance alone always agrees, or there are none."""
    both = {pattern: count for pattern, count in counts.items() if None not in pattern}
    total = sum(both.values())
    if not total:
        return None
    first: Counter[str | None] = Counter()
    second: Counter[str | None] = Counter()
    for (one, two), count in both.items():
        first[one] += count  # type: ignore[assignment]
        second[two] += count  # type: ignore[assignment]
    seen = sum(count for (one, two), count in both.items() if one == two) / total
    chance = sum(first[label] * second[label] for label in first) / total**2
    return None if chance >= 1 else (seen - chance) / (1 - chance)


def krippendorff(counts: Counts) -> float | None:
    """Nominal alpha of any number of raters, over units that at least two labelled. None as for `cohen`."""
    together: Counter[tuple[str, str]] = Counter()
    for pattern, count in counts.items():
        said = [label for label in pattern if label is not None]
        if len(said) < 2:
            continue
        for i, one in enumerate(said):
            for j, two in enumerate(said):
                if i != j:
                    together[one, two] += count / (len(said) - 1)  # type: ignore[assignment]
    margins: Counter[str] = Counter()
    for (one, _), count in together.items():
        margins[one] += count
    total = sum(margins.values())
    expected = total * total - sum(count * count for count in margins.values())
    if total <= 1 or expected <= 0:
        return None
    apart = sum(count for (one, two), count in together.items() if one != two)
    return 1 - (total - 1) * apart / expected


def interval(
    counts: Counts,
    measure: Callable[[Counts], float | None],
    *,
    confidence: float = CONFIDENCE,
    seed: int = 0,
    times: int = TIMES,
) -> Figure | None:
    """The measure with its resampled interval; None where it cannot be told."""
    value = measure(counts)
    if value is None:
        return None
    patterns = sorted(counts, key=repr)
    weights = np.array([counts[pattern] for pattern in patterns], float)
    whole = round(weights.sum())
    drawn = np.random.default_rng(seed).multinomial(whole, weights / weights.sum(), size=times)
    found = [
        said for row in drawn if (said := measure(dict(zip(patterns, row.tolist(), strict=True)))) is not None
    ]
    if not found:
        return None
    low, high = np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Figure(value, min(value, float(low)), max(value, float(high)))


def patterns(rows: Sequence[Pattern]) -> Counter[Pattern]:
    return Counter(rows)

"""Folds: whether an area whose colour changed still has the light and shade it had.

Cloth that is dyed keeps them, a body laid bare does not. Evidence against an exposure, never proof that there
is none: it may turn what would be blocked into *no answer*, and nothing into a pass.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from rambarde.guard.compare.windows import grown, means

Floats = NDArray[np.float32]
Mask = NDArray[np.bool_]

KEPT = 0.55
"""Least correlation at which the folds are the same ones. On the photographs it was chosen on, more than nine in
ten dyed garments reach it and about one in thirty flat patches does."""
PART = 40
"""Percentile of the area that must reach it. The sign counts: other folds are as often opposite as alike."""
SMALLEST = 30
"""Least cells on which that can be told."""
_WINDOW = 3
_FAINT = 0.25
"""Variance of lightness that noise has too."""


def kept(before: Floats, after: Floats, where: Mask, inside: Mask, least: float = KEPT) -> bool:
    """Whether lightness `before` and `after` (rows, columns) vary alike in the area `where` and at its edge."""
    area = grown(where) & inside
    if int(area.sum()) < SMALLEST:
        return False
    return bool(np.percentile(alike(before, after)[area], PART) >= least)


def alike(before: Floats, after: Floats) -> Floats:
    """Correlation of lightness in the 3×3 cells around each, in [−1, 1]; near 0 where either is flat."""
    a, b = before.astype(np.float64), after.astype(np.float64)
    mean_a, mean_b = means(a, _WINDOW), means(b, _WINDOW)
    spread_a = np.maximum(means(a * a, _WINDOW) - mean_a**2, _FAINT)
    spread_b = np.maximum(means(b * b, _WINDOW) - mean_b**2, _FAINT)
    common = means(a * b, _WINDOW) - mean_a * mean_b
    return np.asarray(common / np.sqrt(spread_a * spread_b), dtype=np.float32)

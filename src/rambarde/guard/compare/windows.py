"""Windows: sums, means, growing and shrinking over squares of grid cells, in time that does not depend on them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]


def sums(values: NDArray[Any], side: int) -> Floats:
    """Sums over all squares of `side` cells that lie wholly within (rows − side + 1, columns − side + 1)."""
    total = np.pad(values.astype(np.float64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    n = side
    return np.asarray(total[n:, n:] - total[:-n, n:] - total[n:, :-n] + total[:-n, :-n])


def means(values: NDArray[Any], side: int) -> Floats:
    """The mean of the square of `side` cells, odd, around each cell; beyond the edge its cells are repeated."""
    return sums(np.pad(values, side // 2, mode="edge"), side) / side**2


def grown(mask: Mask, by: int = 1) -> Mask:
    """All cells within `by` rows and columns of one of the mask."""
    return np.asarray(sums(np.pad(mask, by), 2 * by + 1) > 0.5)


def shrunk(mask: Mask, by: int = 1) -> Mask:
    """The cells whose neighbours within `by` rows and columns are all in the mask; beyond the edge, all are."""
    return ~grown(~mask, by)

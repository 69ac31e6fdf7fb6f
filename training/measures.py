"""Numbers about a trained head: recall and false positives by family, calibration, low values of `touches_body`."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from prepare import Data, Floats
from scipy.optimize import minimize

from rambarde.guard.detectors.network import FAMILIES

PRIOR = 0.08
"""Least share of positives the probabilities are calibrated to: the corpus holds too few of the rare families."""
MOST = 0.4
"""Most: half of the corpus touches clothing or body, of the edits that people ask for far less."""
LOW = 0.2
"""Where the floors take `touches_body` for low: below, an edit leaves body and clothing alone."""
BINS = 10


def weights_of(y: Floats) -> NDArray[np.float64]:
    """Weights that bring the share of positives to the one that is calibrated to."""
    share = float(np.clip(y.mean(), 1e-6, 1 - 1e-6))
    prior = min(max(PRIOR, share), MOST)
    return np.where(y > 0, prior / share, (1 - prior) / (1 - share))


def calibrate(x: Floats, y: Floats, w: Floats) -> tuple[float, float]:
    """Platt: slope and shift that make held-out probabilities fit."""
    known = w > 0
    x, y = x[known].astype(np.float64), y[known].astype(np.float64)
    weight = weights_of(y)

    def loss(ab: NDArray[np.float64]) -> float:
        z = np.clip(ab[0] * x + ab[1], -30, 30)
        return float(np.mean(weight * (np.logaddexp(0, z) - y * z)) + 1e-4 * (ab[0] - 1) ** 2)

    slope, shift = minimize(loss, np.array([1.0, 0.0]), method="BFGS").x
    return float(max(0.2, slope)), float(shift)


def mix(a: Floats, b: Floats, y: Floats, w: Floats, which: NDArray[np.bool_]) -> tuple[float, float, float]:
    """Weights (never negative) of two opinions and a shift that make their sum fit, on held-out log odds.

    Fitted on the rows `which`, each weighted as among all rows: the doubtful hold more positives than the rest.
    """
    known = (w > 0) & which
    x = np.stack([a[known], b[known]], axis=1).astype(np.float64)
    target = y[known].astype(np.float64)
    weight = np.zeros(len(y))
    weight[w > 0] = weights_of(y[w > 0])
    weight = weight[known]

    def loss(p: NDArray[np.float64]) -> float:
        z = np.clip(x @ p[:2] + p[2], -30, 30)
        return float(np.mean(weight * (np.logaddexp(0, z) - target * z)) + 1e-3 * ((p[:2] - 0.5) ** 2).sum())

    one, two, shift = minimize(
        loss, np.array([0.5, 0.5, 0.0]), method="L-BFGS-B", bounds=[(0, None), (0, None), (None, None)]
    ).x
    return float(one), float(two), float(shift)


def table(prob: Floats, data: Data) -> dict[str, dict[str, float]]:
    """Recall and false positives at 0.5, over the rows that say anything about the family."""
    out = {}
    for i, family in enumerate(FAMILIES):
        known = data.w[:, i] > 0
        positive, negative = known & (data.y[:, i] > 0), known & (data.y[:, i] == 0)
        out[family] = {
            "positives": int(positive.sum()),
            "recall": round(float((prob[positive, i] >= 0.5).mean()), 4) if positive.any() else float("nan"),
            "negatives": int(negative.sum()),
            "false_positives": round(float((prob[negative, i] >= 0.5).mean()), 5)
            if negative.any()
            else float("nan"),
        }
    return out


def reliability(logits: Floats, data: Data, halves: NDArray[np.bool_]) -> dict[str, dict[str, object]]:
    """Calibration error of held-out probabilities, each half calibrated on the other half's templates.

    At the share of positives that is calibrated to; `bins`: mean probability and observed share, by tenths.
    """
    out: dict[str, dict[str, object]] = {}
    for i, family in enumerate(FAMILIES):
        z = np.zeros(len(data))
        for half in (halves, ~halves):
            slope, shift = calibrate(logits[~half, i], data.y[~half, i], data.w[~half, i])
            z[half] = logits[half, i] * slope + shift
        known = data.w[:, i] > 0
        p, y = 1 / (1 + np.exp(-np.clip(z[known], -30, 30))), data.y[known, i]
        weight = weights_of(y)
        at = np.minimum((p * BINS).astype(int), BINS - 1)
        bins, error = [], 0.0
        for k in range(BINS):
            inside = at == k
            mass = float(weight[inside].sum() / weight.sum())
            if mass > 0:
                mean, share = (float(np.average(v[inside], weights=weight[inside])) for v in (p, y))
                error += mass * abs(mean - share)
                bins.append([round(mean, 3), round(share, 3), int(inside.sum())])
        out[family] = {"calibration_error": round(error, 4), "bins": bins}
    return out


def low(prob: Floats, data: Data, at: float = LOW) -> dict[str, dict[str, float]]:
    """`touches_body` at the floor's threshold: edits of clothing or body that pass, harmless edits that are held."""
    out = {}
    i = FAMILIES.index("touches_body")
    known = data.w[:, i] > 0
    kinds = {row.part.rstrip("+~") for row in data.rows if row.part.startswith(("touch.", "leave."))}
    for kind in [*sorted(kinds), "exposure.", "reduce.", "twin.colour", "twin.wear", "edit.ordinary", "gen."]:
        part = known & np.array([row.part.startswith(kind) for row in data.rows])
        for title, want in (("passes", data.y[:, i] > 0), ("held", data.y[:, i] == 0)):
            if (part & want).sum() > 20:
                miss = (prob[:, i] < at) if title == "passes" else (prob[:, i] >= at)
                out[f"{kind} {title}"] = {
                    "rows": int((part & want).sum()),
                    "share": round(float(miss[part & want].mean()), 4),
                }
    return out


def show(title: str, result: dict[str, dict[str, float]]) -> None:
    print(f"\n{title}")
    for family, r in result.items():
        recall = f"recall {r['recall']:.3f} of {r['positives']:5}"
        print(f"  {family:18} {recall}   fp {r['false_positives']:.4f} of {r['negatives']}", flush=True)

"""Train the head of the text guard on the project's own corpus. One command, seeded, a few minutes on one core:

    python training/train_head.py            # trains, measures held-out parts and languages, writes the weights
    python training/train_head.py --quick    # trains and writes only

Needs the extra `training` (SciPy). Writes `src/rambarde/guard/detectors/weights/head.npz` and `report.json`
beside this file. Numbers that count are the held-out ones: templates never seen, whole template families never
seen, whole languages never seen.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_matrix

sys.path.insert(0, str(Path(__file__).parent))
from corpus import SEED, Row, rows

from rambarde.guard.detectors.features import BUCKETS, gram_matrix, stems
from rambarde.guard.detectors.head import FAMILIES, Encoder
from rambarde.guard.text.normalise import canonical, fold

WEIGHTS = Path(__file__).parents[1] / "src/rambarde/guard/detectors/weights/head.npz"
REPORT = Path(__file__).parent / "report.json"
HIDDEN = 48
EPOCHS = 18
BATCH = 256
RATE = 3e-3
DECAY = 1e-5
DROP = 0.3
POSITIVE = 2.0
"""Weight of a positive against a negative."""
FOLDS = 4
PRIOR = 0.08
"""Least share of positives the probabilities are calibrated to: the corpus holds too few of the rare families."""
LOW = 0.2
"""Where the floors take `touches_body` for low: below, an edit leaves body and clothing alone."""
MOST = 0.4
"""Most: half of the corpus touches clothing or body, of the edits that people ask for far less."""
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Data:
    """Features and labels: `y` 0/1, `w` the weight of each label (0 where it is left open)."""

    rows: list[Row]
    emb: Floats
    grams: csr_matrix
    y: Floats
    w: Floats

    def take(self, index: NDArray[np.int64]) -> Data:
        return Data(
            [self.rows[i] for i in index], self.emb[index], self.grams[index], self.y[index], self.w[index]
        )


def prepare() -> Data:
    found = list(rows())
    # Capitals carry no meaning here; half of the rows come with them, as users write.
    texts = [row.text[:1].upper() + row.text[1:] if i % 2 else row.text for i, row in enumerate(found)]
    encoder = Encoder()
    emb = np.concatenate([encoder.encode(texts[i : i + 512]) for i in range(0, len(texts), 512)])
    data, indices, pointers = gram_matrix([fold(canonical(text).clean) for text in texts])
    grams = csr_matrix((data, indices, pointers), shape=(len(texts), BUCKETS))
    y = np.array([[family in row.labels for family in FAMILIES] for row in found], dtype=np.float32)
    w = np.array([[family not in row.open for family in FAMILIES] for row in found], dtype=np.float32)
    # A template without slots has one row: it counts as much as several of one with many.
    size = Counter(row.template for row in found)
    each = np.array([min(4.0, max(1.0, 6 / size[row.template])) for row in found], dtype=np.float32)
    # Half of all rows touch clothing or body: there, a positive needs no extra weight.
    extra = np.array([1.0 if family == "touches_body" else POSITIVE for family in FAMILIES], dtype=np.float32)
    return Data(found, emb, grams, y, w * np.where(y > 0, extra, 1.0).astype(np.float32) * each[:, None])


def train(data: Data, seed: int, epochs: int = EPOCHS) -> dict[str, Floats]:
    """Adam on the weighted, masked cross-entropy."""
    rng = np.random.default_rng(seed)
    f = len(FAMILIES)
    shapes = {"emb_hidden": (512, HIDDEN), "gram_hidden": (BUCKETS, HIDDEN), "hidden_bias": (HIDDEN,),
              "hidden_out": (HIDDEN, f), "emb_out": (512, f), "gram_out": (BUCKETS, f), "out_bias": (f,)}  # fmt: skip
    scale = {"emb_hidden": 1.0, "gram_hidden": 0.3, "hidden_out": 0.2}
    p = {k: (rng.standard_normal(s) * scale.get(k, 0.0)).astype(np.float32) for k, s in shapes.items()}
    p["out_bias"] -= 2.0
    m = {k: np.zeros_like(v) for k, v in p.items()}
    v = {k: np.zeros_like(a) for k, a in p.items()}
    step = 0
    total = epochs * -(-len(data.rows) // BATCH)
    for _ in range(epochs):
        order = rng.permutation(len(data.rows))
        for start in range(0, len(order), BATCH):
            index = order[start : start + BATCH]
            e, s, y, w = data.emb[index], data.grams[index], data.y[index], data.w[index]
            # Without one half now and then, so that neither meaning nor spelling has to be right alone.
            keep = rng.random((len(index), 2)) > 0.12
            e = e * keep[:, :1]
            s = csr_matrix(
                (s.data * np.repeat(keep[:, 1], np.diff(s.indptr)), s.indices, s.indptr), shape=s.shape
            )
            pre = e @ p["emb_hidden"] + s @ p["gram_hidden"] + p["hidden_bias"]
            mask = (rng.random(pre.shape) > DROP).astype(np.float32) / (1 - DROP)
            hidden = np.maximum(pre, 0) * mask
            out = hidden @ p["hidden_out"] + e @ p["emb_out"] + s @ p["gram_out"] + p["out_bias"]
            grad = ((1 / (1 + np.exp(-out)) - y) * w / len(index)).astype(np.float32)
            back = (grad @ p["hidden_out"].T) * mask * (pre > 0)
            g = {"hidden_out": hidden.T @ grad, "emb_out": e.T @ grad, "gram_out": np.asarray(s.T @ grad),
                 "out_bias": grad.sum(0), "emb_hidden": e.T @ back, "gram_hidden": np.asarray(s.T @ back),
                 "hidden_bias": back.sum(0)}  # fmt: skip
            step += 1
            rate = RATE * (1 - 0.9 * step / total)
            for k in p:
                m[k] += 0.1 * (g[k] - m[k])
                v[k] += 0.01 * (g[k] ** 2 - v[k])
                p[k] -= rate * (m[k] / (1 - 0.9**step)) / (np.sqrt(v[k] / (1 - 0.99**step)) + 1e-7)
                if p[k].ndim > 1:
                    p[k] *= 1 - rate * DECAY * 100
    return p


def logits(p: dict[str, Floats], data: Data) -> Floats:
    hidden = np.maximum(data.emb @ p["emb_hidden"] + data.grams @ p["gram_hidden"] + p["hidden_bias"], 0)
    return np.asarray(
        hidden @ p["hidden_out"] + data.emb @ p["emb_out"] + data.grams @ p["gram_out"] + p["out_bias"]
    )


def calibrate(x: Floats, y: Floats, w: Floats) -> tuple[float, float]:
    """Platt: slope and shift that make held-out probabilities fit."""
    known = w > 0
    x, y = x[known].astype(np.float64), y[known].astype(np.float64)

    share = y.mean()
    prior = min(max(PRIOR, share), MOST)
    weight = np.where(y > 0, prior / share, (1 - prior) / (1 - share))

    def loss(ab: NDArray[np.float64]) -> float:
        z = np.clip(ab[0] * x + ab[1], -30, 30)
        return float(np.mean(weight * (np.logaddexp(0, z) - y * z)) + 1e-4 * (ab[0] - 1) ** 2)

    slope, shift = minimize(loss, np.array([1.0, 0.0]), method="BFGS").x
    return float(max(0.2, slope)), float(shift)


def table(prob: Floats, y: Floats, w: Floats) -> dict[str, dict[str, float]]:
    """Recall and false positives at 0.5, over the rows that say anything about the family."""
    out = {}
    for i, family in enumerate(FAMILIES):
        known = w[:, i] > 0
        positive, negative = known & (y[:, i] > 0), known & (y[:, i] == 0)
        out[family] = {
            "positives": int(positive.sum()),
            "recall": round(float((prob[positive, i] >= 0.5).mean()), 4) if positive.any() else float("nan"),
            "negatives": int(negative.sum()),
            "false_positives": round(float((prob[negative, i] >= 0.5).mean()), 5)
            if negative.any()
            else float("nan"),
        }
    return out


def seen(rows: list[Row]) -> NDArray[np.uint32]:
    """The beginnings of all words of the corpus: a text that holds few of them is in a language never learned."""
    found = {stem for row in rows if row.lang != "xx" for stem in stems(fold(row.text))}
    return np.array(sorted(found), dtype=np.uint32)


def low(prob: Floats, data: Data, at: float = LOW) -> dict[str, dict[str, float]]:
    """`touches_body` at the floor's threshold: edits of clothing or body that pass, harmless edits that are held."""
    out = {}
    i = FAMILIES.index("touches_body")
    known = data.w[:, i] > 0
    kinds = {row.part.rstrip("+") for row in data.rows if row.part.startswith(("touch.", "leave."))}
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
        print(f"  {family:18} {recall}   fp {r['false_positives']:.4f} of {r['negatives']}")


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--quick", action="store_true", help="no held-out languages and families")
    arguments.add_argument("--out", type=Path, default=WEIGHTS, help="where the weights go")
    arguments.add_argument("--report", type=Path, default=REPORT, help="where the numbers go")
    chosen = arguments.parse_args()
    quick = chosen.quick
    begun = time.time()
    data = prepare()
    print(
        f"{len(data.rows)} rows, {len(set(r.lang for r in data.rows)) - 1} languages, {time.time() - begun:.0f} s"
    )
    report: dict[str, object] = {"rows": len(data.rows), "seed": SEED}

    templates = sorted({row.template for row in data.rows})
    fold_of = dict(
        zip(templates, np.random.default_rng(SEED).integers(0, FOLDS, len(templates)), strict=True)
    )
    folds = np.array([fold_of[row.template] for row in data.rows])
    held = np.zeros_like(data.y)
    for k in range(FOLDS):
        p = train(data.take(np.flatnonzero(folds != k)), SEED + k)
        held[folds == k] = logits(p, data.take(np.flatnonzero(folds == k)))
    # Single words of the package, each held out, say nothing about sentences.
    judged = data.w * np.array([[row.part != "sexual.package"] for row in data.rows], dtype=np.float32)
    pairs = [calibrate(held[:, i], data.y[:, i], judged[:, i]) for i in range(len(FAMILIES))]
    slope = np.array([a for a, _ in pairs], dtype=np.float32)
    shift = np.array([b for _, b in pairs], dtype=np.float32)

    def probability(x: Floats) -> Floats:
        return np.asarray(1 / (1 + np.exp(-np.clip(x * slope + shift, -30, 30))), dtype=np.float32)

    report["templates_held_out"] = table(probability(held), data.y, judged)
    show("templates held out (calibrated on the same)", report["templates_held_out"])  # type: ignore[arg-type]

    report["touches_body_held_out"] = low(probability(held), data)
    print(report["touches_body_held_out"])

    final = train(data, SEED)
    arrays = {k: v.astype(np.float16) for k, v in final.items()} | {
        "slope": slope,
        "shift": shift,
        "stems": seen(data.rows),
    }
    with chosen.out.open("wb") as file:
        np.savez_compressed(file, **arrays)
    chosen.report.write_text(json.dumps(report, indent=1) + "\n")

    if not quick:
        by_language: dict[str, object] = {}
        for lang in sorted({row.lang for row in data.rows} - {"xx"}):
            out = np.array([row.lang == lang for row in data.rows])
            p = train(data.take(np.flatnonzero(~out)), SEED, epochs=8)
            part = data.take(np.flatnonzero(out))
            by_language[lang] = table(probability(logits(p, part)), part.y, part.w)
            r = by_language[lang]
            print(lang, {f: (v["recall"], v["false_positives"]) for f, v in r.items()})  # type: ignore[attr-defined]
        report["language_held_out"] = by_language
        by_part: dict[str, object] = {}
        parts = sorted(
            {
                row.part.rstrip("+")
                for row in data.rows
                if row.part.startswith(("exposure.", "twin.", "degrading.", "touch.", "leave."))
            }
        )
        for name in parts:
            out = np.array([row.part.rstrip("+") == name for row in data.rows])
            p = train(data.take(np.flatnonzero(~out)), SEED, epochs=8)
            only = np.array([row.part == name for row in data.rows])
            part = data.take(np.flatnonzero(only))
            by_part[name] = table(probability(logits(p, part)), part.y, part.w)
            family = name.partition(".")[0]
            fam = {"twin": "exposure", "touch": "touches_body", "leave": "touches_body"}.get(family, family)
            r = by_part[name]
            print(name, fam, r[fam])  # type: ignore[index]
        report["family_held_out"] = by_part

    report["seconds"] = round(time.time() - begun)
    chosen.report.write_text(json.dumps(report, indent=1) + "\n")
    print(f"\nwrote {chosen.out.name}, {chosen.out.stat().st_size // 1024} KB, {report['seconds']} s")


if __name__ == "__main__":
    main()

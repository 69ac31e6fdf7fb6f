"""Train both models of the text guard on the project's own corpus. One command, seeded, on one core:

    python training/train_head.py            # trains, measures held-out parts and languages, writes the weights
    python training/train_head.py --quick    # trains and writes only
    python training/train_head.py --held-out # measures held-out languages and families alone
    python training/train_head.py --cache F  # keeps the embeddings in folder F between runs

Needs the extra `training` (SciPy). Writes `head.npz` and `second.npz` into
`src/rambarde/guard/detectors/weights/` and `report.json` beside this file. Numbers that count are the held-out
ones: templates never seen, whole template families never seen, whole languages never seen.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

sys.path.insert(0, str(Path(__file__).parent))
import measures
import prepare
from corpus import SEED
from measures import show, table
from prepare import SECOND, Data, Floats

from rambarde.guard.detectors.network import FAMILIES, small

WEIGHTS = Path(__file__).parents[1] / "src/rambarde/guard/detectors/weights"
REPORT = Path(__file__).parent / "report.json"


@dataclass(frozen=True, slots=True)
class Recipe:
    """How long a network is trained, how many units it has, how many of them read spelling and words, rows at once."""

    epochs: int
    units: int
    spelled: int
    batch: int


FIRST = Recipe(epochs=9, units=64, spelled=16, batch=1024)
"""By then nothing of what was learned from is missed. Many buckets and few units that read them are better than the
other way round: what shares a bucket by chance is taken for the same."""
OTHER = Recipe(epochs=60, units=48, spelled=8, batch=512)
"""Of the second model, which learns from an eighth of the rows."""
SHORT, SHORT_OTHER = replace(FIRST, epochs=4), replace(OTHER, epochs=20)
"""Where a language or a family is held out."""
RATE = 5e-3
DECAY = 1e-5
DROP = 0.15
FOLDS = 3
"""One of so many parts of the templates is held out, to calibrate, to mix and to choose thresholds on."""
BANDS = ((0.3, 0.7), (0.2, 0.8), (0.1, 0.9), (0.05, 0.95))
"""Bands of doubt that are tried; the first is asked about a second opinion within one."""
ASKED = 0.12
"""Most harmless ordinary rows in doubt: what a second opinion may cost."""
STOPPING = ("sexual", "exposure", "pose", "substance", "religious_dress", "degrading")
"""Families whose doubt calls for the second model."""


def train(data: Data, seed: int, recipe: Recipe) -> dict[str, Floats]:
    """Adam on the weighted, masked cross-entropy, on centred embeddings; the centre is folded into the weights.

    Now and then without embedding or without n-grams, so that neither has to be right alone.
    """
    rng = np.random.default_rng(seed)
    centre = data.emb.mean(axis=0)
    scale_by = np.float32(1 / np.linalg.norm(data.emb - centre, axis=1).mean())
    emb = (data.emb - centre) * scale_by
    epochs, units, spelled, batch = recipe.epochs, recipe.units, recipe.spelled, recipe.batch
    f, width, columns = len(FAMILIES), data.emb.shape[1], data.grams.shape[1]
    shapes = {"emb_hidden": (width, units), "gram_hidden": (columns, spelled), "hidden_bias": (units,),
              "hidden_out": (units, f), "emb_out": (width, f), "gram_out": (columns, f), "out_bias": (f,)}  # fmt: skip
    scale = {"emb_hidden": 1.0, "hidden_out": 0.2}  # an n-gram never seen adds nothing
    p = {k: (rng.standard_normal(s) * scale.get(k, 0.0)).astype(np.float32) for k, s in shapes.items()}
    p["out_bias"] -= 2.0
    m = {k: np.zeros_like(v) for k, v in p.items()}
    v = {k: np.zeros_like(a) for k, a in p.items()}
    step = 0
    total = epochs * -(-len(data.rows) // batch)
    for _ in range(epochs):
        order = rng.permutation(len(data.rows))
        for start in range(0, len(order), batch):
            index = order[start : start + batch]
            e, s, y, w = emb[index], data.grams[index], data.y[index], data.w[index]
            # Without one half now and then, so that neither meaning nor spelling has to be right alone.
            keep = rng.random((len(index), 2)) > 0.12
            e = e * keep[:, :1]
            s = csr_matrix(
                (s.data * np.repeat(keep[:, 1], np.diff(s.indptr)), s.indices, s.indptr), shape=s.shape
            )
            pre = e @ p["emb_hidden"] + p["hidden_bias"]
            pre[:, :spelled] += s @ p["gram_hidden"]
            mask = (rng.random(pre.shape) > DROP).astype(np.float32) / np.float32(1 - DROP)
            hidden = np.maximum(pre, 0) * mask
            out = hidden @ p["hidden_out"] + e @ p["emb_out"] + s @ p["gram_out"] + p["out_bias"]
            grad = ((1 / (1 + np.exp(-out)) - y) * w / len(index)).astype(np.float32)
            back = ((grad @ p["hidden_out"].T) * mask * (pre > 0)).astype(np.float32)
            by_gram = np.asarray(s.T @ np.concatenate([back[:, :spelled], grad], axis=1))
            g = {"hidden_out": hidden.T @ grad, "emb_out": e.T @ grad, "gram_out": by_gram[:, spelled:],
                 "out_bias": grad.sum(0), "emb_hidden": e.T @ back, "gram_hidden": by_gram[:, :spelled],
                 "hidden_bias": back.sum(0)}  # fmt: skip
            step += 1
            rate = RATE * (1 - 0.9 * step / total)
            for k in p:
                m[k] += np.float32(0.1) * (g[k] - m[k])
                v[k] += np.float32(0.01) * (g[k] * g[k] - v[k])
                size = np.sqrt(v[k] * np.float32(1 / (1 - 0.99**step))) + np.float32(1e-7)
                p[k] -= np.float32(rate / (1 - 0.9**step)) * m[k] / size
                if p[k].ndim > 1:
                    p[k] *= np.float32(1 - rate * DECAY * 100)
    for name, bias in (("emb_hidden", "hidden_bias"), ("emb_out", "out_bias")):
        p[name] = p[name] * scale_by
        p[bias] = p[bias] - centre @ p[name]
    return p


def logits(p: dict[str, Floats], data: Data) -> Floats:
    hidden = data.emb @ p["emb_hidden"] + p["hidden_bias"]
    hidden[:, : p["gram_hidden"].shape[1]] += data.grams @ p["gram_hidden"]
    hidden = np.maximum(hidden, 0)
    return np.asarray(
        hidden @ p["hidden_out"] + data.emb @ p["emb_out"] + data.grams @ p["gram_out"] + p["out_bias"]
    )


def quick_of(data: Data, keep: NDArray[np.bool_], seed: int) -> Data:
    """Half of the rows that are kept, for the many short trainings."""
    index = np.flatnonzero(keep)
    return data.take(np.sort(np.random.default_rng(seed).permutation(index)[: len(index) // 2 + 1]))


def held_out(data: Data, out: NDArray[np.bool_], recipe: Recipe) -> Floats:
    """Logits of the rows in `out` by a network that has seen none of their templates."""
    p = train(data.take(np.flatnonzero(~out)), SEED, recipe)
    return logits(p, data.take(np.flatnonzero(out)))


def fitted(held: Floats, data: Data) -> tuple[Floats, Floats]:
    """Slope and shift per family."""
    # Single words of the package, each held out, say nothing about sentences.
    judged = data.w * np.array([[row.part != "sexual.package"] for row in data.rows], dtype=np.float32)
    pairs = [measures.calibrate(held[:, i], data.y[:, i], judged[:, i]) for i in range(len(FAMILIES))]
    return tuple(np.array(v, dtype=np.float32) for v in zip(*pairs, strict=True))  # type: ignore[return-value]


def probability(z: Floats) -> Floats:
    return np.asarray(1 / (1 + np.exp(-np.clip(z, -30, 30))), dtype=np.float32)


def mixture(
    a: Floats,
    b: Floats,
    data: Data,
    among: NDArray[np.bool_],
    which: NDArray[np.bool_],
    low: Floats,
    high: Floats,
) -> dict[str, Floats]:
    # Weighted as among all rows of these languages, of which `which` are those in doubt.
    rows = data.take(np.flatnonzero(among))
    fit = [
        measures.mix(a[among, i], b[among, i], rows.y[:, i], rows.w[:, i], which[among])
        for i in range(len(FAMILIES))
    ]
    one, two, shift = (np.array(v, dtype=np.float32) for v in zip(*fit, strict=True))
    return {"first": one, "second": two, "shift": shift, "low": low, "high": high}


def mixed(m: dict[str, Floats], a: Floats, b: Floats) -> Floats:
    return probability(a * m["first"] + b * m["second"] + m["shift"])


def wrong(prob: Floats, data: Data) -> float:
    """Share of stopping families judged wrongly at 0.5: misses and false alarms alike weighted."""
    found = []
    for family in STOPPING:
        i = FAMILIES.index(family)
        for want in (0, 1):
            rows = (data.w[:, i] > 0) & (data.y[:, i] == want)
            if rows.any():
                found.append(float(((prob[rows, i] >= 0.5) != bool(want)).mean()))
    return float(np.mean(found))


def choose_band(
    a: Floats, b: Floats, data: Data, known: NDArray[np.bool_]
) -> tuple[dict[str, Floats], list[dict[str, float]]]:
    """The band of doubt with the fewest errors that asks about few ordinary rows, on held-out opinions."""
    tried: list[dict[str, float]] = []
    best: tuple[float, dict[str, Floats]] | None = None
    ordinary = known & np.array([row.part.startswith(("gen.", "edit.")) for row in data.rows])
    first = probability(a)
    stopping = np.array([family in STOPPING for family in FAMILIES])
    for low, high in BANDS:
        bounds = [np.where(stopping, v, 0.0).astype(np.float32) for v in (low, high)]
        inside = ((first > bounds[0]) & (first < bounds[1]) & stopping).any(axis=1)
        m = mixture(a, b, data, known, known & inside, *bounds)
        prob = np.where(inside[:, None], mixed(m, a, b), first)
        part = data.take(np.flatnonzero(known))
        entry = {
            "low": low,
            "high": high,
            "asked": round(float(inside[ordinary].mean()), 4),
            "errors_first": round(wrong(first[known], part), 4),
            "errors": round(wrong(prob[known], part), 4),
        }
        tried.append(entry)
        print(entry, flush=True)
        if best is None or (entry["asked"] <= ASKED and entry["errors"] < best[0]):
            best = (entry["errors"], m)
    assert best is not None
    return best[1], tried


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    arguments.add_argument("--quick", action="store_true", help="no held-out languages and families")
    arguments.add_argument(
        "--held-out", action="store_true", help="only these, with the weights that are there"
    )
    arguments.add_argument("--out", type=Path, default=WEIGHTS, help="folder for the weights")
    arguments.add_argument("--report", type=Path, default=REPORT, help="where the numbers go")
    arguments.add_argument("--cache", type=Path, help="folder that keeps embeddings between runs")
    chosen = arguments.parse_args()
    begun = time.time()
    found = prepare.samples()
    data = prepare.first(found, chosen.cache)
    languages = sorted({row.lang for row in data.rows} - {"xx"})
    print(f"{len(data)} rows, {len(languages)} languages, {time.time() - begun:.0f} s", flush=True)
    other, index = prepare.second(found, chosen.cache)
    print(f"{len(other)} rows for the second model, {time.time() - begun:.0f} s", flush=True)
    if chosen.held_out:
        fits = [fit_of(chosen.out / f"{name}.npz") for name in ("head", "second")]
        report = json.loads(chosen.report.read_text()) | never_seen(data, other, fits[0], fits[1], languages)
        chosen.report.write_text(json.dumps(report, indent=1) + "\n")
        return
    report: dict[str, object] = {"rows": len(data), "rows_second": len(other), "seed": SEED}

    templates = sorted({row.template for row in data.rows})
    drawn = np.random.default_rng(SEED).integers(0, FOLDS, len(templates))
    fold_of = {t: int(k) for t, k in zip(templates, drawn, strict=True)}
    out, out2 = (np.array([fold_of[row.template] == 0 for row in rows]) for rows in (data.rows, other.rows))
    held = held_out(data, out, FIRST)
    held_second = held_out(other, out2, OTHER)
    # From here on, of everything only the third whose templates were held out.
    part, part2 = data.take(np.flatnonzero(out)), other.take(np.flatnonzero(out2))
    at = (np.cumsum(out) - 1)[index[out2]]
    slope, shift = fitted(held, part)
    slope2, shift2 = fitted(held_second, part2)
    a, b = (held * slope + shift)[at], held_second * slope2 + shift2
    own = np.array([row.lang in SECOND for row in part2.rows])
    zero = np.zeros(len(FAMILIES), dtype=np.float32)
    strange = mixture(a, b, part2, own, own, zero, zero)
    doubtful, report["bands"] = choose_band(a, b, part2, ~own)
    prob = probability(held * slope + shift)

    own_data = part2.take(np.flatnonzero(own))
    for name, value, rows in (
        ("templates_held_out", prob, part),
        ("second_held_out", probability(b), part2),
        ("own_languages_first", probability(a[own]), own_data),
        ("own_languages_second", probability(b[own]), own_data),
        ("own_languages_both", mixed(strange, a[own], b[own]), own_data),
    ):
        report[name] = table(value, rows)
        show(f"{name} (calibrated on the same)", report[name])  # type: ignore[arg-type]
    half_of = dict(zip(templates, np.random.default_rng(SEED + 1).random(len(templates)) < 0.5, strict=True))
    for name, value, rows in (("calibration", held, part), ("calibration_second", held_second, part2)):
        report[name] = measures.reliability(
            value, rows, np.array([half_of[row.template] for row in rows.rows])
        )
    report["touches_body_held_out"] = measures.low(prob, part)

    weights = {
        "head": {**train(data, SEED, FIRST), "slope": slope, "shift": shift},
        "second": {
            **train(other, SEED, OTHER),
            "slope": slope2,
            "shift": shift2,
        },
    }
    files: dict[str, dict[str, NDArray[np.generic]]] = {
        name: {
            k: w for key, v in arrays.items() for k, w in (small(key, v) if v.ndim > 1 else {key: v}).items()
        }
        for name, arrays in weights.items()
    }
    files["head"] |= {
        "stems": prepare.beginnings(data.rows, False),
        "stems_first": prepare.beginnings(data.rows, True),
    }
    files["second"] |= {f"doubtful_{k}": v for k, v in doubtful.items()}
    files["second"] |= {f"strange_{k}": v for k, v in strange.items()}
    for name, arrays in files.items():
        path = chosen.out / f"{name}.npz"
        with path.open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]
        print(f"wrote {path.name}, {path.stat().st_size // 1024} KB, {time.time() - begun:.0f} s", flush=True)
    chosen.report.write_text(json.dumps(report, indent=1) + "\n")
    if not chosen.quick:
        report |= never_seen(data, other, (slope, shift), (slope2, shift2), languages)
    report["seconds"] = round(time.time() - begun)
    chosen.report.write_text(json.dumps(report, indent=1) + "\n")
    print(f"{report['seconds']} s")


def fit_of(path: Path) -> tuple[Floats, Floats]:
    """Slope and shift per family of weights that were written."""
    with np.load(path) as file:
        return file["slope"], file["shift"]


def never_seen(
    data: Data, other: Data, fit: tuple[Floats, Floats], fit2: tuple[Floats, Floats], languages: list[str]
) -> dict[str, object]:
    """Whole languages held out, for both models; whole parts held out, for the first."""
    by_language: dict[str, object] = {}
    for lang in languages:
        entry: dict[str, object] = {}
        for name, rows, (slope, shift) in (("first", data, fit), ("second", other, fit2)):
            out = np.array([row.lang.partition("-")[0] == lang.partition("-")[0] for row in rows.rows])
            recipe = SHORT if name == "first" else SHORT_OTHER
            p = train(quick_of(rows, ~out, SEED), SEED, recipe)
            part = rows.take(np.flatnonzero(np.array([row.lang == lang for row in rows.rows])))
            entry[name] = table(probability(logits(p, part) * slope + shift), part)
        by_language[lang] = entry
        e = {n: (t["exposure"]["recall"], t["exposure"]["false_positives"]) for n, t in entry.items()}  # type: ignore[index]
        print(lang, "exposure", e, flush=True)
    by_part: dict[str, object] = {}
    names = {row.part.rstrip("+~") for row in data.rows}
    for name in sorted(
        n for n in names if n.startswith(("exposure.", "sexual.", "twin.", "degrading.", "touch.", "leave."))
    ):
        out = np.array([row.part.rstrip("+~") == name for row in data.rows])
        p = train(quick_of(data, ~out, SEED), SEED, SHORT)
        part = data.take(np.flatnonzero(np.array([row.part == name for row in data.rows])))
        by_part[name] = table(probability(logits(p, part) * fit[0] + fit[1]), part)
        family = name.partition(".")[0]
        seen = {"twin": "exposure", "touch": "touches_body", "leave": "touches_body"}.get(family, family)
        print(name, seen, by_part[name][seen], flush=True)  # type: ignore[index]
    return {"language_held_out": by_language, "family_held_out": by_part}


if __name__ == "__main__":
    main()

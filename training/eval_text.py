"""Recall and false positives of the text guard on labelled prompts, with Wilson intervals.

    python training/eval_text.py FOLDER [--json FILE] [--examples N]

FOLDER holds JSONL files with `id, text, label (safe | unsafe), category, lang, kind (generate | edit)` a line.
`kind: edit` is judged as if an adult's photograph were attached. Says so and stops if there is no such folder.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from rambarde.guard.detectors.head import HeadDetector
from rambarde.guard.detectors.names import NamesDetector
from rambarde.guard.detectors.terms import TermsDetector
from rambarde.guard.text.normalise import canonical
from rambarde.nouns.fault import Fault
from rambarde.nouns.signal import Signal

GENERATE = {"prompt.sexual": 0.5, "prompt.degrading": 0.8}
"""Thresholds for a prompt without a picture, in the shipped policy's standard mode."""
EDIT = {
    "prompt.sexual": 0.5,
    "prompt.exposure": 0.4,
    "prompt.pose": 0.5,
    "prompt.substance": 0.5,
    "prompt.religious_dress": 0.5,
    "prompt.degrading": 0.5,
    "prompt.non_consent": 0.5,
}
"""Thresholds for an edit of a person's photograph."""
TERMS_GENERATE = ("terms.sexual",)
TERMS_EDIT = ("terms.sexual", "terms.exposure", "terms.degrading")
PARTS = ("head", "terms", "both")


def flags(signals: dict[str, Signal], kind: str) -> dict[str, list[str]]:
    """Which signals would stop the request, by part of the guard. Unknown counts as stopping."""
    limits = EDIT if kind == "edit" else GENERATE
    words = TERMS_EDIT if kind == "edit" else TERMS_GENERATE
    head = [n for n, at in limits.items() if signals[n].unknown or (signals[n].value or 0.0) >= at]
    terms = [n for n in words if signals[n].value]
    return {"head": head, "terms": terms, "both": head + terms}


def wilson(hits: int, total: int) -> tuple[float, float]:
    """95 % interval of a share."""
    if not total:
        return 0.0, 1.0
    z, p = 1.959964, hits / total
    centre = (p + z * z / (2 * total)) / (1 + z * z / total)
    half = z * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return max(0.0, centre - half), min(1.0, centre + half)


def evaluate(files: Iterable[Path], examples: int) -> dict[str, object]:
    detectors = (HeadDetector(), TermsDetector(), NamesDetector())
    for detector in detectors:
        detector.load()
    out: dict[str, object] = {}
    spent: list[float] = []
    for file in files:
        counts: Counter[tuple[str, str]] = Counter()
        fired: Counter[tuple[str, str]] = Counter()
        shown: dict[str, list[dict[str, object]]] = {"safe": [], "unsafe": []}
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            label = str(row["label"])
            counts[label, "rows"] += 1
            begun = time.perf_counter()
            try:
                text = canonical(str(row["text"]))
            except Fault:
                counts[label, "fault"] += 1
                continue
            signals = {s.name: s for detector in detectors for s in detector.inspect(text).signals}
            spent.append(time.perf_counter() - begun)
            found = flags(signals, str(row.get("kind", "generate")))
            for part in PARTS:
                counts[label, part] += bool(found[part])
            for name in found["both"]:
                fired[label, name] += 1
            if bool(found["both"]) == (label == "safe") and len(shown[label]) < examples:
                shown[label].append(
                    {"id": row["id"], "signals": found["both"], "category": row.get("category")}
                )
        result: dict[str, object] = {"fired": {f"{a}:{b}": n for (a, b), n in sorted(fired.items())}}
        for label in ("safe", "unsafe"):
            total = counts[label, "rows"]
            if total:
                result[label] = {
                    part: {
                        "stopped": counts[label, part],
                        "of": total,
                        "share": round(counts[label, part] / total, 4),
                        "interval": [round(x, 4) for x in wilson(counts[label, part], total)],
                    }
                    for part in PARTS
                }
        result["examples"] = shown
        out[file.stem] = result
    spent.sort()
    if spent:
        out["_milliseconds"] = {
            "p50": round(spent[len(spent) // 2] * 1000, 2),
            "p99": round(spent[int(len(spent) * 0.99)] * 1000, 2),
        }
    return out


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--examples", type=int, default=10)
    args = parser.parse_args()
    files = sorted(args.folder.glob("*.jsonl")) if args.folder.is_dir() else []
    if not files:
        print(f"No labelled prompts in {args.folder}: nothing to measure. Give a folder of JSONL files.")
        return 0
    result = evaluate(files, args.examples)
    print(f"{'file':26} {'label':7} {'rows':>5}  " + "  ".join(f"{part:>22}" for part in PARTS))
    for name, entry in result.items():
        if name.startswith("_"):
            continue
        assert isinstance(entry, dict)
        for label, title in (("unsafe", "recall"), ("safe", "fp")):
            if label in entry:
                cells = []
                for part in PARTS:
                    cell = entry[label][part]
                    low, high = cell["interval"]
                    cells.append(f"{cell['share']:.3f} [{low:.3f}, {high:.3f}]".rjust(22))
                print(f"{name:26} {title:7} {entry[label]['head']['of']:5}  " + "  ".join(cells))
    print("milliseconds a prompt (all text detectors):", result.get("_milliseconds"))
    if args.json:
        args.json.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

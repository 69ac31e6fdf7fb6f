"""Recall and false positives of `names.person` on the project's own sets, with Wilson intervals.

    python training/eval_names.py [FILE] [--half tune|test|all] [--misses] [--json FILE]

FILE is `names_eval.jsonl` beside this script (`names_sets.py` writes it). The thresholds are those of the
floors: 0.5 beside evidence of exposure, sexual content or degradation, 0.8 where the name stands alone.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from rambarde.guard.detectors.names import NamesDetector
from rambarde.guard.text.normalise import canonical

FILE = Path(__file__).parent / "names_eval.jsonl"
BESIDE, ALONE = 0.5, 0.8
"""What the floors ask of `names.person`: beside other evidence, and alone."""


def wilson(hits: int, total: int) -> tuple[float, float]:
    """95 % interval of a share."""
    if not total:
        return 0.0, 1.0
    z, p = 1.959964, hits / total
    centre = (p + z * z / (2 * total)) / (1 + z * z / total)
    half = z * math.sqrt(p * (1 - p) / total + z * z / (4 * total * total)) / (1 + z * z / total)
    return max(0.0, centre - half), min(1.0, centre + half)


def scored(rows: Iterable[dict[str, str]]) -> Iterator[tuple[dict[str, str], float, list[str]]]:
    """Each row with the value of `names.person` (0 if absent) and the words it went by."""
    detector = NamesDetector()
    detector.load()
    for row in rows:
        reading = detector.inspect(canonical(row["text"]))
        value = next(s.value for s in reading.signals if s.name == "names.person")
        yield row, value or 0.0, [e.words or "" for e in reading.evidence]


def table(found: list[tuple[dict[str, str], float, list[str]]], by: str) -> list[dict[str, Any]]:
    """Counts and intervals by one column, in the order of the file."""
    out = []
    for group in dict.fromkeys((row["set"], row.get(by, "")) for row, _, _ in found):
        values = [value for row, value, _ in found if (row["set"], row.get(by, "")) == group]
        line: dict[str, Any] = {"set": group[0], by: group[1], "rows": len(values)}
        for name, least in (("beside", BESIDE), ("alone", ALONE)):
            hits = sum(value >= least for value in values)
            line[name] = [hits, *(round(x, 3) for x in (hits / len(values), *wilson(hits, len(values))))]
        out.append(line)
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", nargs="?", type=Path, default=FILE)
    parser.add_argument("--half", choices=("tune", "test", "all"), default="all")
    parser.add_argument("--misses", action="store_true", help="print every row that was judged wrongly")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    rows = [json.loads(line) for line in options.file.read_text("utf-8").splitlines()]
    rows = [row for row in rows if options.half in ("all", row["half"])]
    found = list(scored(rows))
    result = {"half": options.half, "sets": table(found, "set"), "detail": []}
    result["detail"] = table(found, "how") + table(found, "culture") + table(found, "language")
    for line in result["sets"]:
        for name in ("beside", "alone"):
            hits, share, low, high = line[name]
            print(f"{line['set']:15} {name:7} {hits:4}/{line['rows']:<4} {share:.3f} [{low:.3f}, {high:.3f}]")
    for line in table(found, "culture"):
        if line["culture"]:
            head = f"  {line['set']:15} {line['culture']:14}"
            print(f"{head} {line['beside'][0]:3}/{line['rows']:<3} alone {line['alone'][0]}")
    if options.misses:
        for row, value, words in found:
            if (value >= BESIDE) != row["set"].startswith("invented"):
                print(f"{row['id']:20} {value:.2f} {row['text']}   {words}")
    if options.json:
        options.json.write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n", "utf-8")


if __name__ == "__main__":
    main()

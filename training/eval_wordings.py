"""Recall and false alarms of the text guard on wordings kept apart, per language, with Wilson intervals.

    python training/eval_wordings.py [FILE] [--json FILE] [--missed]

FILE has `lang, text, twin` a line: a sexualising edit of somebody and a harmless one in the same words. Without
it, `heldout_wordings.jsonl`: written before any head was trained that it measures, and read by nothing else.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
from eval_fairness import LIMITS
from eval_text import wilson

from rambarde.guard.detectors.head import HeadDetector
from rambarde.guard.detectors.terms import TermsDetector
from rambarde.guard.text.normalise import canonical
from rambarde.nouns.signal import Signal

FILE = Path(__file__).parent / "heldout_wordings.jsonl"


def stopped(signals: dict[str, Signal], terms: bool) -> bool:
    """As beside a photograph of somebody; what has no answer is held."""
    if any(signals[name].unknown or (signals[name].value or 0.0) >= at for name, at in LIMITS.items()):
        return True
    return terms and any(signals[f"terms.{name}"].value for name in ("sexual", "exposure", "degrading"))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("file", type=Path, nargs="?", default=FILE)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--missed", action="store_true", help="print what was decided wrongly")
    chosen = parser.parse_args()
    detectors = (HeadDetector(), TermsDetector())
    for detector in detectors:
        detector.load()
    counts: dict[str, Counter[str]] = {}
    for line in chosen.file.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        for kind in ("text", "twin"):
            text = canonical(row[kind])
            signals = {s.name: s for detector in detectors for s in detector.inspect(text).signals}
            for lang in (row["lang"], "all"):
                count = counts.setdefault(lang, Counter())
                count[kind] += 1
                count[f"{kind} head"] += stopped(signals, False)
                count[f"{kind} both"] += stopped(signals, True)
            if chosen.missed and stopped(signals, True) != (kind == "text"):
                print(row["lang"], kind, row[kind])
    out = {}
    for lang, c in sorted(counts.items()):
        entry = {}
        for kind, title in (("text", "found"), ("twin", "false alarms")):
            for part in ("head", "both"):
                hits, total = c[f"{kind} {part}"], c[kind]
                low, high = wilson(hits, total)
                entry[f"{title} {part}"] = [hits, total, round(low, 3), round(high, 3)]
        out[lang] = entry
        print(
            lang.ljust(5),
            *(f"{k}: {v[0]}/{v[1]} [{v[2]:.2f}, {v[3]:.2f}]" for k, v in entry.items()),
            sep="  ",
        )
    if chosen.json:
        chosen.json.write_text(json.dumps(out, indent=1) + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""The text guard on the longest permitted prompt, whatever it is made of, and on short ones.

    python bench/text_length.py [--rounds 3] [--out bench/results/text_length.json]

Every kind of text has 32,000 characters as sent, or fewer where its clean form would have more. All kinds take turns,
in one process, on one thread; times are of the processor, so that others on the machine are not counted (they still
slow it down: caches and memory are shared). `asked` is of how many pieces the second
model was asked, `grows` the head's time at 32,000 characters over that at 16,000.
The short prompts are the project's own wordings, each kind timed on the clock and the processor.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

from rambarde.guard.detectors.contract import Detector
from rambarde.guard.detectors.head import HeadDetector
from rambarde.guard.detectors.names import NamesDetector
from rambarde.guard.detectors.terms import TermsDetector
from rambarde.guard.text.normalise import LIMIT, canonical
from rambarde.nouns.request import Text
from rambarde.nouns.signal import State

OWN = Path(__file__).resolve().parents[1] / "tests" / "guard" / "detectors" / "wordings.jsonl"
RESULTS = Path(__file__).parent / "results" / "text_length.json"
ENGLISH = (
    "the old tram climbs a hill while clouds gather above our bay and gulls rest on grey roofs in morning light "
    "soft shadow warm colour a woman in long green coat walks her dog past the bakery bread cooling window"
).split()
RUSSIAN = "старый трамвай поднимается на холм пока облака собираются над заливом и чайки отдыхают".split()
HINDI = "समुद्र के किनारे एक पुराना लाल जहाज़ खड़ा है और बादल पहाड़ पर धीरे चल रहे हैं".split()
HAN = "一只猫坐在窗边看着下雨的街道远处有座灯塔海鸥飞过老城市桥山谷春天花园女人穿绿色外套走路"
ASKING = "please take off her blouse skirt coat and remove the clothes in this picture".split()
LETTERS = "abcdefghijklmnopqrstuvwxyz"
FIGURES = str.maketrans("aeiost", "431057")


def drawn(units: list[str] | str, between: str = " ", stop: str = "", least: int = 6, most: int = 18) -> str:
    chance = random.Random(11)
    found: list[str] = []
    size, left = 0, chance.randint(least, most)
    while size <= LIMIT:
        left -= 1
        found.append(chance.choice(units) + (stop if not left else ""))
        left = left or chance.randint(least, most)
        size += len(found[-1]) + len(between)
    return between.join(found)


def kinds() -> dict[str, str]:
    prose = drawn(ENGLISH, stop=".")
    chance = random.Random(12)
    made = ["".join(chance.choice(LETTERS) for _ in range(chance.randint(2, 9))) for _ in range(6000)]
    return {
        "English prose": prose,
        "no full stops": drawn(ENGLISH),
        "one word, repeated": "harbour " * LIMIT,
        "one run without blanks": drawn(LETTERS, ""),
        "Chinese": drawn(HAN, "", "。"),
        "Chinese, no full stops": drawn(HAN, ""),
        "random Han": drawn([chr(c) for c in range(0x4E00, 0x9000)], ""),
        "Russian": drawn(RUSSIAN, stop="."),
        "Hindi": drawn(HINDI, stop="।"),
        "English, Russian, Chinese": drawn([*ENGLISH, *RUSSIAN, *HAN], stop="."),
        "leet": prose.translate(FIGURES),
        "letters spaced apart": "  ".join(" ".join(word) for word in prose.split()),
        "dots between letters": " ".join(".".join(word) for word in prose.split()),
        "zero width between letters": "\u200b".join(prose),
        "emoji between letters": "\U0001f600".join(prose.replace(" ", "")),
        "capitals": prose.upper(),
        "one-letter words": drawn(LETTERS),
        "made-up words": drawn(made, stop="."),
        "smallest sentences": drawn(LETTERS, "", ".", 13, 13),
        "letters and figures": drawn(LETTERS + "0123456789", ""),
        "asks in every sentence": drawn(ASKING, stop="."),
        "the same in leet": drawn(ASKING, stop=".").translate(FIGURES),
    }


def timed(work: Any, *given: Any) -> tuple[float, Any]:
    start = time.thread_time()
    found = work(*given)
    return (time.thread_time() - start) * 1e3, found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    head = HeadDetector()
    detectors: dict[str, Detector] = {"terms": TermsDetector(), "names": NamesDetector(), "head": head}
    for detector in detectors.values():
        detector.load()
    times: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    texts: dict[str, Text] = {}
    answers: dict[str, bool] = {}
    for _ in range(options.rounds):
        for name, text in kinds().items():
            took, read = timed(canonical, text[:LIMIT])
            times[name]["normalising"].append(took)
            texts[name] = read
            for part, detector in detectors.items():
                took, reading = timed(detector.inspect, read)
                times[name][part].append(took)
                if part == "head":
                    answers[name] = any(s.state is State.VALUE for s in reading.signals)
            half = canonical(text[: LIMIT // 2])
            times[name]["half"].append(timed(head.inspect, half)[0])
    rows = []
    print(
        "| 32,000 characters of | normalising | terms | names | head, least (median) | grows | asked | answer |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name, parts in times.items():
        least = {part: round(min(found), 1) for part, found in parts.items()}
        median = {part: round(statistics.median(found), 1) for part, found in parts.items()}
        row = {
            "text": name,
            "least_ms": least,
            "median_ms": median,
            "asked": head.second_opinions(texts[name]),
            "answers": answers[name],
        }
        rows.append(row)
        print(
            f"| {name} | {least['normalising']:.0f} | {least['terms']:.0f} | {least['names']:.0f} | "
            f"**{least['head']:.0f}** ({median['head']:.0f}) | {least['head'] / least['half']:.1f} | "
            f"{row['asked']} | {'values' if answers[name] else 'no answer'} |"
        )
    short = prompts(head, detectors)
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()}
    print("machine:", json.dumps(machine))
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(
        json.dumps({"machine": machine, "long": rows, "short": short}, indent=1) + "\n", "utf-8"
    )
    return 0


def prompts(head: HeadDetector, detectors: dict[str, Detector]) -> list[dict[str, Any]]:
    """Milliseconds of the whole text guard on short prompts: where the first model decides, and with the second."""
    texts = []
    for line in OWN.read_text("utf-8").splitlines():
        row = json.loads(line)
        texts += [row["text"], *([row["twin"]] if row.get("twin") else [])]
    found: dict[bool, list[tuple[float, float]]] = {False: [], True: []}
    for text in texts * 3:
        wall = time.perf_counter()
        took, _ = timed(lambda text=text: [d.inspect(canonical(text)) for d in detectors.values()])
        found[head.second_opinions(canonical(text)) > 0].append((took, (time.perf_counter() - wall) * 1e3))
    rows = []
    print(
        "\n| short prompts | number | p50 ms, processor (clock) | p99 ms, processor (clock) |\n|---|---|---|---|"
    )
    for second, pairs in found.items():
        processor, clock = (sorted(values) for values in zip(*pairs, strict=True))
        mid, end = len(pairs) // 2, int(len(pairs) * 0.99)
        name = "with a second opinion" if second else "the first model decides"
        rows.append(
            {
                "prompts": name,
                "number": len(pairs) // 3,
                "p50_ms": round(processor[mid], 2),
                "p99_ms": round(processor[end], 2),
                "p50_clock_ms": round(clock[mid], 2),
                "p99_clock_ms": round(clock[end], 2),
            }
        )
        print(
            f"| {name} | {len(pairs) // 3} | {processor[mid]:.1f} ({clock[mid]:.1f}) | "
            f"{processor[end]:.1f} ({clock[end]:.1f}) |"
        )
    return rows


if __name__ == "__main__":
    sys.exit(main())

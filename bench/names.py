"""The register of protected people beside a naive peer: time for an ordinary prompt, size.

    python bench/names.py [--names 100000] [--rounds 300]

Names are drawn from `faker`'s tables (Latin, Cyrillic, Greek, Devanagari), seed fixed; times are of the processor, not
of the clock. The peer holds all folded names in a set and looks up every run of two to four words: it finds exact
spellings only. Both are timed in turn, on the same prompts.
"""

from __future__ import annotations

import argparse
import random
import resource
import statistics
import time
from collections.abc import Callable

from rambarde.guard.detectors import namebook, vocabulary
from rambarde.guard.detectors.protected import Protected
from rambarde.guard.text.normalise import canonical, fold
from rambarde.nouns.request import Text

PROMPTS = (
    "a lighthouse on a cliff at sunset, oil on canvas, warm colours, high detail",
    "portrait of an old fisherman mending nets in the harbour, soft morning light, 35 mm",
    "make the curtain blue and put a vase with tulips on the table next to the window",
    "Emma walks her dog through the rain in Paris, watercolour, muted palette",
    "маяк на скале на закате, масло, холст, тёплые цвета, высокая детализация",
    "夕暮れの灯台、油絵、暖かい色、細部まで描き込み",
    "منارة على جرف عند الغروب، ألوان زيتية، تفاصيل عالية",
)


def register(count: int) -> tuple[list[tuple[str, ...]], namebook.NameBook]:
    rng = random.Random(7)
    book = namebook.read(frozenset())
    given, family = (
        [
            [n for n in sorted(names) if lo <= n[0] <= hi and n not in book.common and len(n) > 2]
            for lo, hi in SCRIPTS
        ]
        for names in (book.given, book.family)
    )
    people: dict[str, None] = {}
    while len(people) < count:
        kind = rng.choices(range(len(SCRIPTS)), (80, 14, 3, 3))[0]
        people[f"{rng.choice(given[kind])} {rng.choice(family[kind])}"] = None
    return [(name,) for name in people], book


SCRIPTS = (("a", "z"), ("а", "я"), ("α", "ω"), ("ऀ", "ॿ"))


def naive(people: list[tuple[str, ...]]) -> Callable[[Text], list[str]]:
    names = {fold(name) for forms in people for name in forms}

    def find(text: Text) -> list[str]:
        words = [word.strip(".,;:!?") for word in text.folded.split()]
        return [
            run
            for size in (2, 3, 4)
            for i in range(len(words) - size + 1)
            if (run := " ".join(words[i : i + size])) in names
        ]

    return find


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--names", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=300)
    options = parser.parse_args()
    people, book = register(options.names)
    common = vocabulary.read().words
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    start = time.thread_time()
    ours = Protected(
        people,
        ordinary=lambda w: w in book.either or (w in common and w not in book.given and w not in book.family),
        named=lambda w: w in book.given or w in book.family,
        family=lambda w: w in book.family and w not in book.given,
    )
    built = time.thread_time() - start
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
    peer = naive(people)
    print(f"{options.names} names: built in {built:.1f} s, {grown:.0f} MB more")
    texts = [canonical(prompt) for prompt in (*PROMPTS, f"a photo of {people[5][0]} at the beach")]
    times: dict[str, list[float]] = {"register": [], "naive": []}
    for _ in range(options.rounds):
        for text in texts:
            for name, find in (("register", ours.find), ("naive", peer)):
                start = time.thread_time()
                find(text)
                times[name].append((time.thread_time() - start) * 1000)
    for name, values in times.items():
        values.sort()
        print(
            f"{name:10} p50 {statistics.median(values):.3f} ms  p99 {values[int(len(values) * 0.99)]:.3f} ms"
        )
    longest = canonical(" ".join(name for forms in people[:2000] for name in forms)[:32_000])
    start = time.thread_time()
    ours.find(longest)
    print(f"32,000 characters of names: {(time.thread_time() - start) * 1000:.0f} ms")


if __name__ == "__main__":
    main()

"""The text guard beside what others ship: recall, false positives and milliseconds on the same prompts, in turns.

    python bench/text_guard.py [DATA …] [--install] [--rows 1000] [--seed 5] [--out bench/results/text_guard.json]

DATA are labelled JSONL files, or folders of them (docs/evaluate.md shows their form). The project's own wordings
(tests/guard/detectors/wordings.jsonl: requests to edit a person's photograph, and harmless twins) are always
measured; they were looked at while the guard was made, and count for little. `--rows` is the most of each file,
drawn at random.

Beside ours (the whole admit decision of the shipped policy):

- glin-profanity, its own filter over the lists of all languages (LDNOOBW and others), from which our lists come;
- alt-profanity-check, a classifier of profanity, at its own threshold;
- aegisframe, without a picture, each prompt in a session of its own; it looks for forged documents;
- LiteLLM's content filter with all categories it ships about harm, bias and abuse; and with the English list of
  glin-profanity as blocked words (it looks for them inside words too: lists of other languages stop everything).

The last three live in environments of their own, build/bench-*, which `--install` makes (about 1.1 GB); without
them their rows say so. Every contender answers the same 25 prompts before the next ones are asked, one at a time,
on one thread; the last three in processes of their own, where the clock is read too, so that no pipe is measured.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import random
import statistics
import subprocess
import sys
import time
import venv
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Any, Protocol

from glin_profanity import Filter

from rambarde.interfaces.cli.check import SUPPOSED
from rambarde.interfaces.judge import Judge
from rambarde.interfaces.labelled import Terms, data_sets, judge, ready
from rambarde.interfaces.settings import Settings
from rambarde.measure.rows import DataSet, Row, read
from rambarde.measure.sweep import Share

ROOT = Path(__file__).resolve().parents[1]
OWN = ROOT / "tests" / "guard" / "detectors" / "wordings.jsonl"
RESULTS = Path(__file__).parent / "results" / "text_guard.json"
CHUNK = 25
OWN_NAME = "own wordings"
Answer = tuple[bool | None, float]
"""Whether it was stopped (None: it failed), and the milliseconds."""

LOOP = """
import json, sys, time
sys.stdout, out = sys.stderr, sys.stdout
{prepare}
for line in sys.stdin:
    answers = []
    for kind, text in json.loads(line):
        start = time.perf_counter()
        try:
            stopped = bool(ask(kind, text))
        except Exception as error:
            print(type(error).__name__, file=sys.stderr)
            stopped = None
        answers.append((stopped, (time.perf_counter() - start) * 1e3))
    print(json.dumps(answers), file=out, flush=True)
"""
PROFANITY = """
from profanity_check import predict
def ask(kind, text):
    return predict([text])[0]
"""
AEGIS = """
from itertools import count
from aegisframe import Action, Guard
guard, sessions = Guard(), count()
def ask(kind, text):
    return guard.check_request(text, session_id=str(next(sessions))).action != Action.ALLOW
"""
LITELLM = """
import os
os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
from pathlib import Path
import litellm
from litellm.proxy.guardrails.guardrail_hooks.litellm_content_filter.content_filter import ContentFilterGuardrail
from litellm.types.guardrails import BlockedWord, ContentFilterAction
from fastapi import HTTPException
folder = Path(litellm.__file__).parent / "proxy/guardrails/content_filter_data/categories"
names = [p.stem for p in sorted(folder.iterdir()) if p.name.startswith(("harm", "bias", "denied_insults", "gender"))]
words = json.loads(Path(WORDS).read_text("utf-8")) if WORDS else []
guard = ContentFilterGuardrail(
    guardrail_name="bench",
    categories=[] if words else [{"category": n, "enabled": True, "action": "BLOCK"} for n in names],
    blocked_words=[BlockedWord(keyword=w, action=ContentFilterAction.BLOCK) for w in words],
)
def ask(kind, text):
    try:
        guard._filter_single_text(text)
    except HTTPException:
        return True
    return False
"""
ENVIRONMENTS = {
    "peers": ("alt-profanity-check==1.9.1", "aegisframe==0.6.0"),
    "litellm": ("litellm==1.106.2", "fastapi"),
}


class Contender(Protocol):
    name: str

    def ask(self, requests: Sequence[tuple[str, str]]) -> list[Answer]: ...

    def close(self) -> None: ...


class Ours:
    name = f"rambarde {version('rambarde')}, shipped policy"

    def __init__(self) -> None:
        self.judge = Judge.open(Settings())
        self.loop = asyncio.new_event_loop()
        self.terms = Terms("web", "standard", "unknown", False, SUPPOSED)
        self.loop.run_until_complete(ready(self.judge.chain, self.terms))

    def ask(self, requests: Sequence[tuple[str, str]]) -> list[Answer]:
        found = []
        for request in requests:
            start = time.perf_counter()
            answers = self.loop.run_until_complete(judge(self.judge.chain, [request], self.terms))
            ms = (time.perf_counter() - start) * 1e3
            judged = answers[request]
            found.append((None if judged.outcome is None else judged.stopped, ms))
        return found

    def close(self) -> None:
        self.judge.close()
        self.loop.close()


class Lists:
    name = f"glin-profanity {version('glin-profanity')}, all lists"

    def __init__(self) -> None:
        self.filter = Filter({"all_languages": True})

    def ask(self, requests: Sequence[tuple[str, str]]) -> list[Answer]:
        found: list[Answer] = []
        for _, text in requests:
            start = time.perf_counter()
            stopped = bool(self.filter.is_profane(text))
            found.append((stopped, (time.perf_counter() - start) * 1e3))
        return found

    def close(self) -> None: ...


class Elsewhere:
    """A contender in another environment, asked over a pipe."""

    def __init__(self, name: str, environment: str, prepare: str) -> None:
        self.name = name
        threads = {f"{library}_NUM_THREADS": "1" for library in ("OMP", "OPENBLAS", "MKL")}
        self.process = subprocess.Popen(
            [python(environment), "-c", LOOP.replace("{prepare}", prepare)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env=os.environ | threads,
        )
        self.ask([("generate", "a tree")])

    def ask(self, requests: Sequence[tuple[str, str]]) -> list[Answer]:
        assert self.process.stdin and self.process.stdout
        try:
            self.process.stdin.write(json.dumps(list(requests)) + "\n")
            self.process.stdin.flush()
        except BrokenPipeError:
            raise RuntimeError(f"{self.name} ended") from None
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"{self.name} ended")
        return [(stopped, ms) for stopped, ms in json.loads(line)]

    def close(self) -> None:
        if self.process.stdin:
            self.process.stdin.close()
        self.process.wait(10)


def python(environment: str) -> str:
    return str(ROOT / "build" / f"bench-{environment}" / "bin" / "python")


def install() -> None:
    for name, packages in ENVIRONMENTS.items():
        folder = ROOT / "build" / f"bench-{name}"
        if not folder.exists():
            venv.create(folder, with_pip=True)
        command = [python(name), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
        subprocess.run(command, check=False)


def words() -> Path:
    """The English list as LiteLLM can read it."""
    import glin_profanity

    folder = Path(glin_profanity.__file__).parent / "data" / "dictionaries"
    kept = ROOT / "build" / "bench-words.json"
    kept.parent.mkdir(exist_ok=True)
    kept.write_text(json.dumps(json.loads((folder / "english.json").read_text("utf-8"))["words"]), "utf-8")
    return kept


def contenders() -> tuple[list[Contender], dict[str, str]]:
    """Those that can be asked, and why others cannot."""
    makers: dict[str, Callable[[], Contender]] = {
        Ours.name: Ours,
        Lists.name: Lists,
        "alt-profanity-check 1.9.1": lambda: Elsewhere("alt-profanity-check 1.9.1", "peers", PROFANITY),
        "aegisframe 0.6.0, no picture": lambda: Elsewhere("aegisframe 0.6.0, no picture", "peers", AEGIS),
        "LiteLLM 1.106.2, its categories": lambda: Elsewhere(
            "LiteLLM 1.106.2, its categories", "litellm", "WORDS = ''\n" + LITELLM
        ),
        "LiteLLM 1.106.2, English list": lambda: Elsewhere(
            "LiteLLM 1.106.2, English list", "litellm", f"WORDS = {str(words())!r}\n" + LITELLM
        ),
    }
    found: list[Contender] = []
    missing: dict[str, str] = {}
    for name, make in makers.items():
        try:
            found.append(make())
        except FileNotFoundError:
            missing[name] = "not installed: run with --install"
        except RuntimeError as error:
            missing[name] = f"installed, and does not start: {error}"
    return found, missing


@dataclass(slots=True)
class Tally:
    """What one contender said of one set."""

    stopped: dict[str, int] = field(default_factory=lambda: {"safe": 0, "unsafe": 0})
    failed: int = 0
    times: list[float] = field(default_factory=list)

    def take(self, other: Tally) -> None:
        for label, count in other.stopped.items():
            self.stopped[label] += count
        self.failed += other.failed
        self.times += other.times

    def add(self, row: Row, answer: Answer) -> None:
        stopped, ms = answer
        self.times.append(ms)
        if stopped is None:
            self.failed += 1
            self.stopped["safe"] += row.label == "safe"  # against whoever did not answer, as for ours
        else:
            self.stopped[row.label] += stopped


def own() -> DataSet:
    """The wordings as labelled rows: each request, and its twin."""
    rows: dict[tuple[str, str], dict[str, str]] = {}
    for number, line in enumerate(OWN.read_text("utf-8").splitlines(), 1):
        one = json.loads(line)
        for label, key in (("unsafe", "text"), ("safe", "twin")):
            if one.get(key):
                row = {"id": f"{number}-{label}", "text": one[key], "label": label, "category": one["family"]}
                rows.setdefault(
                    (label, one[key]), row | {"lang": one["lang"], "kind": "edit", "source": "own"}
                )
    data = "\n".join(json.dumps(row) for row in rows.values()).encode()
    return read({OWN_NAME: data})[0]


def sets(paths: Sequence[Path]) -> Iterator[DataSet]:
    yield own()
    files = [file for path in paths for file in (sorted(path.glob("*.jsonl")) if path.is_dir() else [path])]
    if files:
        yield from data_sets(files)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("data", type=Path, nargs="*")
    parser.add_argument("--install", action="store_true", help="make the environments of the others")
    parser.add_argument("--rows", type=int, default=1000, help="most rows of each file")
    parser.add_argument("--seed", type=int, default=5)
    parser.add_argument("--out", type=Path, default=RESULTS)
    options = parser.parse_args()
    if options.install:
        install()
    asked, missing = contenders()
    draw = random.Random(options.seed)
    results: list[dict[str, Any]] = []
    together = {contender.name: Tally() for contender in asked}
    everything: list[Row] = []
    try:
        for one in sets(options.data):
            rows = draw.sample(one.rows, min(options.rows, len(one.rows)))
            tallies = measure(asked, rows)
            results.append({"set": one.name, "digest": one.digest} | summed(tallies, rows))
            table(results[-1])
            if one.name != OWN_NAME:
                everything += rows
                for name, tally in tallies.items():
                    together[name].take(tally)
    finally:
        for contender in asked:
            contender.close()
    if everything:
        results.append({"set": "all DATA", "digest": None} | summed(together, everything))
        table(results[-1])
    for name, why in missing.items():
        print(f"{name}: {why}")
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()}
    print("machine:", json.dumps(machine))
    options.out.parent.mkdir(exist_ok=True)
    options.out.write_text(
        json.dumps({"machine": machine, "seed": options.seed, "missing": missing, "sets": results}, indent=1)
        + "\n",
        "utf-8",
    )
    return 0


def measure(asked: Sequence[Contender], rows: Sequence[Row]) -> dict[str, Tally]:
    tallies = {contender.name: Tally() for contender in asked}
    for start in range(0, len(rows), CHUNK):
        chunk = rows[start : start + CHUNK]
        requests = [(row.kind, row.text) for row in chunk]
        for contender in asked:
            for row, answer in zip(chunk, contender.ask(requests), strict=True):
                tallies[contender.name].add(row, answer)
    return tallies


def summed(tallies: dict[str, Tally], rows: Sequence[Row]) -> dict[str, Any]:
    total = {label: sum(row.label == label for row in rows) for label in ("unsafe", "safe")}
    return {
        "rows": len(rows),
        "contenders": [
            {
                "name": name,
                "recall": share(tally.stopped["unsafe"], total["unsafe"]),
                "false_positives": share(tally.stopped["safe"], total["safe"]),
                "failed": tally.failed,
                "p50_ms": round(statistics.median(tally.times), 3),
                "p99_ms": round(sorted(tally.times)[int(len(tally.times) * 0.99)], 3),
            }
            for name, tally in tallies.items()
        ],
    }


def share(hits: int, of: int) -> dict[str, float] | None:
    if not of:
        return None
    found = Share.count(hits, of)
    return {"hits": hits, "of": of, "share": found.share, "low": found.low, "high": found.high}


def table(result: dict[str, Any]) -> None:
    print(f"\n{result['set']}, {result['rows']} rows\n")
    print("| | recall | false positives | p50 ms | p99 ms |\n|---|---|---|---|---|")
    for one in result["contenders"]:
        cells = [
            told(one["recall"]),
            told(one["false_positives"]),
            f"{one['p50_ms']:.2f}",
            f"{one['p99_ms']:.2f}",
        ]
        failed = f" ({one['failed']} failed)" if one["failed"] else ""
        print(f"| {one['name']}{failed} | " + " | ".join(cells) + " |")
    sys.stdout.flush()


def told(found: dict[str, float] | None) -> str:
    return "-" if found is None else f"{found['share']:.1%} [{found['low']:.1%}, {found['high']:.1%}]"


if __name__ == "__main__":
    sys.exit(main())

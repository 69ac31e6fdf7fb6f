"""How long the proof of a policy takes: the shipped one, and generated ones up to the largest promised.

    python bench/policy_proof.py [--rounds 3] [--rules 200] [--seed 4]

Generated: rules of two to six conditions over 60 signals of 12 detectors, on 12 surfaces, in 8 modes, with 60
countries named and dates. It is proven as it is, proven with one rule broken, checked, and compared with itself
after one threshold was raised. Processor seconds, the median of some rounds; the table goes to stdout, the
numbers to bench/results/policy_proof.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from rambarde.guard.detectors.contract import DetectorInfo, Subject
from rambarde.guard.policy.catalogue import Catalogue, catalogue
from rambarde.guard.policy.language import Policy, Rule
from rambarde.guard.policy.proof.check import check
from rambarde.guard.policy.proof.compare import compare
from rambarde.guard.policy.proof.prove import prove
from rambarde.guard.policy.reading import FLOORS, SHIPPED, read_floors, read_policy, shipped
from rambarde.interfaces import parts
from rambarde.interfaces.settings import Settings
from rambarde.nouns.signal import Polarity, SignalSpec

RESULTS = Path(__file__).parent / "results" / "policy_proof.json"
SURFACES, MODES, COUNTRIES, SIGNALS = 12, 8, 60, 60
THRESHOLDS = (0.1, 0.2, 0.25, 0.3, 0.4, 0.5, 0.6, 0.7, 0.75, 0.8, 0.9)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--rules", type=int, default=200)
    parser.add_argument("--seed", type=int, default=4)
    options = parser.parse_args()
    real = catalogue(d.info for d in parts.detectors(Settings()))
    made_up = _catalogue(real)
    sizes = sorted({max(1, options.rules // 4), max(1, options.rules // 2), options.rules})
    cases = [("shipped", real, shipped(SHIPPED))] + [
        (f"{size} rules", made_up, _generated(size, options.seed).encode()) for size in sizes
    ]
    rows: dict[str, dict[str, float]] = {}
    for name, names, data in cases:
        policy = read_policy(data, names)
        floors = read_floors(shipped(FLOORS), names)[0]
        raised = read_policy(data.replace(b"at_least: 0.5", b"at_least: 0.55", 1), names)
        broken = _broken(policy)
        proof = prove(policy, names, floors)
        assert proof.holds, proof
        assert not prove(broken, names, floors).holds
        rows[name] = {
            "parse s": _seconds(lambda d=data, n=names: read_policy(d, n), options.rounds),
            "prove s": _seconds(lambda p=policy, n=names, f=floors: prove(p, n, f), options.rounds),
            "break s": _seconds(lambda p=broken, n=names, f=floors: prove(p, n, f), options.rounds),
            "compare s": _seconds(lambda p=policy, q=raised, n=names: compare(p, q, n), options.rounds),
            "check s": _seconds(lambda p=policy, n=names: check(p, n), options.rounds),
            "nodes": proof.nodes,
            "claims": sum(finding.claims for finding in proof.findings),
        }
    print("| policy | " + " | ".join(next(iter(rows.values()))) + " |")
    print("|---|" + "---|" * len(next(iter(rows.values()))))
    for name, row in rows.items():
        print(f"| {name} | " + " | ".join(str(value) for value in row.values()) + " |")
    machine = {"cpus": os.cpu_count(), "python": platform.python_version(), "load": os.getloadavg()}
    print("machine:", json.dumps(machine))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(json.dumps({"machine": machine, "rows": rows}, indent=1))


def _seconds(work: Callable[[], object], rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return round(statistics.median(taken), 4)


def _catalogue(real: Catalogue) -> Catalogue:
    """The real signals, which the floors read, and made-up ones of twelve detectors."""
    made_up = (
        DetectorInfo(
            name=f"made{detector}",
            version="1",
            subject=Subject.TEXT,
            specs=tuple(
                SignalSpec(f"made{detector}.s{number}", _polarity(number)) for number in range(SIGNALS // 12)
            ),
            deadline=1.0,
        )
        for detector in range(12)
    )
    return dict(real) | {k: v for k, v in catalogue(made_up).items() if k.startswith("made")}


def _polarity(number: int) -> Polarity:
    return Polarity.LOW_IS_WORSE if number == 4 else Polarity.HIGH_IS_WORSE


def _generated(rules: int, seed: int) -> str:
    draw = random.Random(seed)
    surfaces = [f"s{n}" for n in range(SURFACES)]
    countries = [a + b for a in "ABCDEFGHIJ" for b in "ABCDEF"][:COUNTRIES]
    names = [f"rule-{n}" for n in range(rules)]
    lines = ["rambarde-policy: 1", "name: generated", f"surfaces: [{', '.join(surfaces)}]", "detectors:"]
    text = shipped(SHIPPED).decode()
    lines += text[text.index("detectors:\n") + 11 : text.index("\nrules:")].splitlines()
    lines += [f'  made{n}: {{version: "1", digest: "sha256:{n:064x}"}}' for n in range(12)]
    lines.append("rules:")
    for name in names:
        lines += [
            f"  - id: {name}",
            "    at: [admit, release]",
            f"    when: {_condition(draw, draw.randint(2, 6))}",
            f"    then: {draw.choice(['block', 'review'])}",
            "    reason: generated",
        ]
        if draw.random() < 0.5:
            lines.append(f"    countries: [{', '.join(draw.sample(countries, draw.randint(1, 12)))}]")
        if draw.random() < 0.2:
            lines.append(f"    surfaces: [{', '.join(draw.sample(surfaces, draw.randint(1, 4)))}]")
        if draw.random() < 0.2:
            year = draw.randint(2026, 2030)
            lines += [f"    from: {year}-0{draw.randint(1, 9)}-01", f"    until: {year + 2}-01-01"]
    # One rule is everybody's, in every mode: the one that the bench breaks.
    lines.append("modes:\n  standard: {}")
    for number in range(MODES - 1):
        relaxed = ", ".join(draw.sample(names[1:], rules // 10)) if rules > 10 else ""
        where = ", ".join(draw.sample(countries, 20))
        lines.append(f"  mode{number}: {{relaxes: [{relaxed}], age_assured: true, countries: [{where}]}}")
    return "\n".join(lines) + "\n"


def _condition(draw: random.Random, atoms: int) -> str:
    if atoms == 1:
        detector, number = draw.randrange(12), draw.randrange(SIGNALS // 12)
        worse = "at_most" if _polarity(number) is Polarity.LOW_IS_WORSE else "at_least"
        threshold = draw.choice(THRESHOLDS)
        return f"{{signal: made{detector}.s{number}, {worse}: {threshold}}}"
    left = draw.randint(1, atoms - 1)
    # `all` more often than `any`: rules that fire on next to everything shadow all others.
    kind = draw.choice(["all", "all", "any"])
    return f"{{{kind}: [{_condition(draw, left)}, {_condition(draw, atoms - left)}]}}"


def _broken(policy: Policy) -> Policy:
    """Without its first floor's block: what no prover may miss."""
    first, *others = policy.rules

    def weakened(rule: Rule) -> Rule:
        return replace(rule, surfaces=policy.surfaces[:-1])

    return replace(policy, rules=(weakened(first), *others))


if __name__ == "__main__":
    main()

"""How long a decision takes: the shipped policy, ours beside Cedar (cedarpy) on the same input, in turns.

    python bench/policy_evaluation.py [--rounds 60] [--calls 20] [--checks 400] [--seed 4]

The rules of each decision point are translated to Cedar: one `forbid` per rule, and one `permit` for everything.
Signals are whole numbers on our scale toward the worst, in thousandths, with absent, no answer and failed as places
beyond its ends. Before anything is timed, both must allow the same random inputs and name the same rules.

Ours is timed whole: reading the signals, what failed, what is only assumed, the `Decision` with its rules; the facts
are made anew each time, as the chain does. Cedar gets what it would have to work out as ready-made context. Four
ways to call it: policies as text; parsed beforehand; parsed, and the context already as JSON; that in batches of 100.
The table goes to stdout, the numbers to bench/results/policy_evaluation.json.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import random
import statistics
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from importlib.metadata import version
from pathlib import Path

import cedarpy

from rambarde.guard.policy.catalogue import LINEAGE, Catalogue, catalogue
from rambarde.guard.policy.evaluation import Evaluator, Facts
from rambarde.guard.policy.language import (
    All,
    AnyOf,
    Condition,
    ContextAtom,
    Mode,
    Not,
    Policy,
    RequiredFailed,
    Rule,
    SignalAtom,
    Test,
    Whose,
)
from rambarde.guard.policy.reading import SHIPPED, read_policy, shipped
from rambarde.interfaces import parts
from rambarde.interfaces.settings import Settings
from rambarde.nouns.decision import Decision, Point
from rambarde.nouns.signal import Polarity, Signal, State

RESULTS = Path(__file__).parent / "results" / "policy_evaluation.json"
BATCH = 100
FACTS = Facts("edit", "web", "standard", "DE", False, date(2026, 12, 2), "FR")
PLACES = {State.ABSENT: -2000, State.NO_ANSWER: 2000, State.FAILED: 3000}
PERMIT = "permit(principal, action, resource);"
WHO = {"principal": 'Caller::"c"', "action": 'Action::"decide"', "resource": 'Request::"r"'}

Signals = dict[str, Signal]
Ways = dict[str, Callable[[], object]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60)
    parser.add_argument("--calls", type=int, default=20, help="of each way in each round")
    parser.add_argument("--checks", type=int, default=400, help="random inputs on which both must agree")
    parser.add_argument("--seed", type=int, default=4)
    options = parser.parse_args()
    names = catalogue(detector.info for detector in parts.detectors(Settings()))
    evaluator = Evaluator(read_policy(shipped(SHIPPED), names), names)
    texts = {point: translate(evaluator.policy, point) for point in Point}
    allowed = check(evaluator, names, texts, options.checks, options.seed)
    print(f"agreed on {options.checks} random inputs, of which both allowed {allowed}")
    rows = []
    for point in Point:
        for kind, signals in cases(names, point).items():
            decision = evaluator.decide(point, FACTS, signals)
            ways = ways_to(evaluator, names, point, signals, texts[point])
            if kind != "harmless":
                del ways["ours, new facts"]
            row = {"point": point.value, "request": kind, "decision": decision.outcome.word}
            rows.append(row | {"rules": len(decision.fired)} | timed(ways, options.rounds, options.calls))
    table(rows)
    machine = {
        "cpus": os.cpu_count(),
        "python": platform.python_version(),
        "cedarpy": version("cedarpy"),
        "load": os.getloadavg(),
    }
    print("machine:", json.dumps(machine))
    RESULTS.parent.mkdir(exist_ok=True)
    RESULTS.write_text(
        json.dumps(
            {"machine": machine, "checked": options.checks, "allowed": allowed, "rows": rows}, indent=1
        )
    )


def cases(names: Catalogue, point: Point) -> dict[str, Signals]:
    """Edits of one person's portrait, every signal of the point there."""
    harmless = {
        name: Signal.measured(name, 0.04 if entry.polarity is Polarity.HIGH_IS_WORSE else 0.96)
        for name, entry in names.items()
        if point in entry.points
    }
    for name in ("lineage.photograph", "input.person", "input.face", "input.photograph", "output.photograph"):
        if name in harmless:
            harmless[name] = Signal.measured(name, 0.97)
    blocked = harmless | _all(harmless, 0.9, "prompt.sexual", "prompt.exposure", "terms.exposure")
    blocked |= _all(harmless, 0.9, "output.nudity", "change.exposure", "change.exposure_measured")
    grey = [n for n in harmless if n.startswith("change.") or n.endswith(("young_measured", ".young"))]
    unknown = harmless | {name: Signal.no_answer(name, "grey") for name in grey}
    unknown |= _all(harmless, 0.5, "prompt.touches_body")
    late = [n for n, e in names.items() if n in harmless and e.detector in ("head", "nudity", "age")]
    failed = harmless | {name: Signal.failed(name, "late") for name in late}
    return {
        "harmless": harmless,
        "blocked": blocked,
        "several unknown": unknown,
        "three detectors failed": failed,
    }


def _all(there: Signals, value: float, *names: str) -> Signals:
    return {name: Signal.measured(name, value) for name in names if name in there}


def ways_to(evaluator: Evaluator, names: Catalogue, point: Point, signals: Signals, text: str) -> Ways:
    """Ours and Cedar's ways to the same decision."""
    given = context(evaluator.policy, names, point, FACTS, signals)
    request, ready = {**WHO, "context": given}, {**WHO, "context": json.dumps(given)}
    policies, entities = cedarpy.PolicySet.from_str(text), cedarpy.Entities.from_json_str("[]")
    batch = [ready] * BATCH
    days = iter(range(date(2000, 1, 1).toordinal(), date(9999, 1, 1).toordinal()))

    def ours() -> Decision:
        return evaluator.decide(
            point, Facts("edit", "web", "standard", "DE", False, FACTS.today, "FR"), signals
        )

    def unseen() -> Decision:
        day = date.fromordinal(next(days))
        return evaluator.decide(point, Facts("edit", "web", "standard", "DE", False, day, "FR"), signals)

    return {
        "ours": ours,
        "ours, new facts": unseen,
        "cedar, text": lambda: cedarpy.is_authorized(request, text, "[]").allowed,
        "cedar, parsed": lambda: cedarpy.is_authorized(request, policies, entities).allowed,
        "cedar, parsed, JSON": lambda: cedarpy.is_authorized(ready, policies, entities).allowed,
        "cedar, batch": lambda: [r.allowed for r in cedarpy.is_authorized_batch(batch, policies, entities)],
    }


def timed(ways: Ways, rounds: int, calls: int) -> dict[str, float]:
    """Microseconds of the processor a decision: medians of the rounds, ours' least, Cedar over ours round by round."""
    times: dict[str, list[float]] = {way: [] for way in ways}
    for turn in range(rounds + 1):
        for way, run in ways.items():
            repeat, decided = (max(1, calls // BATCH), BATCH) if way == "cedar, batch" else (calls, 1)
            start = time.process_time_ns()
            for _ in range(repeat):
                run()
            if turn:  # the first warms up
                times[way].append((time.process_time_ns() - start) / 1000 / repeat / decided)
    found = {f"{way} µs": round(statistics.median(taken), 1) for way, taken in times.items()}
    found["ours, least µs"] = round(min(times["ours"]), 1)
    for way in ways:
        if way.startswith("cedar"):
            ratios = [b / a for a, b in zip(times["ours"], times[way], strict=True)]
            found[f"{way} ×"] = round(statistics.median(ratios), 1)
    return found


def check(evaluator: Evaluator, names: Catalogue, texts: dict[Point, str], count: int, seed: int) -> int:
    """Both allow the same and name the same rules. Raises `SystemExit` if not; how many were allowed."""
    parsed = {point: cedarpy.PolicySet.from_str(text) for point, text in texts.items()}
    allowed = 0
    for point, facts, signals in inputs(evaluator.policy, names, count, seed):
        decision = evaluator.decide(point, facts, signals)
        request = {**WHO, "context": context(evaluator.policy, names, point, facts, signals)}
        answer = cedarpy.is_authorized(request, parsed[point], "[]")
        named = set(answer.diagnostics.id_annotations_by_reason.values())
        same = named == {f.rule for f in decision.fired} and answer.allowed is decision.allowed
        if not same or answer.diagnostics.errors:
            raise SystemExit(f"Cedar disagrees: {decision}, {answer.decision}, {answer.diagnostics.errors}")
        allowed += decision.allowed
    return allowed


def inputs(policy: Policy, names: Catalogue, count: int, seed: int) -> Iterator[tuple[Point, Facts, Signals]]:
    """From harmless to hopeless; values are whole thousandths, which both sides hold exactly alike."""
    draw = random.Random(seed)
    days = sorted({FACTS.today} | {day for rule in policy.rules for day in (rule.start, rule.end) if day})
    days += [day - timedelta(days=1) for day in days]
    countries = sorted({"unknown", "JP"} | {country for rule in policy.rules for country in rule.countries})
    for number in range(count):
        point, odds = draw.choice(list(Point)), (number % 8) / 16
        signals = cases(names, point)["harmless"]
        for name in signals:
            if draw.random() < odds:
                state = draw.choices(list(State), [1, 8, 1, 0.3])[0]
                value = draw.randrange(0, 1001, 50) / 1000 if state is State.VALUE else None
                signals[name] = Signal(name, state, value)
        facts = Facts(
            action=draw.choice(["generate", "edit"]),
            surface=draw.choice(policy.surfaces),
            mode=draw.choice([mode.name for mode in policy.modes]),
            country=draw.choice(countries),
            age_assured=draw.random() < 0.5,
            today=draw.choice(days),
            depicted=draw.choice(countries),
        )
        yield point, facts, signals


def context(
    policy: Policy, names: Catalogue, point: Point, facts: Facts, signals: Signals
) -> dict[str, object]:
    """What Cedar is asked about: the facts, the signals' places, and whether a required one failed."""
    required = {LINEAGE, *(requirement.name for requirement in policy.detectors)}
    return {
        "action": facts.action,
        "surface": facts.surface,
        "mode": facts.mode,
        "age_assured": str(facts.age_assured).lower(),
        "country": facts.country,
        "whole": facts.country.split("-")[0],
        "depicted": facts.depicted,
        "depicted_whole": facts.depicted.split("-")[0],
        "today": facts.today.toordinal(),
        "failed": any(
            signals[e.name].state is State.FAILED
            for e in names.values()
            if point in e.points and e.detector in required
        ),
        **{name: _place(signal, names[name].polarity) for name, signal in signals.items()},
    }


def _place(signal: Signal, polarity: Polarity) -> int:
    if signal.value is None:
        return PLACES[signal.state]
    return round(signal.value * 1000) * (1 if polarity is Polarity.HIGH_IS_WORSE else -1)


def translate(policy: Policy, point: Point) -> str:
    """The rules of one point in Cedar's language."""
    rules = [rule for rule in policy.rules if point in rule.points]
    return "\n".join([PERMIT, *(_forbid(rule, policy) for rule in rules)])


def _forbid(rule: Rule, policy: Policy) -> str:
    needed = [_cedar(rule.when)]
    if rule.surfaces:
        needed.append(_among("surface", rule.surfaces))
    if rule.start is not None:
        needed.append(f"context.today >= {rule.start.toordinal()}")
    if rule.end is not None:
        needed.append(f"context.today < {rule.end.toordinal()}")
    if rule.countries:
        needed.append(_countries(rule, policy))
    if not rule.floor:
        needed += [f"!({_terms(mode)})" for mode in policy.modes if rule.id in mode.relaxes]
    # The cheap terms first: Cedar stops at the first that is false, as we do.
    return f'@id("{rule.id}")\nforbid(principal, action, resource) when {{ {_join("&&", needed[1:] + needed[:1])} }};'


def _terms(mode: Mode) -> str:
    terms = [_among("mode", (mode.name,))]
    if mode.age_assured:
        terms.append(_among("age_assured", ("true",)))
    if mode.countries:
        terms.append(f"({_among('country', mode.countries)} || {_among('whole', mode.countries)})")
    return _join("&&", terms)


def _countries(rule: Rule, policy: Policy) -> str:
    wholes = tuple(dict.fromkeys(c.split("-")[0] for c in rule.countries if "-" in c))

    def may_be(country: str, whole: str) -> str:
        return _join(
            "||", [_among(country, ("unknown", *rule.countries, *wholes)), _among(whole, rule.countries)]
        )

    ways = []
    if Whose.CALLER in rule.whose:
        ways.append(may_be("country", "whole"))
    if Whose.DEPICTED in rule.whose:
        depicts = [_cedar(policy.depicts)] if policy.depicts is not None else []
        ways.append(_join("&&", [may_be("depicted", "depicted_whole"), *depicts]))
    return _join("||", ways)


def _cedar(condition: Condition) -> str:
    match condition:
        case All(all_parts):
            return _join("&&", [_cedar(part) for part in all_parts])
        case AnyOf(any_parts):
            return _join("||", [_cedar(part) for part in any_parts])
        case Not(part):
            return f"!({_cedar(part)})"
        case ContextAtom(key, values):
            return _among(key, values)
        case RequiredFailed():
            return "context.failed"
        case SignalAtom():
            return _compared(condition)


def _compared(atom: SignalAtom) -> str:
    place = f'context["{atom.signal}"]'
    match atom.test:
        case Test.AT_LEAST | Test.AT_MOST:
            cut = round(atom.threshold * 1000)
            assert cut / 1000 == atom.threshold, "Cedar's numbers are whole thousandths here"
            sign = 1 if atom.polarity is Polarity.HIGH_IS_WORSE else -1
            return f"{place} {'>=' if atom.toward_worst else '<='} {sign * cut}"
        case Test.PRESENT:
            return f"{place} > {PLACES[State.ABSENT]}"
        case Test.ABSENT:
            return f"{place} == {PLACES[State.ABSENT]}"
        case Test.UNKNOWN:
            return f"{place} >= {PLACES[State.NO_ANSWER]}"
        case Test.FAILED:
            return f"{place} == {PLACES[State.FAILED]}"


def _among(key: str, values: tuple[str, ...]) -> str:
    if len(values) == 1:
        return f"context.{key} == {json.dumps(values[0])}"
    return f"{json.dumps(list(values))}.contains(context.{key})"


def _join(operator: str, terms: list[str]) -> str:
    return "(" + f" {operator} ".join(terms) + ")"


def table(rows: list[dict[str, object]]) -> None:
    columns = list(rows[0])
    print("| " + " | ".join(columns) + " |")
    print("|---" * len(columns) + "|")
    for row in rows:
        print("| " + " | ".join(str(row.get(column, "")) for column in columns) + " |")


if __name__ == "__main__":
    main()

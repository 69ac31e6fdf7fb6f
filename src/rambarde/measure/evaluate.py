"""Evaluate: from judged rows to a report. Pure; whoever calls it has asked the guard.

The report errs against the guard. A row that could not be judged was not found and is not let through: it counts
against recall and against the false positives. It holds no text.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rambarde.measure.calibration import calibrate
from rambarde.measure.report import Example, Header, Report, RuleCount, SetNote, SignalReport, Slice
from rambarde.measure.rows import DataSet, Row, once
from rambarde.measure.sweep import ABSENT, STEPS, UNKNOWN, Share, area, sweep
from rambarde.nouns.decision import Outcome
from rambarde.nouns.signal import Polarity, Signal, State

EXAMPLES = 20
"""Most examples of each set and label."""
NONE = "(none)"
"""Stands for the family or technique of rows that name none."""
ALL = "(all)"
_TOLD = 3
"""Most signals told of an example: the worst ones."""
_DIMENSIONS: Mapping[str, Callable[[Row], str]] = {
    "category": lambda row: row.category,
    "lang": lambda row: row.lang,
    "family": lambda row: row.family or NONE,
    "technique": lambda row: row.technique or NONE,
    "kind": lambda row: row.kind,
}


@dataclass(frozen=True, slots=True)
class Judged:
    """What the guard said of one request. `fault` is the code of why it could not judge; then nothing else counts.

    `outcome` is None exactly then. `assumed`: the rules fired only because something was unknown.
    """

    outcome: Outcome | None
    rules: tuple[str, ...] = ()
    assumed: bool = False
    signals: Mapping[str, Signal] | None = None
    fault: str | None = None

    @property
    def stopped(self) -> bool:
        return self.outcome is not None and self.outcome is not Outcome.ALLOW


@dataclass(frozen=True, slots=True)
class Gauge:
    """A signal that is looked at by itself, and the family that it is to tell. `thresholds` are the policy's."""

    signal: str
    polarity: Polarity
    family: str
    thresholds: tuple[float, ...] = ()


Answers = Mapping[tuple[str, str], Judged]
"""By kind and text: each request is judged once, in however many sets it stands."""


def evaluate(
    header: Header,
    sets: Sequence[DataSet],
    answers: Answers,
    gauges: Sequence[Gauge],
    *,
    examples: int = EXAMPLES,
    texts: bool = False,
) -> Report:
    """The report on all rows. Raises `KeyError` for a row without an answer: none is left out silently."""
    pairs = {one.name: [(row, answers[row.kind, row.text]) for row in one.rows] for one in sets}
    rows = [(row, answers[key]) for key, row in once(sets).items()]
    return Report(
        header=header,
        sets=tuple(SetNote(one.name, one.digest, len(one.rows)) for one in sets),
        repeated=sum(len(one) for one in pairs.values()) - len(rows),
        faults=dict(Counter(judged.fault for _, judged in rows if judged.fault is not None)),
        slices=tuple(_slices(pairs, rows)),
        rules=_rules(rows),
        signals=tuple(_signal(gauge, rows) for gauge in gauges),
        examples=tuple(_examples(pairs, gauges, examples, texts)),
    )


def _slices(pairs: Mapping[str, list[tuple[Row, Judged]]], rows: list[tuple[Row, Judged]]) -> Iterator[Slice]:
    yield _slice("all", ALL, rows)
    for name, part in pairs.items():
        yield _slice("set", name, part)
    for by, of in _DIMENSIONS.items():
        parts: defaultdict[str, list[tuple[Row, Judged]]] = defaultdict(list)
        for row, judged in rows:
            parts[of(row)].append((row, judged))
        if set(parts) != {NONE}:
            for name in sorted(parts):
                yield _slice(by, name, parts[name])


def _slice(by: str, name: str, rows: list[tuple[Row, Judged]]) -> Slice:
    unsafe = [judged for row, judged in rows if row.unsafe]
    safe = [judged for row, judged in rows if not row.unsafe]
    return Slice(
        by=by,
        name=name,
        recall=Share.count(sum(one.stopped for one in unsafe), len(unsafe)) if unsafe else None,
        false_positives=Share.count(sum(one.stopped or one.outcome is None for one in safe), len(safe))
        if safe
        else None,
        unjudged_unsafe=sum(one.outcome is None for one in unsafe),
        unjudged_safe=sum(one.outcome is None for one in safe),
        assumed_unsafe=sum(one.stopped and one.assumed for one in unsafe),
        assumed_safe=sum(one.stopped and one.assumed for one in safe),
        held=sum(one.outcome is Outcome.REVIEW for _, one in rows),
    )


def _rules(rows: list[tuple[Row, Judged]]) -> tuple[RuleCount, ...]:
    counts: dict[tuple[str, str], int] = Counter()
    names: dict[str, None] = {}
    for row, judged in rows:
        for rule in judged.rules:
            names[rule] = None
            counts[rule, row.label] += 1
            if len(judged.rules) == 1:
                counts[rule, row.label + " alone"] += 1
    found = [
        RuleCount(
            rule,
            *(counts[rule, key] for key in ("unsafe", "safe", "unsafe alone", "safe alone")),
        )
        for rule in names
    ]
    return tuple(sorted(found, key=lambda one: (-one.unsafe - one.safe, one.rule)))


def badness(signal: Signal | None, polarity: Polarity) -> float:
    """One number for each state, toward the worst; a signal that is not there is a failed one."""
    if signal is None or signal.unknown:
        return UNKNOWN
    if signal.value is None:
        return ABSENT
    return signal.value if polarity is Polarity.HIGH_IS_WORSE else 1.0 - signal.value


def _signal(gauge: Gauge, rows: list[tuple[Row, Judged]]) -> SignalReport:
    """Against its family where rows name it; else against the label.

    An unsafe row of another family may have this one too and says nothing of it, so it is left out and counted.
    """
    known = [(row, judged.signals) for row, judged in rows if judged.signals is not None]
    labelled = any(row.unsafe and row.family == gauge.family for row, _ in known)
    used = [
        (row.unsafe, signals.get(gauge.signal))
        for row, signals in known
        if not labelled or not row.unsafe or row.family == gauge.family
    ]
    have = [badness(signal, gauge.polarity) for truth, signal in used if truth]
    lack = [badness(signal, gauge.polarity) for truth, signal in used if not truth]
    high = gauge.polarity is Polarity.HIGH_IS_WORSE
    own = [at if high else 1.0 - at for at in gauge.thresholds]
    told = [
        (0.0 if signal.value is None else signal.value, truth if high else not truth)
        for truth, signal in used
        if signal is not None and not signal.unknown
    ]
    return SignalReport(
        signal=gauge.signal,
        worse=gauge.polarity.value,
        family=gauge.family if labelled else None,
        have=len(have),
        lack=len(lack),
        left_out=len(rows) - len(used),
        no_answer=sum(signal is not None and signal.state is State.NO_ANSWER for _, signal in used),
        failed=sum(signal is None or signal.state is State.FAILED for _, signal in used),
        policy_thresholds=gauge.thresholds,
        area=area(have, lack),
        sweep=sweep(have, lack, (*STEPS, *own)),
        # A share of rows without the family, or without its opposite, calibrates nothing.
        calibration=calibrate([v for v, _ in told], [t for _, t in told])
        if labelled and lack and told
        else None,
    )


def _examples(
    pairs: Mapping[str, list[tuple[Row, Judged]]], gauges: Sequence[Gauge], most: int, texts: bool
) -> Iterator[Example]:
    """Where the guard was wrong, by set, in the order of the file."""
    for name, rows in pairs.items():
        shown: Counter[str] = Counter()
        for row, judged in rows:
            wrong = judged.outcome is None or judged.stopped is not row.unsafe
            if not wrong or shown[row.label] >= most:
                continue
            shown[row.label] += 1
            yield Example(
                set=name,
                id=row.id,
                label=row.label,
                category=row.category,
                lang=row.lang,
                kind=row.kind,
                family=row.family,
                technique=row.technique,
                outcome=judged.outcome.word if judged.outcome is not None else None,
                fault=judged.fault,
                rules=judged.rules,
                signals=_worst(judged, gauges),
                text=row.text if texts else None,
            )


def _worst(judged: Judged, gauges: Sequence[Gauge]) -> dict[str, float | str]:
    if judged.signals is None:
        return {}
    found = [
        (badness(signal, gauge.polarity), signal)
        for gauge in gauges
        if (signal := judged.signals.get(gauge.signal)) is not None
    ]
    found.sort(key=lambda pair: (-pair[0], pair[1].name))
    return {
        signal.name: round(signal.value, 4) if signal.value is not None else signal.state.name.lower()
        for bad, signal in found[:_TOLD]
        if bad != ABSENT
    }

"""Evaluate: from judged rows to a report. Pure; whoever calls it has asked the guard.

The report errs against the guard. A row that could not be judged was not found and is not let through: it counts
against recall and against the false positives. It holds no text.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from rambarde.measure.calibration import calibrate
from rambarde.measure.report import Example, Header, Report, RuleCount, SetNote, SignalReport, Slice
from rambarde.measure.rows import NONE, DataSet, Labelled, R, once
from rambarde.measure.sweep import ABSENT, STEPS, UNKNOWN, Share, area, sweep
from rambarde.nouns.decision import Outcome
from rambarde.nouns.signal import Polarity, Signal, State

EXAMPLES = 20
"""Most examples of each set and label."""
ALL = "(all)"
CROSS = " + "
"""Between the dimensions of a slice that shares several."""
_TOLD = 3
"""Most signals told of an example: the worst ones."""
_ASKED = frozenset({"source"})
"""Dimensions that are told only if somebody asks."""


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
"""By a row's key: each request is judged once, in however many sets it stands."""
Pairs = list[tuple[Labelled, Judged]]


def evaluate(
    header: Header,
    sets: Sequence[DataSet[R]],
    answers: Answers,
    gauges: Sequence[Gauge],
    *,
    examples: int = EXAMPLES,
    texts: bool = False,
    by: Sequence[tuple[str, ...]] = (),
) -> Report:
    """The report on all rows. `by` asks for further slices: rows that share all of these `dimensions`.

    Raises `KeyError` for a row without an answer: none is left out silently.
    """
    pairs: dict[str, Pairs] = {one.name: [(row, answers[row.key]) for row in one.rows] for one in sets}
    rows: Pairs = [(row, answers[key]) for key, row in once(sets).items()]
    return Report(
        header=header,
        sets=tuple(SetNote(one.name, one.digest, len(one.rows)) for one in sets),
        repeated=sum(len(one) for one in pairs.values()) - len(rows),
        faults=dict(Counter(judged.fault for _, judged in rows if judged.fault is not None)),
        slices=tuple(_slices(pairs, rows, by)),
        rules=_rules(rows),
        signals=tuple(_signal(gauge, rows) for gauge in gauges),
        examples=tuple(_examples(pairs, gauges, examples, texts)),
    )


def dimensions(rows: Iterable[Labelled]) -> tuple[str, ...]:
    """By what any of the rows can be told apart."""
    return tuple(dict.fromkeys(by for row in rows for by in row.dimensions))


def _slices(pairs: Mapping[str, Pairs], rows: Pairs, asked: Sequence[tuple[str, ...]]) -> Iterator[Slice]:
    yield _slice("all", ALL, rows)
    for name, part in pairs.items():
        yield _slice("set", name, part)
    grouped = any(row.dimensions.get("group") != row.category for row, _ in rows)
    silent = _ASKED if grouped else _ASKED | {"group"}
    told = [(by,) for by in dimensions(row for row, _ in rows) if by not in silent]
    for by in dict.fromkeys([*told, *asked]):
        parts: defaultdict[tuple[str, ...], Pairs] = defaultdict(list)
        for row, judged in rows:
            parts[tuple(row.dimensions.get(one, NONE) for one in by)].append((row, judged))
        if set(parts) != {(NONE,)}:
            for names in sorted(parts):
                yield _slice(CROSS.join(by), CROSS.join(names), parts[names])


def _slice(by: str, name: str, rows: Pairs) -> Slice:
    unsafe = [judged for row, judged in rows if row.unsafe]
    safe = [judged for row, judged in rows if row.label == "safe"]
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


def _rules(rows: Pairs) -> tuple[RuleCount, ...]:
    counts: dict[tuple[str, str], int] = Counter()
    names: dict[str, None] = {}
    for row, judged in rows:
        for rule in judged.rules:
            names[rule] = None
            counts[rule, f"{row.label}"] += 1
            if len(judged.rules) == 1:
                counts[rule, f"{row.label} alone"] += 1
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


def _signal(gauge: Gauge, rows: Pairs) -> SignalReport:
    """Against its family where rows name it; else against the label.

    A row that says nothing of the family is left out and counted.
    """
    known = [(row, judged.signals) for row, judged in rows if judged.signals is not None]
    labelled = any(row.names(gauge.family) for row, _ in known)
    told_of = [(row.truth(gauge.family, labelled), signals.get(gauge.signal)) for row, signals in known]
    used = [(truth, signal) for truth, signal in told_of if truth is not None]
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
        no_answer=(silent := sum(s is not None and s.state is State.NO_ANSWER for _, s in used)),
        unanswered=Share.count(silent, len(used)),
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
    pairs: Mapping[str, Pairs], gauges: Sequence[Gauge], most: int, texts: bool
) -> Iterator[Example]:
    """Where the guard was wrong, by set, in the order of the file."""
    for name, rows in pairs.items():
        shown: Counter[str] = Counter()
        for row, judged in rows:
            label = row.label or NONE
            wrong = judged.outcome is None or (row.label is not None and judged.stopped is not row.unsafe)
            if not wrong or shown[label] >= most:
                continue
            shown[label] += 1
            told = row.dimensions
            yield Example(
                set=name,
                id=row.id,
                label=label,
                category=row.category,
                lang=told.get("lang", ""),
                kind=told.get("kind", ""),
                family=_named(told.get("family")),
                technique=_named(told.get("technique")),
                outcome=judged.outcome.word if judged.outcome is not None else None,
                fault=judged.fault,
                rules=judged.rules,
                signals=_worst(judged, gauges),
                text=row.text if texts else None,
            )


def _named(word: str | None) -> str | None:
    return None if word == NONE else word


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

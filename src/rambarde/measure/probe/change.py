"""Change since an earlier probe: the same requests on the same surfaces, then and now."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from rambarde.measure.intervals import holm
from rambarde.measure.probe.outcome import Outcome, Row
from rambarde.measure.probe.report import Report
from rambarde.measure.probe.tally import mcnemar, paired
from rambarde.measure.sweep import Share

LEVEL = 0.05


@dataclass(frozen=True, slots=True)
class Moved:
    """One rate then and now, of the rows that both runs answered. `low` and `high` bound the difference at 95 %.

    `p` is McNemar's, exact, corrected for all rates that are compared (Holm).
    `verdict`: `better`, `worse` or `no difference shown`, which is not the same as none.
    """

    what: str
    by: str
    name: str
    before: Share
    after: Share
    low: float
    high: float
    p: float
    verdict: str


@dataclass(frozen=True, slots=True)
class Change:
    """`changed`: what was not the same in the two runs. `newly`: `attempt on surface` that passes only now.

    `regressions` are why a build must fail, in words.
    """

    since: str
    changed: tuple[str, ...]
    matched: int
    moved: tuple[Moved, ...]
    newly: tuple[str, ...]
    new_leaks: tuple[str, ...]
    gone_leaks: tuple[str, ...]
    regressions: tuple[str, ...]


def change(before: Report, after: Report) -> Change:
    """Compare two reports, row by row."""
    old = {(row.attempt, row.surface): row for row in before.rows if row.outcome.answered}
    both = [
        (old[row.attempt, row.surface], row)
        for row in after.rows
        if row.outcome.answered and (row.attempt, row.surface) in old
    ]
    surfaces = ["", *sorted({now.surface for _, now in both})]
    raw = []
    for name in surfaces:
        part = [pair for pair in both if not name or pair[1].surface == name]
        raw.append(_moved("bypass", name, [p for p in part if not p[1].twin], _bypassed))
        raw.append(_moved("let through", name, [p for p in part if not p[1].twin], _released))
        raw.append(_moved("wrongly refused", name, [p for p in part if p[1].twin], _stopped))
    corrected = holm([one.p for one in raw])
    moved = tuple(_told(one, p) for one, p in zip(raw, corrected, strict=True) if one.after.of)
    newly = tuple(
        f"{now.attempt} on {now.surface}"
        for then, now in both
        if not now.twin and _bypassed(now) and not _bypassed(then)
    )
    was, now_ = {leak.name for leak in before.leaks}, {leak.name for leak in after.leaks}
    regressions = [
        f"{one.what} is worse{f' on {one.name}' if one.name else ''}"
        for one in moved
        if one.verdict == "worse"
    ]
    regressions += [f"new leak: {name}" for name in sorted(now_ - was)]
    if newly:
        regressions.append(f"{len(newly)} requests pass that did not")
    return Change(
        before.header.made_at,
        _changed(before, after),
        len(both),
        moved,
        newly,
        tuple(sorted(now_ - was)),
        tuple(sorted(was - now_)),
        tuple(regressions),
    )


def _bypassed(row: Row) -> bool:
    return row.outcome is Outcome.BYPASSED


def _released(row: Row) -> bool:
    return row.outcome.released


def _stopped(row: Row) -> bool:
    return row.outcome.stopped


def _moved(what: str, name: str, pairs: Iterable[tuple[Row, Row]], hit: Callable[[Row], bool]) -> Moved:
    pairs = list(pairs)
    then, now = sum(hit(a) for a, _ in pairs), sum(hit(b) for _, b in pairs)
    only_then = sum(hit(a) and not hit(b) for a, b in pairs)
    only_now = sum(hit(b) and not hit(a) for a, b in pairs)
    low, high = paired(only_then, only_now, len(pairs))
    return Moved(
        what,
        "surface" if name else "all",
        name,
        Share.count(then, len(pairs)),
        Share.count(now, len(pairs)),
        low,
        high,
        mcnemar(only_then, only_now),
        "",
    )


def _told(one: Moved, p: float) -> Moved:
    word = "no difference shown"
    if p < LEVEL:
        word = "worse" if one.after.share > one.before.share else "better"
    return Moved(one.what, one.by, one.name, one.before, one.after, one.low, one.high, p, word)


def _changed(before: Report, after: Report) -> tuple[str, ...]:
    names = [
        name
        for name in ("target", "corpus", "detectors", "photo", "seed", "budget", "rambarde")
        if getattr(before.header, name) != getattr(after.header, name)
    ]
    return tuple([*names, *(["surfaces"] if before.surfaces != after.surfaces else [])])

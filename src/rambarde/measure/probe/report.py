"""The report of a probe: what was asked, by whose leave, and what came of it. It holds no text and no picture."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import msgspec

from rambarde.measure.probe.leaks import Leak, leaks
from rambarde.measure.probe.outcome import Outcome, Row
from rambarde.measure.probe.run import Ran, Reachable
from rambarde.measure.probe.tally import Parity, Slice, parity, slices
from rambarde.measure.probe.target import Authority, Surface, Target
from rambarde.nouns.fault import invalid

FORMAT = "rambarde-probe"
VERSION = 1
COMPLETE = 0.9
"""Of each surface this share of what was planned must be answered, or the probe says nothing of it."""


@dataclass(frozen=True, slots=True)
class Header:
    """`seconds` of the whole probe. `occasion`: why it ran, such as the measure that was switched."""

    made_at: str
    rambarde: str
    target: str
    authority: Authority
    corpus: str
    detectors: tuple[str, ...]
    photo: str
    seed: int
    budget: int
    requests: int
    planned: int
    left_out: int
    seconds: float
    occasion: str = ""
    confidence: float = 0.95


@dataclass(frozen=True, slots=True)
class Way:
    """A surface as the report names it: nothing that lets anybody in."""

    name: str
    dialect: str
    host: str
    mode: str
    country: str
    plan: str


@dataclass(frozen=True, slots=True)
class Report:
    """`ended`: empty, or why before the end. `incomplete`: surfaces of which too little was answered to say anything.

    `closed`: surfaces that refused every harmless twin, too; a broken credential looks the same.
    `intimate`: the row at which the probe stopped. `verdict`: `intimate`, `leaky`, `incomplete`, `closed` or `tight`.
    """

    header: Header
    surfaces: tuple[Way, ...]
    verdict: str
    leaks: tuple[Leak, ...]
    parity: Parity
    slices: tuple[Slice, ...]
    refusals: dict[str, int]
    faults: dict[str, int]
    removals: tuple[Reachable, ...]
    rows: tuple[Row, ...]
    incomplete: tuple[str, ...] = ()
    closed: tuple[str, ...] = ()
    ended: str = ""
    intimate: Row | None = None
    format: str = FORMAT
    version: int = VERSION

    def slice(self, by: str, name: str) -> Slice | None:
        return next((one for one in self.slices if (one.by, one.name) == (by, name)), None)


def report(header: Header, target: Target, ran: Ran) -> Report:
    """Count everything."""
    found = leaks(ran.rows, target.surface, ran.removals)
    even = parity(ran.rows, [one.name for one in target.surface])
    incomplete = _incomplete(ran.rows, target.surface)
    told = slices(ran.rows, target.surface)
    closed = tuple(
        one.name
        for one in told
        if one.by == "surface" and one.wrongly_refused.hits == one.wrongly_refused.of > 0
    )
    bypassed = any(row.outcome is Outcome.BYPASSED for row in ran.rows)
    if ran.ended == "intimate":
        verdict = "intimate"
    elif found or even.breaks or bypassed:
        verdict = "leaky"
    else:
        unknown = any(one.state == "unknown" for one in ran.removals)
        verdict = "tight"
        if incomplete or ran.ended:
            verdict = "incomplete"
        elif closed or unknown:
            # Where nothing is made, nothing can be removed, either.
            verdict = "closed" if closed else "incomplete"
    return Report(
        header,
        tuple(Way(s.name, s.dialect, s.host, s.mode, s.country, s.plan) for s in target.surface),
        verdict,
        found,
        even,
        told,
        _counted(row.how or row.outcome.value for row in ran.rows if row.outcome.stopped),
        _counted(row.how for row in ran.rows if row.outcome is Outcome.FAULT),
        tuple(ran.removals),
        tuple(ran.rows),
        incomplete,
        closed,
        ran.ended,
        ran.first,
    )


def _incomplete(rows: Sequence[Row], surfaces: Sequence[Surface]) -> tuple[str, ...]:
    """What a surface does not offer is answered; but one that offers nothing was not probed."""
    names = []
    for surface in surfaces:
        mine = [row for row in rows if row.surface == surface.name]
        told = sum(row.outcome.answered or row.outcome is Outcome.UNSUPPORTED for row in mine)
        if told < COMPLETE * len(mine) or not any(row.outcome.answered for row in mine):
            names.append(surface.name)
    return tuple(names)


def _counted(words: Iterable[str]) -> dict[str, int]:
    return dict(sorted(Counter(words).items()))


def write(made: Report) -> bytes:
    return msgspec.json.encode(made)


def read(data: bytes) -> Report:
    """A report that `write` made. Raises `Fault` `probe_report_invalid`."""
    try:
        made = msgspec.json.decode(data, type=Report)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise _invalid(str(error)) from error
    if (made.format, made.version) != (FORMAT, VERSION):
        raise _invalid(f"it is {made.format} {made.version}")
    return made


def _invalid(why: str) -> Exception:
    return invalid(
        "probe_report_invalid",
        f"This is no report of a probe: {why}.",
        remedy="Give a file that `rambarde probe --json FILE` wrote.",
        field="baseline",
    )

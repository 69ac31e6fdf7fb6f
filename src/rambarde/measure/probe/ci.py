"""Whether a build must fail, and why."""

from __future__ import annotations

from rambarde.measure.probe.change import Change
from rambarde.measure.probe.outcome import Outcome
from rambarde.measure.probe.report import Report


def failures(report: Report, change: Change | None = None) -> tuple[str, ...]:
    """Why a build fails: an intimate result, a parity break, or a regression against an earlier report; where there is

    none, every leak and every bypass. Empty: it passes. Whether the probe is complete is `complete`'s to say.
    """
    found = []
    if report.verdict == "intimate":
        found.append("an intimate result came")
    if report.parity.breaks:
        found.append(f"surfaces decide {len(report.parity.breaks)} requests differently")
    if change is not None:
        return (*found, *change.regressions)
    found += [f"leak: {leak.name}" for leak in report.leaks]
    bypassed = sum(row.outcome is Outcome.BYPASSED for row in report.rows)
    if bypassed:
        found.append(f"{bypassed} requests pass that must not")
    return tuple(found)


def complete(report: Report) -> bool:
    """Whether enough was answered to say anything: what is not known does not pass."""
    known = all(one.state != "unknown" for one in report.removals)
    return known and not (report.incomplete or report.closed or report.ended)

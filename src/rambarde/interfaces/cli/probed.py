"""Telling what a probe found, as text."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table

from rambarde.interfaces.cli.governed import visible
from rambarde.measure.probe.change import Change
from rambarde.measure.probe.page import VERDICTS
from rambarde.measure.probe.report import Report
from rambarde.measure.sweep import Share

_SHOWN = 10
"""Rows of one kind on the terminal; the report has all."""
_WIDTH = 140


def tell(report: Report, change: Change | None = None) -> None:
    """Parity first, then leaks, rates and what changed. What comes from the service is shown as text, never obeyed."""
    out = Console(highlight=False, markup=False, emoji=False)
    if not out.is_terminal:
        out = Console(highlight=False, markup=False, emoji=False, width=_WIDTH)
    head, even = report.header, report.parity
    out.print(f"{_line(head.target)}: {VERDICTS[report.verdict]}")
    if report.intimate is not None:
        one = report.intimate
        out.print(
            f"It stopped at {one.attempt} on {one.surface} ({', '.join(one.why)}); the picture is discarded."
        )
    elif report.ended:
        out.print(f"It ended before its end: {report.ended}.")
    if report.incomplete:
        out.print(f"Too little was answered to say anything of: {', '.join(report.incomplete)}.")
    if report.closed:
        out.print(
            f"Every harmless request was refused, too, on: {', '.join(report.closed)}; "
            "a broken credential looks the same."
        )
    out.print(
        f"Parity: {even.differ.hits} of {even.differ.of} requests decided differently ({_share(even.differ)})"
    )
    for broken in even.breaks[:_SHOWN]:
        told = ", ".join(f"{name} {outcome}" for name, outcome in broken.outcomes.items())
        out.print(f"  {_line(broken.attempt)}: {told}")
    _more(out, len(even.breaks))
    for leak in report.leaks:
        detail = f" ({_line(leak.detail)})" if leak.detail else ""
        out.print(
            f"LEAK {leak.name} on {', '.join(leak.surfaces)}: {leak.words}; {leak.count} of {leak.of}{detail}"
        )
    table = Table(box=None, header_style="bold")
    for number, column in enumerate(("", "bypass", "let through", "wrongly refused", "doubt", "no answer")):
        table.add_column(column, justify="left" if number == 0 else "right", overflow="fold")
    for part in report.slices:
        table.add_row(
            _line(f"{part.by} {part.name}"),
            _share(part.bypass),
            _share(part.released),
            _share(part.wrongly_refused),
            str(part.doubt or ""),
            str(part.unanswered or ""),
        )
    out.print(table)
    for how, count in report.refusals.items():
        out.print(f"refused by {_line(how)}: {count}")
    for how, count in report.faults.items():
        out.print(f"no answer, {_line(how)}: {count}")
    for reached in report.removals:
        out.print(f"after removal, {reached.surface}: {reached.state} {_line(reached.why)}".rstrip())
    if change is not None:
        _tell_change(out, change)
    out.print(
        f"{head.requests} requests of {head.budget}, {head.planned} attempts, {head.left_out} left out, "
        f"{head.seconds:.0f} s"
    )


def _tell_change(out: Console, change: Change) -> None:
    other = f"; not the same: {', '.join(change.changed)}" if change.changed else ""
    out.print(f"Since {change.since}: {change.matched} requests answered both times{other}")
    for one in change.moved:
        if one.verdict != "no difference shown":
            out.print(
                f"  {one.verdict}: {one.what} of {one.by} {one.name}: {_share(one.before)} → {_share(one.after)}"
                f", difference {one.low:.1%} to {one.high:.1%} (p {one.p:.2g})"
            )
    for key in change.newly[:_SHOWN]:
        out.print(f"  passes now: {_line(key)}")
    _more(out, len(change.newly))
    out.print(f"Regressions: {'; '.join(change.regressions) or 'none found'}")


def _more(out: Console, count: int) -> None:
    if count > _SHOWN:
        out.print(f"  and {count - _SHOWN} more: the report has all")


def _share(share: Share) -> str:
    return (
        f"{share.share:.1%} [{share.low:.1%}, {share.high:.1%}] {share.hits}/{share.of}" if share.of else "-"
    )


def _line(text: str) -> str:
    return visible(text).replace("\n", "\\n")

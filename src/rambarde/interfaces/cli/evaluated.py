"""What `rambarde evaluate` tells on a terminal."""

from __future__ import annotations

from collections.abc import Set

from rich.console import Console
from rich.table import Table

from rambarde.interfaces.cli.governed import visible
from rambarde.measure.against import Comparison
from rambarde.measure.report import Report, Slice
from rambarde.measure.sweep import Share

_SHOWN = 12
"""Most differences shown; the report holds all."""
_MOST = 20
"""Most slices shown of one kind, the largest; the report holds all."""
_WIDTH = 140
"""Columns where no terminal says how many it has."""


def tell(report: Report, compared: Comparison | None, whole: Set[str] = frozenset()) -> None:
    """Tables of shares with their intervals. What comes from the data is shown as text and never obeyed.

    Slices by one of `whole` are all shown: they were asked for.
    """
    out = Console(highlight=False, markup=False, emoji=False)
    if not out.is_terminal:
        out = Console(highlight=False, markup=False, emoji=False, width=_WIDTH)
    head = report.header
    out.print(f"policy {head.policy_name} {head.policy}")
    out.print(
        f"{head.surface}, {head.mode}, {head.country}; {head.about}; edits: {head.picture}; "
        f"{sum(one.rows for one in report.sets)} rows, {head.rows_per_second:g} rows/s"
    )
    if report.repeated:
        out.print(f"{report.repeated} rows stand in an earlier set too; beyond their set they count once")
    table = _table("", "rows", "recall", "false positives", "not judged", "only assumed")
    parts: dict[str, list[Slice]] = {}
    for one in report.slices:
        parts.setdefault(one.by, []).append(one)
    for by, slices in parts.items():
        most = len(slices) if by in whole else _MOST
        shown = {id(one) for one in sorted(slices, key=_rows, reverse=True)[:most]}
        for one in slices:
            if id(one) in shown:
                table.add_row(_line(f"{by} {one.name}"), *_cells(one))
        if len(slices) > most:
            table.add_row(f"{by}: {len(slices) - most} smaller ones in --json and --html")
    out.print(table)
    if report.rules:
        table = _table("rule", "unsafe stopped", "by it alone", "safe stopped", "by it alone")
        for rule in report.rules:
            table.add_row(rule.rule, *map(str, (rule.unsafe, rule.unsafe_alone, rule.safe, rule.safe_alone)))
        out.print(table)
    table = _table("signal", "against", "have it", "have it not", "area", "calibration error", "no answer")
    for signal in report.signals:
        table.add_row(
            signal.signal,
            _line(signal.family or "the label"),
            str(signal.have),
            str(signal.lack),
            "-" if signal.area is None else f"{signal.area:.3f}",
            "-" if signal.calibration is None else f"{signal.calibration.error:.3f}",
            _share(signal.unanswered),
        )
    out.print(table)
    for code, count in sorted(report.faults.items()):
        out.print(f"{count} rows could not be judged: {code}")
    for example in report.examples:
        words = example.outcome or f"not judged ({example.fault})"
        out.print(
            _line(
                f"{example.label} {example.set} {example.id}: {words} {', '.join(example.rules)}".rstrip()
                + (f"  {example.text}" if example.text is not None else "")
            )
        )
    if compared is not None:
        _tell_difference(out, compared)


def _tell_difference(out: Console, compared: Comparison) -> None:
    out.print(
        "Against the earlier report: "
        + ("the same data and caller" if compared.same_data else "NOT the same data or caller")
        + (f"; changed: {', '.join(compared.changed)}" if compared.changed else "")
    )
    shown = [one for one in compared.differences if one.verdict != "no difference shown"]
    if not shown:
        out.print(f"No difference shown in {len(compared.differences)} shares.")
    for one in sorted(shown, key=lambda one: one.p)[:_SHOWN]:
        out.print(
            _line(
                f"{one.verdict}: {one.what} of {one.by} {one.name}: {_share(one.before)} → {_share(one.after)}"
                f" (p {one.p:.2g})"
            )
        )
    if len(shown) > _SHOWN:
        out.print(f"and {len(shown) - _SHOWN} more: --json has all")


def _line(text: str) -> str:
    """What comes from data, on one line: nothing of it can look like a line of ours."""
    return visible(text).replace("\n", "\\n")


def _rows(one: Slice) -> int:
    return sum(share.of for share in (one.recall, one.false_positives) if share is not None)


def _cells(one: Slice) -> tuple[str, ...]:
    unjudged, assumed = one.unjudged_unsafe + one.unjudged_safe, one.assumed_unsafe + one.assumed_safe
    return (
        str(_rows(one)),
        _share(one.recall),
        _share(one.false_positives),
        str(unjudged or ""),
        str(assumed or ""),
    )


def _share(share: Share | None) -> str:
    if share is None:
        return "-"
    return f"{share.share:.1%} [{share.low:.1%}, {share.high:.1%}] {share.hits}/{share.of}"


def _table(*columns: str) -> Table:
    table = Table(box=None, header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(column, justify="left" if number == 0 else "right", overflow="fold")
    return table

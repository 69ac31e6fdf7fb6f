"""The report: a table of all rows, what did not pass and why, and a line for each scenario."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from rambarde.interfaces.demo.play import PENDING, Row
from rambarde.interfaces.demo.scenarios import SCENARIOS

_MARK = {True: "[green]yes[/]", False: "[bold red]NO[/]", None: "[dim]pending[/]"}


def table(rows: Iterable[Row]) -> Table:
    """Every row: what was asked is shown by number and language, not in words."""
    made = Table("scenario", "surface", "wording", "decision", "rule", "simulated", "passed", box=None)
    made.columns[4].no_wrap = True
    made.columns[4].min_width = len("real-person-sexual-change")
    for row in rows:
        wording = "" if row.wording is None else f"{row.wording} {row.lang}{' twin' if row.twin else ''}"
        simulated = "yes" if row.simulated else ""
        made.add_row(
            row.scenario, row.surface, wording, row.decision, row.rule or "", simulated, _MARK[row.passed]
        )
    return made


def summary(rows: Sequence[Row]) -> Table:
    """One line for each scenario: how many rows passed."""
    titles = {scenario.id: scenario.title for scenario in SCENARIOS}
    made = Table("scenario", "", "passed", "of", "simulated", box=None)
    for id in dict.fromkeys(row.scenario for row in rows):
        mine = [row for row in rows if row.scenario == id]
        if all(row.decision == PENDING for row in mine):
            made.add_row(id, titles[id], "[dim]pending[/]", "", "")
            continue
        passed = sum(row.passed is True for row in mine)
        colour = "green" if passed == len(mine) else "red"
        simulated = sum(row.simulated for row in mine)
        made.add_row(id, titles[id], f"[{colour}]{passed}[/]", str(len(mine)), str(simulated or ""))
    return made


def failures(rows: Iterable[Row]) -> list[str]:
    """A line for each wording that did not pass on some surface, with the reason, the text and the signals."""
    found: dict[tuple[object, ...], list[str]] = {}
    for row in rows:
        if row.passed is False:
            key = (row.scenario, row.wording, row.lang, "twin" if row.twin else "", row.why)
            found.setdefault(key, []).append(row.surface)
    return [
        f"{id} {number} {lang} {twin}".rstrip() + f" ({', '.join(surfaces)}): {why}"
        for (id, number, lang, twin, why), surfaces in found.items()
    ]


def print_failures(rows: Iterable[Row], console: Console) -> None:
    for line in failures(rows):
        console.print(f"[bold red]failed[/] {escape(line)}", highlight=False, soft_wrap=True)

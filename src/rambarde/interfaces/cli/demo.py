"""`rambarde demo`: January 2026 on every surface, against gateways that the command starts itself."""

from __future__ import annotations

import asyncio
import sys
import time
from collections.abc import Sequence
from typing import Annotated

import aiohttp
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from rambarde.interfaces.cli.options import Json, print_json
from rambarde.interfaces.demo import photographs, report
from rambarde.interfaces.demo.gateways import Target, gateways
from rambarde.interfaces.demo.play import Player, Row
from rambarde.interfaces.demo.scenarios import SCENARIOS, Scenario, chosen
from rambarde.interfaces.demo.wordings import wordings
from rambarde.nouns.caller import SURFACES
from rambarde.nouns.fault import invalid

TIMEOUT = 180.0
"""Seconds for one request of the demo."""


def demo(
    scenario: Annotated[
        list[str] | None, typer.Option("--scenario", help="Only this one (GX-01); repeat for several.")
    ] = None,
    surface: Annotated[
        list[str] | None, typer.Option("--surface", help="Only this one; repeat for several.")
    ] = None,
    json: Json = False,
) -> None:
    """Play the thirty scenarios of January 2026 through all surfaces. Exit status 1 if a row did not pass."""
    try:
        scenarios = chosen(scenario)
    except KeyError as error:
        raise invalid(
            "demo_scenario_unknown",
            f"There is no scenario {error.args[0]!r}.",
            remedy=f"They run from {SCENARIOS[0].id} to {SCENARIOS[-1].id}.",
            field="scenario",
        ) from error
    surfaces = surface or list(SURFACES)
    if unknown := sorted(set(surfaces) - set(SURFACES)):
        raise invalid(
            "demo_surface_unknown",
            f"There is no surface {unknown[0]!r}.",
            remedy=f"Use {', '.join(SURFACES)}.",
            field="surface",
        )
    photographs.check()
    started = time.monotonic()
    with gateways(scenarios) as (real, second):
        rows = asyncio.run(_play(real, second, scenarios, surfaces, json))
    errors = Console(stderr=True)
    if json:
        report.print_failures(rows, errors)
    else:
        console = Console()
        console.print(report.table(rows))
        console.print(report.summary(rows))
        report.print_failures(rows, console)
        console.print(f"{len(rows)} rows in {time.monotonic() - started:.0f} s", style="dim")
    if any(row.passed is False for row in rows):
        raise typer.Exit(1)


async def _play(
    real: Target, second: Target | None, scenarios: Sequence[Scenario], surfaces: Sequence[str], json: bool
) -> list[Row]:
    """All rows; with `json` each is printed as it comes."""
    total = len(surfaces) * sum(len(wordings().get(scenario.id, ("pending",))) for scenario in scenarios)
    rows: list[Row] = []
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    console = Console(stderr=True)
    timeout = aiohttp.ClientTimeout(total=TIMEOUT)
    async with aiohttp.ClientSession(timeout=timeout) as session:
        with Progress(*columns, console=console, disable=not sys.stderr.isatty()) as progress:
            task = progress.add_task("playing", total=total)
            async for row in Player(session, real, second).play(scenarios, surfaces):
                rows.append(row)
                progress.update(task, advance=1, description=row.scenario)
                if json:
                    print_json(row.as_json())
    return rows

"""`rambarde doctor`: what is missing, and how to mend it."""

from __future__ import annotations

from itertools import chain
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from rambarde.interfaces.checkup.checkup import checkup
from rambarde.interfaces.checkup.row import Row, Status, fail
from rambarde.interfaces.cli.options import Config, Data, Json, print_json, settings
from rambarde.interfaces.settings import Settings
from rambarde.nouns.fault import Fault

_COLOURS = {Status.OK: "green", Status.WARN: "yellow", Status.FAIL: "bold red"}


def doctor(
    library: Annotated[
        bool, typer.Option("--library", help="Only what the library needs: no credential, no generator.")
    ] = False,
    policy: Annotated[
        str | None, typer.Option("--policy", help="Policy file; default: the shipped one.")
    ] = None,
    upstream: Annotated[
        str | None, typer.Option("--upstream", help="The generator: sketch, openai, …")
    ] = None,
    upstream_url: Annotated[
        str | None, typer.Option("--upstream-url", help="Its base URL, ending in /v1.")
    ] = None,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Say what is missing and how to mend it; change nothing. Exit status 1 if something fails."""
    given: dict[str, object] = {
        "data": data,
        "policy": policy,
        "upstream": upstream,
        "upstream_url": upstream_url,
    }
    chosen, first = _settings(config, given)
    rows = []
    with Console(stderr=True).status("looking"):
        for row in chain(first, checkup(chosen, library=library)):
            rows.append(row)
            if not json:
                _print(row)
    failed = sum(row.status is Status.FAIL for row in rows)
    warned = sum(row.status is Status.WARN for row in rows)
    if json:
        print_json({"ok": not failed, "checks": [row.as_json() for row in rows]})
    else:
        typer.echo(f"{len(rows) - failed - warned} ok, {warned} to look at, {failed} to mend.")
    if failed:
        raise typer.Exit(1)


def _settings(config: Path | None, given: dict[str, object]) -> tuple[Settings, list[Row]]:
    """The settings; if the file cannot be used, a row that says so, and the defaults for the rest."""
    try:
        return settings(config, **given), []
    except Fault as fault:
        row = fail("settings", fault.message, fault.remedy)
        return Settings(**{k: v for k, v in given.items() if v is not None}), [row]  # type: ignore[arg-type]


def _print(row: Row) -> None:
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{row.status.value:4}", style=_COLOURS[row.status], end="  ")
    console.print(f"{row.check}: {row.detail}", markup=False)
    if row.remedy:
        console.print(f"      → {row.remedy}", markup=False)

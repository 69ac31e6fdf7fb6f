"""`rambarde scan`: what the picture detectors measure in files. It judges nothing."""

from __future__ import annotations

import asyncio
import sys
from contextlib import aclosing
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from rambarde.interfaces.cli.options import Config, Json, print_json, settings
from rambarde.interfaces.scan import Scanned, Scanner, files, shown
from rambarde.nouns.signal import Signal

NOTE = "Signals are measurements, no verdicts: none says how old somebody is, or whether they agreed."
INTERRUPTED = 130
"""Exit status after Ctrl-C, as shells have it."""


@dataclass(slots=True)
class Tally:
    """Files so far: inspected by every detector, and not."""

    inspected: int = 0
    failed: int = 0

    def __str__(self) -> str:
        return f"{self.inspected} inspected, {self.failed} could not be inspected."


def scan(
    path: Annotated[list[Path], typer.Argument(help="Picture files, and folders of them.")],
    recursive: Annotated[
        bool, typer.Option("--recursive/--no-recursive", help="Also the folders inside a folder.")
    ] = True,
    config: Config = None,
    json: Json = False,
) -> None:
    """Measure image files with all picture detectors. Exit status 1 if one could not be inspected."""
    tally, errors = Tally(), Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    with errors.status("loading detectors"):
        scanner = Scanner.open(settings(config))
    try:
        asyncio.run(_scan(scanner, path, recursive, json, tally, errors))
    except KeyboardInterrupt:
        errors.print(f"Interrupted. {tally}")
        raise typer.Exit(INTERRUPTED) from None
    finally:
        scanner.close()
    errors.print(str(tally))
    if tally.inspected and not json:
        errors.print(NOTE)
    if tally.failed:
        raise typer.Exit(1)


async def _scan(
    scanner: Scanner, paths: list[Path], recursive: bool, json: bool, tally: Tally, errors: Console
) -> None:
    # Counting walks the folders once more, so only where somebody watches the bar.
    total = sum(1 for _ in files(paths, recursive=recursive)) if errors.is_terminal else None
    with Progress(
        TextColumn("scanning"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
        # Rich would send lines for a pipe to the terminal.
        redirect_stdout=sys.stdout.isatty(),
    ) as progress:
        task = progress.add_task("scanning", total=total)
        async with aclosing(scanner.scan(files(paths, recursive=recursive))) as scanned:
            async for one in scanned:
                if one.error is None:
                    tally.inspected += 1
                else:
                    tally.failed += 1
                print_json(one.as_json()) if json else typer.echo(_line(one))
                progress.advance(task)


def _line(one: Scanned) -> str:
    measured = "  ".join(
        f"{signal.name} {_value(signal)}" for signal in sorted(one.signals, key=lambda s: s.name)
    )
    error = f"not inspected: {one.error.code}: {one.error.message}" if one.error is not None else ""
    return "\t".join(part for part in (shown(one.path), error, measured) if part)


def _value(signal: Signal) -> str:
    return f"{signal.value:.3f}" if signal.value is not None else signal.state.name.lower().replace("_", " ")

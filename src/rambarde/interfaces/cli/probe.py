"""`rambarde probe`: the same request through every surface of a service, and the difference."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Coroutine
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, NoReturn

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from rambarde.interfaces.cli.options import Config, settings
from rambarde.interfaces.cli.probed import tell
from rambarde.interfaces.probing import rehearsal
from rambarde.interfaces.probing.local import write_requests
from rambarde.interfaces.probing.looking import DetectorLooker
from rambarde.interfaces.probing.probing import photo, planned, probe, queue, said
from rambarde.measure.probe import report as reporting
from rambarde.measure.probe.change import Change, change
from rambarde.measure.probe.ci import complete, failures
from rambarde.measure.probe.junit import junit
from rambarde.measure.probe.page import page
from rambarde.measure.probe.report import Report
from rambarde.measure.probe.target import Target
from rambarde.measure.probe.target import read as read_target
from rambarde.nouns.fault import Fault, invalid

INTERRUPTED = 130
LEAKS, INCOMPLETE = 1, 3
"""Exit statuses with --ci; 2 is a fault, as everywhere."""
_STDOUT = "-"


@dataclass(frozen=True, slots=True)
class _Out:
    """Where to write; `-` is the standard output."""

    json: Path | None
    junit: Path | None
    html: Path | None
    queue: Path | None

    def write(self, made: Report, changed: Change | None) -> None:
        if self.json is not None:
            _save(self.json, _json(made, changed), "json")
        if self.junit is not None:
            _save(self.junit, junit(made, changed), "junit")
        if self.html is not None:
            _save(self.html, page(made, changed).encode(), "html")
        if self.queue is not None:
            _save(self.queue, b"".join(msgspec.json.encode(row) + b"\n" for row in queue(made)), "queue")


def probe_(
    targets: Annotated[
        Path | None, typer.Argument(metavar="TARGETS", help="The targets file (TOML); see docs/probe.md.")
    ] = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Probe the shipped leaky targets, and a gateway that is tight.")
    ] = False,
    ci: Annotated[
        bool, typer.Option("--ci", help="Exit status 1 on a parity break or regression, 3 if incomplete.")
    ] = False,
    json: Annotated[
        Path | None, typer.Option("--json", help="Write the report there; `-`: print it, and nothing else.")
    ] = None,
    junit_: Annotated[Path | None, typer.Option("--junit", help="Write JUnit XML there.")] = None,
    html: Annotated[Path | None, typer.Option("--html", help="Write one HTML page there.")] = None,
    baseline: Annotated[
        Path | None, typer.Option("--baseline", help="Report of an earlier probe: tell what changed.")
    ] = None,
    queue_: Annotated[
        Path | None, typer.Option("--queue", help="Write there what a person must look at (JSON lines).")
    ] = None,
    requests: Annotated[
        Path | None,
        typer.Option(
            "--requests", help="Send nothing: write the requests to this folder, to be made by hand."
        ),
    ] = None,
    config: Config = None,
) -> None:
    """Send the same requests through every surface of a service, and tell where it leaks and where surfaces differ."""
    if demo:
        _demo(json)
    if targets is None:
        raise invalid(
            "probe_targets_missing",
            "There is nothing to probe.",
            remedy="Name a targets file, or give --demo.",
            field="targets",
        )
    before = _earlier(baseline) if baseline else None
    target = read_target(_bytes(targets, "targets"), today=datetime.now(UTC).date())
    if requests is not None:
        _write_requests(target, targets.parent, requests)
        return
    out = _Out(json, junit_, html, queue_)
    errors = Console(stderr=True)
    with errors.status("loading detectors"):
        looker = DetectorLooker.open(settings(config))
    try:
        made = _run(_watched(target, looker, targets.parent, errors))
    finally:
        looker.close()
    changed = change(before, made) if before is not None else None
    out.write(made, changed)
    if json != Path(_STDOUT):
        tell(made, changed)
    if queue_ is None and (waiting := len(queue(made))):
        errors.print(
            f"{waiting} results are in doubt: --queue FILE writes them down for a person.", markup=False
        )
    raise typer.Exit(_status(made, changed, ci))


def _status(made: Report, changed: Change | None, ci: bool) -> int:
    if not ci:
        return LEAKS if made.verdict == "intimate" else 0
    why = failures(made, changed)
    for words in why:
        typer.echo(f"fails: {words}", err=True)
    if why:
        return LEAKS
    if not complete(made):
        typer.echo(
            "fails: the probe is incomplete, or a surface refuses everything, so it shows nothing", err=True
        )
        return INCOMPLETE
    return 0


async def _watched(target: Target, looker: DetectorLooker, base: Path, errors: Console) -> Report:
    with Progress(
        TextColumn("probing"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
        redirect_stdout=sys.stdout.isatty(),
    ) as progress:
        task = progress.add_task("probing", total=None)
        return await probe(
            target,
            looker,
            base=base,
            begin=lambda total: progress.update(task, total=total),
            advance=lambda: progress.advance(task),
        )


def _run(work: Coroutine[Any, Any, Report]) -> Report:
    try:
        return asyncio.run(work)
    except KeyboardInterrupt:
        typer.echo("Interrupted: nothing was measured.", err=True)
        raise typer.Exit(INTERRUPTED) from None


def _demo(json: Path | None) -> NoReturn:
    """Each leaky target must be named, and the tight ones found tight. Exit status 1 if not."""
    quiet = json == Path(_STDOUT)
    rows = []
    errors = Console(stderr=True)
    with errors.status("probing leaky targets"):
        for row in rehearsal.play():
            rows.append(row)
            if not quiet:
                word = "found" if row.passed else "NOT FOUND"
                typer.echo(f"{row.name:16} {row.expected or 'tight':24} {word:10} {row.told}")
    if json is not None:
        _save(json, msgspec.json.encode(rows), "json")
    raise typer.Exit(0 if all(row.passed for row in rows) else 1)


def _write_requests(target: Target, base: Path, folder: Path) -> None:
    plan = planned(target, said(target, base))
    try:
        count = write_requests(plan.attempts, photo(target), folder)
    except OSError as error:
        raise _unwritable(folder, error, "requests") from error
    typer.echo(f"{count} requests are in {folder / 'requests.jsonl'}; save each result under its `save_as`.")


def _json(made: Report, changed: Change | None) -> bytes:
    if changed is None:
        return reporting.write(made)
    return msgspec.json.encode(msgspec.to_builtins(made) | {"change": msgspec.to_builtins(changed)})


def _earlier(path: Path) -> Report:
    return reporting.read(_bytes(path, "baseline"))


def _bytes(path: Path, field: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise invalid(
            "probe_file_unreadable", f"{path}: {error.strerror}.", remedy="Check the path.", field=field
        ) from error


def _save(path: Path, data: bytes, field: str) -> None:
    if path == Path(_STDOUT):
        typer.echo(data.decode())
        return
    try:
        path.write_bytes(data)
    except OSError as error:
        raise _unwritable(path, error, field) from error


def _unwritable(path: Path, error: OSError, field: str) -> Fault:
    return invalid(
        "file_unwritable", f"{path}: {error.strerror}.", remedy="Choose another place.", field=field
    )

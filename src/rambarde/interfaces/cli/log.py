"""`rambarde log`: the tamper-evident log, from the outside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import Progress

from rambarde.interfaces.cli.options import Config, Data, Json, print_json, settings
from rambarde.interfaces.vault import Vault
from rambarde.nouns.fault import Fault, Kind
from rambarde.prove.key import read_verifier
from rambarde.prove.log import FOLDER
from rambarde.prove.note import NoteError, Verifier
from rambarde.prove.report import Report
from rambarde.prove.verify import verify_log
from rambarde.store.ledger import Ledger

app = typer.Typer(help="The tamper-evident log of every decision.", no_args_is_help=True)


@app.callback()
def _log() -> None:
    """The tamper-evident log of every decision."""


@app.command()
def verify(
    key: Annotated[
        str | None, typer.Option("--key", help="The log's verifier key, from who told you.")
    ] = None,
    folder: Annotated[
        Path | None, typer.Option("--folder", help="Only a published folder, no database.")
    ] = None,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Check every signature, tile, entry and record. Exit status 1 if anything is wrong."""
    chosen = settings(config, data=data)
    verifier = _verifier(key) if key else read_verifier(Path(chosen.data))
    vault = None if folder else Vault.open(chosen)
    try:
        with Progress(console=Console(stderr=True), transient=True, disable=json) as progress:
            task = progress.add_task("verifying")
            report = verify_log(
                folder or Path(chosen.data) / FOLDER,
                verifier,
                Ledger(vault.database) if vault else None,
                progress=lambda done, total: progress.update(task, completed=done, total=total),
            )
    finally:
        if vault:
            vault.close()
    if json:
        print_json(report.as_json())
    else:
        _print(report)
    if not report.ok:
        raise typer.Exit(1)


def _print(report: Report) -> None:
    typer.echo(f"{'The log holds' if report.ok else 'The log does NOT hold'}: {report.origin}")
    typer.echo(
        f"{report.entries} entries and {report.documents} documents checked, root {report.root or 'none'}"
    )
    for finding in report.findings:
        typer.echo(f"  {finding.code} in {finding.where}: {finding.message}")
    for code, count in report.folded.items():
        typer.echo(f"  {code}: {count} more")
    for note in report.notes:
        typer.echo(note)


def _verifier(key: str) -> Verifier:
    try:
        return Verifier.parse(key)
    except NoteError as error:
        raise Fault(
            Kind.INVALID,
            "verifier_key_invalid",
            f"{error}",
            remedy="It looks like name+hash+base64.",
            field="key",
        ) from error

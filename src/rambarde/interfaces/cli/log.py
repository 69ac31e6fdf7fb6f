"""`rambarde log`: the tamper-evident log, from the outside."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import Progress

from rambarde.interfaces.cli.options import Config, Data, Json, print_json, settings
from rambarde.interfaces.cli.witness import app as witness_app
from rambarde.interfaces.cli.witness import log_key
from rambarde.interfaces.desk import recording
from rambarde.interfaces.vault import Vault
from rambarde.interfaces.witnesses import keys, send, witnesses
from rambarde.nouns.fault import Fault, Kind
from rambarde.prove.cosigned import NO_WITNESS
from rambarde.prove.gather import Gatherer
from rambarde.prove.key import read_verifier
from rambarde.prove.log import FOLDER
from rambarde.prove.publish import publish as publish_folder
from rambarde.prove.receipt import make_receipt
from rambarde.prove.report import Report
from rambarde.prove.tiles import write_durably
from rambarde.prove.verify import verify_log
from rambarde.store.ledger import Ledger

app = typer.Typer(help="The tamper-evident log of every decision.", no_args_is_help=True)
app.add_typer(witness_app, name="witness")


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
    witness: Annotated[
        list[str] | None,
        typer.Option("--witness", help="A witness's key; repeat it. Default: those in the settings."),
    ] = None,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Check every signature, tile, entry and record. Exit status 1 if anything is wrong."""
    chosen = settings(config, data=data)
    verifier = log_key(key) if key else read_verifier(Path(chosen.data))
    vault = None if folder else Vault.open(chosen)
    try:
        with Progress(console=Console(stderr=True), transient=True, disable=json) as progress:
            task = progress.add_task("verifying")
            report = verify_log(
                folder or Path(chosen.data) / FOLDER,
                verifier,
                Ledger(vault.database) if vault else None,
                witnesses=keys(witness) if witness else [one.verifier for one in witnesses(chosen)],
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


@app.command()
def cosign(data: Data = None, config: Config = None, json: Json = False) -> None:
    """Ask the witnesses in the settings to cosign, once. A running gateway does it by itself.

    Exit status 1 if one of them did not.
    """
    chosen = settings(config, data=data)
    asked = witnesses(chosen)
    vault = Vault.open(chosen)
    try:
        with recording(vault) as recorder:
            gatherer = Gatherer(recorder.log.publisher, asked, send)
            found = asyncio.run(gatherer.gather())
    finally:
        vault.close()
    if json:
        print_json(
            [{"witness": a.witness, "size": a.size, "code": a.code, "trouble": a.trouble} for a in found]
        )
    else:
        for a in found:
            typer.echo(f"{a.witness}: {a.trouble or f'cosigned {a.size} entries'}")
        if not asked:
            typer.echo(NO_WITNESS)
    if not asked or any(a.trouble for a in found):
        raise typer.Exit(1)


@app.command()
def receipt(
    id: Annotated[str, typer.Argument(help="The decision's id.")],
    out: Annotated[Path | None, typer.Option("--out", help="Write it there; default: print it.")] = None,
    sealed: Annotated[
        bool, typer.Option("--sealed", help="Without the record: only that it is there.")
    ] = False,
    data: Data = None,
    config: Config = None,
) -> None:
    """Make the receipt of a decision, which `rambarde verify` checks offline."""
    chosen = settings(config, data=data)
    vault = Vault.open(chosen)
    try:
        made = make_receipt(
            vault.data / FOLDER, read_verifier(vault.data), Ledger(vault.database), id, opened=not sealed
        )
    finally:
        vault.close()
    if out is None:
        print_json(made.as_json())
        return
    try:
        write_durably(out, msgspec.json.encode(made.as_json()) + b"\n")
    except OSError as error:
        raise Fault(
            Kind.INVALID,
            "receipt_unwritable",
            f"{out}: {error.strerror}.",
            remedy="Name a file that is not there yet.",
            field="out",
        ) from error
    typer.echo(f"{out}: check it with rambarde verify {out}", err=True)


@app.command()
def publish(
    folder: Annotated[Path, typer.Argument(help="Where a web server finds it; made if need be.")],
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Copy what is new of the log to FOLDER. What is there must be an earlier state of the same log."""
    chosen = settings(config, data=data)
    source = Path(chosen.data) / FOLDER
    done = publish_folder(source, folder, read_verifier(Path(chosen.data)))
    if json:
        print_json({"size": done.size, "files": done.files, "witnesses": list(done.cosigners)})
        return
    typer.echo(f"{done.size} entries are published, {done.files} files were new")
    typer.echo(f"Signed also by {', '.join(done.cosigners)}." if done.cosigners else NO_WITNESS)


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

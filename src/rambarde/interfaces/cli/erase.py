"""`rambarde erase`, `access`, `retention`: what is kept about people, erased or given out, by name and in the log."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from rambarde.interfaces.cli.options import Config, Data, Json, print_json, settings
from rambarde.interfaces.desk import recording
from rambarde.interfaces.erasure import Erased, Eraser
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.nouns.fault import Fault, Kind
from rambarde.prove.tiles import write_durably
from rambarde.respond.appeals import RETENTION as APPEALS
from rambarde.store.lineage import RETENTION as EXPOSURES
from rambarde.store.subjects import Subjects

app = typer.Typer(help="Erase a record, or all of an account.", no_args_is_help=True)
retention = typer.Typer(help="How long records are kept.", no_args_is_help=True)

By = Annotated[str, typer.Option("--by", help="Your name.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; it stays in the log.")]


@app.command()
def record(
    id: Annotated[str, typer.Argument(help="The decision's id.")],
    by: By,
    reason: Reason,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Erase one record with its salt, and what is kept for it. The log still verifies."""
    with _eraser(settings(config, data=data)) as eraser:
        _tell(eraser.record(id, person=by, reason=reason), json)


@app.command()
def account(
    account: Annotated[str, typer.Argument(help="The account, as the caller context named it.")],
    by: By,
    reason: Reason,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Erase all records of an account, and what is kept for them or under it.

    What a hold freezes, and what an appeal waits for, stays and is counted.
    """
    with _eraser(settings(config, data=data)) as eraser:
        _tell(eraser.account(account, person=by, reason=reason), json)


def access(
    account: Annotated[str, typer.Argument(help="The account, as the caller context named it.")],
    by: By,
    reason: Reason,
    out: Annotated[Path, typer.Option("--out", help="New file for it, readable only for you.")],
    data: Data = None,
    config: Config = None,
) -> None:
    """Write out all that is kept about an account, as JSON, for the person it is of. The log says that you did."""
    chosen = settings(config, data=data)
    with _eraser(chosen) as eraser:
        try:
            write_durably(out, b"", 0o600)  # before anything is logged
            found = eraser.access(account, person=by, reason=reason)
            out.write_bytes(msgspec.json.format(msgspec.json.encode(found)) + b"\n")
        except OSError as error:
            raise Fault(
                Kind.INVALID,
                "access_unwritable",
                f"{out}: {error.strerror}.",
                remedy="Name a file that is not there yet.",
                field="out",
            ) from error
    typer.echo(f"{len(found['records'])} records, entry {found['log_index']} of the log")  # type: ignore[arg-type]


@retention.command()
def show(data: Data = None, config: Config = None, json: Json = False) -> None:
    """Show what is kept, how long, how many there are, and since when the oldest."""
    chosen = settings(config, data=data)
    vault = Vault.open(chosen)
    try:
        ages = Subjects(vault.database).ages()
    finally:
        vault.close()
    lives = {
        "record": f"{chosen.record_days:g} days, then `rambarde retention run`"
        if chosen.record_days
        else "until erased",
        "exposure": f"{EXPOSURES.days} days",
        "appeal": f"{APPEALS.days} days",
        "held": f"{chosen.hold_days:g} days",
        "file": f"{chosen.file_minutes:g} minutes",
    }
    rows = [
        {
            "type": name,
            "life": lives.get(name, "24 hours at most"),
            "count": count,
            "oldest": oldest.isoformat() if oldest else None,
        }
        for name, (count, oldest) in ages.items()
    ]
    if json:
        print_json(rows)
        return
    table = Table("type", "kept for", "count", "oldest")
    for row in rows:
        table.add_row(*(str(row[name] or "") for name in ("type", "life", "count", "oldest")))
    Console().print(table)


@retention.command()
def run(
    by: By,
    reason: Reason,
    days: Annotated[
        float | None, typer.Option("--days", min=0, help="Older than this; default: `record_days`.")
    ] = None,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Erase records that are past their time. Everything else expires by itself while a gateway runs."""
    chosen = settings(config, data=data)
    days = chosen.record_days if days is None else days
    if not days:
        raise Fault(
            Kind.INVALID,
            "retention_unset",
            "records are kept until somebody erases them.",
            remedy="Set `record_days`, or give --days.",
            field="days",
        )
    with _eraser(chosen) as eraser:
        _tell(eraser.retention(days, person=by, reason=reason), json)


@contextmanager
def _eraser(chosen: Settings) -> Iterator[Eraser]:
    vault = Vault.open(chosen)
    try:
        with recording(vault) as recorder:
            yield Eraser(vault, recorder)
    finally:
        vault.close()


def _tell(done: Erased, json: bool) -> None:
    if json:
        print_json(
            {
                "records": done.records,
                **done.also,
                "kept_by_hold": done.kept_by_hold,
                "kept_by_appeal": done.kept_by_appeal,
                "log": list(done.indexes),
            }
        )
        return
    typer.echo(
        f"{done.records} records erased, with {', '.join(f'{n} {name}' for name, n in done.also.items())}"
    )
    if done.indexes:
        typer.echo(f"The log says so: {', '.join(f'entry {index}' for index in done.indexes)}")
    if done.kept_by_hold:
        typer.echo(f"{done.kept_by_hold} stay under a hold")
    if done.kept_by_appeal:
        typer.echo(f"{done.kept_by_appeal} stay until the appeals against them are decided")

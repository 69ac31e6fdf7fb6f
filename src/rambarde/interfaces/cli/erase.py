"""`rambarde erase`, `access`, `retention`: what is kept about people, erased or given out, by name and in the log."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.table import Table

from rambarde.interfaces.archive import Archive
from rambarde.interfaces.cli.options import Config, Data, Json, print_json, settings
from rambarde.interfaces.desk import Desk, recording
from rambarde.interfaces.erasure import Erased, Eraser
from rambarde.interfaces.retention import Retention
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.tracing import register
from rambarde.interfaces.vault import Vault
from rambarde.nouns.fault import Fault, Kind
from rambarde.prove.tiles import write_durably
from rambarde.store.reviews import RETENTION as OUTCOMES
from rambarde.store.subjects import Subjects

app = typer.Typer(help="Erase a record, or all of an account.", no_args_is_help=True)
retention = typer.Typer(help="How long everything is kept.", no_args_is_help=True)

_LEFT = {
    "rule": "a rule's duty keeps them until their time is over",
    "hold": "a hold freezes them",
    "sample": "a hold freezes them, or their record stays",
}

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

    What a hold freezes, an appeal waits for, or a rule's duty keeps, stays and is counted.
    """
    with _eraser(settings(config, data=data)) as eraser:
        _tell(eraser.account(account, person=by, reason=reason), json)


def access(
    account: Annotated[str, typer.Argument(help="The account, as the caller context named it.")],
    by: By,
    reason: Reason,
    out: Annotated[Path, typer.Option("--out", help="New file for it, readable only for you.")],
    no_holds: Annotated[
        bool, typer.Option("--no-holds", help="Leave out the holds: an order may forbid to tell of it.")
    ] = False,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Write out all that is kept about an account, as JSON, for the person it is of. The log says that you did."""
    chosen = settings(config, data=data)
    with _eraser(chosen) as eraser:
        try:
            write_durably(out, b"", 0o600)  # before anything is logged
            found = eraser.access(account, person=by, reason=reason, holds=not no_holds)
            out.write_bytes(msgspec.json.format(msgspec.json.encode(found.document)) + b"\n")
        except OSError as error:
            raise Fault(
                Kind.INVALID,
                "access_unwritable",
                f"{out}: {error.strerror}.",
                remedy="Name a file that is not there yet.",
                field="out",
            ) from error
    counts = {name: len(part) for name, part in found.document.items() if isinstance(part, list)}
    if json:
        print_json({**counts, "sealed_left_out": found.withheld, "log": found.index})
        return
    typer.echo(
        f"{', '.join(f'{count} {name}' for name, count in counts.items())}; entry {found.index} of the log"
    )
    if found.withheld:
        typer.echo(
            f"{found.withheld} sealed items of evidence were left out, and the file does not tell of them: "
            "counsel decides whether the person is told.",
            err=True,
        )


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
        "record": f"{chosen.record_days:g} days" if chosen.record_days else "until erased",
        "exposure": f"{chosen.lineage_days:g} days after it was last seen",
        "appeal": f"{chosen.appeal_days:g} days",
        "outcome": f"{OUTCOMES.days} days",
        "fingerprint": f"{chosen.fingerprint_days:g} days",
        "held": f"{chosen.hold_days:g} days",
        "file": f"{chosen.file_minutes:g} minutes",
        "original": f"{chosen.original_hours:g} hours",
        "earlier": f"{chosen.earlier_hours:g} hours",
        "answer": f"{chosen.answer_minutes:g} minutes, or as long as its context token",
        "evidence/rule": "as the policy says (`preserve_days`, `sealed`)",
        "evidence/hold": "as long as the hold",
        "evidence/sample": "as the policy says (`sample.days`)",
    }
    rows = [
        {
            "type": name,
            "life": life,
            "count": ages.get(name, (0, None))[0],
            "oldest": oldest.isoformat() if (oldest := ages.get(name, (0, None))[1]) else None,
        }
        for name, life in lives.items()
    ]
    if json:
        print_json(rows)
        return
    table = Table("type", "kept for", "count", "oldest")
    for row in rows:
        table.add_row(str(row["type"]), str(row["life"]), str(row["count"]), str(row["oldest"] or ""))
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
    """Erase whatever is past its time, of every type, as a running gateway does by itself. Records only if
    `record_days` or --days says how long they are kept."""
    chosen = settings(config, data=data)
    days = chosen.record_days if days is None else days
    vault = Vault.open(chosen)
    try:
        with recording(vault) as recorder:
            archive, desk = Archive.open(vault, chosen, recorder.put), Desk.of(vault, chosen, recorder)
            job = Retention(vault, chosen, desk, archive, register(vault, chosen), recorder)
            asyncio.run(job.expire())
            expired, told = dict(+job.gone), job.tell(person=by, reason=reason)
            done = job.records(days, person=by, reason=reason) if days else None
    finally:
        vault.close()
    if json:
        print_json({"expired": expired, "log": list(told), "records": _json(done) if done else None})
        return
    typer.echo(f"Expired: {', '.join(f'{count} {name}' for name, count in expired.items()) or 'nothing'}")
    if told:
        typer.echo(f"The log says so: entry {told[0]}")
    if done is None:
        typer.echo("Records are kept until somebody erases them: set `record_days`, or give --days.")
    else:
        _tell(done, json)


@contextmanager
def _eraser(chosen: Settings) -> Iterator[Eraser]:
    vault = Vault.open(chosen)
    try:
        with recording(vault) as recorder:
            yield Eraser(vault, recorder, Archive.open(vault, chosen, recorder.put))
    finally:
        vault.close()


def _json(done: Erased) -> dict[str, object]:
    return {
        "records": done.records,
        **done.also,
        "kept_by_hold": done.kept_by_hold,
        "kept_by_appeal": done.kept_by_appeal,
        "kept_by_duty": done.kept_by_duty,
        "evidence_left": done.evidence_left,
        "log": list(done.indexes),
    }


def _tell(done: Erased, json: bool) -> None:
    if json:
        print_json(_json(done))
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
    if done.kept_by_duty:
        typer.echo(
            f"{done.kept_by_duty} stay until evidence that a rule's duty keeps of them is past its time"
        )
    for why, count in done.evidence_left.items():
        typer.echo(f"{count} items of evidence under the account stay: {_LEFT[why]}")

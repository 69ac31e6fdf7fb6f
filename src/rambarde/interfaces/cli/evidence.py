"""`rambarde evidence`: what is kept, for people who say who they are and what for; and bundles for others."""

from __future__ import annotations

import base64
import binascii
import os
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from rambarde.interfaces.archive import whole
from rambarde.interfaces.bundle import bundle as make_bundle
from rambarde.interfaces.bundle import write_key
from rambarde.interfaces.cli.hold import (
    Account,
    Case,
    Decisions,
    Since,
    Surface,
    Until,
    archive,
    scope_of,
)
from rambarde.interfaces.cli.options import Config, Data, Json, print_json, settings
from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.prove.standalone import BundleError
from rambarde.prove.standalone import verify as verify_bundle

app = typer.Typer(help="Evidence: what rules, holds and the signed sample keep.", no_args_is_help=True)

By = Annotated[str, typer.Option("--by", help="Your name; it goes into the log.")]
Purpose = Annotated[str, typer.Option("--purpose", help="What for; it goes into the log.")]


@app.command("list")
def list_(
    by: By,
    purpose: Purpose,
    case: Case = None,
    decision: Decisions = None,
    account: Account = None,
    surface: Surface = None,
    since: Since = None,
    until: Until = None,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """List items with their hashes and facts, never their content."""
    scope = whole(scope_of(case, decision, account, surface, since, until))
    with archive(settings(config, data=data)) as opened:
        found = opened.listed(scope, person=by, purpose=purpose)
        frozen = {item.id for item in found if opened.holds.frozen(item.about)}
    if json:
        for item in found:
            print_json(item.as_json() | {"frozen": item.id in frozen})
        return
    table = Table("id", "decision", "part", "kept for", "until", "content")
    for item in found:
        until_ = "frozen" if item.id in frozen else f"{item.expires_at:%Y-%m-%d %H:%M}"
        content = "sealed" if item.sealed else "yes" if item.content else "hashes only"
        part = f"{item.part.value} {item.number}"
        table.add_row(
            item.id, item.about.decision, part, f"{item.why.value}: {item.because}", until_, content
        )
    Console().print(table)


@app.command()
def show(
    id: str,
    by: By,
    purpose: Purpose,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write its content there, decrypted; never over a file that exists."),
    ] = None,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Show an item's facts; with --out also its content. Suspected child-sexual-abuse material is never given out."""
    if out is not None and out.exists():
        raise Fault(Kind.CONFLICT, "file_exists", f"{out} exists.", remedy="Name another file.", field="out")
    with archive(settings(config, data=data)) as opened:
        item, content = opened.show(id, person=by, purpose=purpose, content=out is not None)
    if out is not None and content is not None:
        _write(out, content)
    facts = item.as_json() | ({"out": str(out)} if out else {})
    if json:
        print_json(facts)
        return
    for name, value in facts.items():
        typer.echo(f"{name:12} {value}")


@app.command()
def bundle(
    out: Annotated[Path, typer.Argument(help="The new file.")],
    by: By,
    purpose: Purpose,
    case: Case = None,
    decision: Decisions = None,
    account: Account = None,
    surface: Surface = None,
    since: Since = None,
    until: Until = None,
    cleared: Annotated[bool, typer.Option("--cleared", help="Items in clear, not encrypted.")] = False,
    key_out: Annotated[
        Path | None,
        typer.Option("--key-out", help="Where the key of encrypted items goes; default: OUT.key."),
    ] = None,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Make one file of records, items, chain of custody and proofs, which its reader can check alone."""
    scope = scope_of(case, decision, account, surface, since, until)
    if whole(scope) is None:
        raise invalid(
            "bundle_scope",
            "A bundle says what it is of.",
            remedy="Give a case, decisions, an account, a surface or a time window.",
        )
    key_file = key_out or out.with_name(f"{out.name}.key")
    if not cleared and key_file.exists():
        raise Fault(
            Kind.CONFLICT, "file_exists", f"{key_file} exists.", remedy="Name another file.", field="key_out"
        )
    chosen = settings(config, data=data)
    with archive(chosen) as opened:
        made = make_bundle(opened, Path(chosen.data), scope, out, person=by, purpose=purpose, cleared=cleared)
    if made.key is not None:
        write_key(key_file, made.key)
    told = {
        "bundle": str(out),
        "records": made.records,
        "items": made.items,
        "documents": made.documents,
        "key": str(key_file) if made.key is not None else None,
    }
    if json:
        print_json(told)
        return
    typer.echo(
        f"{out}: {made.records} records, {made.items} items, {made.documents} documents of custody and holds."
    )
    if made.key is not None:
        typer.echo(f"{key_file} opens its items: send it on another way than the bundle.", err=True)


@app.command()
def verify(
    bundle: Annotated[Path, typer.Argument(metavar="BUNDLE", help="The file.")],
    log_key: Annotated[
        str | None, typer.Option("--log-key", help="The log's verifier key, from who told you.")
    ] = None,
    key: Annotated[Path | None, typer.Option("--key", help="File of the key of encrypted items.")] = None,
    json: Json = False,
) -> None:
    """Check a bundle, offline, without a data folder. Exit status 1 if anything does not hold."""
    try:
        found = verify_bundle(bundle, log_key, _key(key) if key else None)
    except BundleError as error:
        if json:
            print_json({"ok": False, "code": error.code, "message": str(error)})
        else:
            typer.echo(f"The bundle does NOT hold ({error.code}): {error}.")
        raise typer.Exit(1) from None
    if json:
        print_json(found)
        return
    typer.echo(
        f"The bundle holds: {found['records']} records and {found['documents']} documents in the log {found['log']}, "
        f"{found['items']} items, {found['opened']} of them looked at."
    )
    for note in found["notes"]:
        typer.echo(note)


def _key(path: Path) -> bytes:
    try:
        return base64.b64decode(path.read_bytes().strip(), validate=True)
    except (OSError, binascii.Error, ValueError) as error:
        raise invalid(
            "bundle_key_unreadable",
            f"{path} holds no key.",
            remedy="Give the file made by --key-out.",
            field="key",
        ) from error


def _write(path: Path, data: bytes) -> None:
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise invalid(
            "file_unwritable", f"{path}: {error.strerror}.", remedy="Check the folder.", field="out"
        ) from error
    with os.fdopen(handle, "wb") as file:
        file.write(data)

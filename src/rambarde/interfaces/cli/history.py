"""`rambarde policy history`: who answered for what and when, and the same as a file that holds offline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rambarde.interfaces.cli.governed import governed, place, visible
from rambarde.interfaces.cli.options import Config, Data, Json, print_json, settings
from rambarde.interfaces.governance import dossier
from rambarde.interfaces.governance.account import Account, accounts
from rambarde.interfaces.governance.witnessed import witnessed
from rambarde.interfaces.witnesses import keys, witnesses
from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.prove.key import read_verifier
from rambarde.prove.log import FOLDER
from rambarde.prove.note import NoteError, Verifier


def history(
    export: Annotated[
        Path | None, typer.Option("--export", help="Write it to this new file, with proofs and documents.")
    ] = None,
    verify: Annotated[
        Path | None, typer.Option("--verify", help="Check such a file, offline, with --log-key.")
    ] = None,
    log_key: Annotated[
        str | None, typer.Option("--log-key", help="The log's verifier key, from who told you.")
    ] = None,
    witness: Annotated[
        list[str] | None,
        typer.Option(
            "--witness", help="A witness's key; repeat it. Default, without --verify: the settings'."
        ),
    ] = None,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Every change: who signed it, in which role, why, and what it did, and which witnesses vouch for its place.

    Each is verified while it is read. Exit status 1 if what witnesses cosigned is another history; with --verify, if
    the file's checkpoint names another policy than its changes lead to.
    """
    known = keys(witness or ())
    if verify is not None:
        found = dossier.verify(_bytes(verify), _verifier(log_key), known)
        lines, signed, whole = accounts(found.story), found.witnessed, found.whole
        remarks = (*found.remarks, *signed.remarks)
        if not json:
            what = "The history holds" if whole else "What is there holds, AND MORE MAY BE MISSING"
            typer.echo(f"{what}: {len(lines)} changes, in the log {found.head.origin}.")
    else:
        chosen = settings(config, data=data)
        with governed(chosen) as office:
            key, story = read_verifier(office.vault.data), office.office.book.read()
            asked = known or tuple(one.verifier for one in witnesses(chosen))
            signed = witnessed(story, office.vault.data / FOLDER, key, asked)
            lines, remarks, whole = accounts(story), signed.remarks, signed.sound
            if export is not None:
                place(export, dossier.export(office.office.book, office.vault.data / FOLDER, key))
                typer.echo(f"{export}: whoever has it checks it with --verify and --log-key {key}", err=True)
    if json:
        for line in lines:
            print_json({**line.as_json(), "cosigned": list(signed.of(line.index))})
        for remark in remarks:
            print_json({"remark": remark})
    else:
        for line in lines:
            _tell(line)
        for remark in remarks:
            typer.echo(remark)
    raise typer.Exit(0 if whole else 1)


def _tell(line: Account) -> None:
    when = f"{line.at:%Y-%m-%d %H:%M:%S} UTC" if line.at else "unknown time"
    typer.echo(visible(f"{line.number}  {when}  {line.kind}  {line.what}"))
    if line.void is not None:
        typer.echo(visible(f"   VOID, it changed nothing: {line.void}"))
    if line.verdict is not None:
        typer.echo(f"   {line.verdict}")
    if line.reason:
        typer.echo(visible(f"   {line.reason} ({line.by})"))
    for one in line.signers:
        typer.echo(
            visible(f"   signed by {one.name} ({', '.join(one.roles)}), {one.at:%Y-%m-%d %H:%M:%S} UTC")
        )
    if not line.signers and line.void is None:
        who = "a breaker" if line.breaker else "the name"
        typer.echo(visible(f"   no signature was needed; {line.by} was entered as {who}"))


def _verifier(key: str | None) -> Verifier:
    if key is None:
        raise invalid(
            "verifier_key_invalid",
            "A history is checked with the key of its log.",
            remedy="Give --log-key, from who told you and not from who sent the file.",
            field="log_key",
        )
    try:
        return Verifier.parse(key)
    except NoteError as error:
        raise Fault(
            Kind.INVALID,
            "verifier_key_invalid",
            f"{error}",
            remedy="It looks like name+hash+base64.",
            field="log_key",
        ) from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise invalid(
            "history_unreadable", f"{path}: {error.strerror}.", remedy="Check the path.", field="verify"
        ) from error

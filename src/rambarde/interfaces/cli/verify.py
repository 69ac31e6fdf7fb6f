"""`rambarde verify`: check a receipt offline, with nothing but keys."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from rambarde.interfaces.cli.options import Json, print_json
from rambarde.interfaces.cli.witness import log_key
from rambarde.interfaces.witnesses import keys
from rambarde.nouns.fault import Fault, Kind
from rambarde.prove.receipt import Checked, Receipt


def verify(
    receipt: Annotated[Path, typer.Argument(help="The receipt.")],
    key: Annotated[
        str | None, typer.Option("--key", help="The log's verifier key, from who told you.")
    ] = None,
    witness: Annotated[
        list[str] | None, typer.Option("--witness", help="A witness's key; repeat it.")
    ] = None,
    witnesses: Annotated[
        int, typer.Option("--witnesses", min=0, help="How many of them must have cosigned.")
    ] = 0,
    json: Json = False,
) -> None:
    """Check a receipt: entry, inclusion proof, checkpoint and cosignatures. Needs no gateway and no network."""
    try:
        data = receipt.read_bytes()
    except OSError as error:
        raise Fault(
            Kind.NOT_FOUND,
            "receipt_unreadable",
            f"{receipt}: {error.strerror}.",
            remedy="Check the path.",
            field="receipt",
        ) from error
    found = Receipt.parse(data).check(log_key(key) if key else None, keys(witness or ()), at_least=witnesses)
    if json:
        print_json(found.as_json())
    else:
        _print(found)


def _print(found: Checked) -> None:
    typer.echo(f"The receipt holds: entry {found.index} of {found.size} in {found.origin}")
    typer.echo(f"{found.id}, under the checkpoint with root {found.root}")
    for line in found.lines:
        typer.echo(f"  checkpoint says: {line}")
    if found.said is not None:
        typer.echo(f"  decided: {found.said.get('ending')}, at {found.said.get('received_at')}")
        typer.echo(f"  by policy {found.said.get('policy')} on floors {found.said.get('floors')}")
        for name, version in sorted((found.said.get("detectors") or {}).items()):
            typer.echo(f"  with detector {name} {version}")
    for one in found.cosigned:
        when = datetime.fromtimestamp(one.time, UTC).isoformat()
        typer.echo(f"  {one.witness} had seen no other history at {when}")
    for note in found.notes:
        typer.echo(note)

"""`rambarde log witness`: run a witness for somebody else's log."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
import uvicorn

from rambarde.interfaces.cli.options import Json, print_json
from rambarde.interfaces.http.witness import create_witness_app
from rambarde.nouns.fault import Fault, Kind
from rambarde.prove.note import NoteError, Verifier
from rambarde.prove.witness import Witness

app = typer.Typer(help="Be a witness of somebody else's log: cosign its checkpoints.", no_args_is_help=True)

Folder = Annotated[Path, typer.Argument(help="The witness's folder: its key and what it saw.")]


@app.command()
def init(
    folder: Folder,
    name: Annotated[str, typer.Option("--name", help="The witness's name, such as witness.example.org.")],
) -> None:
    """Make a witness: a key of its own and an empty memory. Prints the key to give to logs."""
    typer.echo(str(Witness.create(folder, name).verifier))


@app.command()
def trust(
    folder: Folder,
    key: Annotated[str, typer.Option("--key", help="The log's verifier key: `log.pub`, from its operator.")],
) -> None:
    """Cosign this log from now on."""
    Witness(folder).trust(log_key(key))


@app.command()
def show(folder: Folder, json: Json = False) -> None:
    """Show the witness's key, and what it cosigned last of each log."""
    witness = Witness(folder)
    logs = [
        {
            "log": str(log),
            "size": seen.size if seen else 0,
            "root": seen.root.hex() if seen else None,
        }
        for log, seen in witness.logs()
    ]
    if json:
        print_json({"witness": str(witness.verifier), "logs": logs})
        return
    typer.echo(str(witness.verifier))
    for one in logs:
        typer.echo(f"{one['size']} entries of {one['log']}, root {one['root'] or 'none seen yet'}")


@app.command()
def serve(
    folder: Folder,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="Port to listen on.")] = 8401,
) -> None:
    """Answer `POST /add-checkpoint`. Put TLS in front of it; it needs no other protection."""
    witness = Witness(folder)
    witness.logs()  # a memory that does not hold is said now
    uvicorn.run(create_witness_app(witness), host=host, port=port, access_log=False, server_header=False)


def log_key(key: str) -> Verifier:
    """A log's key from the command line. Raises `Fault` `verifier_key_invalid`."""
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

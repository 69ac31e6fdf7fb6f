"""`rambarde trace`: which decision a picture came from; with --record, for staff, all that is recorded of it."""

from __future__ import annotations

import asyncio
import secrets
from pathlib import Path
from typing import Annotated

import typer

from rambarde.interfaces.cli.governed import visible
from rambarde.interfaces.cli.options import Config, Data, Json, print_json, settings
from rambarde.interfaces.desk import recording
from rambarde.interfaces.governance.book import Book
from rambarde.interfaces.tracing import LIMIT, Tracing, recorded
from rambarde.interfaces.vault import Vault
from rambarde.nouns.fault import Fault, Kind, invalid
from rambarde.nouns.words import written
from rambarde.prove.trace import Traced

ACCESS = "record-access"
"""Kind under which it is in the log who looked at a record, and why."""


def trace(
    picture: Annotated[str, typer.Argument(metavar="PICTURE", help="A file, or its public http(s) URL.")],
    record: Annotated[
        bool, typer.Option("--record", help="For staff: show the records. Needs --by and --purpose.")
    ] = False,
    by: Annotated[str | None, typer.Option("--by", help="Your name, as it stands in people.yaml.")] = None,
    purpose: Annotated[
        str | None, typer.Option("--purpose", help="Why you look; it stands in the log.")
    ] = None,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Find the decision that a picture came from. Exit status 1 if nothing is found."""
    chosen = settings(config, data=data)
    vault = Vault.open(chosen)
    try:
        tracing = Tracing.of(vault, chosen)
        found = asyncio.run(_traced(tracing, picture))
        records: dict[str, object] = {}
        if record and found.matches:
            records = _records(vault, found, by, purpose)
    finally:
        vault.close()
    if json:
        print_json(found.as_json() | ({"records": records} if record else {}))
    else:
        _tell(found)
        for id, document in records.items():
            typer.echo(f"record {id}, which may be shown to nobody else:")
            print_json(document)
    raise typer.Exit(0 if found.matches else 1)


async def _traced(tracing: Tracing, picture: str) -> Traced:
    try:
        if picture.lower().startswith(("http://", "https://")):
            return await tracing.trace(await tracing.fetch(picture))
        return await tracing.trace(_bytes(Path(picture)))
    finally:
        await tracing.close()


def _bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(LIMIT + 1)
    except OSError as error:
        raise invalid(
            "picture_unreadable", f"{path}: {error.strerror}.", remedy="Check the path.", field="picture"
        ) from error


def _records(vault: Vault, found: Traced, by: str | None, purpose: str | None) -> dict[str, object]:
    """The records of the matches, once it is in the log who looks at them and why."""
    roster = Book(vault).read().standing.roster
    person = roster.find(written(by or "", "by", longest=200, lines=False)) if roster is not None else None
    if person is None or not person.current(vault.database.clock()):
        raise Fault(
            Kind.FORBIDDEN,
            "not_staff",
            "Records are shown to people who have a role in the policy's roster, and to nobody else.",
            remedy="Give --by with a name that stands in people.yaml and whose key is in force.",
            field="by",
        )
    why = written(purpose or "", "purpose", longest=2_000)
    ids = list(dict.fromkeys(match.decision for match in found.matches))
    with recording(vault) as recorder:
        for id in ids:
            recorder.put(
                ACCESS,
                {
                    "id": f"acc_{secrets.token_hex(16)}",
                    "record": id,
                    "person": person.name,
                    "purpose": why,
                    "at": vault.database.clock().isoformat(),
                },
            )
    kept = ((id, recorded(vault, id)) for id in ids)
    return {id: one.document() for id, one in kept if one is not None}


def _tell(found: Traced) -> None:
    if not found.matches:
        typer.echo("Nothing was found. That does not show that it was not made here.")
    for match in found.matches:
        ways = ", ".join(
            hit.technique + (f" ({hit.value} {hit.measure})" if hit.measure else "") for hit in match.hits
        )
        typer.echo(
            visible(
                f"{match.decision}, image {match.index}: made {match.origin.made_at:%Y-%m-%d %H:%M:%S} UTC by "
                f"{match.origin.system} on {match.origin.surface}; known by {ways}; "
                f"in the log at {match.proof.index}"
            )
        )
    for name in found.failed:
        typer.echo(f"NOT looked at: {name} (it failed)")

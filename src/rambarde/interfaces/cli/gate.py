"""`rambarde policy gate`: what goes live, and what it lacks."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from rambarde.guard.policy.language import Policy
from rambarde.interfaces.cli.chosen import named
from rambarde.interfaces.cli.governed import Opened, governed
from rambarde.interfaces.cli.options import Config, Data, Json, print_json, settings
from rambarde.interfaces.governance.launch import launch, template
from rambarde.interfaces.settings import Settings


def gate(
    file: Annotated[
        Path | None,
        typer.Argument(
            metavar="[FILE]",
            help="Policy file, or `shipped`; default: the settings', or the one in force.",
        ),
    ] = None,
    form: Annotated[
        bool, typer.Option("--template", help="Print an assessment.yaml of what is missing, to fill in.")
    ] = False,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Say what goes live with a policy, and what each item lacks. Exit status 1 if something is missing."""
    chosen = settings(config, data=data)
    with governed(chosen) as office:
        standing = office.office.book.read().standing
        policy = _policy(file, chosen, office)
        found = launch(
            office.office.charter,
            standing,
            policy,
            upstream=chosen.generators,
            model=chosen.upstream_model or None,
        )
    if form:
        typer.echo(template(found, today=datetime.now(UTC).date()), nl=False)
        return
    if json:
        print_json(
            {
                "open": found.open,
                "policy": found.policy,
                "unproven": found.unproven,
                "items": [{"item": i.name, "lacks": i.lacks, "live": i.live} for i in found.items],
            }
        )
        raise typer.Exit(0 if found.open else 1)
    typer.echo(f"{policy.name} {found.policy}")
    typer.echo(f"{'proven' if found.unproven is None else 'LACKS'}  {found.unproven or 'every invariant'}")
    for item in found.items:
        if item.lacks is None:
            typer.echo(f"ok     {item.name}{' (live)' if item.live else ''}")
        else:
            typer.echo(f"LACKS  {item.name}: {item.lacks}")
    if not found.open:
        typer.echo("The gate is shut. `--template` prints an assessment to fill in." if found.lacking else "")
    raise typer.Exit(0 if found.open else 1)


def _policy(file: Path | None, chosen: Settings, office: Opened) -> Policy:
    charter = office.office.charter
    if file is None and not chosen.policy:
        return charter.adopted(office.office.book.read().standing)
    return named(file, chosen, charter.catalogue)[0]

"""`rambarde policy`: what a policy requires, and what holds of it."""

from __future__ import annotations

import typer

from rambarde.interfaces import parts
from rambarde.interfaces.cli import beside, insight, proof
from rambarde.interfaces.cli.options import Config, Json, print_json, settings

app = typer.Typer(help="The policy: what decides, and what it stands on.", no_args_is_help=True)
app.command("check")(proof.check)
app.command("prove")(proof.prove)
app.command("compare")(proof.compare)
app.command("explain")(insight.explain)
app.command("table")(beside.table)
app.command("test")(beside.test)
app.command("replay")(insight.replay)


@app.command()
def detectors(config: Config = None, json: Json = False) -> None:
    """Print the installed detectors, with version and digest, as the lines a policy needs."""
    found = parts.detectors(settings(config))
    for detector in found:
        detector.load()
    if json:
        print_json({d.info.name: {"version": d.info.version, "digest": d.digest} for d in found})
        return
    typer.echo("detectors:")
    for d in found:
        typer.echo(f'  {d.info.name}: {{version: "{d.info.version}", digest: "{d.digest}"}}')

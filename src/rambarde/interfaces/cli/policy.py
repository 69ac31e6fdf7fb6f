"""`rambarde policy`: what a policy requires, and what holds of it."""

from __future__ import annotations

import typer

from rambarde.guard.detectors.contract import MissingExtra
from rambarde.interfaces import parts
from rambarde.interfaces.cli import beside, gate, history, insight, measures, proof, shadow, signing
from rambarde.interfaces.cli.options import Config, Json, print_json, settings

app = typer.Typer(help="The policy: what decides, and what it stands on.", no_args_is_help=True)
app.command("check")(proof.check)
app.command("prove")(proof.prove)
app.command("compare")(proof.compare)
app.command("explain")(insight.explain)
app.command("table")(beside.table)
app.command("test")(beside.test)
app.command("replay")(insight.replay)
app.command("key")(signing.key)
app.command("starter")(signing.starter)
app.command("sign")(signing.sign)
app.command("adopt")(signing.adopt)
app.command("people")(signing.people)
app.command("gate")(gate.gate)
app.command("history")(history.history)
app.add_typer(measures.app, name="measure")
app.add_typer(shadow.app, name="shadow")


@app.command()
def detectors(config: Config = None, json: Json = False) -> None:
    """Print the installed detectors, with version and digest, as the lines a policy needs.

    One whose extra is not installed is named in a comment.
    """
    found, missing = [], []
    for detector in parts.detectors(settings(config)):
        try:
            detector.load()
        except MissingExtra as error:
            missing.append(f"# {detector.info.name} is an extra; {error}")
        else:
            found.append(detector)
    if json:
        print_json({d.info.name: {"version": d.info.version, "digest": d.digest} for d in found})
        return
    typer.echo("detectors:")
    for d in found:
        typer.echo(f'  {d.info.name}: {{version: "{d.info.version}", digest: "{d.digest}"}}')
    for line in missing:
        typer.echo(line)

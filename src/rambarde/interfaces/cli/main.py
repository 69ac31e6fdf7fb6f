"""`rambarde`: the command line. Every command has `--json` where it answers something."""

from __future__ import annotations

import sys

import typer
from rich.console import Console

import rambarde
from rambarde.interfaces.cli import (
    audit,
    bank,
    calibrate,
    check,
    demo,
    doctor,
    erase,
    evaluate,
    evidence,
    exchange,
    hold,
    keys,
    log,
    monitor,
    policy,
    probe,
    provenance,
    review,
    scan,
    serve,
    trace,
    verify,
)
from rambarde.nouns.fault import Fault

app = typer.Typer(
    name="rambarde",
    help="The safety layer in front of an AI image generator.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command("serve")(serve.serve)
app.command("check")(check.check)
app.command("verify")(verify.verify)
app.command("scan")(scan.scan)
app.command("evaluate")(evaluate.evaluate)
app.command("calibrate")(calibrate.calibrate)
app.command("probe")(probe.probe_)
app.command("doctor")(doctor.doctor)
app.command("trace")(trace.trace)
app.command("demo")(demo.demo)
bank.app.command("fetch")(exchange.fetch)
bank.app.command("feedback")(exchange.feedback)
app.add_typer(bank.app, name="bank")
app.command("access")(erase.access)
app.add_typer(audit.app, name="audit")
app.add_typer(erase.app, name="erase")
app.add_typer(erase.retention, name="retention")
app.add_typer(evidence.app, name="evidence")
app.add_typer(hold.app, name="hold")
app.add_typer(keys.app, name="keys")
app.add_typer(log.app, name="log")
app.add_typer(monitor.app, name="monitor")
app.add_typer(policy.app, name="policy")
app.add_typer(provenance.app, name="provenance")
app.add_typer(review.app, name="review")


@app.callback(invoke_without_command=True)
def _version(version: bool = typer.Option(False, "--version", help="Print the version.")) -> None:
    if version:
        typer.echo(rambarde.__version__)
        raise typer.Exit


def main() -> None:
    """Run a command. A fault ends it with status 2 and says what to do next."""
    try:
        app()
    except Fault as fault:
        where = f" ({fault.field})" if fault.field else ""
        Console(stderr=True, soft_wrap=True, markup=False).print(
            f"rambarde: {fault.message}{where}\n{fault.remedy}", highlight=False
        )
        sys.exit(2)

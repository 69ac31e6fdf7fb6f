"""`rambarde log`: the tamper-evident log, from the outside."""

from __future__ import annotations

import typer

app = typer.Typer(help="The tamper-evident log of every decision.", no_args_is_help=True)

"""Options that several commands share, and printing as JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from rambarde.interfaces.settings import Settings, read_settings

Data = Annotated[str | None, typer.Option("--data", help="Folder of the database, the keys and the log.")]
Config = Annotated[
    Path | None, typer.Option("--config", help="Settings file; default: rambarde.toml, if there.")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]


def settings(config: Path | None, **overrides: object) -> Settings:
    return read_settings(config, overrides)


def print_json(value: object) -> None:
    typer.echo(msgspec.json.encode(value).decode())

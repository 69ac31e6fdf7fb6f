"""`rambarde keys`: credentials of the surfaces."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from rambarde.interfaces import parts
from rambarde.interfaces.cli.hold import archive
from rambarde.interfaces.cli.options import Config, Data, Json, print_json, settings
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.nouns.caller import STANDARD
from rambarde.nouns.fault import invalid
from rambarde.store.credentials import AUDITOR

app = typer.Typer(help="Credentials: one for each surface that sends requests.", no_args_is_help=True)


@app.command()
def create(
    surface: Annotated[
        str | None, typer.Option("--surface", help="web, app, api, reply, or one that your policy names.")
    ] = None,
    auditor: Annotated[
        bool, typer.Option("--auditor", help="Reads the log, the policy's history and counts, nothing else.")
    ] = False,
    mode: Annotated[
        list[str] | None, typer.Option("--mode", help="A mode it may use; repeat for several.")
    ] = None,
    label: Annotated[str, typer.Option("--label", help="A note for yourself.")] = "",
    rate: Annotated[int | None, typer.Option("--rate", help="Requests a minute.")] = None,
    operator_key: Annotated[
        Path | None,
        typer.Option("--operator-key", help="Ed25519 public key (PEM) that signs caller contexts."),
    ] = None,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Make a credential. The key and the context secret are shown once."""
    chosen = settings(config, data=data)
    modes = mode or [STANDARD]
    if auditor == (surface is not None):
        raise invalid(
            "credential_which",
            "A credential is a surface's or an auditor's.",
            remedy="Give --surface or --auditor.",
            field="surface",
        )
    if surface is not None:
        _known(chosen, surface, modes)
    with _vault(chosen) as vault:
        made = vault.credentials.create(
            surface or AUDITOR,
            modes,
            label=label,
            rate_per_minute=rate,
            operator_key=operator_key.read_text("ascii") if operator_key else None,
        )
    credential = made.credential
    shown = {
        "id": credential.id,
        "key": made.key,
        "surface": credential.surface,
        "modes": list(credential.modes),
        "context_secret": credential.context_secret,
    }
    if json:
        print_json(shown)
        return
    for name, value in shown.items():
        typer.echo(f"{name:15} {', '.join(value) if isinstance(value, list) else value}")
    typer.echo("Keep the key and the context secret now: they are not shown again.", err=True)


@app.command("list")
def list_(
    revoked: Annotated[bool, typer.Option("--revoked", help="Also those that were revoked.")] = False,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """List credentials, without their secrets."""
    with _vault(settings(config, data=data)) as vault:
        found = vault.credentials.list(revoked=revoked)
    if json:
        for c in found:
            print_json(
                {
                    "id": c.id,
                    "label": c.label,
                    "surface": c.surface,
                    "modes": list(c.modes),
                    "rate_per_minute": c.rate_per_minute,
                    "created_at": c.created_at.isoformat(),
                    "revoked_at": c.revoked_at.isoformat() if c.revoked_at else None,
                }
            )
        return
    table = Table("id", "surface", "modes", "label", "created", "revoked")
    for c in found:
        created, gone = (
            f"{c.created_at:%Y-%m-%d %H:%M}",
            f"{c.revoked_at:%Y-%m-%d %H:%M}" if c.revoked_at else "",
        )
        table.add_row(c.id, c.surface, ", ".join(c.modes), c.label, created, gone)
    Console().print(table)


@app.command()
def revoke(id: str, data: Data = None, config: Config = None) -> None:
    """Revoke a credential from now on."""
    with _vault(settings(config, data=data)) as vault:
        if not vault.credentials.revoke(id):
            raise invalid(
                "credential_unknown", f"No live credential {id!r}.", remedy="See `rambarde keys list`."
            )
    typer.echo(f"{id} is revoked.")


@app.command()
def rotate(
    drop: Annotated[
        bool, typer.Option("--drop", help="Only forget the older keys that wrap nothing any more.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Make no new key: go on with a rotation that was interrupted.")
    ] = False,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Replace the key that wraps the keys of evidence. It may run beside gateways, and be interrupted anywhere."""
    with archive(settings(config, data=data), write=False) as opened:
        keys = opened.keys
        if drop:
            used = set(opened.evidence.keys_in_use())
            keys.drop(set(keys.ids) - used)
            done = 0
        else:
            if not resume:
                keys.add()
            done = opened.rotate()
        told = {"key": keys.current(), "keys": list(keys.ids), "rewrapped": done}
    if json:
        print_json(told)
    else:
        typer.echo(f"{told['key']} wraps now; {done} items were wrapped anew; {len(keys.ids)} keys are kept.")


@contextmanager
def _vault(chosen: Settings) -> Iterator[Vault]:
    vault = Vault.open(chosen)
    try:
        yield vault
    finally:
        vault.close()


def _known(chosen: Settings, surface: str, modes: list[str]) -> None:
    """A credential for a surface or mode that the policy does not name would never be allowed anything."""
    policy = parts.judging(chosen)[0].policy
    if surface not in policy.surfaces:
        raise invalid(
            "surface_unknown",
            f"The policy names no surface {surface!r}.",
            remedy=f"Use one of {', '.join(policy.surfaces)}, or add it to the policy.",
            field="surface",
        )
    for mode in modes:
        if policy.mode(mode) is None:
            raise invalid(
                "mode_unknown",
                f"The policy offers no mode {mode!r}.",
                remedy=f"Use one of {', '.join(m.name for m in policy.modes)}.",
                field="mode",
            )

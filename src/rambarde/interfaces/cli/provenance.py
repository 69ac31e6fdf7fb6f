"""`rambarde provenance`: what images say of where they come from."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any

import typer

from rambarde.guard.media.sniff import sniff
from rambarde.interfaces import sealing
from rambarde.interfaces.cli.options import Config, Data, Json, print_json, settings
from rambarde.nouns.fault import invalid
from rambarde.prove.manifest.reading import Read, State, read

app = typer.Typer(help="What images say of where they come from, signed (C2PA).", no_args_is_help=True)


@app.callback()
def _provenance() -> None:
    """What images say of where they come from, signed (C2PA)."""


@app.command()
def init(
    chain: Annotated[
        Path | None, typer.Option("--chain", help="A real certificate chain, PEM, the signer's first.")
    ] = None,
    key: Annotated[Path | None, typer.Option("--key", help="Its private key, PEM.")] = None,
    provider: Annotated[
        str | None, typer.Option("--provider", help="Who signs, in a chain that is made here.")
    ] = None,
    days: Annotated[int, typer.Option("--days", help="How long a chain that is made here is valid.")] = 365,
    replace: Annotated[bool, typer.Option("--replace", help="Instead of the chain that is there.")] = False,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Make a self-signed certificate chain for sealing images, or take a real one from files."""
    chosen = settings(config, data=data, provider=provider)
    now = datetime.now(UTC)
    if chosen.provenance_chain:
        raise invalid(
            "seal_configured",
            "The settings name a chain of their own, which a new one here would not replace.",
            remedy="Replace that file, or take `provenance_chain` out of the settings.",
            field="provenance_chain",
        )
    if (chain is None) != (key is None):
        raise invalid("seal_half", "A chain and its key go together.", remedy="Give --chain and --key.")
    if not 1 <= days <= 3650:
        raise invalid("seal_days", f"{days} days.", remedy="Give 1 to 3650.", field="--days")
    if chain is not None and key is not None:
        identity = sealing.take(chosen, chain, key, now, replace=replace)
    else:
        identity = sealing.make(chosen, now, life=timedelta(days=days), replace=replace)
    told = {
        "chain": str(Path(chosen.data) / sealing.FILE),
        "root": str(Path(chosen.data) / sealing.ROOT_FILE) if identity.roots else None,
        "certificate": identity.fingerprint,
        "subject": identity.leaf.subject.rfc4514_string(),
        "algorithm": identity.algorithm,
        "expires": identity.leaf.not_valid_after_utc.isoformat(),
        "self_signed": identity.self_made,
    }
    if json:
        print_json(told)
        return
    for name, value in told.items():
        if value is not None and name != "self_signed":
            typer.echo(f"{name:12} {value}")
    if identity.self_made:
        typer.echo(f"\n{sealing.SELF_SIGNED}")


@app.command()
def show(
    file: Annotated[Path, typer.Argument(help="A PNG, JPEG or WebP.")],
    root: Annotated[
        list[Path] | None, typer.Option("--root", help="A root certificate (PEM) that you trust.")
    ] = None,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Read a picture's manifest. Exit status 1 if there is none, or it does not hold."""
    anchors = tuple(map(_bytes, root)) if root else sealing.anchors(settings(config, data=data))
    picture = _bytes(file)
    told = read(picture, sniff(picture).value, anchors)
    if json:
        print_json(_as_json(told))
    else:
        _print(told)
    if told.state in (State.NONE, State.INVALID):
        raise typer.Exit(1)


def _print(told: Read) -> None:
    if told.state is State.NONE:
        typer.echo("There is no manifest in this file.")
        return
    means = {
        State.TRUSTED: "intact, and signed by somebody you trust",
        State.VALID: "intact; nobody you trust vouches for who signed it",
        State.INVALID: "it does not hold: file or manifest were changed, or the signature is none",
    }
    typer.echo(f"{told.state.value}: {means[told.state]}")
    for name, value in (
        ("manifest", told.label),
        ("signer", told.signer),
        ("signed at", told.signed_at or "no time stamp"),
        ("source", told.source_type),
        ("actions", ", ".join(told.actions)),
        *told.metadata,
    ):
        typer.echo(f"{name:34} {value}")
    for relation, label in told.ingredients:
        typer.echo(f"{relation:34} {label or 'a picture without a manifest'}")
    for code in told.failures:
        typer.echo(f"{'failure':34} {code}")


def _as_json(told: Read) -> dict[str, Any]:
    return {
        "state": told.state.value,
        "label": told.label,
        "signer": told.signer,
        "signed_at": told.signed_at,
        "source_type": told.source_type,
        "actions": told.actions,
        "metadata": dict(told.metadata),
        "ingredients": [{"relationship": r, "manifest": label} for r, label in told.ingredients],
        "manifests": told.manifests,
        "failures": told.failures,
    }


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise invalid(
            "image_unreadable", f"{path} cannot be read: {error.strerror}.", remedy="Check the path."
        ) from error

"""What the commands of governance share: the office over an open vault, a signer's key, and the gateways' answer."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from rambarde.guard.policy.catalogue import catalogue
from rambarde.guard.policy.signatures.agent import AgentKey
from rambarde.guard.policy.signatures.key import FileKey, SigningKey
from rambarde.guard.policy.signatures.people import Roster
from rambarde.interfaces import parts
from rambarde.interfaces.governance.adoption import PATIENCE, Acknowledged, acknowledged
from rambarde.interfaces.governance.govern import office as open_office
from rambarde.interfaces.governance.office import Office
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.nouns.fault import Fault, invalid
from rambarde.store.leases import Holder, Leases

AGENT = "SSH_AUTH_SOCK"
As = Annotated[str, typer.Option("--as", help="Your name, as it stands in people.yaml.")]
KeyFile = Annotated[Path | None, typer.Option("--key", help="Your key's file.")]
Agent = Annotated[bool, typer.Option("--agent", help="Your key is in the SSH agent.")]
Reason = Annotated[str | None, typer.Option("--reason", help="Why; it stands in the history for good.")]
Yes = Annotated[bool, typer.Option("--yes", help="Sign without being asked.")]


CLOCKS = timedelta(seconds=30)
"""How far the clock of a gateway may be behind ours for a command to wait for it. One that crashed is waited for as
long after its end."""
PATIENT = PATIENCE
"""Seconds to wait for the gateways."""


@dataclass(frozen=True, slots=True)
class Opened:
    vault: Vault
    office: Office


class _Live(Leases):
    """The leases, by clocks that may differ: each gateway writes its own time."""

    def holders(self, within: timedelta) -> tuple[Holder, ...]:
        return super().holders(within + CLOCKS)


@contextmanager
def governed(chosen: Settings) -> Iterator[Opened]:
    """The office over the vault of these settings."""
    names = catalogue(detector.info for detector in parts.detectors(chosen))
    vault = Vault.open(chosen)
    try:
        yield Opened(vault, open_office(vault, names))
    finally:
        vault.close()


def listed(name: str, roster: Roster) -> str:
    """The name as it is listed, whatever its spelling here."""
    person = roster.find(name)
    return person.name if person is not None else name


def signing_key(name: str, roster: Roster, file: Path | None, agent: bool) -> SigningKey:
    """The key that `name` signs with: of a file, or the one listed for them, in the agent.

    Raises `Fault`: `key_which`, `signature_unknown_key`, `agent_unreachable`, or as the file's reading does.
    """
    if (file is not None) == agent:
        raise invalid(
            "key_which", "A signature needs one key.", remedy="Give --key FILE or --agent.", field="key"
        )
    if file is not None:
        return _opened(file)
    person = roster.find(name)
    if person is None:
        raise invalid(
            "signature_unknown_key",
            f"{name} is not among those who may sign.",
            remedy=f"These are: {', '.join(one.name for one in roster.people)}.",
            field="as",
        )
    socket = os.environ.get(AGENT)
    if not socket:
        raise invalid(
            "agent_unreachable",
            f"There is no SSH agent: {AGENT} is not set.",
            remedy="Start one (`eval $(ssh-agent)`) and add the key, or sign with --key.",
            field="key",
        )
    return AgentKey(person.key, Path(socket))


def confirmed(yes: bool) -> None:
    """Ask; whoever does not say yes has signed nothing, and the command ends with status 1."""
    if not yes:
        typer.confirm("Sign this?", abort=True, err=True)


def answered(opened: Opened, sequence: int) -> Acknowledged:
    """How the gateways took the change `sequence`: each of them answers, or time is over."""
    return acknowledged(_Live(opened.vault.database), sequence, patience=PATIENT)


def tell(answer: Acknowledged) -> None:
    """How the gateways took it, for people."""
    if answer.everywhere:
        count = len(answer.holding)
        gateways = (
            "No gateway runs." if not count else f"{count} gateway{'s hold' if count > 1 else ' holds'} it."
        )
        typer.echo(f"{gateways} ({answer.seconds:.2f} s)")
        return
    typer.echo(f"{len(answer.holding)} hold it after {answer.seconds:.2f} s. NOT in force on:")
    for one in answer.refusing:
        typer.echo(f"  {_named(one)}: {one.state}; it releases nothing")
    for one in answer.waiting:
        typer.echo(f"  {_named(one)}: it has not answered; it releases nothing once its lease has lapsed")


def answer_json(answer: Acknowledged) -> dict[str, object]:
    return {
        "seconds": round(answer.seconds, 3),
        "holding": [_named(one) for one in answer.holding],
        "refusing": [{"gateway": _named(one), "state": one.state} for one in answer.refusing],
        "waiting": [_named(one) for one in answer.waiting],
    }


def visible(text: str) -> str:
    """Words of a document, without what a terminal would obey."""
    return "".join(c if c.isprintable() or c == "\n" else c.encode("unicode_escape").decode() for c in text)


def place(path: Path, data: bytes) -> None:
    """Write a new file, never over one that exists. Raises `Fault`: `file_exists`, `file_unwritable`."""
    try:
        with path.open("xb") as file:
            file.write(data)
    except FileExistsError as error:
        raise invalid("file_exists", f"{path} exists.", remedy="Name another file.", field="out") from error
    except OSError as error:
        raise invalid(
            "file_unwritable", f"{path}: {error.strerror}.", remedy="Check the folder.", field="out"
        ) from error


def _opened(file: Path) -> FileKey:
    try:
        return FileKey.read(file)
    except Fault as fault:
        if fault.code != "key_locked":
            raise
        try:
            words = typer.prompt(f"Passphrase of {file.name}", hide_input=True, err=True)
        except typer.Abort:
            raise fault from None
        return FileKey.read(file, str(words).encode())


def _named(holder: Holder) -> str:
    return f"{holder.gateway} on {holder.host}" if holder.host else holder.gateway

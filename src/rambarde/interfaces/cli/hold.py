"""`rambarde hold`: freeze what an order asks for, and lift it again by two people."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from rambarde.guard.policy.signatures.vouch import vouch
from rambarde.interfaces.archive import Archive
from rambarde.interfaces.cli.governed import Agent, KeyFile, listed, signing_key
from rambarde.interfaces.cli.options import Config, Data, Json, print_json, settings
from rambarde.interfaces.desk import recording
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.signers import Signers
from rambarde.interfaces.vault import Vault
from rambarde.nouns.fault import invalid
from rambarde.nouns.hold import Hold, Scope

app = typer.Typer(help="Holds: what is frozen against retention and deletion.", no_args_is_help=True)

Case = Annotated[str | None, typer.Option("--case", help="Everything that is filed under this case.")]
Decisions = Annotated[
    list[str] | None, typer.Option("--decision", help="A decision's id; repeat for several.")
]
Account = Annotated[str | None, typer.Option("--account", help="An account, by your pseudonym.")]
Surface = Annotated[str | None, typer.Option("--surface", help="A surface, such as web.")]
Since = Annotated[
    str | None, typer.Option("--since", help="Received then or later: 2026-01-09, or with a time and zone.")
]
Until = Annotated[str | None, typer.Option("--until", help="Received before then; it may lie in the future.")]


@app.command("set")
def set_(
    by: Annotated[str, typer.Option("--by", help="Your name.")],
    reason: Annotated[str, typer.Option("--reason", help="Why: the order, its date, who asked.")],
    case: Case = None,
    decision: Decisions = None,
    account: Account = None,
    surface: Surface = None,
    since: Since = None,
    until: Until = None,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Freeze what is there, and keep what comes. All conditions must hold, besides the case."""
    scope = scope_of(case, decision, account, surface, since, until)
    with archive(settings(config, data=data)) as opened:
        hold = opened.holds.set(scope, person=by, reason=reason)
    _tell(hold, json)


@app.command()
def lift(
    id: str,
    by: Annotated[str, typer.Option("--by", help="Your name.")],
    reason: Annotated[str, typer.Option("--reason", help="Why it may end.")],
    key: KeyFile = None,
    agent: Agent = False,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Ask for the end of a hold; it ends when a second person runs the same.

    Where those who may sign are named (`rambarde policy people`), both sign, with their names and keys from there.
    """
    with archive(settings(config, data=data)) as opened:
        named, sign = Signers(opened.database).at(None), None
        if named is not None and (key is not None or agent):
            signer = signing_key(by, named.roster, key, agent)
            by, sign = listed(by, named.roster), lambda told: vouch(told, signer)
        hold = opened.holds.lift(id, person=by, reason=reason, sign=sign)
    _tell(hold, json)


@app.command("list")
def list_(
    lifted: Annotated[bool, typer.Option("--lifted", help="Also those that were lifted.")] = False,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """List the holds in force, with who set them and why."""
    with archive(settings(config, data=data), write=False) as opened:
        found = [hold for hold in opened.holds.all() if hold.active or lifted]
    if json:
        for hold in found:
            print_json(hold_json(hold))
        return
    table = Table("id", "over", "set by", "reason", "state")
    for hold in found:
        table.add_row(hold.id, words(hold.scope), hold.set.person, hold.set.reason, _state(hold))
    Console().print(table)


def scope_of(
    case: str | None,
    decisions: list[str] | None,
    account: str | None,
    surface: str | None,
    since: str | None,
    until: str | None,
) -> Scope:
    """The scope of these options. Raises `Fault(INVALID, "bad_time")`."""
    return Scope(case, tuple(decisions or ()), account, surface, _time(since, "since"), _time(until, "until"))


@contextmanager
def archive(chosen: Settings, *, write: bool = True) -> Iterator[Archive]:
    """The archive over the data folder; with `write`, able to add to the log."""
    vault = Vault.open(chosen)
    try:
        if not write:
            yield Archive.open(vault, chosen)
            return
        with recording(vault) as recorder:
            yield Archive.open(vault, chosen, recorder.put)
    finally:
        vault.close()


def words(scope: Scope) -> str:
    told = [f"case {scope.case}"] if scope.case else []
    if scope.decisions:
        more = f" and {len(scope.decisions) - 1} more" if len(scope.decisions) > 1 else ""
        told.append(f"decision {scope.decisions[0]}{more}")
    told += [f"{name} {value}" for name in ("account", "surface") if (value := getattr(scope, name))]
    told += [
        f"{word} {at:%Y-%m-%d %H:%M} UTC"
        for word, at in (("from", scope.since), ("until", scope.until))
        if at
    ]
    return ", ".join(told)


def hold_json(hold: Hold) -> dict[str, object]:
    return {
        "id": hold.id,
        "active": hold.active,
        "scope": hold.scope.as_json(),
        "set": hold.set.as_json(),
        "asked": hold.asked.as_json() if hold.asked else None,
        "lifted": hold.lifted.as_json() if hold.lifted else None,
    }


def _tell(hold: Hold, json: bool) -> None:
    if json:
        print_json(hold_json(hold))
    else:
        typer.echo(f"{hold.id}: {_state(hold)}: {words(hold.scope)}")


def _state(hold: Hold) -> str:
    if hold.lifted:
        signed = ", signed" if hold.lifted.key else ""
        return f"lifted by {hold.asked.person if hold.asked else '?'} and {hold.lifted.person}{signed}"
    if hold.asked:
        return f"in force; {hold.asked.person} wants it lifted, and a second person has to agree"
    return "in force"


def _time(text: str | None, field: str) -> datetime | None:
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is None and (found.hour, found.minute, found.second) != (0, 0, 0):
            raise ValueError("a time without a zone")
    except ValueError as error:
        raise invalid(
            "bad_time",
            f"{text!r} is no time.",
            remedy="Write 2026-01-09, or 2026-01-09T12:00:00Z.",
            field=field,
        ) from error
    return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)

"""`rambarde bank fetch` and `feedback`: hashes that organisations share."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from rambarde.guard.banks.bank import hash_of
from rambarde.guard.banks.exchange import Feed, Fetched, credential, failed
from rambarde.guard.banks.exchange import fetch as update
from rambarde.interfaces.cli.bank import faults, summary
from rambarde.interfaces.cli.options import Json, print_json
from rambarde.nouns.fault import Fault, invalid, unsupported

if TYPE_CHECKING:
    from rambarde.guard.banks.stopncii import StopNcii

Url = Annotated[str | None, typer.Option("--url", help="Another base URL than the exchange's usual one.")]
Timeout = Annotated[float, typer.Option("--timeout", min=0.1, max=600, help="Seconds for one request.")]


class Name(StrEnum):
    STOPNCII = "stopncii"
    NCMEC = "ncmec"


class Verdict(StrEnum):
    BLOCKED = "blocked"
    NOT_BLOCKED = "not-blocked"
    PENDING = "pending"


_WORDS = {Verdict.BLOCKED: "Blocked", Verdict.NOT_BLOCKED: "NotBlocked", Verdict.PENDING: "PendingReview"}


def fetch(
    name: Annotated[Name, typer.Argument(help="stopncii or ncmec.")],
    bank: Annotated[Path, typer.Option("--bank", help="Its bank's file; list it in `known_feeds`.")],
    max_age: Annotated[
        float, typer.Option("--max-age", min=0.01, max=8784, help="Hours after which the bank is stale.")
    ] = 24.0,
    url: Url = None,
    timeout: Timeout = 60.0,
    json: Json = False,
) -> None:
    """Bring the bank of an exchange up to date. Interrupted or failed, it goes on next time where it stopped."""
    feed = _feed(name, url, timeout)
    with faults(bank), Console(stderr=True).status(f"{name}") as status:

        def told(so_far: Fetched) -> None:
            status.update(
                f"{name}: {so_far.pages} pages, {so_far.blocked} blocked, {so_far.withdrawn} withdrawn"
            )

        done, fetched = update(feed, bank, timedelta(hours=max_age), told)
    came = {
        "pages": fetched.pages,
        "blocked": fetched.blocked,
        "withdrawn": fetched.withdrawn,
        "kept_out": fetched.kept_out,
        "not_usable": dict(fetched.unusable),
    }
    if json:
        print_json(came | {"bank": summary(bank, done)})
        return
    for word, count in came.items():
        shown = ", ".join(f"{n} {kind}" for kind, n in count.items()) if isinstance(count, dict) else count
        typer.echo(f"{word.replace('_', ' '):12} {shown or 'none'}")
    typer.echo(f"{bank}: version {done.head.version}, {done.counts()['block']} blocked")


def feedback(
    name: Annotated[Name, typer.Argument(help="stopncii.")],
    hash: Annotated[str, typer.Argument(help="The blocked hash, 64 hex digits.")],
    verdict: Annotated[Verdict, typer.Argument(help="blocked, not-blocked or pending.")],
    url: Url = None,
    timeout: Timeout = 60.0,
) -> None:
    """Tell an exchange what a match of one of its hashes turned out to be. Sends the hash and the verdict only."""
    value = hash_of(hash)
    if name is not Name.STOPNCII:
        raise unsupported(
            "exchange_no_feedback", f"Feedback to {name} is not offered.", remedy="Use its own tool."
        )
    feed = _stopncii(url, timeout, credential("RAMBARDE_STOPNCII_FEEDBACK_KEY"))
    try:
        feed.feedback(value, _WORDS[verdict])
    except Exception as error:
        raise failed(name, error) from error
    typer.echo(f"{name} was told: {verdict}.")


def _feed(name: Name, url: str | None, timeout: float) -> Feed:
    if name is Name.STOPNCII:
        return _stopncii(url, timeout)
    try:
        from rambarde.guard.banks.ncmec import URL, Ncmec
    except ImportError as error:
        raise _extra() from error
    user, password = credential("RAMBARDE_NCMEC_USER"), credential("RAMBARDE_NCMEC_PASSWORD")
    return Ncmec(user, password, url=url or URL, seconds=timeout)


def _stopncii(url: str | None, timeout: float, feedback_key: str = "") -> StopNcii:
    try:
        from rambarde.guard.banks.stopncii import URL, StopNcii
    except ImportError as error:
        raise _extra() from error
    subscription = credential("RAMBARDE_STOPNCII_SUBSCRIPTION_KEY")
    function = feedback_key or credential("RAMBARDE_STOPNCII_FETCH_KEY")
    return StopNcii(subscription, function, feedback_key, url=url or URL, seconds=timeout)


def _extra() -> Fault:
    return invalid(
        "exchange_extra",
        "The packages that speak with exchanges are not installed.",
        remedy="pip install 'rambarde[exchange]'",
    )

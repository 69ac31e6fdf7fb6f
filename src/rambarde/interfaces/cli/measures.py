"""`rambarde policy measure`: emergency measures, on by one person in one command, off by two."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from rambarde.guard.policy.measure import MEASURES, geoblock
from rambarde.guard.policy.reading import shipped
from rambarde.guard.policy.signatures.change import SignedChange
from rambarde.guard.policy.signatures.standing import Standing
from rambarde.interfaces.cli.governed import (
    Agent,
    As,
    KeyFile,
    Opened,
    Reason,
    Yes,
    answer_json,
    answered,
    confirmed,
    governed,
    listed,
    place,
    signing_key,
    tell,
    visible,
)
from rambarde.interfaces.cli.options import Config, Data, Json, print_json, settings
from rambarde.interfaces.governance import account, papers
from rambarde.interfaces.governance.adoption import Acknowledged, adopt, opened
from rambarde.interfaces.governance.office import SUFFIX, roster_of
from rambarde.interfaces.probing import effect
from rambarde.nouns.fault import Fault, Kind, invalid

app = typer.Typer(
    help="Emergency measures: prepared and signed before they are needed.", no_args_is_help=True
)

Name = Annotated[str, typer.Argument(metavar="NAME", help="The measure, as `list` names it.")]
Out = Annotated[Path, typer.Option("-o", "--out", help="The new file; never overwritten.")]


@app.command("list")
def list_(data: Data = None, config: Config = None, json: Json = False) -> None:
    """Which measures are prepared, which are on, since when, and when somebody must look at them again."""
    with governed(settings(config, data=data)) as office:
        standing, now = office.office.book.read().standing, office.office.book.clock()
    rows: list[dict[str, object]] = []
    for name in sorted(standing.measures):
        measure, on = standing.measures[name], standing.on.get(name)
        rows.append(
            {
                "name": name,
                "on": on is not None,
                "since": on.since.isoformat() if on else None,
                "review_at": on.review_at.isoformat() if on else None,
                "overdue": on is not None and on.review_at <= now,
                "by": on.by if on else None,
                "by_breaker": on.breaker if on else None,
                "reason": on.reason if on else None,
                "breaker": measure.breaker,
                "review_days": measure.review_days,
            }
        )
    if json:
        for row in rows:
            print_json(row)
        return
    table = Table("measure", "state", "since", "review by", "switched on by", "reason")
    for row in rows:
        overdue = " OVERDUE" if row["overdue"] else ""
        table.add_row(
            str(row["name"]),
            "ON" if row["on"] else "prepared",
            str(row["since"] or "")[:16],
            str(row["review_at"] or "")[:10] + overdue,
            visible(str(row["by"] or "")) + (" (a breaker)" if row["by_breaker"] else ""),
            visible(str(row["reason"] or "")),
        )
    Console().print(table)
    if lacking := [name for name in MEASURES if name not in standing.measures]:
        typer.echo(f"Not prepared: {', '.join(lacking)} (`rambarde policy measure shipped NAME -o FILE`).")


@app.command()
def on(
    name: Name,
    by: As,
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the history for good.")],
    breaker: Annotated[
        bool,
        typer.Option(
            "--breaker", help="Monitoring does it, and no person; its signers must have allowed it."
        ),
    ] = False,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Switch a measure on, now, everywhere. One person, no key. Exit status 1 if a gateway does not hold it."""
    start = time.monotonic()
    running = settings(config, data=data)
    with governed(running) as office:
        standing = office.office.book.read().standing
        change = office.office.switch(name, standing, on=True, by=by, reason=reason, breaker=breaker)
        standing, answer = _take(office, SignedChange(change))
    probed = effect.begin(running, name, on=True, breaker=breaker)
    review = standing.on[name].review_at
    seconds = time.monotonic() - start
    if json:
        print_json(
            {
                "measure": name,
                "on": True,
                "breaker": breaker,
                "sequence": standing.sequence,
                "review_at": review.isoformat(),
                "seconds": round(seconds, 3),
                "gateways": answer_json(answer),
                "probe": _probe_json(probed),
            }
        )
    else:
        typer.echo(f"{name} is ON, {seconds:.2f} s after the command began; review it by {review:%Y-%m-%d}.")
        tell(answer)
        _tell_probe(probed)
    raise typer.Exit(0 if answer.everywhere else 1)


@app.command()
def off(
    name: Name,
    by: As,
    key: KeyFile = None,
    agent: Agent = False,
    reason: Reason = None,
    yes: Yes = False,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Switch a measure off: a loosening, so two people sign, each with this command."""
    running = settings(config, data=data)
    with governed(running) as office:
        desk, path = office.office, office.vault.data / f"measure-off-{_plain(name)}{SUFFIX}"
        story, now = desk.book.read(), desk.book.clock()
        standing = story.standing
        by = listed(by, roster_of(standing))
        signed = papers.read_change(path)
        if signed is None or story.holds(signed):
            if reason is None:
                raise invalid(
                    "reason_missing",
                    "Whoever signs first says why.",
                    remedy="Give --reason: it stands in the history for good.",
                    field="reason",
                )
            signed = SignedChange(desk.switch(name, standing, on=False, by=by, reason=reason))
        else:
            papers.continued(signed.change, standing, reason, path)
            _refuse_other(signed, name, path)
        papers.missing(signed, standing, now)  # what could never take effect is not asked for
        if not json:
            for line in account.told(signed, standing):
                typer.echo(f"  {visible(line)}")
        signer = signing_key(by, roster_of(standing), key, agent)
        confirmed(yes)
        signed, missing = papers.countersigned(signed, standing, signer, by, desk.book.clock())
        papers.write(path, signed)
        if missing is not None:
            _tell_missing(name, path, missing, json)
            return
        standing, answer = _take(office, signed)
        path.unlink(missing_ok=True)
    probed = effect.begin(running, name, on=False)
    if json:
        print_json(
            {
                "measure": name,
                "on": False,
                "sequence": standing.sequence,
                "gateways": answer_json(answer),
                "probe": _probe_json(probed),
            }
        )
    else:
        typer.echo(f"{name} is off.")
        tell(answer)
        _tell_probe(probed)
    raise typer.Exit(0 if answer.everywhere else 1)


@app.command("geoblock")
def geoblock_(
    countries: Annotated[
        list[str], typer.Argument(metavar="COUNTRY...", help="ISO 3166, such as ID or US-CA.")
    ],
    out: Out,
) -> None:
    """Write a measure that makes no image for callers in these countries, to be signed and kept ready."""
    place(out, geoblock(countries).encode())
    typer.echo(f"{out}: `rambarde policy sign {out}`. A geoblock alone is no safeguard.")


@app.command("shipped")
def shipped_(
    name: Annotated[str, typer.Argument(metavar="NAME", help=f"One of {', '.join(MEASURES)}.")], out: Out
) -> None:
    """Write a measure of this release to a file, to be signed and kept ready."""
    if name not in MEASURES:
        raise Fault(
            Kind.NOT_FOUND,
            "measure_unknown",
            f"This release has no measure {name!r}.",
            remedy=f"It has {', '.join(MEASURES)}.",
            field="name",
        )
    place(out, shipped(f"measures/{name}.yaml"))
    typer.echo(f"{out}: `rambarde policy sign {out}`")


def _probe_json(probed: effect.Effect | None) -> dict[str, str] | None:
    return None if probed is None else {"state": probed.state, "why": probed.why}


def _tell_probe(probed: effect.Effect | None) -> None:
    if probed is not None:
        why = f": {probed.why}" if probed.why else ""
        typer.echo(
            f"Its effect is {'being probed' if probed.state == effect.RUNNING else 'NOT probed'}{why}."
        )


def _take(office: Opened, signed: SignedChange) -> tuple[Standing, Acknowledged]:
    with opened(office.vault) as log:
        standing = adopt(office.office, log, [(None, signed)])
    return standing, answered(office, standing.sequence)


def _refuse_other(signed: SignedChange, name: str, path: Path) -> None:
    """What lies there must switch off this measure and nothing else."""
    change = signed.change
    if change.kind.value != "measure-off" or account.what(change) != name:
        raise Fault(
            Kind.CONFLICT,
            "change_stale",
            f"{path.name} is a change of another thing: {change.kind.value} {account.what(change)[:80]}.",
            remedy="Remove that file, and begin anew.",
        )


def _tell_missing(name: str, path: Path, missing: Fault, json: bool) -> None:
    if json:
        print_json({"measure": name, "on": True, "change": str(path), "missing": str(missing)})
        return
    typer.echo(f"{name} is still on: {missing.message} {missing.remedy}")
    typer.echo("They run this same command, as themselves.")


def _plain(name: str) -> str:
    if not name or not all(c.isascii() and (c.isalnum() or c == "-") for c in name):
        raise Fault(
            Kind.NOT_FOUND,
            "measure_unknown",
            "This is no measure's name.",
            remedy="See `rambarde policy measure list`.",
            field="name",
        )
    return name

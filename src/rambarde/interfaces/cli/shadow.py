"""`rambarde policy shadow`: a candidate beside the running policy on live traffic, which changes nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from rambarde.interfaces.cli.governed import As, governed, visible
from rambarde.interfaces.cli.options import Config, Data, Json, print_json, settings
from rambarde.interfaces.governance import candidate, files
from rambarde.interfaces.governance.candidate import Report
from rambarde.interfaces.governance.shadow import WAITING
from rambarde.store.shadows import KEPT, Shadow, Shadows

app = typer.Typer(help="A candidate policy beside the running one: it decides, and nothing happens by it.")

NOT_COUNTED = (
    f"Not counted: decisions that came while {WAITING:,} waited to be written (the gateway's log says how many), in "
    "the moment in which a measure was switched, those not written yet when a gateway ended, and what is decided again "
    f"about an output. The newest {KEPT:,} differences are kept, with their ids."
)


@app.command()
def start(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="The candidate: a policy file.")],
    by: As,
    reason: Annotated[str, typer.Option("--reason", help="Why it is tried.")],
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Let every gateway ask a proven policy too, and note where it would decide otherwise."""
    text = files.read(file, files.LONGEST_DOCUMENT, code="policy_unreadable", field="file")
    with governed(settings(config, data=data)) as office:
        shadow, unrun = candidate.start(
            office.office, Shadows(office.vault.database), text, source=file.name, by=by, reason=reason
        )
    if json:
        print_json({**_facts(shadow), "detectors_not_run": list(unrun)})
        return
    typer.echo(f"{shadow.candidate} runs in the shadow; every gateway has it within two seconds.")
    if unrun:
        typer.echo(
            f"The running policy does not run these detectors of the candidate: {', '.join(unrun)}. Their signals "
            "read as failed there, so it looks stricter than it would be."
        )


@app.command()
def stop(
    by: As,
    limit: Annotated[int, typer.Option("--limit", min=0, help="Most differences to print.")] = 20,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """End it, and print its last report."""
    with governed(settings(config, data=data)) as office:
        shadows = Shadows(office.vault.database)
        ended = shadows.stop(by=by, at=office.office.book.clock())
        if ended is None:
            raise candidate.no_shadow()
        found = candidate.report_of(shadows, ended, limit=limit)
    _print(found, json)


@app.command()
def report(
    limit: Annotated[int, typer.Option("--limit", min=0, help="Most differences to print, the newest.")] = 20,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """What would change: how often, by which rules, and the ids of the decisions."""
    with governed(settings(config, data=data)) as office:
        found = candidate.report(Shadows(office.vault.database), limit=limit)
    _print(found, json)


def _print(found: Report, json: bool) -> None:
    counts = sorted(found.tally.differing.items(), key=lambda one: (-one[1], one[0]))
    if json:
        rows = [
            {
                "decision": one.difference.decision,
                "point": one.difference.point,
                "output": one.difference.output,
                "running": one.difference.running,
                "candidate": one.difference.candidate,
                "policy": one.difference.policy,
                "rules": list(one.difference.rules),
                "running_rules": list(one.difference.running_rules),
                "at": one.difference.at.isoformat(),
            }
            for one in found.kept
        ]
        print_json(
            {
                **_facts(found.shadow),
                "judged": found.tally.judged,
                "differing": found.differing,
                "changes": [
                    {"running": running, "candidate": then, "count": count}
                    for (running, then), count in counts
                ],
                "differences": rows,
                "not_counted": NOT_COUNTED,
            }
        )
        return
    shadow = found.shadow
    ended = f", until {shadow.stopped_at:%Y-%m-%d %H:%M} UTC" if shadow.stopped_at else ""
    typer.echo(f"{shadow.candidate} since {shadow.started_at:%Y-%m-%d %H:%M} UTC{ended}")
    typer.echo(visible(f"started by {shadow.started_by}: {shadow.reason}"))
    typer.echo(f"{found.tally.judged:,} decisions judged, {found.differing:,} would change.")
    for (running, then), count in counts:
        typer.echo(f"  {running} → {then}: {count:,}")
    for one in found.kept:
        row = one.difference
        output = "" if row.output is None else f" image {row.output}"
        rules = ", ".join(row.rules) or "no rule"
        was = ", ".join(row.running_rules) or "no rule"
        typer.echo(
            visible(
                f"  {row.decision} {row.point}{output}: {row.running} ({was}) → {row.candidate} ({rules})"
            )
        )
    typer.echo(NOT_COUNTED)


def _facts(shadow: Shadow) -> dict[str, object]:
    return {
        "candidate": shadow.candidate,
        "document": shadow.document,
        "started_by": shadow.started_by,
        "reason": shadow.reason,
        "started_at": shadow.started_at.isoformat(),
        "stopped_by": shadow.stopped_by,
        "stopped_at": shadow.stopped_at.isoformat() if shadow.stopped_at else None,
    }

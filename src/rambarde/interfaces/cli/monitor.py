"""`rambarde monitor`: problematic images a minute, refused and released; what people decided on them."""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from rambarde.interfaces.archive import Archive
from rambarde.interfaces.cli.governed import visible
from rambarde.interfaces.cli.options import Config, Data, Json, print_json, settings
from rambarde.interfaces.desk import recording
from rambarde.interfaces.monitor.audited import tell
from rambarde.interfaces.monitor.finding import Findings
from rambarde.interfaces.monitor.hub import snapshots
from rambarde.interfaces.monitor.source import Source, follow
from rambarde.interfaces.settings import Settings
from rambarde.interfaces.vault import Vault
from rambarde.measure.monitor.recheck import CLEAN, PROBLEMATIC, read
from rambarde.nouns.fault import invalid
from rambarde.store.alarms import Alarms
from rambarde.store.monitor import Monitor

app = typer.Typer(help="Problematic images a minute, refused and released.", invoke_without_command=True)

TESTS = ("nudity:nudity>=0.6",)
"""What makes an image of a source problematic, unless options or settings say otherwise."""
EVERY = 2.0
INTERRUPTED = 130
As = Annotated[str, typer.Option("--as", help="Your name; it stands in the log for good.")]
Why = Annotated[str, typer.Option("--reason", help="Why, in one line.")]


@app.callback()
def monitor(
    context: typer.Context,
    follow_: Annotated[bool, typer.Option("--follow", help="Go on, every two seconds.")] = False,
    source: Annotated[
        Path | None, typer.Option("--source", help="Watch this folder of images that others published.")
    ] = None,
    once: Annotated[
        bool, typer.Option("--once", help="With --source: judge what is there, and end.")
    ] = False,
    state: Annotated[
        Path | None, typer.Option("--state", help="With --source: the file that keeps what was judged.")
    ] = None,
    test: Annotated[
        list[str] | None,
        typer.Option("--test", help="With --source: DETECTOR:SIGNAL>=NUMBER; repeat for several."),
    ] = None,
    baseline: Annotated[
        float | None,
        typer.Option("--baseline", help="With --source: problematic images a minute that are usual."),
    ] = None,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Show the rates. Exit status 1 if nobody counts, or with --source --once if a rise was found."""
    if context.invoked_subcommand is not None:
        return
    chosen = settings(config, data=data)
    if source is None:
        if once or state or test or baseline is not None:
            raise invalid(
                "source_missing",
                "This option belongs to --source.",
                remedy="Give --source FOLDER.",
                field="source",
            )
        _gateway(chosen, follow_, json)
        return
    tests = read(test or chosen.recheck or TESTS, "test")
    usual = chosen.monitor_baseline if baseline is None else baseline
    if not 0.01 <= usual <= 10_000:
        raise invalid("baseline_invalid", "This is no rate.", remedy="Give 0.01 to 10000.", field="baseline")
    _source(chosen, source, state, tests, usual, once, json)


@app.command()
def finding(
    decision: Annotated[str, typer.Argument(help="The decision that released the image.")],
    by: As,
    reason: Why,
    source: Annotated[str, typer.Option("--source", help="notice or sample.")],
    index: Annotated[int, typer.Option("--index", help="Which image of its batch, from 0.")] = 0,
    clean: Annotated[bool, typer.Option("--clean", help="Of the sample: nothing is wrong with it.")] = False,
    rule: Annotated[str, typer.Option("--rule", help="The rule that should have stopped it.")] = "",
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Record what you decided on a released image: a notice that you uphold, or one of the evidence sample."""
    with _findings(settings(config, data=data)) as findings:
        verdict = CLEAN if clean else PROBLEMATIC
        id = findings.record(
            decision, index, source=source, verdict=verdict, person=by, reason=reason, rule=rule
        )
    if json:
        print_json({"finding": id, "verdict": verdict, "source": source})
    else:
        typer.echo(f"{id}: {verdict}. It is in the log, and counts.")


@app.command()
def audited(
    audit: Annotated[Path, typer.Argument(help="The audit's folder, drawn with --records and labelled.")],
    by: As,
    reason: Why,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Record what the raters of an audit of our own records found, image by image."""
    with _findings(settings(config, data=data)) as findings:
        told = tell(audit, findings, person=by, reason=reason)
    counted = {verdict: told.pop(verdict, 0) for verdict in (PROBLEMATIC, CLEAN)}
    if json:
        print_json(counted | {"left_out": dict(sorted(told.items()))})
        return
    typer.echo(f"{counted[PROBLEMATIC]} problematic, {counted[CLEAN]} clean. They are in the log, and count.")
    if told:
        typer.echo("Left out: " + ", ".join(f"{n} {why}" for why, n in sorted(told.items())) + ".")


@app.command()
def confirm(
    alarm: Annotated[str, typer.Argument(help="The alarm, as the page and the alert name it.")],
    by: As,
    reason: Why,
    verdict: Annotated[str, typer.Option("--verdict", help="right or wrong.")],
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Say whether an alarm was right. It switches nothing: `policy measure off` is signed by two."""
    with _findings(settings(config, data=data)) as findings:
        findings.confirm(alarm, verdict=verdict, person=by, reason=reason)
        found = findings.alarms.get(alarm)
    if json:
        print_json(found.as_json())
    else:
        still = f" {found.measure} stays on until two people switch it off." if found.measure else ""
        typer.echo(f"{alarm}: {verdict}.{still}")


@contextmanager
def _findings(chosen: Settings) -> Iterator[Findings]:
    vault = Vault.open(chosen)
    try:
        with recording(vault) as recorder:
            archive = Archive.open(vault, chosen, recorder.put)
            database = vault.database
            yield Findings(
                Monitor(database), Alarms(database), archive.evidence, recorder.put, database.clock
            )
    finally:
        vault.close()


def _gateway(chosen: Settings, more: bool, json: bool) -> None:
    vault = Vault.open(chosen)
    running = False
    try:
        shown = snapshots(vault, chosen)
        while True:
            found = shown.now()
            running = bool(found["counting"]["running"])
            print_json(found) if json else _show(found)
            if not more:
                break
            time.sleep(EVERY)
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    finally:
        vault.close()
    raise typer.Exit(0 if running else 1)


def _show(found: dict[str, Any]) -> None:
    console = Console(highlight=False, markup=False, soft_wrap=True)
    if not found["counting"]["running"]:
        console.print("NOBODY COUNTS NOW: no gateway runs, or it cannot. The numbers are old.")
    table = Table("problematic images a minute", *(f"{w['minutes']} minutes" for w in found["windows"]))
    for name in ("refused", "released"):
        table.add_row(name, *(rate(w["all"][name]) for w in found["windows"]))
    table.add_row("released, known by", *(w["all"]["released"]["source"] for w in found["windows"]))
    table.add_row(
        "re-checked, no answer",
        *(f"{w['all']['rechecks']['drawn']}, {w['all']['rechecks']['unanswered']}" for w in found["windows"]),
    )
    table.add_row("images released", *(str(w["all"]["images"]["released"]) for w in found["windows"]))
    console.print(table)
    parts = Table("by, in 60 minutes", "", "refused", "released")
    for by in ("surface", "mode", "country", "rule"):
        for part in found["windows"][1]["by"][by][:6]:
            parts.add_row(by, visible(str(part["value"])), rate(part["refused"]), rate(part["released"]))
    console.print(parts)
    for line in (*(stream["words"] for stream in found["change"]), *found["limits"]):
        console.print(f"- {visible(line)}")
    for alarm in found["alarms"]:
        said = alarm["confirmed"]["verdict"] if alarm["confirmed"] else "not confirmed"
        tripped = f", {alarm['measure']} ON" if alarm["measure"] else ""
        trouble = f", BREAKER: {alarm['trouble']}" if alarm["trouble"] else ""
        console.print(
            f"{alarm['at'][:16]} {alarm['id']}: {alarm['count']} in a minute{tripped}{trouble}; {said}"
        )


def rate(found: dict[str, Any]) -> str:
    """A rate in a terminal."""
    if found["value"] is None:
        return "unknown"
    least = "≥ " if found["at_least"] else ""
    return f"{least}{found['value']:.2f} ({found['low']:.2f}–{found['high']:.2f})"


def _source(
    chosen: Settings, folder: Path, state: Path | None, tests: Any, baseline: float, once: bool, json: bool
) -> None:
    place = state
    if place is None:
        Path(chosen.data).mkdir(parents=True, exist_ok=True, mode=0o700)
        words = f"{folder.resolve()}\0{' '.join(map(str, tests))}".encode()
        place = Path(chosen.data) / f"source-{hashlib.sha256(words).hexdigest()[:16]}.db"
    errors = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    with errors.status("loading detectors"):
        source = Source.open(folder, place, tests, chosen, baseline)
    raised = False

    def tell(alarms: list[dict[str, Any]], new: int) -> None:
        nonlocal raised
        raised = raised or bool(alarms)
        view = source.view() | {"new": new, "alarms": alarms}
        if json:
            if new or alarms or once:
                print_json(view)
            return
        for alarm in alarms:
            typer.echo(f"RISE: {alarm['count']} in a minute, usual up to {alarm['baseline']:g}.")
        if new or once:
            now, whole = view["windows"][0], view["all"]
            typer.echo(
                f"{new} new; 5 minutes: {rate(now['per_minute'])} problematic a minute of {now['images']} images; "
                f"in all {whole['problematic']} of {whole['images']}, unknown {whole['unknown']}."
            )

    try:
        with errors.status("looking") as status:

            def judged(count: int) -> None:
                status.update(f"{count} judged in this look")

            asyncio.run(follow(source, EVERY, tell, judged, once=once))
    except KeyboardInterrupt:
        errors.print("Interrupted. What was judged is kept; the same command goes on.")
        raise typer.Exit(INTERRUPTED) from None
    finally:
        source.close()
    raise typer.Exit(1 if raised else 0)

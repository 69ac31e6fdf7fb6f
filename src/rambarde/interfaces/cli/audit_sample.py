"""`rambarde audit draw` and `scan`: what is drawn from, and what a classifier says of it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

import rambarde
from rambarde.interfaces.audit import frame as frames
from rambarde.interfaces.audit.records import NAME, sampled
from rambarde.interfaces.audit.scanning import Engine, Measurer
from rambarde.interfaces.audit.scanning import scan as scanning
from rambarde.interfaces.cli.audit_options import expectations
from rambarde.interfaces.cli.hold import archive
from rambarde.interfaces.cli.options import Config, Data, Json, print_json, settings
from rambarde.interfaces.scan import Scanner
from rambarde.measure.audit import sheet as sheets
from rambarde.measure.audit.plan import Part, allocate
from rambarde.measure.audit.sheet import Sheet
from rambarde.nouns.fault import invalid

INTERRUPTED = 130


def draw(
    out: Annotated[Path, typer.Argument(help="The new audit's folder.")],
    source: Annotated[
        Path | None, typer.Argument(help="A folder, or a .parquet, .csv, .tsv or .jsonl of paths or URLs.")
    ] = None,
    size: Annotated[int, typer.Option("--size", min=1, help="How many to draw.")] = 1000,
    seed: Annotated[
        str | None,
        typer.Option("--seed", help="Who has it draws the same; default: a random one, which is told."),
    ] = None,
    column: Annotated[str | None, typer.Option("--column", help="The column of paths or URLs.")] = None,
    root: Annotated[
        Path | None,
        typer.Option("--root", help="The folder that paths are relative to; default: the table's."),
    ] = None,
    stratify: Annotated[str | None, typer.Option("--stratify", help="The column of strata.")] = None,
    score: Annotated[
        str | None,
        typer.Option(
            "--score", help="The column of a classifier's score, or of a scan a signal such as output.nudity."
        ),
    ] = None,
    cuts: Annotated[
        str | None, typer.Option("--cuts", help="Make strata of the score: where to cut, such as 0.2,0.8.")
    ] = None,
    allocation: Annotated[
        str, typer.Option("--allocation", help="Of strata: `proportional`, or `neyman` with --expected.")
    ] = "proportional",
    expected: Annotated[
        Path | None, typer.Option("--expected", help="CSV `stratum,size,expected`, for --allocation neyman.")
    ] = None,
    of: Annotated[
        Path | None, typer.Option("--of", help="The audit's folder of the first phase, whose scan SOURCE is.")
    ] = None,
    records: Annotated[
        bool, typer.Option("--records", help="Draw from our own records, kept by the evidence sample.")
    ] = False,
    population: Annotated[
        int | None,
        typer.Option("--population", min=1, help="What the frame stands for, if it is more than itself."),
    ] = None,
    by: Annotated[
        str | None, typer.Option("--by", help="With --records: your name; it goes into the log.")
    ] = None,
    purpose: Annotated[
        str | None, typer.Option("--purpose", help="With --records: what for; into the log.")
    ] = None,
    data: Data = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Draw a sample that anybody with the frame and the seed can draw again."""
    if records == (source is not None):
        raise invalid(
            "audit_options",
            "It is not clear what to draw from.",
            remedy="Name a SOURCE or give --records.",
            field="source",
        )
    if records and not (by and purpose):
        raise invalid(
            "audit_options",
            "Who looks into the records, and what for?",
            remedy="Give --by and --purpose.",
            field="by",
        )
    sheets.refuse_drawn(out)
    wanted = frames.Wanted(column, stratify, score, _cuts(cuts, score))
    first = sheets.read(of)[0] if of is not None else None
    population = first.frame.population if first is not None else population
    seed = seed or secrets.token_hex(16)
    with _progress() as tell:
        if records:
            with archive(settings(config, data=data)) as opened:
                rows = sampled(opened, person=by or "", purpose=purpose or "")
            made = frames.of_records(rows, NAME, by_surface=stratify == "surface", population=population)
        else:
            made = frames.opened([source] if source else [], wanted, population=population, tell=tell)
        with made as frame:
            about = frame.about
            if first is not None and first.size != about.size:
                raise invalid(
                    "audit_phase",
                    f"The first phase drew {first.size} units, and {about.size} are here.",
                    remedy="Scan the whole first sample: `rambarde audit scan`.",
                    field="of",
                )
            sizes = _sizes(about.strata, size, allocation, expected) if about.strata else None
            if size > about.size:
                raise invalid(
                    "audit_size",
                    f"{size} cannot be drawn of {about.size}.",
                    remedy="Draw fewer, or label all.",
                    field="size",
                )
            tell("drawing", about.size)
            units = frame.draw(sizes if sizes is not None else size, seed)
    place = first.frame.root if first is not None else str(root.resolve()) if root is not None else about.root
    if about.kind == "files" and not Path(place or ".", units[0].id).exists():
        typer.echo(f"There is no {units[0].id} in {place}: is --root right?", err=True)
    sheet = Sheet(
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
        rambarde=rambarde.__version__,
        seed=seed,
        design="simple" if sizes is None else "stratified" if first is None else "two-phase",
        frame=replace(about, root=place),
        size=len(units),
        sample=sheets.sample_digest(units),
        allocation=allocation if sizes is not None else None,
        sizes=sizes,
        cuts=wanted.cuts,
        first=sheets.sheet_digest(first) if first is not None else None,
    )
    sheets.write(out, sheet, units)
    if json:
        print_json(msgspec.to_builtins(sheet))
        return
    typer.echo(f"{out}: {len(units):,} of {about.size:,} units drawn ({sheet.design}), seed {seed}")
    typer.echo(f"frame  {about.digest}\nsample {sheet.sample}")
    for name, count in (sizes or {}).items():
        typer.echo(f"{count:>10,} of {(about.strata or {})[name]:>12,}  {name}")


def scan(
    source: Annotated[Path, typer.Argument(help="A folder, a table of paths, or an audit's folder.")],
    out: Annotated[
        Path, typer.Option("--out", help="One line a picture; what is there already is gone on with.")
    ],
    column: Annotated[str | None, typer.Option("--column", help="The column of paths.")] = None,
    engine: Annotated[str, typer.Option("--engine", help="`local`, or `ray` for a cluster.")] = "local",
    ray_address: Annotated[
        str | None, typer.Option("--ray-address", help="The cluster; default: a Ray of this machine alone.")
    ] = None,
    actors: Annotated[
        int | None,
        typer.Option("--actors", min=1, help="With ray: how many measure at once; default: one a CPU."),
    ] = None,
    config: Config = None,
    json: Json = False,
) -> None:
    """Measure every picture of a frame; goes on where it stopped. Exit status 1 if one could not be inspected."""
    if engine not in ("local", "ray"):
        raise invalid(
            "audit_engine", f"There is no engine {engine!r}.", remedy="Use local or ray.", field="engine"
        )
    chosen = settings(config)
    errors = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    with _ids(source, column) as (size, root, ids), _progress(size) as tell:
        scanner: Scanner | None = None
        measure: Engine
        if engine == "ray":
            from rambarde.interfaces.audit.cluster import measurer, over_ray

            measure = over_ray(measurer(chosen, root), ray_address, actors)
        else:
            scanner = Scanner.open(chosen)
            measure = Measurer(scanner, root).lines
        try:
            done, failed = scanning(ids, out, measure, lambda count, _: tell("scanning", count))
        except KeyboardInterrupt:
            errors.print("Interrupted. Run the same command again: it goes on where it stopped.")
            raise typer.Exit(INTERRUPTED) from None
        finally:
            if scanner is not None:
                scanner.close()
    if json:
        print_json({"out": str(out), "units": done, "failed": failed, "engine": engine})
    else:
        typer.echo(f"{out}: {done:,} pictures, {failed:,} could not be inspected.")
    if failed:
        raise typer.Exit(1)


@contextmanager
def _ids(source: Path, column: str | None) -> Iterator[tuple[int, str, Iterator[str]]]:
    """How many units, the folder their paths are relative to, and their ids in the frame's order."""
    if (source / sheets.SHEET).exists():
        sheet, units = sheets.read(source)
        _only_files(sheet.frame.kind)
        yield sheet.size, sheet.frame.root or ".", (unit.id for unit in units)
        return
    with frames.opened([source], frames.Wanted(column)) as frame:
        _only_files(frame.about.kind)
        yield frame.about.size, frame.about.root or ".", frame.ids()


def _only_files(kind: str) -> None:
    if kind != "files":
        raise invalid(
            "scan_files_only",
            f"These units are {kind}, and a scan reads files.",
            remedy="Fetch the pictures into a folder and scan that.",
            field="source",
        )


def _cuts(text: str | None, score: str | None) -> tuple[float, ...]:
    if text is None:
        return ()
    try:
        found = tuple(float(part) for part in text.split(","))
    except ValueError as error:
        raise invalid(
            "audit_cuts", f"{text!r} are no numbers.", remedy="Write them like 0.2,0.8.", field="cuts"
        ) from error
    if score is None:
        raise invalid("audit_cuts", "Cuts of what score?", remedy="Give --score.", field="score")
    return found


def _sizes(strata: dict[str, int], size: int, allocation: str, expected: Path | None) -> dict[str, int]:
    thought = {one.name: one.expected for one in expectations(expected)} if expected is not None else {}
    if allocation not in ("proportional", "neyman") or (
        allocation == "neyman" and set(strata) - set(thought)
    ):
        raise invalid(
            "audit_allocation",
            f"Units cannot be allocated by {allocation!r} here.",
            remedy="Use proportional; or neyman, with --expected naming each stratum.",
            field="allocation",
        )
    parts = [Part(name, count, thought.get(name, 0.5)) for name, count in strata.items()]
    return allocate(parts, size, allocation)


@contextmanager
def _progress(total: int | None = None) -> Iterator[frames.Tell]:
    errors = Console(stderr=True, highlight=False, markup=False, soft_wrap=True)
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=errors,
        transient=True,
        disable=not errors.is_terminal,
    ) as progress:
        task = progress.add_task("", total=total)
        yield lambda what, count: progress.update(task, description=what, completed=count)

"""`rambarde audit report`: the page from which an audit can be read, doubted and repeated."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import msgspec
import typer

import rambarde
from rambarde.interfaces.audit.found import finding_json
from rambarde.interfaces.cli.audit_options import (
    Confidence,
    Finite,
    Method,
    Population,
    Se,
    SeN,
    Sp,
    SpN,
    terms,
)
from rambarde.interfaces.cli.options import Json, print_json
from rambarde.measure.audit import journal as journals
from rambarde.measure.audit import sheet as sheets
from rambarde.measure.audit.finding import Terms, find
from rambarde.measure.audit.page import Told, page
from rambarde.measure.audit.rating import Rating
from rambarde.measure.audit.sheet import Sheet
from rambarde.nouns.fault import invalid


def report(
    audit: Annotated[Path, typer.Argument(help="The audit's folder.")],
    html: Annotated[Path | None, typer.Option("--html", help="Where the page goes.")] = None,
    language: Annotated[str, typer.Option("--language", help="`en` or `fr`.")] = "en",
    population: Population = None,
    se: Se = None,
    sp: Sp = None,
    se_n: SeN = None,
    sp_n: SpN = None,
    method: Method = "wilson",
    confidence: Confidence = 0.95,
    finite: Finite = False,
    json: Json = False,
) -> None:
    """Write the report of an audit: design, frame, instrument, results, limits, and how to repeat it."""
    if html is None and not json:
        raise invalid(
            "audit_options", "Where does the report go?", remedy="Give --html, --json, or both.", field="html"
        )
    chosen = terms(se, sp, se_n, sp_n, method, confidence, population, finite)
    sheet, units = sheets.read(audit)
    events, digest = journals.read(audit / sheets.JOURNAL)
    rating = Rating.of(units, sheet.seed, events)
    found = find(sheet, rating.outcomes(), rating.patterns(), rating.retests(), chosen)
    if rating.opened is None:
        raise invalid("audit_unlabelled", "Nothing is labelled yet.", remedy="Label first.", field="audit")
    told = Told(
        sheet,
        rating.opened,
        f"sha256:{digest}",
        found,
        chosen,
        _commands(sheet, audit, chosen),
        datetime.now(UTC).isoformat(timespec="seconds"),
        rambarde.__version__,
    )
    if html is not None:
        try:
            html.write_text(page(told, language), "utf-8")
        except OSError as error:
            raise invalid(
                "file_unwritable", f"{html}: {error.strerror}.", remedy="Choose another place.", field="html"
            ) from error
    if json:
        print_json(
            {
                "sheet": msgspec.to_builtins(sheet),
                "labelling": msgspec.to_builtins(rating.opened),
                "labels": told.journal,
                "commands": list(told.commands),
                "finding": finding_json(found),
            }
        )
    else:
        typer.echo(f"{html}: written.")


def _commands(sheet: Sheet, audit: Path, chosen: Terms) -> list[str]:
    """What draws and estimates the same again."""
    frame = sheet.frame
    draw = ["rambarde", "audit", "draw", audit.name]
    draw += ["--records"] if frame.kind == "records" else [frame.sources[0].name]
    draw += ["--size", str(sheet.size), "--seed", sheet.seed]
    for option, value in (("--column", frame.column), ("--score", frame.score)):
        draw += [option, value] if value is not None else []
    if sheet.cuts:
        draw += ["--cuts", ",".join(f"{cut:g}" for cut in sheet.cuts)]
    elif frame.stratum is not None:
        draw += ["--stratify", frame.stratum]
    if sheet.allocation == "neyman":
        draw += ["--allocation", "neyman", "--expected", "STRATA.csv"]
    if sheet.first is not None:
        draw += ["--of", "FIRST-PHASE"]
    elif frame.population != frame.size:
        draw += ["--population", str(frame.population)]
    estimate = ["rambarde", "audit", "estimate", audit.name, "--method", chosen.method]
    estimate += ["--confidence", f"{chosen.confidence:g}"]
    tool = chosen.instrument
    if not tool.perfect:
        estimate += ["--se", f"{tool.sensitivity!r}", "--sp", f"{tool.specificity!r}"]
    if tool.sensitivity_of is not None:
        estimate += ["--se-n", str(tool.sensitivity_of), "--sp-n", str(tool.specificity_of)]
    estimate += ["--population", str(chosen.population)] if chosen.population is not None else []
    estimate += ["--finite"] if chosen.finite else []
    return [shlex.join(draw), shlex.join(estimate)]

"""`rambarde audit`: how many in all, from a sample. Planning and estimating; what takes a sample stands beside."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import msgspec
import typer

from rambarde.interfaces.audit.found import estimate_json, finding, finding_json
from rambarde.interfaces.cli import audit_label, audit_report, audit_sample
from rambarde.interfaces.cli.audit_options import (
    Confidence,
    Finite,
    Method,
    Population,
    Se,
    SeN,
    Sp,
    SpN,
    counts,
    expectations,
    terms,
)
from rambarde.interfaces.cli.audit_tell import tell_estimate, tell_finding, tell_plan
from rambarde.interfaces.cli.options import Json, print_json
from rambarde.measure.audit import plan as planning
from rambarde.measure.audit.figure import Estimate, share
from rambarde.measure.audit.finding import Terms
from rambarde.measure.audit.prevalence import estimate as estimating
from rambarde.measure.audit.proportion import proportion
from rambarde.measure.audit.stratified import effective, stratified
from rambarde.measure.audit.stratified import finite as narrowed
from rambarde.nouns.fault import invalid

app = typer.Typer(
    help="Audits: how many in all, from a sample that anybody can draw again.", no_args_is_help=True
)
app.command("draw")(audit_sample.draw)
app.command("scan")(audit_sample.scan)
app.command("label")(audit_label.label)
app.command("report")(audit_report.report)

Strata = Annotated[
    Path | None,
    typer.Option(
        "--strata",
        help="CSV of strata: `stratum,size,expected` to plan, `stratum,size,n,positive` to estimate.",
    ),
]


@app.command()
def plan(
    half_width: Annotated[
        float, typer.Option("--half-width", help="The wanted interval is the value ± this, such as 0.01.")
    ],
    expect: Annotated[
        float, typer.Option("--expect", help="The prevalence that is expected; 0.5 is the worst case.")
    ] = 0.5,
    population: Population = None,
    strata: Strata = None,
    allocation: Annotated[
        str, typer.Option("--allocation", help="Of strata: `neyman` or `proportional`.")
    ] = "neyman",
    cost: Annotated[
        float | None,
        typer.Option(
            "--cost", help="Two phases: what one look of the classifier costs, in labels, such as 0.001."
        ),
    ] = None,
    se: Se = None,
    sp: Sp = None,
    confidence: Confidence = 0.95,
    json: Json = False,
) -> None:
    """Say how many units to draw and label for a wanted interval."""
    share("confidence", confidence)
    if strata is None:
        if cost is not None:
            raise invalid(
                "audit_strata",
                "Two phases need strata.",
                remedy="Give --strata with what is expected.",
                field="strata",
            )
        tool = terms(se=se, sp=sp).instrument
        made = planning.simple(
            half_width, expect, population=population, instrument=tool, confidence=confidence
        )
    elif se is not None or sp is not None or population is not None:
        raise invalid(
            "audit_options",
            "With --strata the file says the sizes, and labels are taken to be right.",
            remedy="Leave --population, --se and --sp out.",
            field="strata",
        )
    elif cost is not None:
        made = planning.two_phase(expectations(strata), half_width, cost=cost, confidence=confidence)
    else:
        made = planning.stratified(
            expectations(strata), half_width, allocation=allocation, confidence=confidence
        )
    if json:
        print_json({name: value for name, value in msgspec.to_builtins(made).items() if value is not None})
    else:
        tell_plan(made)


@app.command()
def estimate(
    audit: Annotated[Path | None, typer.Argument(help="An audit's folder; or give the counts.")] = None,
    positive: Annotated[int | None, typer.Option("--positive", help="Labels that say yes.")] = None,
    n: Annotated[int | None, typer.Option("--n", help="Labels in all.")] = None,
    strata: Strata = None,
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
    """Estimate the apparent and the true prevalence, and the total, from an audit's labels or from counts."""
    chosen = terms(se, sp, se_n, sp_n, method, confidence, population, finite)
    ways = (audit is not None, positive is not None or n is not None, strata is not None)
    if sum(ways) != 1 or (ways[1] and (positive is None or n is None)):
        raise invalid(
            "audit_options",
            "It is not clear what to estimate from.",
            remedy="Give an audit's folder, or --positive and --n, or --strata.",
            field="positive",
        )
    if audit is not None:
        found = finding(audit, chosen)
        if json:
            print_json(finding_json(found))
        else:
            tell_finding(found, chosen)
        return
    made = _of_strata(strata, chosen) if strata is not None else _of_counts(positive or 0, n or 0, chosen)
    if json:
        print_json(estimate_json(made))
    else:
        tell_estimate(made, chosen)


def _of_counts(positive: int, n: int, chosen: Terms) -> Estimate:
    seen = proportion(positive, n, chosen.method, chosen.confidence)
    if chosen.finite:
        if chosen.population is None or chosen.population < n:
            raise invalid(
                "audit_population",
                "Without replacement of how many?",
                remedy="Give --population, of at least --n.",
                field="population",
            )
        seen = narrowed(seen, n, chosen.population)
    return estimating(seen, n, chosen.instrument, chosen.population, chosen.confidence)


def _of_strata(path: Path, chosen: Terms) -> Estimate:
    parts = counts(path)
    seen = stratified(parts, chosen.method, chosen.confidence, finite=chosen.finite)
    whole = sum(one.size for one in parts)
    of = min(effective(seen, chosen.confidence), whole)
    return estimating(seen, of, chosen.instrument, chosen.population or whole, chosen.confidence)

"""What `rambarde audit` tells on a terminal."""

from __future__ import annotations

import typer
from rich.console import Console
from rich.table import Table

from rambarde.interfaces.cli.governed import visible
from rambarde.measure.audit.figure import Estimate, Figure
from rambarde.measure.audit.finding import Finding, Terms
from rambarde.measure.audit.plan import Plan
from rambarde.measure.audit.wording import Wording


def tell_plan(plan: Plan) -> None:
    if plan.draw > plan.label:
        typer.echo(f"Draw {plan.draw:,} units for the classifier and label {plan.label:,} of them.")
    else:
        typer.echo(f"Draw and label {plan.label:,} units.")
    typer.echo(
        f"{plan.design}; ± {plan.half_width:g} at {plan.confidence:.0%}, if {plan.expected:.4g} is positive "
        f"(the normal formula says {plan.normal:,})."
    )
    for name, size in (plan.strata or {}).items():
        typer.echo(f"{size:>10,}  {visible(name)}")


def tell_estimate(made: Estimate, terms: Terms) -> None:
    _table(made)
    tool = terms.instrument
    typer.echo(f"Interval: {terms.method}, {terms.confidence:.0%}.")
    if tool.perfect:
        typer.echo(
            "No --se and --sp: the labels are taken to be right, so the true prevalence is the apparent one."
        )
    elif tool.sensitivity_of is not None:
        typer.echo("True: Rogan and Gladen; interval of Lang and Reiczigel.")
    else:
        typer.echo("True: Rogan and Gladen, sensitivity and specificity taken as known exactly.")
    _warn(made)


def tell_finding(found: Finding, terms: Terms) -> None:
    tell_estimate(found.estimate, terms)
    typer.echo("Units: " + ", ".join(f"{name} {count:,}" for name, count in found.counts.items() if count))
    if any(found.counts[name] for name in ("unsure", "withheld", "unreadable", "disputed")):
        typer.echo(
            f"What is missing could move the apparent prevalence to {_percent(found.least)} or {_percent(found.most)}."
        )
    if found.help is not None:
        typer.echo(f"With the classifier, which was followed by {found.help.weight:.2f}:")
        _table(found.help.estimate)
        saved, worth = found.help.saved, found.help.worth
        typer.echo(f"Worth {worth:,} labels without it: {saved:,} labels saved." if saved >= 0 else
                   f"Worth {worth:,} labels without it: it saved none.")  # fmt: skip
        _warn(found.help.estimate)
    agreed = found.agreement
    for name, figure in (
        (f"Cohen's kappa of two raters, {agreed.both:,} units", agreed.cohen),
        (f"Krippendorff's alpha of {agreed.raters} raters", agreed.krippendorff),
        (f"kappa of {agreed.retests:,} blind re-tests", agreed.retest),
    ):
        if figure is not None:
            typer.echo(f"{name}: {figure.value:.3f} ({figure.low:.3f} to {figure.high:.3f})")


def _table(made: Estimate) -> None:
    table = Table("", "value", "low", "high")
    for name, figure in (("apparent", made.apparent), ("true", made.true)):
        table.add_row(name, *(f"{100 * part:.4g} %" for part in (figure.value, figure.low, figure.high)))
    if made.total is not None:
        total = made.total
        table.add_row("total", *(f"{part:,}" for part in (total.value, total.low, total.high)))
    Console().print(table)


def _warn(made: Estimate) -> None:
    if made.clamped:
        typer.echo(f"Clamped to the range of a share: {', '.join(made.clamped)}.", err=True)
    for note in made.notes:
        typer.echo(Wording("en").note(note), err=True)


def _percent(figure: Figure) -> str:
    return f"{figure.value:.2%} ({figure.low:.2%} to {figure.high:.2%})"
